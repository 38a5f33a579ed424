"""A TCP proxy on loopback, in a thread of its own, that fails as it is told to."""

import asyncio
import http
import socket
import ssl
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from tests.functional.servers.ports import HOST, reserve

CHUNK = 1 << 16
PATIENCE = 30.0
"""Seconds that a switch may take, on a machine that is busy."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

CONTINUE = b"HTTP/1.1 100 "

Way = Literal["request", "reply"]


@dataclass(frozen=True)
class _Fault:
    """What befalls a connection when more than so many bytes have come one way."""

    act: Literal["reset", "close", "hang"]
    way: Way
    after: int


class Proxy:
    """Stands before a server, at a URL of its own, and forwards until it is told otherwise.

    Each switch cuts the connections that are open, so that it holds from the first byte of
    the next request. `met` counts how often a fault befell a connection since the last switch;
    with `times`, so many connections meet it, and those that come later are forwarded.
    """

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname, parts.port)
        self._port = reserve()
        scheme = parts.scheme if tls is None else "https"
        self.url = parts._replace(scheme=scheme, netloc=f"{HOST}:{self._port}").geturl()
        self.met = 0
        self._tls = tls
        self._times: int | None = None
        self._treatment: _Fault | bytes | None = None
        self._listener: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=self.url, daemon=True)
        self._thread.start()
        self.forward()

    def forward(self) -> None:
        """Let everything through."""
        self._switch(None, None)

    def refuse(self) -> None:
        """Refuse connections, as where no server is."""
        self._do(self._listen(listen=False))

    def reset(self, *, after: int = 0, way: Way = "request", times: int | None = None) -> None:
        """Reset connections beyond so many bytes of what is sent, or of what comes back.

        With `after=0` of the reply the server has done what was asked, and nobody hears of it;
        where it merely asks for the rest of the request, that counts as no reply.
        """
        self._switch(_Fault("reset", way, after), times)

    def close_early(
        self, *, after: int = 0, way: Way = "request", times: int | None = None
    ) -> None:
        """End connections beyond so many bytes, as if that was all."""
        self._switch(_Fault("close", way, after), times)

    def hang(self, *, after: int = 0, way: Way = "request", times: int | None = None) -> None:
        """Forward nothing beyond so many bytes, and keep the connection open."""
        self._switch(_Fault("hang", way, after), times)

    def answer(self, status: int, *headers: str, times: int | None = None) -> None:
        """Answer requests with a status, in the server's stead."""
        lines = [
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}",
            "Content-Length: 0",
            "Connection: close",
            *headers,
        ]
        self._switch("".join(f"{line}\r\n" for line in (*lines, "")).encode(), times)

    def close(self) -> None:
        """Cut what is open, and end the thread."""
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _switch(self, treatment: _Fault | bytes | None, times: int | None) -> None:
        self._do(self._listen(listen=True, treatment=treatment, times=times))

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    async def _listen(
        self,
        *,
        listen: bool,
        treatment: _Fault | bytes | None = None,
        times: int | None = None,
    ) -> None:
        if self._listener is not None:
            self._listener.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self.met, self._times, self._treatment = 0, times, treatment
        self._listener = None
        if listen:
            self._listener = await asyncio.start_server(
                self._connected, HOST, self._port, limit=CHUNK, ssl=self._tls
            )

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if isinstance(self._treatment, bytes) and self._is_met():
                await _answer(reader, writer, self._treatment)
            else:
                await self._forward(reader, writer)
            writer.close()
            await writer.wait_closed()
        except OSError:
            # the server is away, or either side has reset: so do we
            _reset(writer)
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy both ways until either way ends."""
        from_server, to_server = await asyncio.open_connection(*self._server, limit=CHUNK)
        ways = [
            asyncio.create_task(self._copy(reader, to_server, writer, "request")),
            asyncio.create_task(self._copy(from_server, writer, writer, "reply")),
        ]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()
        finally:
            # before any wait, in which a switch may cancel this
            to_server.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        way: Way,
    ) -> None:
        """Copy one way until it ends, or until its fault is met."""
        treatment = self._treatment
        fault = treatment if isinstance(treatment, _Fault) and treatment.way == way else None
        passed = 0
        while data := await reader.read(CHUNK):
            if fault is not None and self._is_beyond(fault, passed, data):
                writer.write(data[: fault.after - passed])
                await writer.drain()
                await _fail(fault, client)
                return
            if not data.startswith(CONTINUE):
                passed += len(data)
            writer.write(data)
            await writer.drain()

    def _is_beyond(self, fault: _Fault, passed: int, data: bytes) -> bool:
        """Tell whether the fault befalls the connection within this data."""
        if data.startswith(CONTINUE) or passed + len(data) <= fault.after:
            return False
        return self._is_met()

    def _is_met(self) -> bool:
        """Count a connection that meets the fault, if it still befalls any."""
        if self._times is not None and self.met >= self._times:
            return False
        self.met += 1
        return True


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes
) -> None:
    """Answer when a request comes, and take the rest of it, lest a reset overtake the answer."""
    if await reader.read(CHUNK):
        writer.write(answer)
        await writer.drain()
        while await reader.read(CHUNK):
            pass


async def _fail(fault: _Fault, client: asyncio.StreamWriter) -> None:
    if fault.act == "hang":
        await asyncio.Event().wait()
    if fault.act == "reset":
        _reset(client)


def _reset(client: asyncio.StreamWriter) -> None:
    connection = client.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    client.transport.abort()
