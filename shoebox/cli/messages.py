"""What is said: results on standard output, complaints and the library's log on standard error."""

from __future__ import annotations

import logging
import sys
from argparse import Namespace

from shoebox.escaping import escaped, sentence, traced

_OURS = ("shoebox", "shoebox_plugins")
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def say(line: str) -> None:
    """Print a line of a result."""
    print(escaped(line), flush=True)  # noqa: T201 - the one place


def complain(message: str) -> None:
    """Print an error, on one line whatever is in it."""
    _tell(f"shoebox: {sentence(message)}")


def show_traceback(error: BaseException) -> None:
    """Print where an error came from."""
    _tell(traced(error))


def _tell(text: str) -> None:
    # Looked up at the time: a progress bar replaces it.
    print(text, file=sys.stderr)  # noqa: T201 - the other place


def configure(options: Namespace) -> None:
    """Have the library's log complained of, as far as the options say.

    Other libraries never say more than warnings: an SDK's debug log holds credentials.
    """
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.addHandler(_Complaining(with_traceback=options.debug))
    level = logging.ERROR if options.quiet else _LEVELS[min(options.verbose, len(_LEVELS) - 1)]
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    # Commands name themselves the faults that they meet.
    speak_for("shoebox.archive.reader", "shoebox.roll_manager.unread")


def speak_for(*modules: str, about: str = "") -> None:
    """Leave out what these modules warn of, if this text is in it: the command says it."""
    for name in modules:
        logging.getLogger(name).addFilter(
            lambda record: record.levelno < logging.WARNING or about not in record.getMessage()
        )


class _Complaining(logging.Handler):
    """Complains of what is logged, without tracebacks unless they are wanted."""

    def __init__(self, *, with_traceback: bool) -> None:
        super().__init__()
        self._with_traceback = with_traceback

    def emit(self, record: logging.LogRecord) -> None:
        """Complain."""
        complain(record.getMessage())
        if self._with_traceback and record.exc_info and record.exc_info[1]:
            show_traceback(record.exc_info[1])
