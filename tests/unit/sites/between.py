# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may answer in the place of a farm's server, or stand before it: one that says what it is told to say whatever it
is asked, and one that passes everything on and cuts connections after so many bytes."""

import contextlib
import json
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from bender_worker_addon.core.mark import MARK

_PIECE = 1 << 16


def as_json(told: Any, status: str = "200 OK") -> bytes:
    """An answer of HTTP, as a farm gives it."""
    content = json.dumps(told).encode()
    return f"HTTP/1.1 {status}\r\n{MARK}: 1\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


class Listener:
    """From `with` to its end, on `port` of this machine; `connections` counts those that came."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.connections = 0
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join()

    def serve(self, connection: socket.socket, number: int) -> None:
        raise NotImplementedError

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            number, self.connections = self.connections, self.connections + 1
            thread = threading.Thread(target=self.serve, args=(connection, number))
            self._threads.append(thread)
            thread.start()


class Liar(Listener):
    """Reads a request's head and gives `answer`."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self._answer = answer

    def serve(self, connection: socket.socket, number: int) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (piece := connection.recv(_PIECE)):
                head += piece
            connection.sendall(self._answer)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(_PIECE):
                pass


@dataclass(frozen=True)
class Cut:
    """A connection ends after so many bytes that go to the farm or come from it."""

    up: int = 1 << 60
    down: int = 1 << 60


class Breaking(Listener):
    """Passes on to `target`; its connections end as `cuts` say, those after them are good. `up` and `down` count the
    bytes that went to the target and came from it."""

    def __init__(self, target: int, cuts: Sequence[Cut]) -> None:
        super().__init__()
        self._target = target
        self._cuts = cuts
        self._passed = {"up": 0, "down": 0}

    @property
    def up(self) -> int:
        return self._passed["up"]

    @property
    def down(self) -> int:
        return self._passed["down"]

    def serve(self, connection: socket.socket, number: int) -> None:
        cut = self._cuts[number] if number < len(self._cuts) else Cut()
        with (
            connection,
            contextlib.suppress(ConnectionRefusedError),  # the target is just being started anew
            socket.create_connection(("127.0.0.1", self._target)) as far,
        ):
            back = threading.Thread(target=self._pass_on, args=(far, connection, cut.down, "down"))
            back.start()
            self._pass_on(connection, far, cut.up, "up")
            back.join()

    def _pass_on(self, source: socket.socket, to: socket.socket, most: int, way: str) -> None:
        with contextlib.suppress(OSError):
            while most > 0 and (piece := source.recv(min(_PIECE, most))):
                to.sendall(piece)
                most -= len(piece)
                self._passed[way] += len(piece)
            if most <= 0:
                source.recv(1)
        for end in (source, to):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
