# SPDX-License-Identifier: GPL-3.0-or-later
"""Body: what a request says as JSON."""

import json
from typing import Any

from starlette.requests import Request

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
