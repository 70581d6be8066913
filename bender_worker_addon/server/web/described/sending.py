# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a job that is to be sent."""

from typing import Any

from ....core.luggage import HASH
from .words import JOB, NAME, TEXT, answers, body, operation

_DIGEST = {
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

_MISSING = {
    "type": "object",
    "properties": {
        "missing": {"type": "array", "items": TEXT},
        "begun": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "bytes by hash"},
    },
}

PATHS: dict[str, Any] = {
    "/api/jobs/{job}/files/{name}": {
        "put": operation("a file of a job that is to be sent", answers("here", status="201"), JOB, NAME, _DIGEST)
    },
    "/api/jobs/{job}/files/{name}/pieces/{id}": {
        "put": operation(
            "of which pieces such a file consists; it is there when none is lacking",
            answers("which of them the farm lacks", _LACKING),
            *(JOB, NAME, _PIECES),
            requestBody={"content": {"application/octet-stream": {}}},
        ),
        "post": operation(
            "pieces that were lacking",
            answers("taken"),
            *(JOB, NAME, _PIECES),
            requestBody={"content": {"application/octet-stream": {}}},
        ),
    },
    "/api/files": {
        "post": operation(
            "which files are to be sent, of those that jobs need besides their blends",
            answers("them, and how far those have come that broke off", _MISSING),
            requestBody=body(
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
        "put": operation(
            "such a file, or the rest of it with `Content-Range`; a job has those that its file `luggage.json` lists",
            answers("here", status="201"),
            {**NAME, "name": "hash", "schema": {"type": "string", "pattern": f"^{HASH.pattern}$"}},
        )
    },
}
