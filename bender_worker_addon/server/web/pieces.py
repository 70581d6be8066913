# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces: blends that come and go so that only what the other side lacks has to be sent.

Who sends one says of which pieces it consists, is told which of them the farm lacks, sends those, and says it again,
until nothing is lacking: then the blend is there. So whatever broke off goes on. Workers get the same list and ask for
what they lack."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ...pieces import bundle, manifest
from ...pieces.bundle import NoBundle, Unpacking
from ...pieces.manifest import MEDIA_TYPE, Manifest, NoManifest
from ...pieces.part import Part
from ..blends import read_manifest
from ..farm import Farm
from .body import body_of, told_in
from .files import place_of
from .jobs import AT_JOB
from .reception import Refused, Room, check_room, check_size

_ID = re.compile("[0-9a-f]{64}")
_WRITTEN = 1 << 20  # bytes that have come when they are written
_SIGN_OF_LIFE = 5.0  # seconds between two while something takes long: who waits is patient for a minute
_ASKED = 16 << 20  # bytes of a request for pieces


def routes(farm: Farm) -> list[Route]:
    """Under a job's that is about to be sent."""

    async def announce(request: Request) -> Response:
        place, id = _place_and_id(farm, request)
        told = await body_of(request, most=manifest.MOST)
        announced = await run_in_threadpool(_understood, told, id)
        return await _in_time(lambda: _announce(farm, place, announced))

    async def take(request: Request) -> Response:
        place, id = _place_and_id(farm, request)
        arriving = await run_in_threadpool(farm.blends.arriving, place, id)
        if arriving is None:
            raise Refused(409, "of which pieces it consists was not told (or they are all here): tell it again")
        await _take(request, Room(request, place.parent, farm.keep_free), *arriving)
        return JSONResponse({})

    at_pieces = f"{AT_JOB}/files/{{name}}/pieces/{{id}}"
    return [Route(at_pieces, announce, methods=["PUT"]), Route(at_pieces, take, methods=["POST"])]


async def in_pieces(request: Request, farm: Farm, blend: Path) -> Response | None:
    """The list of a blend's pieces, for a worker that can read it; None if it is to have the blend itself."""
    if MEDIA_TYPE not in request.headers.get("accept", ""):
        return None
    size = await run_in_threadpool(lambda: blend.stat().st_size)
    if size < manifest.WORTH_IT:
        return None
    told = await run_in_threadpool(lambda: farm.blends.manifest(blend).to_bytes())
    return None if len(told) > manifest.MOST else Response(told, media_type=MEDIA_TYPE)


async def some_pieces(request: Request, farm: Farm, blend: Path) -> Response:
    """Those that a worker asks for."""
    told = await told_in(request, most=_ASKED)
    whole = await run_in_threadpool(farm.blends.manifest, blend)
    if told.get("of") != whole.id:
        raise Refused(409, "the blend is another than the one whose pieces were told")
    try:
        numbers = bundle.in_runs(told.get("pieces"), of=len(whole))
    except ValueError as error:
        raise Refused(400, str(error)) from error
    some = (part for part, _ in bundle.packed(blend, whole, numbers))
    return StreamingResponse(iterate_in_threadpool(some), media_type="application/octet-stream")


def _place_and_id(farm: Farm, request: Request) -> tuple[Path, str]:
    """Raises Refused."""
    job, name, id = (request.path_params[part] for part in ("job", "name", "id"))
    if not _ID.fullmatch(id):
        raise Refused(400, f"{id!r} is no id of a list of pieces")
    return place_of(farm, job, name), id


def _understood(told: bytes, id: str) -> Manifest:
    try:
        return read_manifest(told, id)
    except NoManifest as error:
        raise Refused(400, str(error)) from error


def _announce(farm: Farm, place: Path, announced: Manifest) -> dict[str, Any]:
    check_size(announced.size)
    if not farm.blends.is_begun(place, announced.id):
        place.parent.mkdir(parents=True, exist_ok=True)
        check_room(place.parent, announced.size + farm.keep_free)
    try:
        return {"lacking": bundle.as_runs(farm.blends.announce(place, announced))}
    except OSError as error:
        raise Refused(507, f"{place.name} can't be stored: {error.strerror or error}") from error


async def _take(request: Request, room: Room, whole: Manifest, part: Part) -> None:
    unpacking, come = Unpacking(whole), bytearray()
    try:
        async for chunk in request.stream():
            room.take(len(chunk))
            come += chunk
            if len(come) >= _WRITTEN:
                await run_in_threadpool(part.write, unpacking.feed(bytes(come)))
                come.clear()
        await run_in_threadpool(part.write, unpacking.feed(bytes(come)))
        unpacking.end()
    except ClientDisconnect as error:
        await run_in_threadpool(part.write, unpacking.feed(bytes(come)))
        raise Refused(400, "the connection was lost before all had come") from error
    except NoBundle as error:
        raise Refused(400, str(error)) from error
    except FileNotFoundError as error:
        raise Refused(409, "the blend has come by another way meanwhile") from error
    except OSError as error:
        raise Refused(507, f"the pieces can't be stored: {error.strerror or error}") from error


async def _in_time(work: Callable[[], dict[str, Any]]) -> Response:
    """Its answer as JSON; if that takes long, blanks come before it."""
    working = asyncio.ensure_future(run_in_threadpool(work))
    await asyncio.wait({working}, timeout=_SIGN_OF_LIFE)
    if working.done():
        return JSONResponse(working.result())
    return StreamingResponse(_awaited(working), media_type="application/json")


async def _awaited(working: "asyncio.Future[dict[str, Any]]") -> AsyncIterator[bytes]:
    """It is too late for another status: what went wrong stands in the answer."""
    while not working.done():
        yield b" "
        await asyncio.wait({working}, timeout=_SIGN_OF_LIFE)
    try:
        yield json.dumps(working.result()).encode()
    except Refused as error:
        yield json.dumps({"error": str(error)}).encode()
