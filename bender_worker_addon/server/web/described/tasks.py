# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of jobs, and what their Blenders printed."""

from typing import Any

from ....core.task import STATUSES
from .words import ERROR, JOB, NUMBER, TEXT, answers, operation, query

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

PATHS: dict[str, Any] = {
    "/api/jobs/{job}/tasks": {
        "get": operation(
            "its tasks, in the order of their frames",
            answers("tasks", {"type": "array", "items": _A_TASK}),
            JOB,
            query("after", 0, 1 << 31, "only tasks with a higher number"),
            query("limit", 200, 1000, "at most so many"),
            {
                "name": "status",
                "in": "query",
                "schema": {**TEXT, "enum": sorted(STATUSES)},
                "description": "only tasks of this status",
            },
        )
    },
    "/api/jobs/{job}/tasks/{number}": {
        "get": operation("a task, and what its Blender said last", answers("the task", _A_TASK), JOB, NUMBER)
    },
    "/api/jobs/{job}/frames/{number}/task": {
        "get": operation("the task that has this frame", answers("the task", _A_TASK), JOB, NUMBER)
    },
    "/api/jobs/{job}/tasks/{number}/log": {
        "get": operation(
            "the end of what Blender printed for it, if its worker is there and has it still",
            {"200": {"description": "text", "content": {"text/plain": {}}}, "default": ERROR},
            JOB,
            NUMBER,
        )
    },
}
