# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: sent, told and changed."""

from typing import Any

from ....core import tile
from ....core.frame import FORMATS
from .words import COUNT, ID, JOB, TEXT, answers, body, operation, query

_A_JOB: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "status": {"type": "string", "enum": ["Queued", "Running", "Canceled", "Errored", "Finished"]},
        "priority": {"type": "integer"},
        "created": {"type": "string", "format": "date-time"},
        "frames": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "how many frames have which status",
        },
        "paused": {"type": "boolean"},
        "stopped": {"type": "string", "description": "why nothing more of it is tried, if so; it is paused then"},
        "person": {"type": "string", "description": "who sent it, if that is known"},
        "tiles": {"type": "integer", "description": "into how many its frames are cut; 0: into none"},
        "tiles_done": {"type": "integer"},
        "blender": {"type": "string", "description": "by whom its tiles are rendered; empty before any is"},
    },
}
_IN_FULL = {
    "type": "object",
    "properties": {
        **_A_JOB["properties"],
        "frame_lists": {"type": "object", "description": "frames by their status, such as 1-4,9"},
        "failures": {"type": "array", "items": {"type": "object"}, "description": "`frames`, `reason`, `worker`"},
        "warnings": {"type": "array", "items": {"type": "object"}, "description": "`frames` in doubt, and `words` why"},
        "preflight": {"type": "array", "items": TEXT, "description": "what its sender was warned of"},
        "fps": {"type": "number", "description": "frames a second"},
        "pace": {"type": ["object", "null"], "description": "how many `seconds` a frame; when the `last` came"},
        "scene": {"type": "object", "description": "`engine`, `image_format`, `width`, `height`"},
        "cost": {
            "type": ["object", "null"],
            "description": "seconds: to `render` a frame; of `each` task besides",
        },
        "in_tiles": {
            "type": "array",
            "description": "how far the frames are that are rendered in tiles just now",
            "items": {
                "type": "object",
                "properties": {"frame": {"type": "integer"}, "done": {"type": "integer"}, "of": {"type": "integer"}},
            },
        },
    },
}
_OUTLOOK_OF_TILES = {"type": "object", "properties": {"whole": TEXT, "differs": TEXT}}
_PRIORITY = {"type": "integer", "minimum": -1000, "maximum": 1000}
_SCENE = {
    "type": "object",
    "description": "what is known of the scene",
    "properties": {
        "version": {"type": "string", "description": "of the Blender that has written the blend"},
        "engine": TEXT,
        "width": {**COUNT, "minimum": 0, "description": "pixels; 0: nobody has looked into the blend"},
        "height": {**COUNT, "minimum": 0},
        "scale": {**COUNT, "description": "percent"},
        "fps": {**COUNT, "description": "divided by fps_base: frames a second"},
        "fps_base": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
        "step": COUNT,
    },
    "required": ["version", "engine", "width", "height", "scale", "fps", "step"],
}


def _change(summary: str) -> dict[str, Any]:
    return {"post": operation(summary, answers("done"), JOB)}


PATHS: dict[str, Any] = {
    "/api/jobs": {
        "get": operation("all jobs, the newest first", answers("jobs", {"type": "array", "items": _A_JOB})),
        "post": operation(
            "send a job whose files are here",
            answers("sent", {"type": "object", "properties": {"id": TEXT}}, status="201"),
            requestBody=body(
                *("id", "name", "blend", "frames", "image_format", "scene"),
                id=ID,
                name=TEXT,
                blend={**TEXT, "description": "the file's name"},
                frames={**TEXT, "description": "such as 1-100,120-200x5"},
                image_format={**TEXT, "enum": list(FORMATS)},
                chunk={**COUNT, "description": "frames of a task, at most"},
                regions={
                    "type": "array",
                    "maxItems": tile.MOST,
                    "items": {**TEXT, "pattern": f"^{tile.REGION.pattern}$"},
                    "description": "into which each frame is cut: left, bottom, right and top, in pixels",
                },
                split={
                    **TEXT,
                    "pattern": f"^{tile.PICTURE.pattern}$",
                    "description": "the region that each frame is, after how many pixels Cycles begins anew, 0 if it"
                    " doesn't, and how many are rendered beyond a tile's edges: the farm cuts it as suits its workers,"
                    " or doesn't",
                },
                one_kind={"type": "boolean", "description": "tiles of a picture are rendered on one kind of device"},
                tail={
                    **TEXT,
                    "pattern": f"^{tile.PICTURE.pattern}$|^$",
                    "description": "the same, if only the last ones may be cut so that nobody idles",
                },
                priority=_PRIORITY,
                person={**TEXT, "description": "who sends it; else the machine whose token is shown"},
                colors={**TEXT, "description": "the fingerprint of the sender's OCIO configuration"},
                scene=_SCENE,
                preflight={"type": "array", "items": TEXT, "description": "what its sender was warned of"},
            ),
        ),
    },
    "/api/tiles": {
        "get": operation(
            "what is to be said of a job before its frames are split",
            answers("why they aren't, if so; what differs between the machines", _OUTLOOK_OF_TILES),
            {"name": "name", "in": "query", "schema": TEXT, "description": "the job's"},
            query("frames", 1, 1_000_000, "how many"),
            query("one_kind", 0, 1, "1: tiles of a picture are rendered on one kind of device"),
        )
    },
    "/api/jobs/{job}": {
        "get": operation("a job, and what is known of its frames", answers("the job", _IN_FULL), JOB),
        "delete": operation("forget a job", answers("done"), JOB, requestBody=body(frames={"type": "boolean"})),
    },
    "/api/jobs/{job}/cancel": _change("render nothing more of it"),
    "/api/jobs/{job}/retry": {
        "post": operation(
            "queue again what failed or was canceled",
            answers("done", {"type": "object", "properties": {"tasks": {"type": "integer"}}}),
            JOB,
            requestBody=body(frames={**TEXT, "description": "only these, such as 1-100,120-200x5"}),
        )
    },
    "/api/jobs/{job}/name": {"put": operation("call it so", answers("done"), JOB, requestBody=body("name", name=TEXT))},
    "/api/jobs/{job}/pause": _change("begin nothing more of it"),
    "/api/jobs/{job}/resume": _change("go on with it"),
    "/api/jobs/{job}/priority": {
        "put": operation("higher goes first", answers("done"), JOB, requestBody=body("priority", priority=_PRIORITY))
    },
}
