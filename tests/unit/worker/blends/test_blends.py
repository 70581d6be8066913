# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends: one download a job, tried again where that helps, kept while it is needed, never deleted on a guess."""

import json
import os
import sched
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import pytest

from bender_worker_addon.core import retry
from bender_worker_addon.core.errors import BlendError, FolderInUse, Remedy
from bender_worker_addon.core.tile import FOLDER
from bender_worker_addon.core.transfers import (
    BlendDeleted,
    BlendFailed,
    BlendGone,
    BlendReady,
    BlendsFound,
    JobStatus,
    unfinished,
)
from bender_worker_addon.system.executor import Executor
from bender_worker_addon.system.platform import WINDOWS
from bender_worker_addon.worker.blends import cache
from bender_worker_addon.worker.blends.cache import BlendCache
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
from bender_worker_addon.worker.state.journal import Journal
from tests.unit.support import DEADLINE, blend, hang_until
from tools.servers import blend_server
from tools.servers.blend_server import BlendServer
from tools.servers.farm import make_task

OF_FILES = BlendsFound | BlendGone | BlendDeleted
E = TypeVar("E")


class Store:
    """Blends with its executors, its schedule and a real HTTP server."""

    def __init__(self, folder: Path, server: BlendServer) -> None:
        self.server = server
        self.folder = folder
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.schedule = sched.scheduler(time.monotonic)
        self.transfers = Executor("transfer", inbox=self.inbox)
        self.questions = Executor("question", inbox=self.inbox, threads=2)
        self.disk = Executor("disk", inbox=self.inbox)
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
            transfers=self.transfers,
            questions=self.questions,
            disk=self.disk,
            schedule=self.schedule,
            grace_period=grace_period,
            cache_limit=cache_limit,
        )

    def close(self) -> None:
        for executor in (self.transfers, self.questions, self.disk):
            executor.close(timeout=10)
        self.blends.close()
        self.journal.close()

    def next(self, kind: type[E]) -> E:
        """The next event of this kind. What was done to files is told to the blends, other events are dropped."""
        deadline = time.monotonic() + DEADLINE
        while (left := deadline - time.monotonic()) > 0:
            try:
                event = self.inbox.get(timeout=left)
            except Empty:
                break
            if isinstance(event, OF_FILES):
                self.blends.handle(event)
            if isinstance(event, kind):
                return event
        raise AssertionError(f"no {kind.__name__} came")

    def have(self, job: str) -> None:
        self.server.add(job, blend())
        self.blends.fetch(job)
        self.blends.arrived(self.next(BlendReady))

    def still_has(self, job: str) -> bool:
        """Whether it is had without being downloaded once more."""
        before = self.downloads(job)
        self.blends.fetch(job)
        self.blends.arrived(self.next(BlendReady))
        return self.downloads(job) == before

    def look_after(self, *needed: str) -> None:
        """Looks after the blends and waits until all is done to their files that came of it."""
        self.blends.look_after(needed=set(needed))
        done = threading.Event()
        self.disk.do(done.set)
        assert done.wait(DEADLINE)
        while not self.inbox.empty():
            event = self.inbox.get()
            if isinstance(event, OF_FILES):
                self.blends.handle(event)

    def failures(self, job: str) -> Iterator[BlendError | None]:
        """What becomes of one try after the other."""
        self.blends.fetch(job)
        while True:
            event = self.next(BlendFailed)
            assert event.job_id == job
            yield self.blends.failed(event, wanted=True)
            self.schedule.run()

    def downloads(self, job: str) -> int:
        return self.server.requests[f"/job/worker/blend/{job}"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with BlendServer() as server:
        made = Store(tmp_path / "blends", server)
        made.next(BlendsFound)
        yield made
        made.close()


@pytest.fixture
def hung_disk(store: Store) -> Iterator[Callable[[], None]]:
    """A disk on which whatever is done takes until it is called."""
    gate = threading.Event()
    store.disk.do(lambda: hang_until(gate))
    yield gate.set
    gate.set()


def test_a_blend_is_here_when_it_has_come_and_not_before(store: Store) -> None:
    assert not store.blends.has("job")
    store.have("job")
    assert store.blends.has("job")
    assert store.blends.path("job").read_bytes() == blend()


def test_many_who_wait_share_one_download(store: Store) -> None:
    store.server.add("job", blend())
    for _ in range(5):
        store.blends.fetch("job")
    store.blends.arrived(store.next(BlendReady))
    assert store.downloads("job") == 1


def test_a_blend_is_found_again_after_a_restart(store: Store) -> None:
    store.have("job")
    store.open()
    assert store.still_has("job")


@pytest.mark.parametrize("why", ["it is long ago", "the disk is nearly full"])
def test_half_a_download_of_a_killed_worker_stays_until_it_is_in_the_way(
    store: Store, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Its task may come again, and then only what is lacking is downloaded. What others have left there stays."""
    half = [
        unfinished(store.blends.path("job")),
        unfinished(store.blends.path("needed")),
        unfinished(store.folder / "of"),
    ]
    others = store.folder / "job.part"
    for file in (half[0], half[1], others):
        file.write_bytes(b"BLENDER")
    half[2].mkdir()
    store.open()
    assert store.next(BlendsFound).begun == {"job", "needed", "of"}
    store.look_after("needed")
    assert all(file.exists() for file in (*half, others))
    if why == "it is long ago":
        monkeypatch.setattr(cache, "_BEGUN_STAYS", 0.0)
    else:
        store.blends.make_room(needed={"needed"})
    store.look_after("needed")
    assert [file.exists() for file in half] == [False, True, False]
    assert others.exists()


def test_a_blend_that_somebody_deleted_is_fetched_anew(store: Store) -> None:
    store.have("job")
    store.look_after()
    store.blends.path("job").unlink()
    assert not store.blends.has("job")
    assert not store.still_has("job")
    assert store.blends.path("job").read_bytes() == blend()


def test_a_blend_that_somebody_deleted_while_it_was_needed_is_fetched_anew_when_in_doubt(store: Store) -> None:
    store.have("job")
    store.blends.path("job").unlink()
    assert store.blends.has("job")
    store.blends.doubt("job")
    assert not store.blends.has("job")
    assert not store.still_has("job")


def test_a_blend_that_is_needed_all_the_while_is_not_looked_for(store: Store) -> None:
    store.have("job")
    store.look_after("job")
    assert store.blends.has("job")


# --- What goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick_retries")
def test_a_server_that_recovers_is_asked_again(store: Store) -> None:
    store.server.add("job", blend(), behaviour=blend_server.failing(30, status=503))
    failures = store.failures("job")
    for _ in range(30):
        assert next(failures) is None
        assert "503" in store.blends.trouble
    store.schedule.run()
    store.blends.arrived(store.next(BlendReady))
    assert store.blends.trouble == ""
    assert store.downloads("job") == 31


@pytest.mark.usefixtures("quick_retries")
def test_a_blend_that_stays_broken_is_asked_for_four_times(store: Store) -> None:
    store.server.add("job", blend(), behaviour=blend_server.wrong_length)
    tries = list(zip(range(4), store.failures("job"), strict=False))
    assert [error is None for _, error in tries] == [True, True, True, False]
    assert store.downloads("job") == 4
    assert store.schedule.empty()


@pytest.mark.usefixtures("quick_retries")
def test_a_server_that_was_away_for_long_takes_no_try_from_a_blend_that_comes_broken_once(store: Store) -> None:
    def away_then_broken(answer: blend_server.Answer, content: blend_server.Blend) -> None:
        asked = store.downloads("job")
        (blend_server.failing() if asked <= 9 else blend_server.wrong_length)(answer, content)

    store.server.add("job", blend(), behaviour=away_then_broken)
    failures = store.failures("job")
    assert [next(failures) for _ in range(12)] == [None] * 12
    assert next(failures) is not None


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "behaviour", [blend_server.failing(), blend_server.html_page, blend_server.cut_short], ids=["5xx", "page", "cut"]
)
def test_a_job_whose_blend_alone_cannot_be_had_is_not_waited_for(
    store: Store, behaviour: blend_server.Behaviour
) -> None:
    store.have("other")
    store.server.add("job", blend(), behaviour=behaviour)
    failures = store.failures("job")
    assert [next(failures) for _ in range(retry.BLAMED_AFTER - 1)] == [None] * (retry.BLAMED_AFTER - 1)
    assert store.downloads("other") == 1
    error = next(failures)
    assert error is not None
    assert error.remedy is Remedy.ELSEWHERE
    assert str(error).endswith("; blends of other jobs can be had")
    assert store.blends.trouble == ""


@pytest.mark.usefixtures("quick_retries")
def test_blends_of_earlier_runs_tell_too_whether_it_is_one_jobs_own_trouble(store: Store) -> None:
    store.have("other")
    store.open()
    store.server.add("job", blend(), behaviour=blend_server.failing())
    errors = [error for _, error in zip(range(retry.BLAMED_AFTER), store.failures("job"), strict=False)]
    assert errors[-1] is not None


@pytest.mark.usefixtures("quick_retries")
def test_a_job_is_not_blamed_while_no_blend_can_be_had(store: Store) -> None:
    store.have("other")
    for job in ("job", "other"):
        store.server.add(job, blend(), behaviour=blend_server.failing())
    failures = store.failures("job")
    assert [next(failures) for _ in range(3 * retry.BLAMED_AFTER)] == [None] * 3 * retry.BLAMED_AFTER


def test_what_cannot_be_bettered_is_asked_for_once_and_may_be_asked_for_anew(store: Store) -> None:
    for _ in range(2):
        error = next(store.failures("job"))
        assert "404" in str(error)
    assert store.downloads("job") == 2


def test_what_nobody_wants_any_more_is_not_asked_for_again(store: Store) -> None:
    store.server.add("job", blend(), behaviour=blend_server.failing())
    store.blends.fetch("job")
    assert store.blends.failed(store.next(BlendFailed), wanted=False) is not None
    assert store.schedule.empty()
    assert store.blends.trouble == ""


def test_a_server_out_of_reach_is_waited_for_over_a_weekend(store: Store) -> None:
    store.server.add("job", blend())
    store.blends.fetch("job")
    store.next(BlendReady)
    away = BlendFailed("job", BlendError("flaskbender can't be reached", Remedy.WAIT))
    for _ in range(3000):
        assert store.blends.failed(away, wanted=True) is None
    assert store.blends.trouble
    assert max(event.time for event in store.schedule.queue) <= time.monotonic() + 60


def test_a_server_that_says_when_is_asked_then(store: Store) -> None:
    def busy(answer: blend_server.Answer, _: blend_server.Blend) -> None:
        answer.begin(0, status=HTTPStatus.TOO_MANY_REQUESTS, Retry_After="100")

    store.server.add("job", blend(), behaviour=busy)
    store.blends.fetch("job")
    assert store.blends.failed(store.next(BlendFailed), wanted=True) is None
    (again,) = store.schedule.queue
    assert 90 < again.time - time.monotonic() <= 125


def test_trouble_with_a_blend_is_told_only_while_a_task_here_needs_it(store: Store) -> None:
    store.server.add("job", blend(), behaviour=blend_server.failing())
    store.server.add("other", blend())
    for job in ("job", "other"):
        store.blends.fetch(job)
    assert store.blends.failed(store.next(BlendFailed), wanted=True) is None
    store.blends.arrived(store.next(BlendReady))
    assert "500" in store.blends.trouble
    store.look_after("other")
    assert store.blends.trouble == ""


# --- Which may go -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Finished", "Canceled"])
def test_a_blend_goes_when_its_job_is_over_for_the_grace_period(store: Store, status: str) -> None:
    store.have("job")
    store.blends.job_is(JobStatus("job", status))
    store.look_after()
    assert not store.blends.path("job").exists()
    assert not store.still_has("job")
    assert store.journal.blends() == {"job"}


@pytest.mark.parametrize("status", ["Running", "Queued", "Errored", None])
def test_a_blend_stays_while_its_job_may_go_on_or_nobody_says(store: Store, status: str | None) -> None:
    store.have("job")
    store.blends.job_is(JobStatus("job", status))
    store.look_after()
    assert store.still_has("job")


def test_a_blend_stays_through_the_grace_period(store: Store) -> None:
    store.have("job")
    store.open(grace_period=3600)
    store.next(BlendsFound)
    store.blends.job_is(JobStatus("job", "Finished"))
    store.look_after()
    assert store.still_has("job")


def test_a_blend_stays_while_a_task_here_needs_it(store: Store) -> None:
    store.have("job")
    store.blends.job_is(JobStatus("job", "Finished"))
    store.look_after("job")
    assert store.blends.has("job")
    assert store.blends.path("job").is_file()


def test_a_job_that_goes_on_after_all_keeps_its_blend(store: Store) -> None:
    store.have("job")
    store.blends.job_is(JobStatus("job", "Finished"))
    store.blends.job_is(JobStatus("job", "Running"))
    store.look_after()
    assert store.still_has("job")


def test_an_answer_that_did_not_come_changes_nothing(store: Store) -> None:
    store.have("job")
    store.blends.job_is(JobStatus("job", "Finished"))
    store.blends.job_is(JobStatus("job", None))
    store.look_after()
    assert not store.blends.path("job").exists()


def test_the_oldest_go_when_there_are_too_many(store: Store) -> None:
    for number, job in enumerate(("a", "b", "c", "d")):
        store.have(job)
        os.utime(store.blends.path(job), (number, number))
    store.open(cache_limit=2.5 * len(blend()) / 1e9)
    assert store.still_has("a")
    store.look_after("b")
    assert sorted(path.name for path in store.folder.glob("*.blend")) == ["a.blend", "b.blend", "d.blend"]
    assert store.journal.blends() == {"a", "b", "d"}


def test_none_is_kept_for_later_while_the_disk_is_nearly_full(store: Store) -> None:
    for job in ("a", "b"):
        store.have(job)
    store.open(grace_period=3600)
    store.next(BlendsFound)
    store.blends.make_room(needed={"b"})
    store.next(BlendDeleted)
    assert [path.name for path in store.folder.glob("*.blend")] == ["b.blend"]


def test_what_was_used_last_is_known_to_the_next_run(store: Store) -> None:
    for job in ("a", "b"):
        store.have(job)
        os.utime(store.blends.path(job), (1, 1))
    store.look_after("b")
    store.open(cache_limit=1.5 * len(blend()) / 1e9)
    store.next(BlendsFound)
    store.look_after()
    assert [path.name for path in store.folder.glob("*.blend")] == ["a.blend"]


def test_what_this_worker_has_not_stored_is_neither_used_nor_deleted(store: Store) -> None:
    store.blends.path("robot").write_bytes(blend())
    store.open(cache_limit=0)
    store.next(BlendsFound)
    store.blends.job_is(JobStatus("robot", "Finished"))
    store.look_after()
    assert store.blends.path("robot").is_file()
    store.server.add("robot", blend())
    assert not store.still_has("robot")


def test_a_blend_that_cannot_be_deleted_is_told_and_tried_again(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.have("job")
    path = store.blends.path("job")
    path.unlink()
    path.mkdir()  # and so no file that could be
    store.blends.job_is(JobStatus("job", "Finished"))
    store.look_after()
    assert "the blend of job job can't be deleted" in caplog.text
    assert path.name in caplog.text
    assert store.journal.blends() == {"job"}
    path.rmdir()
    store.blends.job_is(JobStatus("job", "Finished"))
    store.look_after()
    assert store.journal.blends() == set()


# --- A disk that hangs ------------------------------------------------------------------------------------------------


def test_nothing_waits_for_a_disk_that_hangs(store: Store, hung_disk: Callable[[], None]) -> None:
    store.have("job")
    store.have("over")
    store.blends.job_is(JobStatus("over", "Finished"))
    store.blends.look_after(needed=set())
    for job in ("job", "over"):
        assert not store.blends.has(job)
        store.blends.fetch(job)
    store.server.add("new", blend())
    store.blends.fetch("new")
    store.blends.arrived(store.next(BlendReady))
    assert store.blends.has("new")
    hung_disk()
    came = {store.next(BlendReady).job_id for _ in range(2)}
    assert came == {"job", "over"}
    assert (store.downloads("job"), store.downloads("over")) == (1, 2)
    assert store.blends.path("over").is_file()


def test_blends_are_fetched_once_the_folder_was_looked_through(store: Store) -> None:
    gate = threading.Event()
    store.disk.do(lambda: hang_until(gate))
    store.open()
    store.server.add("job", blend())
    unfinished(store.blends.path("job")).write_bytes(b"of a worker that was killed")
    store.blends.fetch("job")
    assert store.inbox.empty()
    gate.set()
    store.blends.arrived(store.next(BlendReady))
    assert store.downloads("job") == 1


@pytest.mark.skipif(WINDOWS, reason="Windows lets nobody remove a folder while a worker's lock in it is open")
def test_a_folder_that_is_gone_costs_nothing_but_the_blends_in_it(store: Store) -> None:
    store.have("job")
    shutil.rmtree(store.folder)
    store.folder.write_text("no folder")
    store.look_after()
    error = next(store.failures("job"))
    assert error is None
    store.folder.unlink()
    (again,) = store.schedule.queue
    again.action(*again.argument)
    store.blends.arrived(store.next(BlendReady))
    assert store.blends.path("job").is_file()


# --- What is asked ----------------------------------------------------------------------------------------------------


def test_flaskbender_is_asked_after_jobs_that_nothing_is_known_of(store: Store) -> None:
    store.have("job")
    store.server.set_status("job", "Canceled")
    store.blends.look_after(needed=set())
    assert store.next(JobStatus) == JobStatus("job", "Canceled")


def test_flaskbender_is_asked_after_a_job_in_hand_before_its_blend_is_here_and_again_and_again(store: Store) -> None:
    store.server.add("job", blend(), status="Canceled")
    store.blends.ask_about("job")
    store.blends.job_is(store.next(JobStatus))
    assert store.blends.is_canceled("job")
    store.blends.ask_about("job")
    store.server.set_status("job", "Running")
    store.blends.look_after(needed={"job"})
    store.blends.job_is(store.next(JobStatus))
    assert not store.blends.is_canceled("job")
    assert store.server.requests["/job/worker/status/job"] == 2


def test_what_is_known_of_a_job_is_forgotten_with_the_last_that_is_here_of_it(store: Store) -> None:
    store.blends.job_is(JobStatus("job", "Canceled"))
    store.blends.look_after(needed={"job"})
    assert store.blends.is_canceled("job")
    store.blends.look_after(needed=set())
    assert not store.blends.is_canceled("job")


def test_a_task_in_hand_does_not_wait_for_the_questions_about_blends_that_are_only_kept(store: Store) -> None:
    kept = [f"kept-{number}" for number in range(200)]
    for job in kept:
        store.server.add(job, blend())
    store.blends.handle(BlendsFound(dict.fromkeys(kept, 100)))
    asked, answers = SimpleQueue[str](), threading.Event()

    def slow(job: str) -> None:
        asked.put(job)
        if job in kept:
            assert answers.wait(DEADLINE)

    store.server.before_status = slow
    store.server.add("job", blend(), status="Canceled")
    store.blends.look_after(needed=set())
    assert asked.get(timeout=DEADLINE) in kept
    store.blends.look_after(needed={"job"})
    assert store.next(JobStatus) == JobStatus("job", "Canceled")  # while that of the other is still awaited
    assert asked.get(timeout=DEADLINE) == "job"
    assert asked.empty()
    answers.set()


def test_jobs_of_blends_that_are_only_kept_are_asked_about_one_by_one_and_all_of_them(store: Store) -> None:
    kept = {f"kept-{number}" for number in range(5)}
    for job in kept:
        store.server.add(job, blend())
    store.blends.handle(BlendsFound(dict.fromkeys(kept, 100)))
    store.blends.look_after(needed=set())
    answered = set[str]()
    for _ in kept:
        assert len(store.server.log) <= len(answered) + 1
        event = store.next(JobStatus)
        answered.add(event.job_id)
        store.blends.job_is(event)
        store.blends.look_after(needed=set())
    assert answered == kept


def test_a_question_that_is_not_answered_yet_is_not_asked_again(store: Store) -> None:
    store.have("job")
    answers = threading.Event()
    store.server.before_status = lambda _: answers.wait(DEADLINE)
    for _ in range(20):
        store.blends.look_after(needed=set())
        store.blends.look_after(needed={"job"})
    answers.set()
    store.questions.close(timeout=10)
    assert store.server.requests["/job/worker/status/job"] == 1


def test_a_question_that_was_answered_is_asked_again(store: Store) -> None:
    store.have("job")
    for _ in range(2):
        store.blends.look_after(needed=set())
        store.blends.job_is(store.next(JobStatus))
    assert store.server.requests["/job/worker/status/job"] == 2


def test_the_folder_is_one_workers_alone_until_it_ends(store: Store) -> None:
    with pytest.raises(FolderInUse, match="give this one its own blendpath"):
        store.opened(grace_period=0.0, cache_limit=1.0)
    store.blends.close()
    store.open()


def test_of_tiles_that_an_earlier_run_has_left_those_stay_that_are_not_uploaded(store: Store) -> None:
    store.have("job")
    uploading = make_task("job", [1])
    store.journal.remember_uploading(uploading["id"], json.dumps(uploading).encode())
    places = {name: store.folder / "job" / FOLDER / name for name in (uploading["id"], "fetched")}
    for place in places.values():
        place.mkdir(parents=True)
        (place / "000001.exr").touch()
    store.open()
    store.next(BlendsFound)
    assert [name for name, place in places.items() if place.exists()] == [uploading["id"]]
