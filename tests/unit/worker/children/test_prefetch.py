# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefetch: how many tasks are held ahead, by how long the last ones took."""

import pytest

from bender_worker_addon.worker.children.prefetch import Prefetch


def after(*seconds: float, children: int = 1) -> Prefetch:
    prefetch = Prefetch(children=children)
    for each in seconds:
        prefetch.add(each)
    return prefetch


def test_before_the_first_task_is_done_one_is_held_just_in_time() -> None:
    prefetch = after()
    assert (prefetch.ahead, prefetch.just_in_time, prefetch.shortest) == (1, True, 0.0)


@pytest.mark.parametrize(
    "seconds, ahead",
    [(0.001, 48), (0.029, 48), (0.03, 16), (0.124, 16), (0.125, 4), (0.499, 4), (0.5, 1), (3600.0, 1)],
)
def test_the_shorter_tasks_are_the_more_are_held(seconds: float, ahead: int) -> None:
    prefetch = after(seconds)
    assert prefetch.ahead == ahead
    assert prefetch.just_in_time == (ahead == 1)


@pytest.mark.parametrize("seconds, ahead, still, no_more", [(0.02, 48, 0.044, 0.046), (0.4, 4, 0.74, 0.76)])
def test_fewer_are_held_only_when_tasks_take_half_as_long_again(
    seconds: float, ahead: int, still: float, no_more: float
) -> None:
    assert after(seconds, still).ahead == ahead
    assert after(seconds, no_more).ahead < ahead
    assert after(no_more, *[still] * 20).ahead < ahead


def test_the_longest_of_the_last_sixteen_counts_for_what_is_held_and_the_shortest_is_told() -> None:
    assert after(2.0, *[0.01] * 15).ahead == 1
    assert after(2.0, *[0.01] * 16).ahead == 48
    assert after(2.0, 0.01, 0.5).shortest == 0.01
    assert after(0.01, *[2.0] * 16).shortest == 2.0


@pytest.mark.parametrize("children, often, seldom", [(2, 4.0, 4.1), (3, 6.0, 6.1)])
def test_several_children_have_one_all_the_while_if_tasks_come_often(
    children: int, often: float, seldom: float
) -> None:
    assert not after(often, children=children).just_in_time
    assert after(seldom, children=children).just_in_time
    assert after(often, children=1).just_in_time
