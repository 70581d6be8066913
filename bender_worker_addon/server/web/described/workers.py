# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers, and what they are told to do."""

from typing import Any

from .words import WORKER, answers, operation

_A_WORKER = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "seen": {"type": "number", "description": "when it was heard last, in seconds since 1970"},
        "presence": {
            "type": "string",
            "enum": ["here", "silent", "stopped", "away"],
            "description": "silent: for three heartbeats; away: for a day",
        },
        "hello": {
            "type": "object",
            "description": "what it tells of itself: name, system, version, blender, devices, device, kind, renderers,"
            " memory and free_disk (GB), state, detail, job, frame, part, frames, failures, an_hour; each may be"
            " missing",
        },
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "at": {"type": "number"},
                    "what": {"type": "string", "description": "finish, error, abort, requeue or state"},
                    "job": {"type": "string"},
                    "frames": {"type": "string"},
                    "words": {"type": "string", "description": "why it failed, or the state it is in now"},
                },
            },
        },
    },
}


def _order(summary: str) -> dict[str, Any]:
    return {"post": operation(summary, answers("given; `hello` of the worker tells what comes of it"), WORKER)}


PATHS: dict[str, Any] = {
    "/api/workers": {"get": operation("all workers", answers("workers", {"type": "array", "items": _A_WORKER}))},
    "/api/workers/{worker}": {
        "get": operation("a worker, and its last hundred `events`", answers("the worker", _A_WORKER), WORKER)
    },
    "/api/workers/{worker}/pause": _order("take no more tasks; the one in hand is finished"),
    "/api/workers/{worker}/resume": _order("go on after a pause"),
    "/api/workers/{worker}/stop": _order("finish the task in hand, give back the rest and end"),
    "/api/workers/{worker}/stop-now": _order("give everything back and end"),
}
