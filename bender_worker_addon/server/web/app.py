# SPDX-License-Identifier: GPL-3.0-or-later
"""App: all that the farm answers over HTTP, behind one guard."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from ...settings.config import WorkerConfig
from ..access import Access
from ..backstage import Backstage
from ..extension import OwnExtension
from ..farm import Farm
from ..rabbit_users import RabbitUsers
from . import api, backstage, join, luggage, page, repository, wire
from .connections import FileSender
from .guard import Guard
from .lingering import Lingering
from .news import News


def app(
    farm: Farm, access: Access, config: WorkerConfig, back: Backstage, users: RabbitUsers | None = None
) -> Starlette:
    """`users`: those of the farm's own RabbitMQ."""
    return Starlette(
        routes=[
            *luggage.routes(farm),  # before those of tasks: a job may be called `other`, too
            *wire.routes(farm),
            *api.routes(farm, News(farm)),
            *join.routes(farm, access, config, users),
            *page.routes(),
            *repository.routes(OwnExtension(), has_blender=back.is_there),
            *backstage.routes(farm, back),
        ],
        middleware=[Middleware(Lingering), Middleware(FileSender), Middleware(Guard, access=access, farm=farm)],
        exception_handlers={HTTPException: _no_route},
    )


def _no_route(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses, in a sentence."""
    assert isinstance(error, HTTPException)
    words = {404: "there is nothing at", 405: f"{request.method} is not for"}.get(error.status_code, error.detail)
    allowed = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return JSONResponse({"error": f"{words} {request.url.path}"}, status_code=error.status_code, headers=allowed)


def _allowed(request: Request) -> str:
    """The methods of all routes of its path, of which Starlette names the first one's."""
    there = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in there for method in route.methods or ()}))
