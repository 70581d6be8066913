# SPDX-License-Identifier: GPL-3.0-or-later
"""News: what changes on the farm, told to all who listen (server-sent events): all of it at first, then what is new."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ...core.errors import FarmError
from ...farm.books import Job
from ..farm import Farm

_LOOK = 0.2  # seconds between two looks at whether something has changed
_PING = 15.0  # seconds without news after which a word is sent: a proxy would take the line for dead


def as_json(job: Job) -> dict[str, Any]:
    """A job as it stands in lists."""
    return {**asdict(job), "frames": dict(job.frames)}


class News:
    """Looks while somebody listens, once for all of them."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._jobs: dict[str, str] = {}  # as JSON, by id
        self._version: tuple[int, int] | None = None
        self._changed = asyncio.Condition()
        self._looking: asyncio.Task[None] | None = None
        self._listeners = 0

    async def follow(self, request: Request) -> AsyncIterator[str]:
        """`jobs`: a list of those that are new or changed, at first of all; `gone`: ids of those that are no more."""
        self._listeners += 1
        if self._looking is None:
            await self._look()
            self._looking = asyncio.create_task(self._keep_looking())
        seen: dict[str, str] = {}
        try:
            yield _event("jobs", [json.loads(job) for job in self._jobs.values()])
            seen = dict(self._jobs)
            while not await request.is_disconnected():
                async with self._changed:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _PING)
                now = dict(self._jobs)
                if fresh := [json.loads(job) for id, job in now.items() if seen.get(id) != job]:
                    yield _event("jobs", fresh)
                if gone := sorted(seen.keys() - now.keys()):
                    yield _event("gone", gone)
                if seen == now:
                    yield ": nothing new\n\n"
                seen = now
        finally:
            self._listeners -= 1

    async def _keep_looking(self) -> None:
        while self._listeners:
            await asyncio.sleep(_LOOK)
            with suppress(FarmError):  # as while the disk is full: the next look may see it again
                await self._look()
        self._looking = None

    async def _look(self) -> None:
        version, jobs = await run_in_threadpool(self._farm.jobs_since, self._version)
        if version == self._version:
            return
        self._version = version
        self._jobs = {job.id: json.dumps(as_json(job)) for job in jobs}
        async with self._changed:
            self._changed.notify_all()


def _event(name: str, content: object) -> str:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"
