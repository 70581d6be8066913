# SPDX-License-Identifier: GPL-3.0-or-later
"""App: all that the farm answers over HTTP, behind one guard."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from ...settings.config import WorkerConfig
from ..access import Access
from ..farm import Farm
from . import api, join, wire
from .guard import Guard
from .news import News


def app(farm: Farm, access: Access, config: WorkerConfig) -> Starlette:
    return Starlette(
        routes=[*wire.routes(farm), *api.routes(farm, News(farm)), *join.routes(farm, access, config)],
        middleware=[Middleware(Guard, access=access, farm=farm)],
    )
