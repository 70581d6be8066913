# SPDX-License-Identifier: GPL-3.0-or-later
"""Guard: who asks, and whether they may; and that whatever goes wrong is answered in a sentence. Stands before all
routes."""

import base64
import binascii
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...core.errors import FarmError
from ...core.mark import MARK
from ...farm.database import DatabaseTrouble
from ..access import Access
from ..farm import Farm
from .reception import Refused

log = logging.getLogger(__name__)

_OPEN = ("/join/", "/extension/", "/page/")  # need no key: a join code is one, and the rest holds no secret
_THE_PAGE = "/"
_GUESSES = 20  # wrong keys of one address until it has to wait
_WAIT = 60.0  # seconds
_ADDRESSES = 10_000  # of which wrong keys are remembered
_HOST = re.compile(r"([\w.-]{1,255}|\[[0-9a-fA-F:.%]{2,60}\])?(:[0-9]{1,5})?", re.ASCII)  # none at all in HTTP/1.0
_PATH = 1000  # letters
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    MARK: "1",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """`worker`: its name; None for a person."""

    worker: str | None


class Guard:
    def __init__(
        self, app: ASGIApp, *, access: Access, farm: Farm, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._access = access
        self._farm = farm
        self._guesses = Guesses(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = False

        async def answer(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._admit(scope)
            await self._app(scope, receive, answer)
        except Exception as error:
            refusal = _refusal(error, scope)
            if refusal is None:
                log.exception("what nobody foresaw, while %r was answered", scope["path"])
                refusal = JSONResponse({"error": "this went wrong at the farm: its log says why"}, status_code=500)
            if not began:
                await refusal(scope, receive, answer)
            else:
                log.warning("the answer to %r broke off: %s", scope["path"], error)

    async def _admit(self, scope: Scope) -> None:
        """Notes who asks, in `scope["state"]["caller"]`. Raises Refused."""
        connection = HTTPConnection(scope)
        address = connection.client.host if connection.client else ""
        if len(scope["path"]) > _PATH:
            raise Refused(414, f"an address of this farm has {_PATH} letters at most")
        if not _HOST.fullmatch(connection.headers.get("host", "")):
            raise Refused(400, "the request names no host that could be this farm")
        caller = await self._caller(connection)
        if caller is None and not _is_open(scope["path"]):
            if _shows_something(connection):
                self._guesses.check(address)
            raise Refused(401, "this farm wants a key: Authorization: Bearer KEY")
        if caller is not None and scope["method"] not in _SAFE_METHODS and not _is_from_here(connection):
            raise Refused(403, "another page sent this request")
        scope.setdefault("state", {})["caller"] = caller
        scope["state"]["guesses"] = self._guesses

    async def _caller(self, connection: HTTPConnection) -> Caller | None:
        for secret in _secrets(connection):
            if self._access.is_person(secret):
                return Caller(worker=None)
            name = await run_in_threadpool(self._worker_of, secret)
            if name is not None:
                return Caller(worker=name)
        return None

    def _worker_of(self, secret: str) -> str | None:
        return self._access.worker_of(self._farm.database, secret)


class Guesses:
    """Wrong keys by address: who tries too many is told nothing but to wait. A right one counts all the same: keys are
    too long to be guessed, and others behind the same address, as on one machine or behind a proxy, are to be served.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def _wrong_one(self, address: str) -> None:
        count, since = self._wrong.pop(address, (0, self._clock()))
        if self._clock() - since > _WAIT:
            count, since = 0, self._clock()
        self._wrong[address] = count + 1, since
        while len(self._wrong) > _ADDRESSES:
            self._wrong.popitem(last=False)

    def check(self, address: str) -> None:
        """A wrong one came from there. Raises Refused if there were too many."""
        count, since = self._wrong.get(address, (0, 0.0))
        if count >= _GUESSES and (wait := since + _WAIT - self._clock()) > 0:
            raise Refused(429, f"too many wrong keys came from {address}; try again in {wait:.0f} s")
        self._wrong_one(address)


def cookie_of(connection: HTTPConnection) -> str:
    """The name of the cookie that holds a person's key. Browsers give cookies to all ports of a host: two farms on one
    machine are told apart by it."""
    port = connection.headers.get("host", "").rpartition(":")[2]
    return f"bender_farm_{port if port.isascii() and port.isdigit() else ''}"


def _is_open(path: str) -> bool:
    return path == _THE_PAGE or path.startswith(_OPEN)


def _secrets(connection: HTTPConnection) -> list[str]:
    """What is shown: a bearer's key, a password of Basic (with whatever name), a cookie."""
    found = []
    scheme, _, rest = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(rest.strip())
    elif scheme.lower() == "basic":
        try:
            found.append(base64.b64decode(rest, validate=True).decode("utf-8").partition(":")[2])
        except (binascii.Error, UnicodeDecodeError):
            found.append("")
    if cookie := connection.cookies.get(cookie_of(connection)):
        found.append(cookie)
    return found


def _shows_something(connection: HTTPConnection) -> bool:
    return bool(_secrets(connection))


def _is_from_here(connection: HTTPConnection) -> bool:
    """A browser tells which page a request comes from; programs don't, and send no cookie that another could use."""
    origin = connection.headers.get("origin")
    return origin is None or origin.partition("://")[2] == connection.headers.get("host", "")


def _refusal(error: Exception, scope: Scope) -> Response | None:
    match error:
        case Refused():
            headers = {"WWW-Authenticate": _challenge(scope)} if error.status == 401 else {}
            return JSONResponse({"error": str(error)}, status_code=error.status, headers=headers)
        case DatabaseTrouble():
            return JSONResponse({"error": str(error)}, status_code=503, headers={"Retry-After": "5"})
        case FarmError() if isinstance(error.__cause__, OSError):  # its disk has failed, not who asks
            return JSONResponse({"error": str(error)}, status_code=503, headers={"Retry-After": "5"})
        case FarmError():
            return JSONResponse({"error": str(error)}, status_code=409)
        case FileNotFoundError():
            return JSONResponse({"error": "what was asked for has just been deleted"}, status_code=404)
        case OSError():
            words = f"the farm's disk failed: {error.strerror or error}"
            return JSONResponse({"error": words}, status_code=503, headers={"Retry-After": "5"})
        case _:
            return None


def _challenge(scope: Scope) -> str:
    """For Basic a browser asks for a password in a window of its own: right for an address that somebody has typed, but
    over the page, which asks for the key itself, it would stand in the way."""
    wanted = HTTPConnection(scope).headers.get("accept", "*/*").partition(",")[0]
    return 'Basic realm="bender farm"' if wanted in ("*/*", "text/html") else "Bearer"
