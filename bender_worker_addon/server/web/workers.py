# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers: those of the farm."""

from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...farm import workers
from ..farm import Farm


def routes(farm: Farm) -> list[Route]:
    async def all_workers(_request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(all_of, farm))

    return [Route("/api/workers", all_workers, methods=["GET"])]


def all_of(farm: Farm) -> list[dict[str, Any]]:
    """All that are known."""
    with farm.database.looking() as connection:
        return [asdict(worker) for worker in workers.workers(connection)]
