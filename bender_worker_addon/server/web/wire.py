# SPDX-License-Identifier: GPL-3.0-or-later
"""Wire: what bender's workers ask over HTTP, old ones too: blends, statuses, and frames they send; and tiles, which old
ones don't."""

from dataclasses import asdict
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ...core.other_files import TAKES_OTHERS
from ..farm import Farm
from .luggage import takes_luggage
from .pieces import in_pieces, some_pieces
from .reception import Refused, receive, take_file


def routes(farm: Farm) -> list[Route]:
    """Each for workers and people that have shown who they are; see `guard`."""

    async def blend(request: Request) -> Response:
        path = await run_in_threadpool(farm.blend, request.path_params["job"])
        if path is None:
            raise Refused(404, "there is no such job, or it has no blend")
        if (manifest := await in_pieces(request, farm, path)) is not None:
            return manifest
        if await run_in_threadpool(farm.has_luggage, request.path_params["job"]) and not takes_luggage(request):
            words = "this job has files beside its blend, and would be rendered without them: use a newer worker"
            raise Refused(409, words)
        return FileResponse(path, media_type="application/x-blender")

    async def pieces(request: Request) -> Response:
        path = await run_in_threadpool(farm.blend, request.path_params["job"])
        if path is None:
            raise Refused(404, "there is no such job, or it has no blend")
        return await some_pieces(request, farm, path)

    async def tile(request: Request) -> Response:
        job, task = request.path_params["job"], request.path_params["task"]
        path = await run_in_threadpool(farm.tile, job, task)
        if path is None:
            raise Refused(404, f"there is no tile of task {task} of job {job} (any more)")
        return FileResponse(path, media_type="image/x-exr")

    async def status(request: Request) -> Response:
        found = await run_in_threadpool(farm.job_status, request.path_params["job"])
        if found is None:
            raise Refused(404, "there is no such job")
        # Python's repr, with single quotes: bender-worker splits on those.
        return PlainTextResponse(repr({"Job": found}))

    async def frame(request: Request) -> Response:
        job, task = request.path_params["job"], request.path_params["task"]
        got = await receive(request, farm, job, task)
        return JSONResponse(asdict(got), status_code=201)

    async def takes_others(_request: Request) -> Response:
        return PlainTextResponse(TAKES_OTHERS, media_type="application/json")

    async def other_file(request: Request) -> Response:
        job, task, name = (request.path_params[part] for part in ("job", "task", "name"))
        place = await run_in_threadpool(farm.place_of_other, job, task, name)
        if place is None:
            raise Refused(404, f"{name!r} can be no file of task {task} of job {job}")
        stays = partial(farm.has_stored, job, task)
        got = await take_file(request, place, keep_free=farm.keep_free, stays=stays)
        return JSONResponse(asdict(got), status_code=201)

    return [
        Route("/job/worker/blend/{job}", blend, methods=["GET"]),
        Route("/job/worker/blend/{job}/pieces", pieces, methods=["POST"]),
        Route("/job/worker/tiles/{job}/{task}", tile, methods=["GET"]),
        Route("/job/worker/status/{job}", status, methods=["GET"]),
        Route("/job/{job}/{task}", frame, methods=["POST"]),
        Route("/job/{job}/{task}/other", takes_others, methods=["GET"]),
        Route("/job/{job}/{task}/other/{name:path}", other_file, methods=["PUT"]),
    ]
