# SPDX-License-Identifier: GPL-3.0-or-later
"""For children that misbehave: the connection to the worker, said hello to."""

import json
import os
import socket


def connected() -> socket.socket:
    port, token = os.environ["BENDER_CHILD_CHANNEL"].split(":")
    connection = socket.create_connection(("127.0.0.1", int(port)), timeout=10)
    connection.sendall(f'{{"is": "hello", "token": "{token}"}}\n'.encode())
    return connection


def wrote(connection: socket.socket, *, attempt: int, frame: int) -> None:
    print(f"Rendered: frame {frame} of attempt {attempt}", flush=True)
    spent = dict.fromkeys(("wait", "load", "sync", "render", "write", "check"), 0.0)
    message = {"is": "frame", "attempt": attempt, "frame": frame, "spent": spent, "memory": 0}
    connection.sendall(json.dumps(message).encode() + b"\n")
