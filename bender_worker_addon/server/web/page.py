# SPDX-License-Identifier: GPL-3.0-or-later
"""Page: the farm for people, in a browser: static files, and the cookie that a browser gets for the key."""

import gzip
import hashlib
from dataclasses import dataclass
from importlib import resources

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .guard import cookie_of
from .reception import Refused

_KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_REMEMBERED = 400 * 24 * 3600  # seconds; browsers keep no cookie for longer


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    packed: bytes
    kind: str
    tag: str


def routes() -> list[Route]:
    """`/` and `/page/…`, which hold nothing secret, and `/api/session`: whoever shows the key there may come back
    without it."""
    files = _files()

    async def page(request: Request) -> Response:
        return _answer(request, files["index.html"])

    async def file(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        if found is None:
            raise Refused(404, f"there is nothing at {request.url.path}")
        return _answer(request, found)

    async def session(_request: Request) -> Response:
        return JSONResponse({})

    async def come_in(request: Request) -> Response:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or request.state.caller.worker is not None:
            raise Refused(403, "the page is for people: Authorization: Bearer KEY")
        answer = JSONResponse({})
        answer.set_cookie(
            cookie_of(request),
            key.strip(),
            max_age=_REMEMBERED,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    async def go(request: Request) -> Response:
        answer = JSONResponse({})
        answer.delete_cookie(cookie_of(request), httponly=True, samesite="strict")
        return answer

    return [
        Route("/", page, methods=["GET"]),
        Route("/page/{name}", file, methods=["GET"]),
        Route("/api/session", session, methods=["GET"]),
        Route("/api/session", come_in, methods=["PUT"]),
        Route("/api/session", go, methods=["DELETE"]),
    ]


def _files() -> dict[str, _File]:
    """All of the page by their names: they may be in a zip, and are few and small."""
    folder = resources.files(__package__ or "").joinpath("page")
    found = {}
    for entry in folder.iterdir():
        content, extension = entry.read_bytes(), entry.name.rpartition(".")[2]
        packed = gzip.compress(content, mtime=0)
        found[entry.name] = _File(content, packed, _KINDS[extension], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return found


def _answer(request: Request, file: _File) -> Response:
    headers = {"ETag": file.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, media_type=file.kind, headers={**headers, "Content-Encoding": "gzip"})
    return Response(file.content, media_type=file.kind, headers=headers)
