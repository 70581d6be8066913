# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends: one download a job, tried again where that helps, kept while it is needed, never deleted on a guess."""

import os
import sched
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from bender_worker_addon.core.errors import BlendError, FolderInUse
from bender_worker_addon.core.transfers import BlendFailed, BlendReady, JobStatus, unfinished
from bender_worker_addon.system.executor import Executor
from bender_worker_addon.worker.blends.cache import BlendCache
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
from bender_worker_addon.worker.state.journal import Journal
from tests.unit.support import blend, event_from
from tools.servers import blend_server
from tools.servers.blend_server import BlendServer


class Store:
    """Blends with its executor, its schedule and a real HTTP server."""

    def __init__(self, folder: Path, server: BlendServer) -> None:
        self.server = server
        self.folder = folder
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.schedule = sched.scheduler(time.monotonic)
        self.executor = Executor("transfer", inbox=self.inbox)
        self.journal = Journal(folder.with_name("journal.sqlite"))
        folder.mkdir()
        self.blends = self.opened(grace_period=0.0, cache_limit=1.0)

    def open(self, *, grace_period: float = 0.0, cache_limit: float = 1.0) -> BlendCache:
        """Those of the worker's next run."""
        self.blends.close()
        self.blends = self.opened(grace_period=grace_period, cache_limit=cache_limit)
        return self.blends

    def opened(self, *, grace_period: float, cache_limit: float) -> BlendCache:
        return BlendCache(
            self.folder,
            source=Flaskbender(self.server.url),
            journal=self.journal,
            transfers=self.executor,
            questions=self.executor,
            schedule=self.schedule,
            grace_period=grace_period,
            cache_limit=cache_limit,
        )

    def have(self, job: str) -> None:
        self.server.add(job, blend())
        self.blends.fetch(job)
        self.blends.arrived(event_from(self.inbox, BlendReady))

    def downloads(self, job: str) -> int:
        return self.server.requests[f"/job/worker/blend/{job}"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with BlendServer() as server:
        made = Store(tmp_path / "blends", server)
        yield made
        made.executor.close(timeout=10)
        made.blends.close()
        made.journal.close()


def test_a_blend_is_here_when_it_has_come_and_not_before(store: Store) -> None:
    assert not store.blends.has("job")
    store.have("job")
    assert store.blends.has("job")
    assert store.blends.path("job").read_bytes() == blend()


def test_many_who_wait_share_one_download(store: Store) -> None:
    store.server.add("job", blend())
    for _ in range(5):
        store.blends.fetch("job")
    store.blends.arrived(event_from(store.inbox, BlendReady))
    assert store.downloads("job") == 1


def test_a_blend_is_found_again_after_a_restart(store: Store) -> None:
    store.have("job")
    assert store.open().has("job")


def test_half_a_download_of_a_killed_worker_is_cleared_away_and_nothing_else(store: Store) -> None:
    left = unfinished(store.blends.path("job"))
    others = store.folder / "job.part"
    for file in (left, others):
        file.write_bytes(b"BLENDER")
    assert not store.open().has("job")
    assert not left.exists()
    assert others.exists()


def test_a_blend_that_somebody_deleted_is_not_here(store: Store) -> None:
    store.have("job")
    store.blends.path("job").unlink()
    assert not store.blends.has("job")


@pytest.mark.usefixtures("quick_retries")
def test_a_server_that_recovers_is_asked_again(store: Store) -> None:
    store.server.add("job", blend(), behaviour=blend_server.failing(3))
    store.blends.fetch("job")
    for _ in range(3):
        assert store.blends.failed(event_from(store.inbox, BlendFailed), wanted=True) is None
        store.schedule.run()
    store.blends.arrived(event_from(store.inbox, BlendReady))
    assert store.downloads("job") == 4


@pytest.mark.usefixtures("quick_retries")
def test_a_server_that_does_not_recover_is_asked_four_times(store: Store) -> None:
    store.server.add("job", blend(), behaviour=blend_server.failing())
    store.blends.fetch("job")
    errors: list[BlendError | None] = []
    while not any(errors):
        errors.append(store.blends.failed(event_from(store.inbox, BlendFailed), wanted=True))
        store.schedule.run()
    assert store.downloads("job") == len(errors) == 4


def test_what_cannot_be_bettered_is_asked_for_once_and_may_be_asked_for_anew(store: Store) -> None:
    for _ in range(2):
        store.blends.fetch("job")
        error = store.blends.failed(event_from(store.inbox, BlendFailed), wanted=True)
        assert "404" in str(error)
    assert store.downloads("job") == 2


def test_what_nobody_wants_any_more_is_not_asked_for_again(store: Store) -> None:
    store.server.add("job", blend(), behaviour=blend_server.failing())
    store.blends.fetch("job")
    assert store.blends.failed(event_from(store.inbox, BlendFailed), wanted=False) is not None
    assert store.schedule.empty()


def test_a_server_out_of_reach_is_waited_for_over_a_weekend(store: Store) -> None:
    store.server.add("job", blend())
    store.blends.fetch("job")
    event_from(store.inbox, BlendReady)
    away = BlendFailed("job", BlendError("flaskbender can't be reached", patient=True))
    for _ in range(3000):
        assert store.blends.failed(away, wanted=True) is None
    assert store.blends.trouble
    assert max(event.time for event in store.schedule.queue) <= time.monotonic() + 60


@pytest.mark.parametrize("status", ["Finished", "Canceled"])
def test_a_blend_goes_when_its_job_is_over_for_the_grace_period(store: Store, status: str) -> None:
    store.have("job")
    store.blends.job_is(JobStatus("job", status))
    store.blends.look_after(needed=set())
    assert not store.blends.has("job")
    assert not store.blends.path("job").exists()


@pytest.mark.parametrize("status", ["Running", "Queued", "Errored", None])
def test_a_blend_stays_while_its_job_may_go_on_or_nobody_says(store: Store, status: str | None) -> None:
    store.have("job")
    store.blends.job_is(JobStatus("job", status))
    store.blends.look_after(needed=set())
    assert store.blends.has("job")


def test_a_blend_stays_through_the_grace_period(store: Store) -> None:
    store.have("job")
    blends = store.open(grace_period=3600)
    blends.job_is(JobStatus("job", "Finished"))
    blends.look_after(needed=set())
    assert blends.has("job")


def test_a_blend_stays_while_a_task_here_needs_it(store: Store) -> None:
    store.have("job")
    store.blends.job_is(JobStatus("job", "Finished"))
    store.blends.look_after(needed={"job"})
    assert store.blends.has("job")


def test_a_job_that_goes_on_after_all_keeps_its_blend(store: Store) -> None:
    store.have("job")
    store.blends.job_is(JobStatus("job", "Finished"))
    store.blends.job_is(JobStatus("job", "Running"))
    store.blends.look_after(needed=set())
    assert store.blends.has("job")


def test_an_answer_that_did_not_come_changes_nothing(store: Store) -> None:
    store.have("job")
    store.blends.job_is(JobStatus("job", "Finished"))
    store.blends.job_is(JobStatus("job", None))
    store.blends.look_after(needed=set())
    assert not store.blends.has("job")


def test_flaskbender_is_asked_after_jobs_that_nothing_is_known_of(store: Store) -> None:
    store.have("job")
    store.server.set_status("job", "Canceled")
    store.blends.look_after(needed=set())
    assert event_from(store.inbox, JobStatus) == JobStatus("job", "Canceled")


def test_flaskbender_is_asked_after_a_job_in_hand_before_its_blend_is_here_and_again_and_again(store: Store) -> None:
    store.server.add("job", blend(), status="Canceled")
    store.blends.ask_about("job")
    store.blends.job_is(event_from(store.inbox, JobStatus))
    assert store.blends.is_canceled("job")
    store.blends.ask_about("job")
    store.server.set_status("job", "Running")
    store.blends.look_after(needed={"job"})
    store.blends.job_is(event_from(store.inbox, JobStatus))
    assert not store.blends.is_canceled("job")
    assert store.server.requests["/job/worker/status/job"] == 2


def test_what_is_known_of_a_job_is_forgotten_with_the_last_that_is_here_of_it(store: Store) -> None:
    store.blends.job_is(JobStatus("job", "Canceled"))
    store.blends.look_after(needed={"job"})
    assert store.blends.is_canceled("job")
    store.blends.look_after(needed=set())
    assert not store.blends.is_canceled("job")


def test_the_oldest_go_when_there_are_too_many(store: Store) -> None:
    for number, job in enumerate(("a", "b", "c", "d")):
        store.have(job)
        os.utime(store.blends.path(job), (number, number))
    blends = store.open(cache_limit=2.5 * len(blend()) / 1e9)
    assert blends.has("a")
    blends.look_after(needed={"b"})
    assert [job for job in "abcd" if blends.has(job)] == ["a", "b", "d"]


def test_what_this_worker_has_not_stored_is_neither_used_nor_deleted(store: Store) -> None:
    store.blends.path("robot").write_bytes(blend())
    blends = store.open(cache_limit=0)
    assert not blends.has("robot")
    blends.job_is(JobStatus("robot", "Finished"))
    blends.look_after(needed=set())
    assert blends.path("robot").is_file()


def test_a_question_that_is_not_answered_yet_is_not_asked_again(store: Store) -> None:
    store.have("job")
    let_go: SimpleQueue[None] = SimpleQueue()
    waits: Callable[[], None] = let_go.get
    store.executor.do(waits)
    for _ in range(20):
        store.blends.look_after(needed=set())
    let_go.put(None)
    store.executor.close(timeout=10)
    assert store.server.requests["/job/worker/status/job"] == 1


def test_a_question_that_was_answered_is_asked_again(store: Store) -> None:
    store.have("job")
    for _ in range(2):
        store.blends.look_after(needed=set())
        store.blends.job_is(event_from(store.inbox, JobStatus))
    assert store.server.requests["/job/worker/status/job"] == 2


def test_the_folder_is_one_workers_alone_until_it_ends(store: Store) -> None:
    with pytest.raises(FolderInUse, match="give this one its own blendpath"):
        store.opened(grace_period=0.0, cache_limit=1.0)
    store.blends.close()
    store.open()
