# SPDX-License-Identifier: GPL-3.0-or-later
"""Control: how a running worker is asked and told things from outside, on any system, by whoever may read its folder.

It listens on loopback; where, and the token that is asked for, stands in a file in its data folder which its owner
alone can read. A file that a killed worker left is recognised by nobody answering there.
"""

import contextlib
import hmac
import json
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ..core.errors import NotRunning, WorkerError
from ..system.durable import write_private
from ..system.files import patiently, remove
from ..system.threads import Thread

NAME = "control.json"
STATUS, STOP, STOP_NOW = "status", "stop", "stop now"

_PATIENCE = 5.0  # seconds in which a request is said, and answered by a worker that isn't held up
_LONGEST = 1 << 16  # bytes of a request or an answer


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants of the worker; `answer` takes what is said to that, once."""

    word: str
    answer: Callable[[Mapping[str, Any]], None]


class Control:
    """Takes requests from its making to `close`; puts Asked into the inbox. Who asks the worker to stop is kept on the
    line until `close`, and so learns when it has."""

    def __init__(self, folder: Path, *, inbox: SimpleQueue[Any]) -> None:
        """Raises WorkerError if the file in `folder` can't be written."""
        self._inbox = inbox
        self._token = secrets.token_hex(32)
        self._path = folder / NAME
        self._callers: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        try:
            where = {"port": self._server.getsockname()[1], "token": self._token, "pid": os.getpid()}
            write_private(self._path, json.dumps(where))
        except OSError as error:
            self._server.close()
            raise WorkerError(f"{self._path} can't be written: {error.strerror}") from error
        self._thread = Thread(self._serve, name="bender-control", inbox=inbox)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes the thread; not all systems can, and none needs to
        self._server.close()
        removing = Thread(self._remove, name="bender-control-end", inbox=self._inbox)
        removing.start()
        removing.join(_PATIENCE)
        for connection in list(self._callers):
            connection.close()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):  # one that stays is as that of a killed worker
            remove(self._path)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:  # it was closed
                return
            connection.settimeout(_PATIENCE)
            try:
                self._take(connection)
            except (OSError, ValueError, RecursionError):  # whoever it was is gone, or speaks of something else
                connection.close()

    def _take(self, connection: socket.socket) -> None:
        request = _read(connection)
        if not hmac.compare_digest(str(request.get("token")).encode(), self._token.encode()):
            raise ValueError("a wrong token")
        word = str(request.get("word"))
        self._callers.add(connection)
        self._inbox.put(Asked(word, lambda told: self._answer(connection, told, last=word == STATUS)))

    def _answer(self, connection: socket.socket, told: Mapping[str, Any], *, last: bool) -> None:
        with contextlib.suppress(OSError):  # who has asked did not wait for it
            connection.sendall(json.dumps(told).encode() + b"\n")
        if last:
            connection.close()
            self._callers.discard(connection)


def ask(folder: Path, word: str) -> dict[str, Any]:
    """What the worker on this data folder says to `word`. Raises NotRunning if there is none; WorkerError if it doesn't
    answer in time."""
    with _called(folder, word) as connection:
        return _heard(folder, connection)


def stop(folder: Path, *, now: bool) -> None:
    """Asks the worker on this data folder to stop and waits until it has. Raises as `ask` does."""
    with _called(folder, STOP_NOW if now else STOP) as connection:
        _heard(folder, connection)
        connection.settimeout(None)
        with contextlib.suppress(ConnectionError):  # it was killed: it has ended all the same
            connection.recv(1)


def _called(folder: Path, word: str) -> socket.socket:
    nobody = f"no worker runs on {folder}"
    try:
        where = json.loads(patiently(lambda: (folder / NAME).read_text(encoding="utf-8")))
        connection = socket.create_connection(("127.0.0.1", int(where["port"])), timeout=_PATIENCE)
        connection.sendall(json.dumps({"token": where.get("token"), "word": word}).encode() + b"\n")
    except FileNotFoundError as error:
        raise NotRunning(nobody) from error
    except PermissionError as error:
        raise WorkerError(f"{folder / NAME} can't be read: ask as the user the worker runs as") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotRunning(f"{nobody}; the last one was killed") from error
    return connection


def _heard(folder: Path, connection: socket.socket) -> dict[str, Any]:
    try:
        return _read(connection)
    except TimeoutError as error:
        words = f"the worker on {folder} runs but doesn't answer: its Blender is busy; try again in a moment"
        raise WorkerError(words) from error
    except (OSError, ValueError) as error:
        raise NotRunning(f"no worker runs on {folder}; the last one was killed") from error


def _read(connection: socket.socket) -> dict[str, Any]:
    """One line of JSON. Raises OSError or ValueError for anything else."""
    line = b""
    while not line.endswith(b"\n"):
        piece = connection.recv(4096)
        if not piece or len(line) > _LONGEST:
            raise ValueError("no line")
        line += piece
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("no object")
    return message
