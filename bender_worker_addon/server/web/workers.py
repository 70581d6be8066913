# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers: those of the farm, what has happened to each, and orders for them."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ...core.orders import ORDERS, Order
from ...farm import tasks, workers
from ...farm.workers import Worker
from ..farm import Farm
from .body import answer
from .jobs import AT_JOB
from .join import only_for_people
from .reception import Refused

_LAST = 1 << 31


def routes(farm: Farm) -> list[Route]:
    async def all_workers(_request: Request) -> Response:
        return answer(await run_in_threadpool(all_of, farm))

    async def one(request: Request) -> Response:
        return answer(await run_in_threadpool(_one, farm, request.path_params["worker"]))

    async def log(request: Request) -> Response:
        job, number = request.path_params["job"], request.path_params["number"]
        return PlainTextResponse(await run_in_threadpool(_log, farm, job, number))

    def order(do: str) -> Callable[[Request], Awaitable[Response]]:
        async def ordered(request: Request) -> Response:
            only_for_people(request)
            await run_in_threadpool(_give, farm, request.path_params["worker"], do)
            return answer({})

        return ordered

    return [
        Route("/api/workers", all_workers, methods=["GET"]),
        Route("/api/workers/{worker}", one, methods=["GET"]),
        *(Route(f"/api/workers/{{worker}}/{do}", order(do), methods=["POST"]) for do in ORDERS),
        Route(f"{AT_JOB}/tasks/{{number:int}}/log", log, methods=["GET"]),
    ]


def all_of(farm: Farm) -> list[dict[str, Any]]:
    """All that are known."""
    with farm.database.looking() as connection:
        return [as_json(worker) for worker in workers.workers(connection)]


def as_json(worker: Worker) -> dict[str, Any]:
    return {**asdict(worker), "hello": dict(worker.hello)}


def _one(farm: Farm, id: str) -> dict[str, Any]:
    with farm.database.looking() as connection:
        found = workers.worker(connection, id)
        events = workers.events(connection, id)
    if found is None:
        raise Refused(404, f"there is no worker {id}")
    return {**as_json(found), "events": [asdict(event) for event in events]}


def _give(farm: Farm, worker: str, do: str) -> None:
    with farm.database.looking() as connection:
        if workers.worker(connection, worker) is None:
            raise Refused(404, f"there is no worker {worker}")
    farm.orders.give(worker, Order(do))


def _log(farm: Farm, job: str, number: int) -> str:
    with farm.database.looking() as connection:
        task = tasks.record(connection, job, number) if number < _LAST else None
    if task is None:
        raise Refused(404, f"job {job} has no task {number}")
    if not task.worker:
        raise Refused(404, f"task {number} of job {job} was with no worker yet")
    text = farm.orders.log_of(task.worker, job, task.id)
    if not text:
        raise Refused(404, f"worker {task.worker} has no log of task {number} of job {job} (any more)")
    return text
