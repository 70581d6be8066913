# SPDX-License-Identifier: GPL-3.0-or-later
"""Retry: how often, where, after how long."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core import retry
from bender_worker_addon.core.errors import Remedy
from bender_worker_addon.core.retry import Retry, goes_elsewhere

LATEST = Retry(tries=4, first=0.5, longest=60.0, chance=lambda: 1.0)
SOONEST = Retry(tries=4, first=0.5, longest=60.0, chance=lambda: 0.0)
RULES = {"downloads": retry.DOWNLOADS, "resumes": retry.RESUMES, "uploads": retry.UPLOADS, "renders": retry.RENDERS}


def test_waits_double_up_to_the_longest() -> None:
    waits = [LATEST.again_in(Remedy.WAIT, failures) for failures in range(1, 10)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_chance_takes_up_to_half_of_a_wait() -> None:
    assert [SOONEST.again_in(Remedy.WAIT, failures) for failures in (1, 2, 8)] == [0.25, 0.5, 30]


def test_the_workers_of_a_farm_do_not_all_come_back_at_once() -> None:
    workers = [Retry(tries=4, first=0.5, longest=60.0, chance=random.Random(number).random) for number in range(50)]
    assert len({round(worker.again_in(Remedy.WAIT, 9) or 0, 1) for worker in workers}) > 40


@pytest.mark.parametrize("rule", RULES)
def test_what_must_be_waited_for_is_tried_for_ever(rule: str) -> None:
    assert all(RULES[rule].again_in(Remedy.WAIT, failures) is not None for failures in (1, 10, 10_000, 10**9))


@pytest.mark.parametrize(("rule", "tries"), [("downloads", 4), ("uploads", 4), ("renders", 2), ("resumes", 4)])
def test_what_may_go_well_in_a_moment_is_tried_a_few_times(rule: str, tries: int) -> None:
    again = [RULES[rule].again_in(Remedy.RETRY, failures) is not None for failures in range(1, 7)]
    assert again == [failures < tries for failures in range(1, 7)]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("remedy", [Remedy.NONE, Remedy.ELSEWHERE])
def test_what_cannot_be_helped_here_is_not_tried_again_here(rule: str, remedy: Remedy) -> None:
    assert RULES[rule].again_in(remedy, 1) is None


def test_a_fresh_blender_has_the_next_try_at_once() -> None:
    assert retry.RENDERS.again_in(Remedy.RETRY, 1) == 0


def test_a_server_that_says_when_is_not_asked_sooner_nor_by_all_at_once() -> None:
    assert SOONEST.again_in(Remedy.WAIT, 1, retry_after=120) == 120
    assert LATEST.again_in(Remedy.WAIT, 1, retry_after=120) == 150
    assert LATEST.again_in(Remedy.WAIT, 9, retry_after=1) == 60


@given(st.sampled_from(Remedy), st.integers(0, 10**6), st.floats(0, float("inf")), st.floats(0, 1))
def test_no_wait_is_longer_than_a_quarter_of_an_hour(
    remedy: Remedy, failures: int, retry_after: float, chance: float
) -> None:
    for rule in RULES.values():
        bounded = Retry(tries=rule.tries, first=rule.first, longest=rule.longest, chance=lambda: chance)
        wait = bounded.again_in(remedy, failures, retry_after=retry_after)
        assert wait is None or 0 <= wait <= 900


def test_only_what_nothing_can_help_stays_from_other_workers() -> None:
    assert [remedy for remedy in Remedy if not goes_elsewhere(remedy)] == [Remedy.NONE]
