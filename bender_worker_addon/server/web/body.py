# SPDX-License-Identifier: GPL-3.0-or-later
"""Body: what a request says as JSON, and what is answered so."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from .reception import Refused

_MOST = 1 << 20  # bytes


async def told_in(request: Request, *, most: int = _MOST) -> dict[str, Any]:
    """Its JSON object; an empty one if it says nothing. Raises Refused."""
    body = await body_of(request, most=most)
    try:
        found = json.loads(body or b"{}", parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the request is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refused(400, "the request should be a JSON object")
    return found


async def body_of(request: Request, *, most: int) -> bytes:
    """All of it. Raises Refused if that is more than `most` bytes."""
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and (len(told) > 12 or int(told) > most):
        raise _too_large(most)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise _too_large(most)
    except ClientDisconnect as error:
        raise Refused(400, "the connection was lost before the request was whole") from error
    return bytes(body)


def answer(content: object) -> Response:
    """As JSON in plain ASCII: there are texts of workers in it, which may hold what can't be written in UTF-8."""
    return Response(json.dumps(content, allow_nan=False), media_type="application/json")


def whole_number(wanted: Mapping[str, str], name: str, usual: int, most: int) -> int:
    """What the query says of it. Raises Refused."""
    text = wanted.get(name, str(usual))
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(most)) or int(text) > most:
        raise Refused(400, f"{name} is a whole number from 0 to {most}")
    return int(text)


def _too_large(most: int) -> Refused:
    return Refused(413, f"a request has {most} bytes at most")


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")
