# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm itself: what changes, what it is, its add-on, its own figures."""

from typing import Any

from .words import ERROR, MAYBE, NAME, answers, operation

PATHS: dict[str, Any] = {
    "/api/events": {
        "get": operation(
            "what changes: `jobs` and `workers` (all at first, then the changed ones), `gone` and"
            " `workers_gone` (ids of those that are no more),"
            " `clock` (the server's, in seconds)",
            {
                "200": {"description": "server-sent events", "content": {"text/event-stream": {}}},
                "default": ERROR,
            },
        )
    },
    "/api/about": {
        "get": operation(
            "the farm's own version and the name of the add-on it gives; null where it runs from the source",
            answers(
                "both",
                {
                    "type": "object",
                    "properties": {"version": MAYBE, "extension": MAYBE, "blender": {"type": "boolean"}},
                },
            ),
        )
    },
    "/extension/index.json": {
        "get": operation("the add-on, as a repository of Blender's lists it", answers("list"), security=[])
    },
    "/extension/{name}": {
        "get": operation("the add-on itself", {"200": {"description": "a zip"}, "default": ERROR}, NAME, security=[])
    },
    "/api/session": {
        "get": operation("whether the key counts", answers("it does")),
        "put": operation("a cookie for the key", answers("a cookie that stands for it")),
        "delete": operation("forget the cookie", answers("done")),
    },
    "/openapi.json": {"get": operation("this", answers("this"))},
    "/metrics": {
        "get": operation(
            "for Prometheus", {"200": {"description": "text", "content": {"text/plain": {}}}, "default": ERROR}
        )
    },
}
