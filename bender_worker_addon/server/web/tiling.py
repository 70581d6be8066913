# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiling: what is to be said before somebody sends a job whose pictures are to be rendered in tiles."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...core.job import LONGEST_NAME, one_line
from ...sites import tiling
from ..farm import Farm
from .body import whole_number

MOST = 1_000_000  # frames


def routes(farm: Farm) -> list[Route]:
    async def outlook(request: Request) -> Response:
        told = request.query_params
        name = one_line(told.get("name", ""), most=LONGEST_NAME)
        frames = max(1, whole_number(told, "frames", 1, MOST))
        one_kind = bool(whole_number(told, "one_kind", 0, 1))
        known = await run_in_threadpool(farm.ask, lambda site: tiling.known(site, name=name, own=0))
        _, whole = known.best(frames=frames, one_kind=one_kind)
        return JSONResponse({"whole": whole, "differs": "" if whole else known.differs(one_kind=one_kind)})

    return [Route("/api/tiles", outlook, methods=["GET"])]
