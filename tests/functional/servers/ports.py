"""Ports of loopback that nobody else is given for as long as this process lives."""

import socket
from contextlib import ExitStack, suppress

HOST = "127.0.0.1"


def reserve(*offsets: int) -> int:
    """Return a free port, one from which port + offset is free as well for each offset.

    A socket stays bound to each of them, without listening, until this process ends: so a
    server can leave its port and come back to it, and while it is away, connections are
    refused. Servers may listen there because they set SO_REUSEADDR, as all that we use do.
    """
    while True:
        with ExitStack() as stack:
            first = stack.enter_context(_bound(0))
            port: int = first.getsockname()[1]
            with suppress(OSError, OverflowError):
                others = [stack.enter_context(_bound(port + offset)) for offset in offsets]
                for it in (first, *others):
                    it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    it.detach()
                return port


def _bound(port: int) -> socket.socket:
    """Return a socket that has the port alone: it may be shared only once it is ours."""
    it = socket.socket()
    try:
        it.bind((HOST, port))
    except BaseException:
        it.close()
        raise
    return it
