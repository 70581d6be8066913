# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers: what is known of them by what they say, and by their silence. What they say need not make sense."""

import json
import time
from typing import Any

import pytest

from bender_worker_addon.farm import bookkeeping, workers
from tests.unit.local_site import Site


def says(site: Site, **told: Any) -> None:
    hears(site, json.dumps(told).encode())


def hears(site: Site, body: bytes) -> None:
    with site.database.changing() as connection:
        bookkeeping.enter(connection, "hello.otto", body)


def otto(site: Site) -> workers.Worker:
    with site.database.looking() as connection:
        found = workers.worker(connection, "otto")
    assert found is not None
    return found


def silent_for(site: Site, seconds: float) -> str:
    with site.database.changing() as connection:
        connection.execute("UPDATE worker SET seen = ?", (time.time() - seconds,))
    return otto(site).presence


@pytest.mark.parametrize(
    "beat, limit", [(10, 35), (60, 185), (None, 185), ("often", 185), (-5, 8), (1e300, 3 * 3600 + 5), (True, 8)]
)
def test_after_three_heartbeats_it_counts_as_silent(site: Site, beat: Any, limit: float) -> None:
    says(site, state="Rendering", beat=beat)
    assert silent_for(site, limit - 2) == workers.HERE
    assert silent_for(site, limit + 2) == workers.SILENT


def test_after_a_day_it_is_away_and_after_thirty_it_is_forgotten(site: Site) -> None:
    says(site, state="Rendering")
    day = 24 * 3600
    assert silent_for(site, day - 60) == workers.SILENT
    assert silent_for(site, day + 60) == workers.AWAY
    for days, known in ((29.9, True), (30.1, False)):
        silent_for(site, days * day)
        with site.database.changing() as connection:
            workers.forget_silent(connection)
            assert (workers.worker(connection, "otto") is not None) == known


def test_one_that_has_said_goodbye_is_stopped_and_a_clock_that_was_set_back_silences_nobody(site: Site) -> None:
    says(site, state="Stopped")
    assert otto(site).presence == workers.STOPPED
    says(site, state="Waiting")
    assert otto(site).presence == workers.HERE
    assert silent_for(site, -9999) == workers.HERE


@pytest.mark.parametrize(
    "body",
    [
        b"[1]",
        b"{",
        b"[" * 9000,
        b'{"memory": NaN}',
        b'{"memory": 1e999}',
        b'{"a": "' + b"x" * 17_000 + b'"}',
        b"7",
        b"",
    ],
)
def test_a_hello_that_makes_no_sense_is_a_sign_of_life(site: Site, body: bytes) -> None:
    says(site, state="Rendering")
    silent_for(site, 9999)
    hears(site, body)
    assert (otto(site).presence, dict(otto(site).hello)) == (workers.HERE, {"state": "Rendering"})


def test_words_of_any_kind_are_kept_and_told(site: Site) -> None:
    hears(site, b'{"state": ["x"], "detail": {"a": 1}, "name": "\\ud800"}')
    assert otto(site).hello["state"] == ["x"]
    says(site, state="Paused", detail=7)
    with site.database.looking() as connection:
        assert [event.words for event in workers.events(connection, "otto")] == ["Paused"]


def test_only_what_somebody_should_know_is_an_event(site: Site) -> None:
    for state, detail in (
        ("Waiting", ""),
        ("Rendering", ""),
        ("Waiting", ""),
        ("Problem", "the disk is full"),
        ("Problem", "the disk is full"),
        ("Rendering", ""),
        ("Stopped", ""),
    ):
        says(site, state=state, detail=detail)
    with site.database.looking() as connection:
        told = [(event.what, event.words) for event in workers.events(connection, "otto")]
    assert told == [("state", "Stopped"), ("state", "Rendering"), ("state", "Problem: the disk is full")]


@pytest.mark.parametrize("sender", ["", "a" * 65, "a b", "\x1b[31m", "\u00e4", "a/../b", "x\n"])
def test_who_has_no_name_of_a_worker_is_none(site: Site, sender: str) -> None:
    with site.database.changing() as connection:
        bookkeeping.enter(connection, f"hello.{sender}", b"{}")
        assert workers.workers(connection) == []
