# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections: how many may be open at once, in all and from one address, and how long one may dawdle: whoever connects
has shown no key yet. Where all are taken one that asks for nothing makes way, so that nobody can occupy them all."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import h11
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ...core.mark import MARK

IN_ALL = 2000
OF_AN_ADDRESS = 1000  # all of them may stand behind one proxy
IDLE = 15  # seconds an open connection may say nothing between two requests
HANDSHAKE = 10.0  # seconds until TLS is agreed upon

_HEAD = 10.0  # seconds, after those, until the head of a request has come; and until what is refused has gone
_SILENCE = 60.0  # seconds in which nothing comes of a body that is awaited, or nothing goes of an answer
_PIECE = 4 << 20  # bytes of a file that are sent at once, and within that time
_HERE = "connection"  # in the state of a request: the one that it came by
_PATHSEND = "http.response.pathsend"
_LOOK = 1.0  # seconds between two looks at who dawdles


class Connections:
    """All that are open; for the thread of the event loop."""

    def __init__(
        self,
        *,
        in_all: int = IN_ALL,
        of_an_address: int = OF_AN_ADDRESS,
        head: float = IDLE + _HEAD,
        silence: float = _SILENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.head, self.silence, self.clock = head, silence, clock
        self._in_all, self._of_an_address = in_all, min(of_an_address, in_all)
        self._open: dict[str, set[Connection]] = {}
        self._count = 0
        self._looking: asyncio.TimerHandle | None = None

    def protocol(self, *arguments: Any, **more: Any) -> "Connection":
        """One that is about to be made, for uvicorn."""
        return Connection(self, *arguments, **more)

    def admit(self, connection: "Connection") -> bool:
        """Takes it in, if there is room or room can be made."""
        neighbours = self._open.setdefault(connection.address, set())
        if len(neighbours) >= self._of_an_address:
            rivals = list(neighbours)
        elif self._count >= self._in_all:
            rivals = [one for those in self._open.values() for one in those]
        else:
            rivals = []
        if rivals and not self._make_room(rivals):
            return False
        neighbours.add(connection)
        self._count += 1
        if self._looking is None:
            self._looking = connection.loop.call_later(_LOOK, self._look, connection.loop)
        return True

    def leave(self, connection: "Connection") -> None:
        neighbours = self._open.get(connection.address, set())
        if connection in neighbours:
            neighbours.remove(connection)
            self._count -= 1
            if not neighbours:
                del self._open[connection.address]

    def _make_room(self, rivals: "list[Connection]") -> bool:
        """Ends the one that has asked for nothing for longest; those that have shown a key go last."""
        idle = [one for one in rivals if one.is_idle]
        if not idle:
            return False
        gone = min(idle, key=lambda one: (one.has_shown_a_key, one.since))
        self.leave(gone)
        gone.transport.abort()
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self.clock()
        for those in list(self._open.values()):
            for one in [one for one in those if one.dawdles(now)]:
                one.transport.abort()
        self._looking = loop.call_later(_LOOK, self._look, loop) if self._open else None


class Connection(H11Protocol):
    """uvicorn's, with a seat among `connections`. `since`: when it was made or its last request was answered."""

    def __init__(self, connections: Connections, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._connections = connections
        self._heard = self._paused = self.since = connections.clock()
        self._file_since: float | None = None  # a piece of a file is on its way since then
        self.has_shown_a_key = False
        self.address = ""
        self.app_state = {**self.app_state, _HERE: self}

    @property
    def is_idle(self) -> bool:
        """Whether it has asked for nothing yet, or nothing more."""
        return self.conn.their_state is h11.IDLE

    def dawdles(self, now: float) -> bool:
        theirs, ours = self.conn.their_state, self.conn.our_state
        if self._file_since is not None:
            return now - self._file_since > self._connections.silence
        if self.flow.write_paused:
            return now - self._paused > self._connections.silence
        if self.transport.is_closing() or self.is_idle or (theirs is h11.SEND_BODY and ours is h11.DONE):
            return now - self.since > self._connections.head
        is_awaited = theirs is h11.SEND_BODY and not self.flow.read_paused
        return is_awaited and now - self._heard > self._connections.silence

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        # asyncio does so only where it has made the listening socket; else each answer waits 40 ms for nothing.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = self.client[0] if self.client else ""
        self._heard = self.since = self._connections.clock()
        if not self._connections.admit(self):
            self._say(503, "Service Unavailable", "too many are connected to this farm: try again in a moment")

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard = self._connections.clock()
        super().data_received(data)

    async def send_file(self, path: Path, count: int) -> None:
        """Sends that many bytes of a file, without a look at them: the system itself puts them on their way. Raises
        OSError if it can't be read or has fewer."""
        with path.open("rb", buffering=0) as file:
            sent = 0
            while sent < count:
                piece = min(_PIECE, count - sent)
                self._file_since = self._connections.clock()
                self.conn.send_with_data_passthrough(h11.Data(data=cast(bytes, _Hole(piece))))
                if await self.loop.sendfile(self.transport, file, sent, piece) < piece:
                    raise OSError(f"{path.name} became shorter while it was sent")
                sent += piece
            self._file_since = None

    def pause_writing(self) -> None:
        self._paused = self._connections.clock()
        super().pause_writing()

    def on_response_complete(self) -> None:
        self.since = self._connections.clock()
        self.has_shown_a_key = self.scope["state"].get("caller") is not None
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP: told in a sentence, and not in the log, which anybody could fill so."""
        self.since = self._connections.clock()
        self._say(400, "Bad Request", "this is no request of HTTP/1.1 that can be understood")

    def _say(self, status: int, reason: str, words: str) -> None:
        """Without a request there is no answer that h11 would send."""
        body = json.dumps({"error": words}).encode()
        head = (
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"{MARK}: 1\r\nConnection: close\r\nRetry-After: 1\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def connection_of(scope: Scope) -> Connection | None:
    """The one that a request came by; None in a test without any."""
    found: Connection | None = scope.get("state", {}).get(_HERE)
    return found


class _Hole:
    """Stands in h11's accounts for bytes that it never sees."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


class FileSender:
    """Lets responses name a file instead of reading it (ASGI's extension `http.response.pathsend`)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = connection_of(scope)
        if connection is None:
            await self._app(scope, receive, send)
            return
        length = 0

        async def answer(message: Message) -> None:
            nonlocal length
            if message["type"] == "http.response.start":
                length = int(MutableHeaders(scope=message).get("content-length", "0"))
            if message["type"] == _PATHSEND:
                if connection.cycle.disconnected:
                    return
                with suppress(ConnectionError):
                    await connection.send_file(Path(message["path"]), length)
                    await send({"type": "http.response.body", "body": b""})
                return
            await send(message)

        scope["extensions"] = {**scope.get("extensions", {}), _PATHSEND: {}}
        await self._app(scope, receive, answer)


def as_protocol(connections: Connections) -> type[asyncio.Protocol]:
    """As uvicorn's settings want it."""
    return cast("type[asyncio.Protocol]", connections.protocol)


def new_loop() -> asyncio.AbstractEventLoop:
    """An event loop whose servers don't wait long for TLS: uvicorn has no word for that."""
    loop = asyncio.new_event_loop()
    create_server: Any = loop.create_server

    async def create_impatient_server(*arguments: Any, ssl: Any = None, **more: Any) -> asyncio.AbstractServer:
        patience = {} if ssl is None else {"ssl_handshake_timeout": HANDSHAKE}
        made: asyncio.AbstractServer = await create_server(*arguments, ssl=ssl, **patience, **more)
        return made

    loop.create_server = create_impatient_server  # type: ignore[method-assign, assignment]
    return loop
