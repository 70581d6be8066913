# SPDX-License-Identifier: GPL-3.0-or-later
"""Backoff: how long to wait before the next attempt to connect."""

import random

import pytest

from bender_worker_addon.queues.rabbitmq.backoff import FIRST, JITTER, LAST, STABLE, Backoff


@pytest.fixture
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bender_worker_addon.queues.rabbitmq.backoff.JITTER", 0.0)


@pytest.mark.usefixtures("_no_jitter")
def test_it_doubles_with_each_failure_up_to_half_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.after(0.1) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.usefixtures("_no_jitter")
def test_after_a_good_session_it_begins_anew_and_after_a_short_one_it_does_not() -> None:
    backoff = Backoff()
    lasted = [0, 0, 0, STABLE, STABLE + 0.1, 0, 0]
    assert [backoff.after(seconds) for seconds in lasted] == [1, 2, 4, 8, 1, 2, 4]


def test_workers_do_not_come_back_at_once() -> None:
    random.seed(13)
    waits = [Backoff().after(0) for _ in range(1000)]
    assert FIRST * (1 - JITTER) <= min(waits) < FIRST * (1 - 0.9 * JITTER)
    assert FIRST * (1 + 0.9 * JITTER) < max(waits) <= FIRST * (1 + JITTER)
    assert JITTER == 0.2


def test_the_longest_wait_has_its_jitter_too() -> None:
    backoff = Backoff()
    waits = [backoff.after(0) for _ in range(100)][5:]
    assert all(LAST * (1 - JITTER) <= wait <= LAST * (1 + JITTER) for wait in waits)
    assert len(set(waits)) > 1
