# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenAPI: what the API answers, for programs that read such descriptions: put together here from what describes each.
A test compares it with the routes."""

from typing import Any

from .described import backstage, farm, frames, jobs, members, sending, tasks, workers

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Bender farm", "version": "1"},
    "security": [{"key": []}],
    "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    "paths": {
        **backstage.PATHS,
        **farm.PATHS,
        **frames.PATHS,
        **jobs.PATHS,
        **members.PATHS,
        **sending.PATHS,
        **tasks.PATHS,
        **workers.PATHS,
    },
}
