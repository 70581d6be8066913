# SPDX-License-Identifier: GPL-3.0-or-later
"""API: the farm's jobs, workers and frames as JSON, for people and programs: put together here from what serves each.
`openapi.json` describes it."""

from collections import Counter

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ..farm import Farm
from . import files, jobs, pieces, tasks, tiling, workers
from .news import News
from .openapi import OPENAPI


def routes(farm: Farm, news: News) -> list[Route]:
    """All under `/api/`; see `guard` for who may ask."""

    async def events(request: Request) -> Response:
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(news.follow(request), media_type="text/event-stream", headers=headers)

    async def metrics(_request: Request) -> Response:
        return PlainTextResponse(await run_in_threadpool(_metrics, farm))

    async def described(_request: Request) -> Response:
        return JSONResponse(OPENAPI)

    return [
        *jobs.routes(farm),
        *files.routes(farm),
        *pieces.routes(farm),
        *tasks.routes(farm),
        *tiling.routes(farm),
        *workers.routes(farm),
        Route("/api/events", events, methods=["GET"]),
        Route("/openapi.json", described, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _metrics(farm: Farm) -> str:
    """For Prometheus (text format 0.0.4): how many jobs and frames have which status, how many workers are known."""
    found = farm.ask(lambda site: site.jobs())
    by_status: Counter[str] = Counter(job.status for job in found)
    frames: Counter[str] = Counter()
    for job in found:
        frames.update(job.frames)
    lines = ["# TYPE bender_farm_jobs gauge"]
    lines += [f'bender_farm_jobs{{status="{status}"}} {count}' for status, count in sorted(by_status.items())]
    lines.append("# TYPE bender_farm_frames gauge")
    lines += [f'bender_farm_frames{{status="{status}"}} {count}' for status, count in sorted(frames.items())]
    lines += ["# TYPE bender_farm_workers gauge", f"bender_farm_workers {len(workers.all_of(farm))}"]
    return "\n".join(lines) + "\n"
