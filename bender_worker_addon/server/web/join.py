# SPDX-License-Identifier: GPL-3.0-or-later
"""Join: a machine that shows a join code is told where RabbitMQ is and gets a token of its own."""

import json
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...settings.config import WorkerConfig
from .. import access as credentials
from ..access import Access
from ..farm import Farm
from .reception import Refused

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_NAME = 64


def routes(farm: Farm, access: Access, config: WorkerConfig) -> list[Route]:
    async def join(request: Request) -> Response:
        code = request.path_params["code"]
        if not await run_in_threadpool(lambda: access.joins(farm.database, code)):
            request.state.guesses.wrong(request.client.host if request.client else "")
            raise Refused(404, "this join code doesn't count (any more): ask for another")
        name = await _name(request)
        token = await run_in_threadpool(lambda: credentials.issue(farm.database, credentials.WORKER, name))
        return JSONResponse(_settings(request, config, token))

    return [Route("/join/{code}", join, methods=["POST"])]


async def _name(request: Request) -> str:
    try:
        told = json.loads((await request.body())[:1024] or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the request is not JSON") from error
    name = told.get("name") if isinstance(told, dict) else None
    return name[:_NAME] if isinstance(name, str) else "somebody"


def _settings(request: Request, config: WorkerConfig, token: str) -> dict[str, Any]:
    """What a worker writes into its config.toml. Addresses follow the one that was asked: there may be a proxy."""
    base = urlsplit(str(request.base_url))
    settings = {"bender_url": f"{base.scheme}://worker:{quote(token, safe='')}@{base.netloc}", "upload": "move"}
    if config.is_local:
        return settings
    amqp = urlsplit(config.amqp_url)
    if amqp.hostname in _LOOPBACK and base.hostname not in _LOOPBACK and base.hostname:
        credentials, at, _ = amqp.netloc.rpartition("@")
        host = f"[{base.hostname}]" if ":" in base.hostname else base.hostname
        amqp = amqp._replace(netloc=f"{credentials}{at}{host}" + (f":{amqp.port}" if amqp.port else ""))
    return settings | {"amqp_url": amqp.geturl()}
