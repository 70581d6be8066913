# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenAPI: what the API answers, for programs that read such descriptions. A test compares it with the routes."""

from typing import Any

from ...core import tile
from ...core.frame import FORMATS
from ...core.luggage import HASH
from ...core.names import SAFE_ID
from ...core.task import LAST_FRAME, STATUSES

_ID = {"type": "string", "pattern": f"^{SAFE_ID.pattern}$"}
_JOB = {"name": "job", "in": "path", "required": True, "schema": _ID, "description": "its id"}
_ERROR = {
    "description": "why not, in a sentence",
    "content": {
        "application/json": {
            "schema": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
        }
    },
}
_STATUSES = {"type": "object", "additionalProperties": {"type": "integer"}}
_WORKER = {"name": "worker", "in": "path", "required": True, "schema": {"type": "string"}, "description": "its id"}
_A_JOB: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "status": {"type": "string", "enum": ["Queued", "Running", "Canceled", "Errored", "Finished"]},
        "priority": {"type": "integer"},
        "created": {"type": "string", "format": "date-time"},
        "frames": {**_STATUSES, "description": "how many frames have which status"},
        "paused": {"type": "boolean"},
        "stopped": {"type": "string", "description": "why nothing more of it is tried, if so; it is paused then"},
        "person": {"type": "string", "description": "who sent it, if that is known"},
    },
}
_TILES = {
    "type": "array",
    "description": "how far the frames are that are rendered in tiles just now",
    "items": {
        "type": "object",
        "properties": {"frame": {"type": "integer"}, "done": {"type": "integer"}, "of": {"type": "integer"}},
    },
}
_DETAILS = {**_A_JOB, "properties": {**_A_JOB["properties"], "tiles": _TILES}}

_A_FRAME = {
    "type": "object",
    "properties": {
        "number": {"type": "integer"},
        "name": {"type": "string"},
        "size": {"type": "integer", "description": "bytes"},
        "hash": {"type": "string", "description": "Blake2b-512"},
    },
}


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
            "description": "what it tells of itself: name, system, version, blender, devices, device, renderers, memory"
            " and free_disk (GB), state, detail, job, frame, part, frames, failures, an_hour; each may be missing",
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

_A_TASK = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "description": "counts the job's tasks from 1, in the order of their frames"},
        "id": {"type": "string"},
        "frames": {"type": "string", "description": "such as 1-4,9"},
        "status": {"type": "string"},
        "worker": {"type": "string", "description": "who had it last; empty if nobody knows"},
        "start": {"type": "string", "description": "when it was begun, RFC 3339"},
        "finish": {"type": "string", "description": "when it was finished, or failed"},
        "device": {"type": "string"},
        "timings": {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "description": "seconds by what they went into",
        },
        "error": {"type": "string", "description": "why it failed the last time"},
        "warnings": {"type": "string", "description": "what puts its frames in doubt, a line each"},
        "output": {"type": "string", "description": "the last lines that Blender printed then; not in lists"},
    },
}


def _answers(what: str, schema: dict[str, Any] | None = None, *, status: str = "200") -> dict[str, Any]:
    content = {} if schema is None else {"content": {"application/json": {"schema": schema}}}
    return {status: {"description": what, **content}, "default": _ERROR}


def _operation(summary: str, answers: dict[str, Any], *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"summary": summary, "responses": answers, "parameters": list(parameters), **more}


def _body(*required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"content": {"application/json": {"schema": schema}}}


def _change(summary: str) -> dict[str, Any]:
    return {"post": _operation(summary, _answers("done"), _JOB)}


def _order(summary: str) -> dict[str, Any]:
    return {"post": _operation(summary, _answers("given; `hello` of the worker tells what comes of it"), _WORKER)}


def _query(name: str, usual: int, most: int, what: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0, "maximum": most, "default": usual}
    return {"name": name, "in": "query", "schema": schema, "description": what}


_NUMBER = {
    "name": "number",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 0, "maximum": LAST_FRAME},
}
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_HASH = {
    "name": "X-Blake2b",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{128}$"},
    "description": "of the file: Blake2b-512; what can't make it, as a browser, leaves it out",
}
_PIECES = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "description": "the Blake2b-256 at the end of the list of pieces",
}
_LACKING = {
    "type": "object",
    "properties": {
        "lacking": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "integer"}},
            "description": "runs of pieces, counted from 0: the first, and how many",
        },
        "error": {"type": "string", "description": "why not, where that took long to find out"},
    },
}
_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}

_PRIORITY = {"type": "integer", "minimum": -1000, "maximum": 1000}
_COUNT = {"type": "integer", "minimum": 1, "maximum": 1_000_000}
_SCENE = {
    "type": "object",
    "description": "what is known of the scene",
    "properties": {
        "version": {"type": "string", "description": "of the Blender that has written the blend"},
        "engine": _TEXT,
        "width": {**_COUNT, "minimum": 0, "description": "pixels; 0: nobody has looked into the blend"},
        "height": {**_COUNT, "minimum": 0},
        "scale": {**_COUNT, "description": "percent"},
        "fps": {**_COUNT, "description": "divided by fps_base: frames a second"},
        "fps_base": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
        "step": _COUNT,
    },
    "required": ["version", "engine", "width", "height", "scale", "fps", "step"],
}

_FILM = {
    "type": "object",
    "properties": {
        "state": {**_TEXT, "enum": ["none", "making", "there", "failed"]},
        "why": {**_TEXT, "description": "it failed"},
    },
}
_CONCERN = {"type": "object", "properties": {"words": _TEXT, "hopeless": {"type": "boolean"}}}
_LOOKED_AT = {
    "type": "object",
    "properties": {
        "active": _TEXT,
        "scenes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": _TEXT,
                    "frames": {**_TEXT, "description": "such as 1-250 or 1-250x5"},
                    "format": _TEXT,
                    "facts": {"type": "object", "description": "the `scene` of a job"},
                    "concerns": {"type": "array", "items": _CONCERN, "description": "what would go wrong elsewhere"},
                },
            },
        },
    },
}

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Bender farm", "version": "1"},
    "security": [{"key": []}],
    "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    "paths": {
        "/api/jobs": {
            "get": _operation("all jobs, the newest first", _answers("jobs", {"type": "array", "items": _A_JOB})),
            "post": _operation(
                "send a job whose files are here",
                _answers("sent", {"type": "object", "properties": {"id": _TEXT}}, status="201"),
                requestBody=_body(
                    *("id", "name", "blend", "frames", "image_format", "scene"),
                    id=_ID,
                    name=_TEXT,
                    blend={**_TEXT, "description": "the file's name"},
                    frames={**_TEXT, "description": "such as 1-100,120-200x5"},
                    image_format={**_TEXT, "enum": list(FORMATS)},
                    chunk={**_COUNT, "description": "frames of a task, at most"},
                    regions={
                        "type": "array",
                        "maxItems": tile.MOST,
                        "items": {**_TEXT, "pattern": f"^{tile.REGION.pattern}$"},
                        "description": "into which each frame is cut: left, bottom, right and top, in pixels",
                    },
                    priority=_PRIORITY,
                    person={**_TEXT, "description": "who sends it; else the machine whose token is shown"},
                    scene=_SCENE,
                ),
            ),
        },
        "/api/jobs/{job}": {
            "get": _operation("a job, with its frames, failures and warnings", _answers("the job", _DETAILS), _JOB),
            "delete": _operation("forget a job", _answers("done"), _JOB, requestBody=_body(frames={"type": "boolean"})),
        },
        "/api/jobs/{job}/files/{name}": {
            "put": _operation("a file of a job that is to be sent", _answers("here", status="201"), _JOB, _NAME, _HASH)
        },
        "/api/jobs/{job}/files/{name}/pieces/{id}": {
            "put": _operation(
                "of which pieces such a file consists; it is there when none is lacking",
                _answers("which of them the farm lacks", _LACKING),
                *(_JOB, _NAME, _PIECES),
                requestBody={"content": {"application/octet-stream": {}}},
            ),
            "post": _operation(
                "pieces that were lacking",
                _answers("taken"),
                *(_JOB, _NAME, _PIECES),
                requestBody={"content": {"application/octet-stream": {}}},
            ),
        },
        "/api/files": {
            "post": _operation(
                "which files are to be sent, of those that jobs need besides their blends",
                _answers("them", {"type": "object", "properties": {"missing": {"type": "array", "items": _TEXT}}}),
                requestBody=_body(
                    "files",
                    files={
                        "type": "object",
                        "additionalProperties": {"type": "integer"},
                        "propertyNames": {"pattern": f"^{HASH.pattern}$"},
                        "maxProperties": 10_000,
                        "description": "bytes of each by its Blake2b-256",
                    },
                ),
            )
        },
        "/api/files/{hash}": {
            "put": _operation(
                "such a file; a job has those that its file `luggage.json` lists",
                _answers("here", status="201"),
                {**_NAME, "name": "hash", "schema": {"type": "string", "pattern": f"^{HASH.pattern}$"}},
            )
        },
        "/api/jobs/{job}/look": {
            "post": _operation(
                "let the farm's Blender look into a blend that is to be sent, where it has one (see `/api/about`)",
                _answers("what it says of its scenes, and which is active", _LOOKED_AT),
                _JOB,
                requestBody=_body(
                    "blend",
                    blend={**_TEXT, "description": "the file's name"},
                    scene={**_TEXT, "description": "make this scene the active one first: workers render that"},
                ),
            )
        },
        "/api/jobs/{job}/film": {
            "get": _operation("how its film gets on", _answers("state", _FILM), _JOB),
            "post": _operation(
                "make one of the frames that are here, where the farm has a Blender",
                _answers("begun, or there already", _FILM, status="202"),
                _JOB,
            ),
        },
        "/api/jobs/{job}/film.mp4": {
            "get": _operation("its film", {"200": {"description": "an MP4"}, "default": _ERROR}, _JOB)
        },
        "/api/jobs/{job}/cancel": _change("render nothing more of it"),
        "/api/jobs/{job}/retry": {
            "post": _operation(
                "queue again what failed or was canceled",
                _answers("done", {"type": "object", "properties": {"tasks": {"type": "integer"}}}),
                _JOB,
                requestBody=_body(frames={**_TEXT, "description": "only these, such as 1-100,120-200x5"}),
            )
        },
        "/api/jobs/{job}/name": {
            "put": _operation("call it so", _answers("done"), _JOB, requestBody=_body("name", name=_TEXT))
        },
        "/api/jobs/{job}/pause": _change("begin nothing more of it"),
        "/api/jobs/{job}/resume": _change("go on with it"),
        "/api/jobs/{job}/priority": {
            "put": _operation(
                "higher goes first", _answers("done"), _JOB, requestBody=_body("priority", priority=_PRIORITY)
            )
        },
        "/api/jobs/{job}/frames": {
            "get": _operation(
                "the frames that are here", _answers("frames", {"type": "array", "items": _A_FRAME}), _JOB
            )
        },
        "/api/jobs/{job}/frames/{number}": {
            "get": _operation(
                "a frame's file", {"200": {"description": "the picture"}, "default": _ERROR}, _JOB, _NUMBER
            )
        },
        "/api/jobs/{job}/others": {
            "get": _operation(
                "what File Output nodes wrote with them", _answers("files", {"type": "array", "items": _A_FRAME}), _JOB
            )
        },
        "/api/jobs/{job}/others/{name}": {
            "get": _operation("such a file", {"200": {"description": "the picture"}, "default": _ERROR}, _JOB, _NAME)
        },
        "/api/jobs/{job}/previews/{number}": {
            "get": _operation(
                "a small picture of a frame, 480 pixels wide at most, if its worker has made one",
                {"200": {"description": "the picture", "content": {"image/jpeg": {}}}, "default": _ERROR},
                _JOB,
                _NUMBER,
            )
        },
        "/api/jobs/{job}/pictures/{number}": {
            "get": _operation(
                "what a browser can show of a frame: its preview, else the frame itself if browsers know its format",
                {
                    "200": {"description": "the picture", "content": {"image/*": {}}},
                    "204": {"description": "there is none (yet), or it is larger"},
                    "default": _ERROR,
                },
                _JOB,
                _NUMBER,
                _query("most", 1 << 40, 1 << 40, "bytes: larger ones are not sent"),
            )
        },
        "/api/jobs/{job}/frames.zip": {
            "get": _operation("all frames", {"200": {"description": "a zip"}, "default": _ERROR}, _JOB)
        },
        "/api/jobs/{job}/tasks": {
            "get": _operation(
                "its tasks, in the order of their frames",
                _answers("tasks", {"type": "array", "items": _A_TASK}),
                _JOB,
                _query("after", 0, 1 << 31, "only tasks with a higher number"),
                _query("limit", 200, 1000, "at most so many"),
                {
                    "name": "status",
                    "in": "query",
                    "schema": {**_TEXT, "enum": sorted(STATUSES)},
                    "description": "only tasks of this status",
                },
            )
        },
        "/api/jobs/{job}/tasks/{number}": {
            "get": _operation("a task, and what its Blender said last", _answers("the task", _A_TASK), _JOB, _NUMBER)
        },
        "/api/jobs/{job}/frames/{number}/task": {
            "get": _operation("the task that has this frame", _answers("the task", _A_TASK), _JOB, _NUMBER)
        },
        "/api/jobs/{job}/tasks/{number}/log": {
            "get": _operation(
                "the end of what Blender printed for it, if its worker is there and has it still",
                {"200": {"description": "text", "content": {"text/plain": {}}}, "default": _ERROR},
                _JOB,
                _NUMBER,
            )
        },
        "/api/workers": {"get": _operation("all workers", _answers("workers", {"type": "array", "items": _A_WORKER}))},
        "/api/workers/{worker}": {
            "get": _operation("a worker, and its last hundred `events`", _answers("the worker", _A_WORKER), _WORKER)
        },
        "/api/workers/{worker}/pause": _order("take no more tasks; the one in hand is finished"),
        "/api/workers/{worker}/resume": _order("go on after a pause"),
        "/api/workers/{worker}/stop": _order("finish the task in hand, give back the rest and end"),
        "/api/workers/{worker}/stop-now": _order("give everything back and end"),
        "/api/join-codes": {
            "get": _operation("join codes that count; for people", _answers("codes", _MEMBERS)),
            "post": _operation(
                "a join code that counts until it is revoked; for people",
                _answers("made", {"type": "object", "properties": {"id": _TEXT, "join": _TEXT}}, status="201"),
                requestBody=_body(name={**_TEXT, "description": "what it is for"}),
            ),
        },
        "/api/join-codes/{code}": {
            "delete": _operation("it counts no more; for people", _answers("done"), {**_NAME, "name": "code"})
        },
        "/api/tokens": {
            "get": _operation(
                "machines that have joined, each with its token's id; for people", _answers("machines", _MEMBERS)
            )
        },
        "/api/workers/{worker}/token": {
            "delete": _operation(
                "the tokens of this worker's id, this machine's name or this token's id count no more; for people",
                _answers("done"),
                {**_NAME, "name": "worker"},
            )
        },
        "/api/events": {
            "get": _operation(
                "what changes: `jobs` and `workers` (all at first, then the changed ones), `gone` (ids of jobs),"
                " `clock` (the server's, in seconds)",
                {
                    "200": {"description": "server-sent events", "content": {"text/event-stream": {}}},
                    "default": _ERROR,
                },
            )
        },
        "/api/about": {
            "get": _operation(
                "the farm's own version and the name of the add-on it gives; null where it runs from the source",
                _answers(
                    "both",
                    {
                        "type": "object",
                        "properties": {"version": _MAYBE, "extension": _MAYBE, "blender": {"type": "boolean"}},
                    },
                ),
            )
        },
        "/extension/index.json": {
            "get": _operation("the add-on, as a repository of Blender's lists it", _answers("list"), security=[])
        },
        "/extension/{name}": {
            "get": _operation(
                "the add-on itself", {"200": {"description": "a zip"}, "default": _ERROR}, _NAME, security=[]
            )
        },
        "/api/session": {
            "get": _operation("whether the key counts", _answers("it does")),
            "put": _operation("a cookie for the key", _answers("a cookie that stands for it")),
            "delete": _operation("forget the cookie", _answers("done")),
        },
        "/openapi.json": {"get": _operation("this", _answers("this"))},
        "/metrics": {
            "get": _operation(
                "for Prometheus", {"200": {"description": "text", "content": {"text/plain": {}}}, "default": _ERROR}
            )
        },
    },
}
