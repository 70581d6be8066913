# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames, what was written with them, and pictures of them."""

from typing import Any

from ....core.task import STATUSES
from .words import ERROR, ID, JOB, NAME, NUMBER, TEXT, answers, operation, query

_A_FRAME = {
    "type": "object",
    "properties": {
        "number": {"type": "integer"},
        "name": {"type": "string"},
        "size": {"type": "integer", "description": "bytes"},
        "hash": {"type": "string", "description": "Blake2b-512"},
    },
}
_A_TILE = {
    "type": "object",
    "properties": {
        "task": {**TEXT, "description": "the id of its task"},
        "status": {**TEXT, "enum": sorted(STATUSES)},
        **{edge: {"type": "integer", "description": "pixels"} for edge in ("left", "bottom", "right", "top")},
    },
}

PATHS: dict[str, Any] = {
    "/api/jobs/{job}/frames": {
        "get": operation("the frames that are here", answers("frames", {"type": "array", "items": _A_FRAME}), JOB)
    },
    "/api/jobs/{job}/frames/{number}": {
        "get": operation("a frame's file", {"200": {"description": "the picture"}, "default": ERROR}, JOB, NUMBER)
    },
    "/api/jobs/{job}/others": {
        "get": operation(
            "what File Output nodes wrote with them", answers("files", {"type": "array", "items": _A_FRAME}), JOB
        )
    },
    "/api/jobs/{job}/others/{name}": {
        "get": operation("such a file", {"200": {"description": "the picture"}, "default": ERROR}, JOB, NAME)
    },
    "/api/jobs/{job}/previews/{number}": {
        "get": operation(
            "a small picture of a frame, 480 pixels wide at most, if its worker has made one",
            {"200": {"description": "the picture", "content": {"image/jpeg": {}}}, "default": ERROR},
            JOB,
            NUMBER,
        )
    },
    "/api/jobs/{job}/frames/{number}/tiles": {
        "get": operation(
            "the tiles in which a frame is rendered, as long as it is not finished",
            answers("tiles", {"type": "array", "items": _A_TILE}),
            JOB,
            NUMBER,
        )
    },
    "/api/jobs/{job}/tiles/{task}": {
        "get": operation(
            "a small picture of a tile",
            {
                "200": {"description": "the picture", "content": {"image/jpeg": {}}},
                "204": {"description": "there is none"},
                "default": ERROR,
            },
            JOB,
            {"name": "task", "in": "path", "required": True, "schema": ID},
        )
    },
    "/api/jobs/{job}/pictures/{number}": {
        "get": operation(
            "what a browser can show of a frame: its preview, else the frame itself if browsers know its format",
            {
                "200": {"description": "the picture", "content": {"image/*": {}}},
                "204": {"description": "there is none (yet), or it is larger"},
                "default": ERROR,
            },
            JOB,
            NUMBER,
            query("most", 1 << 40, 1 << 40, "bytes: larger ones are not sent"),
        )
    },
    "/api/jobs/{job}/frames.zip": {
        "get": operation("all frames", {"200": {"description": "a zip"}, "default": ERROR}, JOB)
    },
}
