"""A signal at any instruction: what a test interrupts a call by."""

import sys
from dis import opname

CALLS = ("CALL", "CALL_KW", "CALL_FUNCTION_EX")


class Interrupt(BaseException):
    """Stands for KeyboardInterrupt, at a place that the test chooses."""


def interrupted_at(number, call):
    """Interrupt a call at its `number`-th instruction; return whether it was reached."""
    left = number

    def trace(frame, event, _):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
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
        return True
    finally:
        sys.settrace(before)
    return False


def signalled_at(number, call):
    """Interrupt a call at the `number`-th moment that a signal can come into a function of shoebox.

    CPython looks at signals as a function begins, after a call of C, and as a loop goes back.
    Return whether it was reached.
    """
    left = number
    called = None
    """The frame whose last instruction was a call, where no function of Python was entered."""

    def trace(frame, event, _):
        nonlocal left, called
        if not frame.f_globals.get("__name__", "").startswith("shoebox"):
            called = None
            return None
        frame.f_trace_opcodes = True
        moment = event == "call"
        if event == "opcode":
            name = opname[frame.f_code.co_code[frame.f_lasti]]
            moment = called is frame or name == "JUMP_BACKWARD"
            called = frame if name in CALLS else None
        elif event == "call":
            called = None
        if moment:
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
