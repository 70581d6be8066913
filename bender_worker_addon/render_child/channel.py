# SPDX-License-Identifier: GPL-3.0-or-later
"""Channel: the child's end of the connection to its worker, one JSON object a line. Knows nothing of bpy."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

_ADDRESS = "BENDER_CHILD_CHANNEL"  # port:token, for this process only; fd<number>:token if it inherits the connection
_CONNECT = 30.0  # seconds


class Channel:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def to_worker(cls) -> "Channel":
        """Connects to the worker that started this process and proves to be its child."""
        where, token = os.environ.pop(_ADDRESS).split(":")
        if where.startswith("fd"):
            connection = socket.socket(fileno=int(where.removeprefix("fd")))
            connection.set_inheritable(False)
        else:
            connection = socket.create_connection(("127.0.0.1", int(where)), timeout=_CONNECT)
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        channel = cls(connection)
        channel.say("hello", token=token)
        return channel

    def say(self, kind: str, /, **content: Any) -> None:
        """Sends a message; any thread may. A worker that is gone is noticed by `messages`."""
        with self._lock:
            try:
                self._connection.sendall(json.dumps({"is": kind, **content}).encode() + b"\n")
            except OSError as error:
                print(f"the worker does not listen: {error}", flush=True)

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the worker says, until the connection ends, however it ends."""
        try:
            with self._connection.makefile("rb") as lines:
                for line in lines:
                    yield json.loads(line)
        except OSError as error:
            print(f"the worker is gone: {error}", flush=True)

    def close(self) -> None:
        self._connection.close()
