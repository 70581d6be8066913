# SPDX-License-Identifier: GPL-3.0-or-later
"""Join: a machine that shows a join code is told where RabbitMQ is and gets a token of its own. Codes and tokens are
listed, made and revoked by people."""

import logging
from dataclasses import asdict
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...core.errors import FarmError
from ...core.job import one_line
from ...settings.config import WorkerConfig
from .. import access as credentials
from ..access import JOIN, WORKER, Access
from ..farm import Farm
from ..rabbit_users import RabbitUsers
from .body import told_in
from .reception import Refused

log = logging.getLogger(__name__)

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_NAME = 64  # letters
_BODY = 4096  # bytes


def routes(farm: Farm, access: Access, config: WorkerConfig, users: RabbitUsers | None) -> list[Route]:
    async def join(request: Request) -> Response:
        code = request.path_params["code"]
        if not await run_in_threadpool(lambda: access.joins(farm.database, code)):
            request.state.guesses.check(request.client.host if request.client else "")
            raise Refused(404, "this join code doesn't count (any more): ask for another")
        told = await told_in(request, most=_BODY)
        name, worker = _text(told, "name") or "somebody", _text(told, "id")
        token, amqp_url = await run_in_threadpool(admitted, name, worker)
        log.info("%s has joined", name)
        return JSONResponse(_settings(request, config, token, amqp_url))

    def admitted(name: str, worker: str) -> tuple[str, str]:
        """A token, and RabbitMQ's address for whom it is for."""
        token = credentials.issue(farm.database, WORKER, name, worker)
        if users is None:
            return token, config.amqp_url
        try:
            return token, users.add(token)
        except FarmError as error:
            credentials.revoke(farm.database, WORKER, credentials.id_of(token))
            raise Refused(503, str(error)) from error

    async def codes(request: Request) -> Response:
        return await listed(request, JOIN)

    async def tokens(request: Request) -> Response:
        return await listed(request, WORKER)

    async def listed(request: Request, kind: str) -> Response:
        only_for_people(request)
        found = await run_in_threadpool(lambda: credentials.issued(farm.database, kind))
        return JSONResponse([asdict(one) for one in found])

    async def new_code(request: Request) -> Response:
        only_for_people(request)
        name = _text(await told_in(request, most=_BODY), "name")
        code = await run_in_threadpool(lambda: credentials.issue(farm.database, JOIN, name))
        link = f"{str(request.base_url).rstrip('/')}/join/{code}"
        return JSONResponse({"id": credentials.id_of(code), "join": link}, status_code=201)

    async def revoke_code(request: Request) -> Response:
        return await revoked(request, JOIN, request.path_params["code"], "join code")

    async def revoke_token(request: Request) -> Response:
        return await revoked(request, WORKER, request.path_params["worker"], "machine")

    async def revoked(request: Request, kind: str, which: str, what: str) -> Response:
        only_for_people(request)
        count = await run_in_threadpool(lambda: credentials.revoke(farm.database, kind, which))
        if not count:
            raise Refused(404, f"there is no {what} {which!r}")
        log.info("the access of %s %s was revoked", what, which)
        return JSONResponse({"revoked": count})

    return [
        Route("/join/{code}", join, methods=["POST"]),
        Route("/api/join-codes", codes, methods=["GET"]),
        Route("/api/join-codes", new_code, methods=["POST"]),
        Route("/api/join-codes/{code}", revoke_code, methods=["DELETE"]),
        Route("/api/tokens", tokens, methods=["GET"]),
        Route("/api/workers/{worker}/token", revoke_token, methods=["DELETE"]),
    ]


def only_for_people(request: Request) -> None:
    """Raises Refused."""
    if request.state.caller.worker is not None:
        raise Refused(403, "a machine that has joined may render and send jobs; this takes the farm's key")


def _text(told: dict[str, Any], name: str) -> str:
    """As it may stand in a list; "" if it is not told. Raises Refused."""
    value = told.get(name, "")
    if not isinstance(value, str):
        raise Refused(400, f"{name} should be text")
    return one_line(value, most=_NAME)


def _settings(request: Request, config: WorkerConfig, token: str, amqp_url: str) -> dict[str, Any]:
    """What a worker writes into its config.toml. Addresses follow the one that was asked: there may be a proxy."""
    base = urlsplit(str(request.base_url))
    settings = {"bender_url": f"{base.scheme}://worker:{quote(token, safe='')}@{base.netloc}"}
    if config.is_local:
        return settings
    amqp = urlsplit(amqp_url)
    if amqp.hostname in _LOOPBACK and base.hostname not in _LOOPBACK and base.hostname:
        credentials, at, _ = amqp.netloc.rpartition("@")
        host = f"[{base.hostname}]" if ":" in base.hostname else base.hostname
        amqp = amqp._replace(netloc=f"{credentials}{at}{host}" + (f":{amqp.port}" if amqp.port else ""))
    return settings | {"amqp_url": amqp.geturl()}
