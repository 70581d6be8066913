# SPDX-License-Identifier: GPL-3.0-or-later
"""News: what changes on the farm, told to all who listen (server-sent events): all of it at first, then what is new."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ...core.errors import FarmError
from ...farm.books import Job
from ..farm import Farm

_LOOK = 0.2  # seconds between two looks at whether something has changed
_PING = 15.0  # seconds without news after which a word is sent: else a line that is dead would look like a quiet farm
_OUTLOOK = 1.0  # seconds between two looks at how one job gets on


def as_json(job: Job) -> dict[str, Any]:
    """A job as it stands in lists."""
    return {**asdict(job), "frames": dict(job.frames)}


class News:
    """Looks while somebody listens, once for all of them."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._jobs: dict[str, str] = {}  # as JSON, by id
        self._workers: dict[str, str] = {}  # the same
        self._version: tuple[int, int] | None = None
        self._heard: tuple[int, float] | None = None
        self._outlooks = _Outlooks(farm)
        self._changed = asyncio.Condition()
        self._beginning = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._listeners = 0

    async def follow(self, request: Request) -> AsyncIterator[str]:
        """`clock`: seconds of the system's clock here, at first and when nothing else is new. `jobs`: a list of those
        that are new or changed, at first of all; `gone`: ids of those that are no more. `workers` and `workers_gone`:
        the same of them."""
        self._listeners += 1
        try:
            async with self._beginning:  # or of two who come at once each would look, and undo what the other has seen
                if self._looking is None:
                    await run_in_threadpool(self._farm.prepare_outlooks)
                    await self._look()
                    self._looking = asyncio.create_task(self._keep_looking())
            jobs, workers = self._jobs, self._workers
            yield _event("clock", time.time())
            yield _list_event("jobs", jobs.values())
            yield _list_event("workers", workers.values())
            while not self._farm.is_closing and not await request.is_disconnected():
                async with self._changed:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _PING)
                before, jobs = jobs, self._jobs
                heard, workers = workers, self._workers
                if fresh := _fresh(before, jobs):
                    yield _list_event("jobs", fresh)
                if gone := sorted(before.keys() - jobs.keys()):
                    yield _event("gone", gone)
                if said := _fresh(heard, workers):
                    yield _list_event("workers", said)
                if forgotten := sorted(heard.keys() - workers.keys()):
                    yield _event("workers_gone", forgotten)
                if before is jobs and heard is workers:
                    yield _event("clock", time.time())
        finally:
            self._listeners -= 1

    async def _keep_looking(self) -> None:
        try:
            while self._listeners and not self._farm.is_closing:
                await asyncio.sleep(_LOOK)
                with suppress(FarmError):  # as while the disk is full: the next look may see it again
                    await self._look()
        finally:
            self._looking = None
        async with self._changed:
            self._changed.notify_all()  # whoever still waits waits for nothing

    async def _look(self) -> None:
        jobs, workers = await run_in_threadpool(self._seen)
        if jobs is self._jobs and workers is self._workers:
            return
        self._jobs, self._workers = jobs, workers
        async with self._changed:
            self._changed.notify_all()

    def _seen(self) -> tuple[dict[str, str], dict[str, str]]:
        """Both as they were, the same objects, if nothing has changed."""
        jobs, workers = self._jobs, self._workers
        version, found = self._farm.jobs_since(None if self._outlooks.are_due() else self._version)
        if found or version != self._version:
            self._version = version
            jobs = self._outlooks.told_of(found)
        heard, all_workers = self._farm.workers_since(self._heard)
        if heard != self._heard:
            self._heard = heard
            workers = {worker.id: json.dumps(asdict(worker)) for worker in all_workers}
        return jobs, workers


class _Outlooks:
    """How each job gets on: looked at when it has changed, and not more than once a second."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._known: dict[str, _Known] = {}
        self._due: float | None = None

    def are_due(self) -> bool:
        """Whether it is time to look again at jobs that changed too soon after the last look."""
        return self._due is not None and time.monotonic() >= self._due

    def told_of(self, jobs: Iterable[Job]) -> dict[str, str]:
        """Each as JSON, by id."""
        self._due = None
        self._known = {job.id: self._told_of(job) for job in jobs}
        return {id: known.told for id, known in self._known.items()}

    def _told_of(self, job: Job) -> "_Known":
        known, now = self._known.get(job.id), time.monotonic()
        if known is not None and known.is_of(job):
            return known
        if known is not None and now < known.at + _OUTLOOK:
            self._due = self._due or known.at + _OUTLOOK
            outlook, at, of = known.outlook, known.at, known.of
        else:
            outlook, at, of = self._looked_at(job), now, job
        return _Known(job, of, outlook, at, json.dumps(as_json(job) | outlook))

    def _looked_at(self, job: Job) -> dict[str, Any]:
        found = self._farm.outlook(job)
        pictures = (number for number in found.latest if self._farm.picture(job.id, number) is not None)
        told = {"ends": found.ends, "newest_at": found.newest_at, "why": found.why}
        return told | {"newest": next(iter(found.latest), None), "picture": next(pictures, None)}


@dataclass(frozen=True, slots=True)
class _Known:
    """`of`: the job as it was when its outlook was looked at."""

    job: Job
    of: Job
    outlook: dict[str, Any]
    at: float
    told: str

    def is_of(self, job: Job) -> bool:
        return self.job == self.of == job


def _fresh(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [] if before is now else [told for id, told in now.items() if before.get(id) != told]


def _list_event(name: str, entries: Iterable[str]) -> str:
    return f"event: {name}\ndata: [{', '.join(entries)}]\n\n"


def _event(name: str, content: object) -> str:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"
