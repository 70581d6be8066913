# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that says what it is told to, byte by byte, whatever it is asked: for answers that no HTTP server gives.

with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello") as server:
    ...  # somebody asks server.url
"""

import contextlib
import socket
import threading
from typing import Self

_LOOK = 0.05  # seconds between two looks at whether it is to end


class RawServer:
    """Serves on 127.0.0.1 from `with` to its end. `answer` is said to each who calls, once a request has begun to come;
    then `again`, over and over, every `pause` seconds, until the caller hangs up. Without `again` the line is closed;
    who is `deaf` does neither, and reads no more. `calls` counts."""

    def __init__(self, answer: bytes = b"", *, again: bytes = b"", pause: float = 0.0, deaf: bool = False) -> None:
        self.answer = answer
        self.again = again
        self.pause = pause
        self.deaf = deaf
        self.calls = 0
        self._closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listening.settimeout(_LOOK)
        self._talks: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._serve, name="raw server")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        for talk in self._talks:
            talk.join()
        self._listening.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _serve(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listening.accept()
                self.calls += 1
                talk = threading.Thread(target=self._talk, args=(connection,), name="raw server's talk")
                self._talks = [other for other in self._talks if other.is_alive()] + [talk]
                talk.start()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(_LOOK)
        with connection, contextlib.suppress(OSError):  # whoever called may hang up at any time
            if not self._hears(connection):
                return
            self._say(connection, self.answer)
            while self.again and not self._closing.wait(self.pause):
                self._say(connection, self.again)
            if self.deaf:
                self._closing.wait()
            connection.shutdown(socket.SHUT_WR)
            while self._hears(connection):  # or what is still sent would reset the line, and take our answer with it
                pass

    def _hears(self, connection: socket.socket) -> bool:
        """Waits for something to be said; False if nothing more will be."""
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                return bool(connection.recv(1 << 16))
        return False

    def _say(self, connection: socket.socket, words: bytes) -> None:
        while words and not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                words = words[connection.send(words) :]
