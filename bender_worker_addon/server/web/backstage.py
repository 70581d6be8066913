# SPDX-License-Identifier: GPL-3.0-or-later
"""What the farm's own Blender does for people: it looks into a blend that is about to be sent, and makes films."""

from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ...farm.books import Job
from ..backstage import Backstage
from ..farm import Farm
from ..films import Films
from .body import told_in
from .files import place_of
from .jobs import AT_JOB, known
from .reception import Refused


def routes(farm: Farm, backstage: Backstage) -> list[Route]:
    """Under a job's, one that there is or one that is about to be sent."""
    films = Films(farm, backstage)

    async def look(request: Request) -> Response:
        told = await told_in(request)
        return JSONResponse(await run_in_threadpool(_look, farm, backstage, request.path_params["job"], told))

    async def film(request: Request) -> Response:
        job = await run_in_threadpool(_job, farm, request.path_params["job"])
        return JSONResponse(asdict(await run_in_threadpool(films.of, job.id)))

    async def make(request: Request) -> Response:
        job = await run_in_threadpool(_job, farm, request.path_params["job"])
        fps = await run_in_threadpool(farm.ask, lambda site: site.details(job).fps)
        return JSONResponse(asdict(await run_in_threadpool(films.make, job.id, fps=fps)), status_code=202)

    async def file(request: Request) -> Response:
        job = await run_in_threadpool(_job, farm, request.path_params["job"])
        found = await run_in_threadpool(films.file, job.id)
        if found is None:
            raise Refused(404, "there is no film of this job (yet)")
        return FileResponse(found, media_type="video/mp4", filename=f"{job.id}.mp4")

    return [
        Route(f"{AT_JOB}/look", look, methods=["POST"]),
        Route(f"{AT_JOB}/film", film, methods=["GET"]),
        Route(f"{AT_JOB}/film", make, methods=["POST"]),
        Route(f"{AT_JOB}/film.mp4", file, methods=["GET"]),
    ]


def _job(farm: Farm, chosen: str) -> Job:
    return farm.ask(lambda site: known(site, chosen))


def _look(farm: Farm, backstage: Backstage, job: str, told: dict[str, Any]) -> dict[str, Any]:
    """Raises Refused or FarmError."""
    blend, scene = told.get("blend"), told.get("scene")
    if not isinstance(blend, str) or not isinstance(scene, str | None):
        raise Refused(400, "blend is the name of a file that was sent, scene one of its scenes")
    place = place_of(farm, job, blend)
    if not place.is_file():
        raise Refused(404, f"no file {blend} of a job {job} was sent")
    if scene is not None:
        backstage.save_with(place, scene)
    return backstage.look(place)
