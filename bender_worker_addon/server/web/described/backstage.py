# SPDX-License-Identifier: GPL-3.0-or-later
"""What the farm's Blender does: it looks into blends and makes films."""

from typing import Any

from .words import ERROR, JOB, TEXT, answers, body, operation

_FILM = {
    "type": "object",
    "properties": {
        "state": {**TEXT, "enum": ["none", "making", "there", "failed"]},
        "why": {**TEXT, "description": "it failed"},
    },
}
_CONCERN = {"type": "object", "properties": {"words": TEXT, "hopeless": {"type": "boolean"}}}
_LOOKED_AT = {
    "type": "object",
    "properties": {
        "active": TEXT,
        "scenes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": TEXT,
                    "frames": {**TEXT, "description": "such as 1-250 or 1-250x5"},
                    "format": TEXT,
                    "picture": {
                        **TEXT,
                        "description": "`split` of a job whose frames are rendered in tiles; else empty",
                    },
                    "facts": {"type": "object", "description": "the `scene` of a job"},
                    "concerns": {"type": "array", "items": _CONCERN, "description": "what would go wrong elsewhere"},
                },
            },
        },
    },
}

PATHS: dict[str, Any] = {
    "/api/jobs/{job}/look": {
        "post": operation(
            "let the farm's Blender look into a blend that is to be sent, where it has one (see `/api/about`)",
            answers("what it says of its scenes, and which is active", _LOOKED_AT),
            JOB,
            requestBody=body(
                "blend",
                blend={**TEXT, "description": "the file's name"},
                scene={**TEXT, "description": "make this scene the active one first: workers render that"},
            ),
        )
    },
    "/api/jobs/{job}/film": {
        "get": operation("how its film gets on", answers("state", _FILM), JOB),
        "post": operation(
            "make one of the frames that are here, where the farm has a Blender",
            answers("begun, or there already", _FILM, status="202"),
            JOB,
        ),
    },
    "/api/jobs/{job}/film.mp4": {
        "get": operation("its film", {"200": {"description": "an MP4"}, "default": ERROR}, JOB)
    },
}
