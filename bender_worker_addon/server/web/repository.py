# SPDX-License-Identifier: GPL-3.0-or-later
"""Repository: the add-on for machines that are to join, as Blender's extensions are listed and fetched. Needs no key:
it is free software, and who installs it has none yet."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..extension import Extension, OwnExtension
from .reception import Refused


def routes(own: OwnExtension, *, has_blender: bool) -> list[Route]:
    async def listed(_request: Request) -> Response:
        return JSONResponse((await extension()).listed)

    async def about(_request: Request) -> Response:
        found = await run_in_threadpool(own.get)
        version, name = (None, None) if found is None else (found.entry["version"], found.name)
        return JSONResponse({"version": version, "extension": name, "blender": has_blender})

    async def archive(request: Request) -> Response:
        found = await extension()
        if request.path_params["name"] != found.name:
            raise Refused(404, f"the farm has {found.name}, not {request.path_params['name']}")
        return Response(found.archive, media_type="application/zip")

    async def extension() -> Extension:
        found = await run_in_threadpool(own.get)
        if found is None:
            raise Refused(404, "this server runs from a checkout of the source and has no extension to give")
        return found

    return [
        Route("/api/about", about, methods=["GET"]),
        Route("/extension/index.json", listed, methods=["GET"]),
        Route("/extension/{name}", archive, methods=["GET"]),
    ]
