# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come in: join codes and tokens; for people."""

from typing import Any

from .words import NAME, TEXT, answers, body, operation

_MEMBERS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "name": {"type": "string", "description": "the machine's, or what a code is for"},
            "worker": {"type": "string", "description": "the worker's id, if it has told one"},
            "created": {"type": "string", "format": "date-time"},
        },
    },
}

PATHS: dict[str, Any] = {
    "/api/join-codes": {
        "get": operation("join codes that count; for people", answers("codes", _MEMBERS)),
        "post": operation(
            "a join code that counts until it is revoked; for people",
            answers("made", {"type": "object", "properties": {"id": TEXT, "join": TEXT}}, status="201"),
            requestBody=body(name={**TEXT, "description": "what it is for"}),
        ),
    },
    "/api/join-codes/{code}": {
        "delete": operation("it counts no more; for people", answers("done"), {**NAME, "name": "code"})
    },
    "/api/tokens": {
        "get": operation(
            "machines that have joined, each with its token's id; for people", answers("machines", _MEMBERS)
        )
    },
    "/api/workers/{worker}/token": {
        "delete": operation(
            "the tokens of this worker's id, this machine's name or this token's id count no more; for people",
            answers("done"),
            {**NAME, "name": "worker"},
        )
    },
}
