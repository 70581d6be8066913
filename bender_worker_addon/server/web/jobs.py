# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: told, sent and changed."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...core.frame import FORMATS
from ...farm import frame_list
from ...farm.books import Job
from ...farm.new_job import NewJob, SceneFacts, job_id
from ...sites.local import LocalSite
from ..farm import Farm
from .body import one_line, told_in
from .news import as_json
from .reception import Refused

AT_JOB = "/api/jobs/{job}"
FILE_NAME = re.compile(r"[\w()+,=@~-][\w()+,=@~ .-]{0,150}")

_NAME = 200  # letters of a job's name
_CHUNK = 100_000

Change = Callable[[LocalSite, str, Mapping[str, Any]], object]


def routes(farm: Farm) -> list[Route]:
    async def jobs(_request: Request) -> Response:
        found = await run_in_threadpool(farm.ask, lambda site: site.jobs())
        return JSONResponse([as_json(job) for job in found])

    async def job(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_details, farm, request.path_params["job"]))

    async def new_job(request: Request) -> Response:
        told = _understood(await told_in(request))
        await run_in_threadpool(farm.change, lambda site: site.send(told))
        return JSONResponse({"id": told.id}, status_code=201)

    def change(what: Change) -> Callable[[Request], Awaitable[Response]]:
        async def changed(request: Request) -> Response:
            body = await told_in(request)
            chosen = request.path_params["job"]
            answer = await run_in_threadpool(farm.change, lambda site: what(site, known(site, chosen).id, body))
            return JSONResponse(answer if isinstance(answer, dict) else {})

        return changed

    return [
        Route("/api/jobs", jobs, methods=["GET"]),
        Route("/api/jobs", new_job, methods=["POST"]),
        Route(AT_JOB, job, methods=["GET"]),
        Route(AT_JOB, change(_delete), methods=["DELETE"]),
        Route(f"{AT_JOB}/cancel", change(lambda site, job, _: site.cancel(job)), methods=["POST"]),
        Route(f"{AT_JOB}/retry", change(lambda site, job, _: {"tasks": site.retry(job)}), methods=["POST"]),
        Route(f"{AT_JOB}/pause", change(lambda site, job, _: site.pause(job)), methods=["POST"]),
        Route(f"{AT_JOB}/resume", change(lambda site, job, _: site.resume(job)), methods=["POST"]),
        Route(f"{AT_JOB}/priority", change(_set_priority), methods=["PUT"]),
    ]


def known(site: LocalSite, chosen: str) -> Job:
    """The job of that id. Raises Refused if there is none."""
    job = next((job for job in site.jobs() if job.id == chosen), None)
    if job is None:
        raise Refused(404, f"there is no job {chosen}")
    return job


def _understood(told: Mapping[str, Any]) -> NewJob:
    """A job as `sites.remote` tells it. Raises Refused."""
    try:
        scene = told["scene"]
        known = {name: kind for name, kind in SceneFacts.__annotations__.items() if name in scene}
        facts = SceneFacts(**{name: kind(scene[name]) for name, kind in known.items()})
        job = NewJob(
            id=job_id(str(told["id"])),
            name=one_line(str(told["name"]), most=_NAME) or "untitled",
            blend=str(told["blend"]),
            frames=frame_list.frames_of(str(told["frames"])),
            image_format=str(told["image_format"]),
            scene=facts,
            chunk=min(max(int(told.get("chunk", 1)), 1), _CHUNK),
            priority=min(max(int(told.get("priority", 0)), -1000), 1000),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Refused(400, f"this is no job: {type(error).__name__} {error}") from error
    if job.image_format not in FORMATS or not FILE_NAME.fullmatch(job.blend):
        raise Refused(400, f"this is no job: {job.image_format!r}, {job.blend!r}")
    return job


def _details(farm: Farm, chosen: str) -> dict[str, Any]:
    def ask(site: LocalSite) -> dict[str, Any]:
        found = site.details(known(site, chosen))
        failures = [asdict(failure) for failure in found.failures]
        return {**as_json(found.job), "frame_lists": dict(found.frames), "failures": failures, "fps": found.fps}

    return farm.ask(ask)


def _delete(site: LocalSite, job: str, body: Mapping[str, Any]) -> None:
    site.delete(job, frames=body.get("frames") is True)


def _set_priority(site: LocalSite, job: str, body: Mapping[str, Any]) -> None:
    priority = body.get("priority")
    if not isinstance(priority, int) or isinstance(priority, bool) or not -1000 <= priority <= 1000:
        raise Refused(400, "priority is a whole number from -1000 to 1000")
    site.set_priority(job, priority)
