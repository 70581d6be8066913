# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: those of a job that is about to be sent, and the frames that have come of it."""

import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, cast

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ...core.frame import FORMATS, frame_name, is_frame_name
from ...core.luggage import fits_everywhere
from ...core.names import SAFE_ID
from ...core.other_files import is_safe
from ..farm import Farm, Picture
from .body import whole_number
from .jobs import AT_JOB, known
from .reception import Refused, take_file

_DIGITS = 6  # of a frame's number
_LARGEST = 1 << 40  # bytes


def routes(farm: Farm) -> list[Route]:
    """Under a job's."""

    async def file(request: Request) -> Response:
        place = place_of(farm, request.path_params["job"], request.path_params["name"])
        await run_in_threadpool(farm.blends.comes_whole, place)
        await take_file(request, place, keep_free=farm.keep_free, wants_hash=False)
        return JSONResponse({}, status_code=201)

    async def frame(request: Request) -> Response:
        path = await run_in_threadpool(_frame, farm, request.path_params["job"], request.path_params["number"])
        return FileResponse(path, filename=path.name)

    async def frames(request: Request) -> Response:
        folder = await run_in_threadpool(_folder, farm, request.path_params["job"])
        name = f"{request.path_params['job']}.zip"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_zipped(folder), media_type="application/zip", headers=headers)

    async def frame_files(request: Request) -> Response:
        chosen = request.path_params["job"]
        found = await run_in_threadpool(farm.ask, lambda site: site.frames(known(site, chosen).id))
        return JSONResponse([asdict(file) for file in found])

    async def preview(request: Request) -> Response:
        found = await run_in_threadpool(_looked_up, farm, farm.preview, **request.path_params)
        if found is None:
            raise Refused(404, "there is no preview of this frame (yet)")
        return _shown(request, found)

    async def picture(request: Request) -> Response:
        most = whole_number(request.query_params, "most", _LARGEST, _LARGEST)
        found = await run_in_threadpool(_looked_up, farm, farm.picture, **request.path_params)
        if found is None or found.size > most:
            return Response(status_code=204)  # no error: of a 404 a browser complains in its console
        return _shown(request, found)

    async def tiles(request: Request) -> Response:
        job, number = request.path_params["job"], request.path_params["number"]
        await run_in_threadpool(_folder, farm, job)
        if not _is_a_frame_s(number):
            raise Refused(404, f"{number[:20]!r} is no frame's number")
        return JSONResponse([asdict(part) for part in await run_in_threadpool(farm.tiles_of, job, int(number))])

    async def tile(request: Request) -> Response:
        job, task = request.path_params["job"], request.path_params["task"]
        if not await run_in_threadpool(farm.is_tile, job, task):
            raise Refused(404, f"job {job} has no tile of a task {task}")
        found = await run_in_threadpool(farm.preview_of_tile, job, task)
        return Response(status_code=204) if found is None else _shown(request, found)

    async def other_files(request: Request) -> Response:
        chosen = request.path_params["job"]
        found = await run_in_threadpool(farm.ask, lambda site: site.others(known(site, chosen).id))
        return JSONResponse([asdict(file) for file in found])

    async def other(request: Request) -> Response:
        path = await run_in_threadpool(_other, farm, request.path_params["job"], request.path_params["name"])
        return FileResponse(path, filename=path.name)

    return [
        Route(f"{AT_JOB}/files/{{name}}", file, methods=["PUT"]),
        Route(f"{AT_JOB}/frames", frame_files, methods=["GET"]),
        Route(f"{AT_JOB}/frames/{{number}}", frame, methods=["GET"]),
        Route(f"{AT_JOB}/previews/{{number}}", preview, methods=["GET"]),
        Route(f"{AT_JOB}/pictures/{{number}}", picture, methods=["GET"]),
        Route(f"{AT_JOB}/frames/{{number}}/tiles", tiles, methods=["GET"]),
        Route(f"{AT_JOB}/tiles/{{task}}", tile, methods=["GET"]),
        Route(f"{AT_JOB}/others", other_files, methods=["GET"]),
        Route(f"{AT_JOB}/others/{{name:path}}", other, methods=["GET"]),
        Route(f"{AT_JOB}/frames.zip", frames, methods=["GET"]),
    ]


def place_of(farm: Farm, job: str, name: str) -> Path:
    """Where a file of a job goes that is about to be sent. Raises Refused."""
    if not SAFE_ID.fullmatch(job) or not fits_everywhere(name):
        raise Refused(400, f"{name!r} can't be the name of a job's file")
    return farm.room_for(job) / name


def _folder(farm: Farm, job: str) -> Path:
    """The folder of a job's frames. Raises Refused if there is no such job."""
    folder = farm.frames_of(job)
    if folder is None:
        raise Refused(404, f"there is no job {job}")
    return folder


def _frame(farm: Farm, job: str, number: str) -> Path:
    folder = _folder(farm, job)
    is_one = _is_a_frame_s(number)
    names = [frame_name(int(number), image_format) for image_format in FORMATS] if is_one else []
    found = next((folder / name for name in names if _is_a_picture(folder / name)), None)
    if found is None:
        raise Refused(404, f"frame {number} of job {job} is not here (yet)")
    return found


def _is_a_frame_s(number: str) -> bool:
    return number.isascii() and number.isdecimal() and len(number) <= _DIGITS


def _looked_up(farm: Farm, what: Callable[[str, int], Picture | None], job: str, number: str) -> Picture | None:
    """Raises Refused if there is no such job, or can be no such frame."""
    _folder(farm, job)
    if not _is_a_frame_s(number):
        raise Refused(404, f"{number[:20]!r} is no frame's number")
    return what(job, int(number))


def _shown(request: Request, picture: Picture) -> Response:
    headers = {"Cache-Control": "private, no-cache", "ETag": f'"{picture.version}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return FileResponse(picture.path, media_type=picture.media_type, headers=headers)


def _other(farm: Farm, job: str, name: str) -> Path:
    path = _folder(farm, job).joinpath(*name.split("/"))
    if not is_safe(name) or not _is_a_picture(path):
        raise Refused(404, f"{name} of job {job} is not here (yet)")
    return path


async def _zipped(folder: Path) -> AsyncIterator[bytes]:
    """All frames in the folder, and what was written with them, as a zip that is made while it is sent. Not compressed:
    pictures are already."""
    async for piece in iterate_in_threadpool(_zip(folder)):
        yield piece


def _zip(folder: Path) -> Iterator[bytes]:
    made = _Pieces()
    with zipfile.ZipFile(cast("IO[bytes]", made), "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for path in _pictures_in(folder):
            info = zipfile.ZipInfo.from_file(path, path.relative_to(folder).as_posix(), strict_timestamps=False)
            with path.open("rb") as file, archive.open(info, "w") as entry:
                while piece := file.read(1 << 20):
                    entry.write(piece)
                    yield made.taken()
    yield made.taken()


def _pictures_in(folder: Path) -> list[Path]:
    """The frames of a job and what was written with them, and nothing else that somebody may have put there."""
    files = sorted(folder.rglob("*")) if folder.is_dir() else []
    names = [path.relative_to(folder).as_posix() for path in files]
    return [
        path
        for path, name in zip(files, names, strict=True)
        if (is_frame_name(name) or is_safe(name)) and _is_a_picture(path)
    ]


def _is_a_picture(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


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
