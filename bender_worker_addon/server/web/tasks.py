# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: who rendered which, when, on what, and what its Blender said when it failed."""

from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...core.task import STATUSES
from ...farm import books, tasks
from ..farm import Farm
from .body import answer, whole_number
from .jobs import AT_JOB
from .reception import Refused

_MOST, _USUAL = 1000, 200  # tasks in a list
_LAST = 1 << 31


def routes(farm: Farm) -> list[Route]:
    async def some(request: Request) -> Response:
        return answer(await run_in_threadpool(_some, farm, request.path_params["job"], dict(request.query_params)))

    async def one(request: Request) -> Response:
        job, number = request.path_params["job"], request.path_params["number"]
        return answer(await run_in_threadpool(_one, farm, job, number))

    async def of_frame(request: Request) -> Response:
        return answer(
            await run_in_threadpool(_of_frame, farm, request.path_params["job"], request.path_params["number"])
        )

    return [
        Route(f"{AT_JOB}/tasks", some, methods=["GET"]),
        Route(f"{AT_JOB}/tasks/{{number:int}}", one, methods=["GET"]),
        Route(f"{AT_JOB}/frames/{{number:int}}/task", of_frame, methods=["GET"]),
    ]


def _some(farm: Farm, job: str, wanted: dict[str, str]) -> list[dict[str, Any]]:
    """Those with a higher number than `after`: the next list goes on behind this one's last."""
    after, most = whole_number(wanted, "after", 0, _LAST), whole_number(wanted, "limit", _USUAL, _MOST)
    status = wanted.get("status")
    if status is not None and status not in STATUSES:
        raise Refused(400, f"status is one of {', '.join(sorted(STATUSES))}")
    with farm.database.looking() as connection:
        if books.status(connection, job) is None:
            raise Refused(404, f"there is no job {job}")
        found = tasks.tasks(connection, job, after=after, most=most, status=status)
    return [{key: value for key, value in asdict(task).items() if key != "output"} for task in found]


def _one(farm: Farm, job: str, number: int) -> dict[str, Any]:
    with farm.database.looking() as connection:
        found = tasks.record(connection, job, number) if number < _LAST else None
    if found is None:
        raise Refused(404, f"job {job} has no task {number}")
    return asdict(found)


def _of_frame(farm: Farm, job: str, frame: int) -> dict[str, Any]:
    with farm.database.looking() as connection:
        number = tasks.number_of(connection, job, frame) if frame < _LAST else None
        found = None if number is None else tasks.record(connection, job, number)
    if found is None:
        raise Refused(404, f"job {job} has no frame {frame}")
    return asdict(found)
