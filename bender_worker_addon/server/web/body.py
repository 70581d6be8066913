# SPDX-License-Identifier: GPL-3.0-or-later
"""Body: what a request says as JSON, and what is answered so."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .reception import Refused

_BODY = 1 << 20  # bytes of JSON


async def told_in(request: Request) -> dict[str, Any]:
    """Its JSON object; an empty one if it says nothing. Raises Refused."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY:
            raise Refused(413, f"a request has {_BODY >> 20} MB at most")
    try:
        told = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the request is not JSON: {error}") from error
    if not isinstance(told, dict):
        raise Refused(400, "the request should be a JSON object")
    return told


def answer(content: object) -> Response:
    """As JSON in plain ASCII: there are texts of workers in it, which may hold what can't be written in UTF-8."""
    return Response(json.dumps(content, allow_nan=False), media_type="application/json")
