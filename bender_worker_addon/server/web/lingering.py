# SPDX-License-Identifier: GPL-3.0-or-later
"""Lingering: who is answered before all was said may say the rest, for a while, and it is thrown away. Where a
connection is closed with something unread, the other side is told that it was reset, and Windows then forgets an answer
that has come; a program that reads only when it has sent everything would never see why it was refused."""

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .connections import connection_of

_MOST = 1 << 30  # bytes
_LONGEST = 30.0  # seconds


class Lingering:
    def __init__(self, app: ASGIApp, *, most: int = _MOST, longest: float = _LONGEST) -> None:
        self._app = app
        self._most = most
        self._longest = longest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = connection_of(scope)
        if connection is None:
            await self._app(scope, receive, send)
            return
        request = connection.cycle
        waits_to_be_asked = False

        async def answer(message: Message) -> None:
            nonlocal waits_to_be_asked
            if message["type"] == "http.response.start":
                waits_to_be_asked = request.waiting_for_100_continue
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if is_last and request.more_body and not waits_to_be_asked:
                await send({**message, "more_body": True})
                await self._hear_out(receive)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app(scope, receive, answer)

    async def _hear_out(self, receive: Receive) -> None:
        left = self._most
        with suppress(TimeoutError):
            async with asyncio.timeout(self._longest):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return
