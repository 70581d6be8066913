# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders: a worker obeys its farm alone, once, and nothing that only looks like an order."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.orders import LOG, ORDERS, Inspector, Order, Unsound, key_of, message

KEY = key_of("token")


def inspector(*, key: str | None = KEY) -> Inspector:
    return Inspector(worker="otto", run="run-1", key=key)


def sent(do: str = "pause", *, worker: str = "otto", run: str = "run-1", number: int = 7, **more: Any) -> bytes:
    return message(Order(do), worker=worker, run=run, number=number, keys=more.get("keys", [key_of("old"), KEY]))


@pytest.mark.parametrize("do", [*ORDERS, LOG])
def test_what_the_farm_has_signed_is_an_order(do: str) -> None:
    order = Order(do, by="me", job="job-1", task="t1")
    body = message(order, worker="otto", run="run-1", number=1, keys=[KEY])
    assert inspector().order(body) == order


def test_what_comes_again_or_late_is_none(body: bytes = sent()) -> None:
    strict = inspector()
    strict.order(body)
    for again in (body, sent(number=7), sent(number=6)):
        with pytest.raises(Unsound, match="earlier time"):
            strict.order(again)
    assert strict.order(sent("resume", number=8)).do == "resume"


@pytest.mark.parametrize(
    "body",
    [
        sent(keys=[]),
        sent(keys=[key_of("another machine's")]),
        sent(keys=["token"]),
        sent(worker="emma"),
        sent(run="run-0"),
        sent(run=""),
        sent(do="explode"),
        json.dumps({**json.loads(sent()), "do": "stop-now"}).encode(),
        json.dumps({**json.loads(sent()), "number": 8}).encode(),
        json.dumps({**json.loads(sent()), "number": "8"}).encode(),
        json.dumps({**json.loads(sent()), "number": True}).encode(),
        json.dumps({**json.loads(sent()), "signatures": {"a": 1}}).encode(),
        json.dumps({**json.loads(sent()), "signatures": [None, 7, "\u00e4", "x" * 64]}).encode(),
        json.dumps({**json.loads(sent()), "by": "\x1b[31m"}).encode(),
        json.dumps({**json.loads(sent()), "by": "x" * 65}).encode(),
        json.dumps({**json.loads(sent()), "task": None}).encode(),
        b"",
        b"[]",
        b"{",
        b"[" * 5000,
        b"null",
        b" " * 8193,
        b"\xff\xfe",
    ],
)
def test_what_is_forged_or_garbage_is_none_and_takes_nothing_from_the_next(body: bytes) -> None:
    strict = inspector()
    with pytest.raises(Unsound):
        strict.order(body)
    assert strict.order(sent()).do == "pause"


@given(
    st.binary(max_size=300) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    with pytest.raises(Unsound):
        inspector(key=None).order(body)


def test_a_worker_without_a_token_obeys_what_is_not_signed_but_for_this_run_of_it() -> None:
    lenient = inspector(key=None)
    with pytest.raises(Unsound):
        lenient.order(sent(keys=[], run="run-0"))
    assert lenient.order(sent(keys=[])).do == "pause"
