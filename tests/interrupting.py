"""A signal at any instruction: what a test interrupts a call by."""

import sys


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
