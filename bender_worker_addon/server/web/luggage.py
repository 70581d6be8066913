# SPDX-License-Identifier: GPL-3.0-or-later
"""Luggage: what jobs have beside their blends: taken from who sends them, given to workers. See `core/luggage.py`."""

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ...core.luggage import HASH, TAKES
from ...system import hashing
from ..farm import Farm
from .body import told_in
from .reception import Refused, take_file

_AT_ONCE = 10_000  # files that one request may ask after


def routes(farm: Farm) -> list[Route]:
    async def missing(request: Request) -> Response:
        sizes = _sizes(await told_in(request))
        missing = await run_in_threadpool(farm.contents.missing, sizes)
        begun = await run_in_threadpool(farm.contents.how_far, missing)
        return JSONResponse({"missing": missing} | ({"begun": begun} if begun else {}))

    async def content(request: Request) -> Response:
        digest = request.path_params["hash"]
        if not HASH.fullmatch(digest):
            raise Refused(400, "a file is called by its Blake2b-256 here, in lower-case hex")
        place, proof, begun = farm.contents.place(digest), hashing.fresh_name(), farm.contents.begun(digest)
        await take_file(
            request, place, keep_free=farm.keep_free, proof=proof, told=digest, stays=lambda: True, begun=begun
        )
        return JSONResponse({}, status_code=201)

    async def listed(request: Request) -> Response:
        found = await run_in_threadpool(farm.listed, request.path_params["job"])
        if found is None:
            raise Refused(404, "there is no such job, or it has no blend")
        return JSONResponse(found.as_json())

    async def file(request: Request) -> Response:
        job, name = request.path_params["job"], request.path_params["name"]
        path = await run_in_threadpool(farm.luggage, job, name)
        if path is None:
            raise Refused(404, f"job {job} has no file {name!r}")
        return FileResponse(path, media_type="application/octet-stream")

    return [
        Route("/api/files", missing, methods=["POST"]),
        Route("/api/files/{hash}", content, methods=["PUT"]),
        Route("/job/worker/files/{job}", listed, methods=["GET"]),
        Route("/job/worker/files/{job}/{name:path}", file, methods=["GET"]),
    ]


def takes_luggage(request: Request) -> bool:
    """Whether who asks for a blend will ask for what it needs besides."""
    return all(request.headers.get(name) == value for name, value in TAKES.items())


def _sizes(told: Mapping[str, Any]) -> dict[str, int]:
    files = told.get("files")
    if not isinstance(files, dict) or len(files) > _AT_ONCE:
        raise Refused(400, f"files is an object of {_AT_ONCE} hashes at most, with the sizes of the files")
    if not all(HASH.fullmatch(digest) and type(size) is int for digest, size in files.items()):
        raise Refused(400, "a file is told by its Blake2b-256, in lower-case hex, and its size in bytes")
    return files
