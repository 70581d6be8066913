# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to end are heard, whichever a system has for them, and only while somebody listens."""

import signal

import pytest

from bender_worker_addon.system.ending import SIGNALS, when_asked_to_end
from bender_worker_addon.system.platform import WINDOWS


@pytest.mark.parametrize("number", SIGNALS)
def test_each_is_heard_as_often_as_it_comes_and_then_is_what_it_was(number: signal.Signals) -> None:
    before, asked = signal.getsignal(number), list[int]()
    with when_asked_to_end(lambda: asked.append(number)):
        signal.raise_signal(number)
        signal.raise_signal(number)
    assert asked == [number, number]
    assert signal.getsignal(number) == before


def test_on_windows_ctrl_break_is_one() -> None:
    assert ("SIGBREAK" in {number.name for number in SIGNALS}) == WINDOWS
