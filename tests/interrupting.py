"""A signal at any instruction: what a test interrupts a call by."""

import sys
from dis import opname

CALLS = ("CALL", "CALL_KW", "CALL_FUNCTION_EX")


class Interrupt(BaseException):
    """Stands for KeyboardInterrupt, at a place that the test chooses."""


def interrupted_at(number, call):
    """Interrupt a call at its `number`-th instruction; return whether it was reached."""

    def moment(frame, event):
        frame.f_trace_opcodes = True
        return event == "opcode"

    return _interrupted(number, call, moment)


def signalled_at(number, call):
    """Interrupt a call at the `number`-th moment that a signal can come into a function of shoebox.

    CPython looks at signals as a function begins, after a call of C, and as a loop goes back.
    Return whether it was reached.
    """
    called = None
    """The frame whose last instruction was a call, where no function of Python was entered."""

    def moment(frame, event):
        nonlocal called
        if not frame.f_globals.get("__name__", "").startswith("shoebox"):
            called = None
            return False
        frame.f_trace_opcodes = True
        if event != "opcode":
            called = None if event == "call" else called
            return event == "call"
        name = opname[frame.f_code.co_code[frame.f_lasti]]
        reached = called is frame or name == "JUMP_BACKWARD"
        called = frame if name in CALLS else None
        return reached

    return _interrupted(number, call, moment)


def _interrupted(number, call, moment):
    left = number

    def trace(frame, event, _):
        nonlocal left
        if moment(frame, event):
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Interrupt:
        pass
    finally:
        sys.settrace(before)
    # What comes into a generator that is being closed does not come out of it.
    return left < 0
