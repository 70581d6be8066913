# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders: what a farm's server may ask of a worker, as a message holds it, and how the worker knows who asks.

A message is a JSON object: `do` and what belongs to it, `by` (who asks, for people), `run` (of the worker, which tells
it in each hello), `number` (rises with each order) and `signatures`. Each of those is an HMAC-SHA256, in hex, of all
the rest, as `_signed` writes it, by the SHA-256 of a token that the worker has of its farm: the server keeps that and
not the token, other machines of the farm have neither. So an order can be made by the farm alone, and counts once.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass

PAUSE, RESUME, STOP, STOP_NOW, LOG = "pause", "resume", "stop", "stop-now", "log"
ORDERS = (PAUSE, RESUME, STOP, STOP_NOW)  # that people may give
LIVES = 30.0  # seconds after which an order that was not carried out counts no more

_LONGEST = 8192  # bytes of a message
_WORDS = 64  # letters of a name
_DOES = frozenset({*ORDERS, LOG})


@dataclass(frozen=True, slots=True)
class Order:
    """`do`: one of ORDERS, or LOG: tell the log of this task of this job."""

    do: str
    by: str = ""
    job: str = ""
    task: str = ""


class Unsound(ValueError):
    """A message that is no order, or none for this worker. Says why."""


def key_of(token: str) -> str:
    """By which orders for whoever has that token are signed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def message(order: Order, *, worker: str, run: str, number: int, keys: Iterable[str]) -> bytes:
    """The order as it is sent."""
    signed = _signed(order, worker, run, number)
    told = {"do": order.do, "by": order.by, "job": order.job, "task": order.task, "run": run, "number": number}
    return json.dumps({**told, "signatures": [_signature(key, signed) for key in keys]}).encode()


class Inspector:
    """Of a worker: tells which messages are orders of its farm. `key`: None if it has no token, because its farm has no
    server that would give one; then an order need not be signed."""

    def __init__(self, *, worker: str, run: str, key: str | None) -> None:
        self._worker = worker
        self._run = run
        self._key = key
        self._last = 0

    def order(self, body: bytes) -> Order:
        """The order in a message. Raises Unsound."""
        order, run, number, signatures = _understood(body)
        if run != self._run or number <= self._last:
            raise Unsound("it was for an earlier time")
        if self._key is not None:
            wanted = _signature(self._key, _signed(order, self._worker, run, number))
            if not any(hmac.compare_digest(wanted, one) for one in signatures):
                raise Unsound("it is not the farm's")
        self._last = number
        return order


def _understood(body: bytes) -> tuple[Order, str, int, list[str]]:
    if len(body) > _LONGEST:
        raise Unsound("it is too long")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unsound("it is no JSON") from error
    if not isinstance(told, dict) or told.get("do") not in _DOES:
        raise Unsound("it asks for nothing that is known")
    texts = [told.get(name) for name in ("by", "job", "task", "run")]
    number, signatures = told.get("number"), told.get("signatures")
    if not all(isinstance(text, str) and text.isprintable() and len(text) <= _WORDS for text in texts):
        raise Unsound("it is badly told")
    if type(number) is not int or not isinstance(signatures, list):
        raise Unsound("it is badly told")
    by, job, task, run = map(str, texts)
    ascii_only = [one for one in signatures if isinstance(one, str) and one.isascii()]
    return Order(told["do"], by, job, task), run, number, ascii_only


def _signed(order: Order, worker: str, run: str, number: int) -> bytes:
    return json.dumps([worker, run, number, order.do, order.by, order.job, order.task]).encode()


def _signature(key: str, signed: bytes) -> str:
    return hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
