# SPDX-License-Identifier: GPL-3.0-or-later
"""Channel: the worker's end of the connection to a child; the child's is `render_child/channel.py`.

The child connects back over loopback TCP, which works alike on Linux, macOS and Windows, and proves itself with a token
that only its environment holds. In a sandbox, which has no network, it inherits its end of the connection instead.
"""

import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from ...core import messages

log = logging.getLogger(__name__)

_ADDRESS = "BENDER_CHILD_CHANNEL"
_CONNECT = 300.0  # seconds a child may take to start
_PROVE = 10.0  # seconds in which who connects must tell the token


class Channel:
    """`send` may be called at any time, from any thread: what the child can't hear yet is kept for it. All else is for
    the one thread that listens, in this order."""

    def __init__(self, *, inherited: bool) -> None:
        self._is_inherited = inherited
        self._token = secrets.token_hex(32)
        self._server: socket.socket | None = None
        self._ours: socket.socket | None = None
        self._theirs: socket.socket | None = None
        self._lock = threading.Lock()
        self._unsent: list[Mapping[str, Any]] | None = []
        self._connection: socket.socket | None = None

    def open(self) -> dict[str, str]:
        """Gives what is to be in the child's environment. Raises OSError if there is no socket to be had."""
        if self._is_inherited:
            self._ours, self._theirs = socket.socketpair()
            where = f"fd{self._theirs.fileno()}"
        else:
            self._server = socket.create_server(("127.0.0.1", 0))
            self._server.settimeout(0.2)
            where = str(self._server.getsockname()[1])
        return {_ADDRESS: f"{where}:{self._token}"}

    @property
    def to_inherit(self) -> tuple[int, ...]:
        """The file descriptors that the child must inherit."""
        return () if self._theirs is None else (self._theirs.fileno(),)

    def lines(self, *, is_alive: Callable[[], bool]) -> BinaryIO | None:
        """Waits for the child and for nobody else, as long as it lives; gives what comes from it, or None if it has not
        come in time. To be called once the child is started."""
        if self._theirs is not None:
            self._theirs.close()
        if self._ours is not None:
            return self._listened_to(self._ours, _CONNECT)
        assert self._server is not None
        with self._server:
            return self._accept(self._server, is_alive)

    def send(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            if self._unsent is not None:
                self._unsent.append(message)
            elif self._connection is not None:
                try:
                    self._connection.sendall(messages.encoded(message))
                except OSError:
                    log.debug("a child does not listen any more; its death will be told")

    def close(self) -> None:
        with self._lock:
            self._unsent = None
            for end in filter(None, (self._server, self._ours, self._theirs, self._connection)):
                end.close()
            self._connection = None

    def _accept(self, server: socket.socket, is_alive: Callable[[], bool]) -> BinaryIO | None:
        """Who can't tell the token is not listened to."""
        deadline = time.monotonic() + _CONNECT
        while is_alive() and time.monotonic() < deadline:
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if lines := self._listened_to(connection, _PROVE):
                return lines
        return None

    def _listened_to(self, connection: socket.socket, timeout: float) -> BinaryIO | None:
        """What comes over a connection on which the token is told within `timeout` seconds; else it is closed."""
        connection.settimeout(timeout)
        lines = connection.makefile("rb")
        if self._proves_itself(lines):
            connection.settimeout(None)
            self._greet(connection)
            return lines
        lines.close()
        connection.close()
        return None

    def _proves_itself(self, lines: BinaryIO) -> bool:
        try:
            return messages.is_hello(lines.readline(messages.LONGEST), self._token)
        except OSError:
            return False

    def _greet(self, connection: socket.socket) -> None:
        with self._lock:
            self._connection = connection
            waiting, self._unsent = self._unsent or [], None
            for message in waiting:
                connection.sendall(messages.encoded(message))
