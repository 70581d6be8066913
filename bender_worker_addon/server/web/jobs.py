# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: told, sent and changed."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...core import luggage, tile
from ...core.frame import FORMATS
from ...core.job import LONGEST_NAME, name_of, one_line
from ...core.tile import Region
from ...farm import books, frame_list
from ...farm.books import Job
from ...farm.new_job import NewJob, SceneFacts, job_id
from ...sites import tiling
from ...sites.local import LocalSite
from ...sites.site import BlendGone
from ..farm import Farm
from .body import told_in
from .guard import Caller
from .news import as_json
from .reception import Refused

AT_JOB = "/api/jobs/{job}"
_PRIORITY = 1000
_LARGEST = 1_000_000  # of other numbers that are told

_WHAT_WAS_DONE = {
    "cancel": "canceled",
    "retry": "queued again",
    "pause": "paused",
    "resume": "resumed",
    "name": "renamed",
    "priority": "given another priority",
}  # by the last part of a path

Change = Callable[[LocalSite, str, Mapping[str, Any]], object]

log = logging.getLogger(__name__)


def routes(farm: Farm) -> list[Route]:
    async def jobs(_request: Request) -> Response:
        _, found = await run_in_threadpool(farm.jobs_since, None)
        return JSONResponse([as_json(job) for job in found])

    async def job(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_details, farm, request.path_params["job"]))

    async def new_job(request: Request) -> Response:
        caller: Caller = request.state.caller
        body = await told_in(request)
        told = _understood(body, sender=caller.worker or "")
        if "split" in body:
            told = await run_in_threadpool(_split, farm, told, body["split"])
        try:
            await run_in_threadpool(farm.send, told)
        except BlendGone as error:
            raise Refused(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
        except ValueError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"the list of the job's files: {error}") from error
        log.info("job %s was sent by %s: %d frames", told.name, told.person or "a person", len(told.frames))
        return JSONResponse({"id": told.id}, status_code=201)

    def change(what: Change) -> Callable[[Request], Awaitable[Response]]:
        async def changed(request: Request) -> Response:
            body = await told_in(request)
            caller: Caller = request.state.caller

            def carry_out(site: LocalSite) -> object:
                job = known(site, request.path_params["job"])
                answer = what(site, job.id, body)
                is_gone = request.method == "DELETE"
                done = "deleted" if is_gone else _WHAT_WAS_DONE[request.url.path.rpartition("/")[2]]
                log.info("job %s was %s by %s", job.name, done, caller.worker or "a person")
                return answer

            answer = await run_in_threadpool(farm.change, carry_out)
            return JSONResponse(answer if isinstance(answer, dict) else {})

        return changed

    return [
        Route("/api/jobs", jobs, methods=["GET"]),
        Route("/api/jobs", new_job, methods=["POST"]),
        Route(AT_JOB, job, methods=["GET"]),
        Route(AT_JOB, change(_delete), methods=["DELETE"]),
        Route(f"{AT_JOB}/cancel", change(lambda site, job, _: site.cancel(job)), methods=["POST"]),
        Route(f"{AT_JOB}/retry", change(_retry), methods=["POST"]),
        Route(f"{AT_JOB}/pause", change(lambda site, job, _: site.pause(job)), methods=["POST"]),
        Route(f"{AT_JOB}/resume", change(lambda site, job, _: site.resume(job)), methods=["POST"]),
        Route(f"{AT_JOB}/name", change(_set_name), methods=["PUT"]),
        Route(f"{AT_JOB}/priority", change(_set_priority), methods=["PUT"]),
    ]


def known(site: LocalSite, chosen: str) -> Job:
    """The job of that id. Raises Refused if there is none."""
    job = next((job for job in site.jobs() if job.id == chosen), None)
    if job is None:
        raise Refused(404, f"there is no job {chosen}")
    return job


def _understood(told: Mapping[str, Any], *, sender: str) -> NewJob:
    """A job as `sites.remote` tells it, of `sender` unless it says whose it is. Raises Refused."""
    try:
        job = NewJob(
            id=job_id(_text(told, "id")),
            name=name_of(_text(told, "name")),
            blend=_text(told, "blend"),
            frames=frame_list.frames_of(_text(told, "frames")),
            image_format=_text(told, "image_format"),
            scene=_facts(told["scene"]),
            chunk=_whole(told, "chunk", 1, least=1, most=_LARGEST),
            priority=_whole(told, "priority", 0, least=-_PRIORITY, most=_PRIORITY),
            preflight=_texts(told, "preflight"),
            regions=_regions(told.get("regions", [])),
            one_kind=_yes_or_no(told, "one_kind"),
            tail=tile.picture(told["tail"]) if told.get("tail") else None,
            person=one_line(_text({"person": "", **told}, "person"), most=LONGEST_NAME) or sender,
            colors=one_line(_text({"colors": "", **told}, "colors"), most=LONGEST_NAME),
        )
    except KeyError as error:
        raise Refused(400, f"this is no job: {error} is not told") from error
    except (TypeError, ValueError) as error:
        raise Refused(400, f"this is no job: {error}") from error
    if job.image_format not in FORMATS or not luggage.fits_everywhere(job.blend):
        raise Refused(400, f"this is no job: {job.image_format!r}, {job.blend!r}")
    return job


def _split(farm: Farm, job: NewJob, picture: object) -> NewJob:
    """Cut as suits the workers, if that does; else its last frames may be. Raises Refused."""
    try:
        whole = tile.picture(picture)
    except ValueError as error:
        raise Refused(400, f"this is no job: split should be a picture, {error}") from error
    known = farm.ask(lambda site: tiling.known(site, name=job.name, own=0))
    count, _ = known.best(frames=len(job.frames), one_kind=job.one_kind, picture=whole)
    regions = tile.tiles_of(whole, count)
    return replace(job, regions=regions) if len(regions) > 1 else replace(job, tail=whole)


def _regions(told: Any) -> list[Region]:
    """Into which each frame is cut. Raises ValueError if they are no parts of one picture."""
    if not isinstance(told, list) or len(told) > tile.MOST:
        raise ValueError(f"regions should be {tile.MOST} at most")
    regions = list(map(tile.region, told))
    if regions and not tile.covers(regions):
        raise ValueError("regions should be the parts of one picture: all of it, and none twice")
    return regions


def _facts(scene: Any) -> SceneFacts:
    """Raises KeyError, TypeError or ValueError if it is not told as it should be."""
    if not isinstance(scene, dict):
        raise TypeError("scene should be an object")
    told: dict[str, Any] = {name: one_line(_text(scene, name), most=LONGEST_NAME) for name in ("version", "engine")}
    for name in ("width", "height"):  # 0: nobody has looked into the blend
        told[name] = _whole(scene, name, None, least=0, most=_LARGEST)
    for name in ("scale", "fps", "step"):
        told[name] = _whole(scene, name, None, least=1, most=_LARGEST)
    fps_base = scene.get("fps_base", 1)
    if type(fps_base) not in (int, float) or not 0 < fps_base <= _LARGEST:
        raise ValueError(f"fps_base is a number above 0, {_LARGEST} at most")
    return SceneFacts(**told, fps_base=fps_base)


def _text(told: Mapping[str, Any], name: str) -> str:
    if not isinstance(told[name], str):
        raise TypeError(f"{name} should be text")
    return str(told[name])


def _texts(told: Mapping[str, Any], name: str) -> list[str]:
    found = told.get(name, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise TypeError(f"{name} should be a list of texts")
    return found


def _yes_or_no(told: Mapping[str, Any], name: str) -> bool:
    found = told.get(name, False)
    if not isinstance(found, bool):
        raise TypeError(f"{name} is true or false")
    return found


def _whole(told: Mapping[str, Any], name: str, usual: int | None, *, least: int, most: int) -> int:
    """`usual` unless it is told; without one it must be."""
    value = told[name] if usual is None else told.get(name, usual)
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} is a whole number from {least} to {most}")
    return value


def _details(farm: Farm, chosen: str) -> dict[str, Any]:
    def ask(site: LocalSite) -> dict[str, Any]:
        found = site.details(known(site, chosen))
        failures = [asdict(failure) for failure in found.failures]
        warnings = [asdict(warned) for warned in found.warnings]
        lists = {"frame_lists": dict(found.frames), "failures": failures, "warnings": warnings}
        pace = found.pace and {"seconds": found.pace.seconds, "last": found.pace.last.isoformat()}
        told: dict[str, Any] = {"in_tiles": [asdict(tiles) for tiles in found.tiles]}
        told |= {"cost": found.cost and asdict(found.cost)}
        told |= {"fps": found.fps, "pace": pace, "preflight": list(found.preflight)}
        return {**as_json(found.job), **lists, **told}

    with farm.database.looking() as connection:
        scene = books.scene(connection, chosen)
    return {**farm.ask(ask), "scene": scene}


def _delete(site: LocalSite, job: str, body: Mapping[str, Any]) -> None:
    frames = body.get("frames", False)
    if not isinstance(frames, bool):
        raise Refused(400, "frames is true or false: whether they are deleted too")
    site.delete(job, frames=frames)


def _set_priority(site: LocalSite, job: str, body: Mapping[str, Any]) -> None:
    try:
        priority = _whole(body, "priority", None, least=-_PRIORITY, most=_PRIORITY)
    except KeyError as error:
        raise Refused(400, "which priority is not told") from error
    except ValueError as error:
        raise Refused(400, str(error)) from error
    site.set_priority(job, priority)


def _retry(site: LocalSite, job: str, body: Mapping[str, Any]) -> dict[str, int]:
    if "frames" not in body:
        return {"tasks": site.retry(job)}
    if not isinstance(body["frames"], str):
        raise Refused(400, "frames are written like 1-100,120-200x5")
    return {"tasks": site.retry(job, frame_list.frames_of(body["frames"]))}


def _set_name(site: LocalSite, job: str, body: Mapping[str, Any]) -> None:
    name = body.get("name")
    if not isinstance(name, str):
        raise Refused(400, "name is a text")
    site.set_name(job, name)
