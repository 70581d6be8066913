# SPDX-License-Identifier: GPL-3.0-or-later
"""API: the farm's jobs, workers and frames as JSON, for people and programs. `openapi.json` describes it."""

import json
import re
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ...core.frame import FORMATS
from ...core.task import SAFE_ID
from ...farm import frame_list, workers
from ...farm.books import Job
from ...farm.new_job import NewJob, SceneFacts, job_id
from ...sites.local import LocalSite
from ..farm import Farm
from .news import News, as_json
from .openapi import OPENAPI
from .reception import Refused, take_file

_BODY = 1 << 20  # bytes of JSON
_NAME = 200  # letters of a job's name
_CHUNK = 100_000
_FILE_NAME = re.compile(r"[\w()+,=@~-][\w()+,=@~ .-]{0,150}")

Change = Callable[[LocalSite, str, Mapping[str, Any]], object]


def routes(farm: Farm, news: News) -> list[Route]:
    """All under `/api/`; see `guard` for who may ask."""

    async def jobs(_request: Request) -> Response:
        found = await run_in_threadpool(farm.ask, lambda site: site.jobs())
        return JSONResponse([as_json(job) for job in found])

    async def job(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_details, farm, request.path_params["job"]))

    async def new_job(request: Request) -> Response:
        told = _understood(await _json(request))
        await run_in_threadpool(farm.change, lambda site: site.send(told))
        return JSONResponse({"id": told.id}, status_code=201)

    async def file(request: Request) -> Response:
        place = _place(farm, request.path_params["job"], request.path_params["name"])
        await take_file(request, place)
        return JSONResponse({}, status_code=201)

    def change(what: Change) -> Callable[[Request], Awaitable[Response]]:
        async def changed(request: Request) -> Response:
            body = await _json(request)
            chosen = request.path_params["job"]
            answer = await run_in_threadpool(farm.change, lambda site: what(site, _known(site, chosen).id, body))
            return JSONResponse(answer if isinstance(answer, dict) else {})

        return changed

    async def events(request: Request) -> Response:
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(news.follow(request), media_type="text/event-stream", headers=headers)

    async def metrics(_request: Request) -> Response:
        return PlainTextResponse(await run_in_threadpool(_metrics, farm))

    async def described(_request: Request) -> Response:
        return JSONResponse(OPENAPI)

    async def all_workers(_request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_workers, farm))

    async def frame(request: Request) -> Response:
        number = request.path_params["number"]
        path = await run_in_threadpool(_frame, farm, request.path_params["job"], number)
        return FileResponse(path, filename=path.name)

    async def frames(request: Request) -> Response:
        folder = await run_in_threadpool(_folder, farm, request.path_params["job"])
        name = f"{request.path_params['job']}.zip"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_zipped(folder), media_type="application/zip", headers=headers)

    async def frame_files(request: Request) -> Response:
        chosen = request.path_params["job"]
        found = await run_in_threadpool(farm.ask, lambda site: site.frames(_known(site, chosen).id))
        return JSONResponse([asdict(file) for file in found])

    at_job = "/api/jobs/{job}"
    return [
        Route("/api/jobs", jobs, methods=["GET"]),
        Route("/api/jobs", new_job, methods=["POST"]),
        Route(at_job, job, methods=["GET"]),
        Route(at_job, change(_delete), methods=["DELETE"]),
        Route(f"{at_job}/files/{{name}}", file, methods=["PUT"]),
        Route(f"{at_job}/cancel", change(lambda site, job, _: site.cancel(job)), methods=["POST"]),
        Route(f"{at_job}/retry", change(lambda site, job, _: {"tasks": site.retry(job)}), methods=["POST"]),
        Route(f"{at_job}/pause", change(lambda site, job, _: site.pause(job)), methods=["POST"]),
        Route(f"{at_job}/resume", change(lambda site, job, _: site.resume(job)), methods=["POST"]),
        Route(f"{at_job}/priority", change(_set_priority), methods=["PUT"]),
        Route(f"{at_job}/frames", frame_files, methods=["GET"]),
        Route(f"{at_job}/frames/{{number:int}}", frame, methods=["GET"]),
        Route(f"{at_job}/frames.zip", frames, methods=["GET"]),
        Route("/api/workers", all_workers, methods=["GET"]),
        Route("/api/events", events, methods=["GET"]),
        Route("/openapi.json", described, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _place(farm: Farm, job: str, name: str) -> Path:
    """Where a file of a job goes that is about to be sent. Raises Refused."""
    if not SAFE_ID.fullmatch(job) or not _FILE_NAME.fullmatch(name):
        raise Refused(400, f"{name!r} can't be the name of a job's file")
    return farm.room_for(job) / name


def _printable(name: str) -> str:
    """A name that is one line wherever it is shown."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())[:_NAME] or "untitled"


def _understood(told: Mapping[str, Any]) -> NewJob:
    """A job as `sites.remote` tells it. Raises Refused."""
    try:
        scene = told["scene"]
        known = {name: kind for name, kind in SceneFacts.__annotations__.items() if name in scene}
        facts = SceneFacts(**{name: kind(scene[name]) for name, kind in known.items()})
        job = NewJob(
            id=job_id(str(told["id"])),
            name=_printable(str(told["name"])),
            blend=str(told["blend"]),
            frames=frame_list.frames_of(str(told["frames"])),
            image_format=str(told["image_format"]),
            scene=facts,
            chunk=min(max(int(told.get("chunk", 1)), 1), _CHUNK),
            priority=min(max(int(told.get("priority", 0)), -1000), 1000),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Refused(400, f"this is no job: {type(error).__name__} {error}") from error
    if job.image_format not in FORMATS or not _FILE_NAME.fullmatch(job.blend):
        raise Refused(400, f"this is no job: {job.image_format!r}, {job.blend!r}")
    return job


def _details(farm: Farm, chosen: str) -> dict[str, Any]:
    def ask(site: LocalSite) -> dict[str, Any]:
        found = site.details(_known(site, chosen))
        failures = [asdict(failure) for failure in found.failures]
        return {**as_json(found.job), "frame_lists": dict(found.frames), "failures": failures, "fps": found.fps}

    return farm.ask(ask)


def _known(site: LocalSite, chosen: str) -> Job:
    job = next((job for job in site.jobs() if job.id == chosen), None)
    if job is None:
        raise Refused(404, f"there is no job {chosen}")
    return job


def _delete(site: LocalSite, job: str, body: Mapping[str, Any]) -> None:
    site.delete(job, frames=body.get("frames") is True)


def _set_priority(site: LocalSite, job: str, body: Mapping[str, Any]) -> None:
    priority = body.get("priority")
    if not isinstance(priority, int) or isinstance(priority, bool) or not -1000 <= priority <= 1000:
        raise Refused(400, "priority is a whole number from -1000 to 1000")
    site.set_priority(job, priority)


def _workers(farm: Farm) -> list[dict[str, Any]]:
    with farm.database.looking() as connection:
        return [asdict(worker) for worker in workers.workers(connection)]


def _metrics(farm: Farm) -> str:
    """For Prometheus (text format 0.0.4): how many jobs and frames have which status, how many workers are known."""
    jobs = farm.ask(lambda site: site.jobs())
    by_status: Counter[str] = Counter(job.status for job in jobs)
    frames: Counter[str] = Counter()
    for job in jobs:
        frames.update(job.frames)
    lines = ["# TYPE bender_farm_jobs gauge"]
    lines += [f'bender_farm_jobs{{status="{status}"}} {count}' for status, count in sorted(by_status.items())]
    lines.append("# TYPE bender_farm_frames gauge")
    lines += [f'bender_farm_frames{{status="{status}"}} {count}' for status, count in sorted(frames.items())]
    lines += ["# TYPE bender_farm_workers gauge", f"bender_farm_workers {len(_workers(farm))}"]
    return "\n".join(lines) + "\n"


def _folder(farm: Farm, job: str) -> Path:
    """The folder of a job's frames. Raises Refused if there is no such job."""
    if farm.job_status(job) is None:
        raise Refused(404, f"there is no job {job}")
    return farm.frames / job


def _frame(farm: Farm, job: str, number: int) -> Path:
    folder = _folder(farm, job)
    names = (f"{number:06d}.{kind.extension}" for kind in FORMATS.values())
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise Refused(404, f"frame {number} of job {job} is not here (yet)")
    return found


async def _zipped(folder: Path) -> AsyncIterator[bytes]:
    """All frames in the folder as a zip that is made while it is sent. Not compressed: pictures are already."""
    async for piece in iterate_in_threadpool(_zip(folder)):
        yield piece


def _zip(folder: Path) -> Iterator[bytes]:
    made = _Pieces()
    with zipfile.ZipFile(cast("IO[bytes]", made), "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for path in sorted(folder.glob("[0-9]*")) if folder.is_dir() else ():
            info = zipfile.ZipInfo.from_file(path, path.name, strict_timestamps=False)
            with path.open("rb") as file, archive.open(info, "w") as entry:
                while piece := file.read(1 << 20):
                    entry.write(piece)
                    yield made.taken()
    yield made.taken()


class _Pieces:
    """A file that can only be written to; what was written is taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes, /) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


async def _json(request: Request) -> dict[str, Any]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY:
            raise Refused(413, f"a request has {_BODY >> 20} MB at most")
    try:
        told = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the request is not JSON: {error}") from error
    if not isinstance(told, dict):
        raise Refused(400, "the request should be a JSON object")
    return told
