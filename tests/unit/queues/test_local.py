# SPDX-License-Identifier: GPL-3.0-or-later
"""LocalQueue: what is put into it comes out, once at least, whoever dies."""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from bender_worker_addon.core.deliveries import Connected, Delivery, Disconnected
from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.core.transfers import CANCELED, JobStatus
from bender_worker_addon.farm import books, changes, tiles, workers
from bender_worker_addon.farm.database import FILE, Database
from bender_worker_addon.queues.local import queue as local
from bender_worker_addon.queues.local.owners import lives
from bender_worker_addon.queues.local.queue import LocalQueue
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.sites.local import LocalSite
from bender_worker_addon.sites.site import state_of
from tests.farm.ground import eventually
from tests.unit.local_site import Hands, Site, name
from tests.unit.support import DEADLINE, cut_off, event_from, plugged_in

WORKER = Path(__file__).parents[1] / "programs" / "queue_worker.py"


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_RETRY", 0.05)


def test_tasks_come_in_the_order_they_were_sent_and_no_more_at_once_than_asked_for(site: Site) -> None:
    site.add("job", 3)
    hands = site.worker(prefetch=2)
    first, second = hands.take(), hands.take()
    hands.settled()
    assert hands.inbox.empty()
    hands.queue.ack(first)
    assert [name(first), name(second), name(hands.take())] == ["job-1", "job-2", "job-3"]
    assert not first.redelivered


def test_a_task_sent_while_a_worker_waits_comes_at_once(site: Site) -> None:
    hands = site.worker()
    site.add("job", 1)
    assert name(hands.take()) == "job-1"


def test_a_higher_priority_goes_first(site: Site) -> None:
    site.add("low", 1, priority=-1)
    site.add("plain", 1)
    site.add("high", 1, priority=5)
    hands = site.worker(prefetch=3)
    assert [name(hands.take()) for _ in range(3)] == ["high-1", "plain-1", "low-1"]


def test_what_is_acked_is_gone_and_what_is_given_back_comes_again(site: Site) -> None:
    site.add("job", 2)
    hands = site.worker()
    hands.queue.ack(hands.take())
    hands.queue.requeue(hands.take())
    again = hands.take()
    assert (name(again), again.redelivered) == ("job-2", True)
    hands.queue.reject(again)
    hands.settled()
    assert site.left() == 0


def test_two_workers_never_hold_the_same_task(site: Site) -> None:
    site.add("job", 20)
    one, other = site.worker(prefetch=10), site.worker(prefetch=10)
    taken = [name(hands.take()) for hands in (one, other) for _ in range(10)]
    assert sorted(taken) == sorted(f"job-{number}" for number in range(1, 21))


def test_what_a_worker_holds_goes_to_others_when_it_ends(site: Site) -> None:
    site.add("job", 1)
    one = site.worker()
    one.take()
    other = site.worker()
    other.settled()
    assert other.inbox.empty()
    one.queue.close(timeout=DEADLINE)
    again = other.take()
    assert (name(again), again.redelivered) == ("job-1", True)


def test_who_holds_a_task_of_a_job_that_is_canceled_is_told_at_once_and_until_it_lets_go(site: Site) -> None:
    site.add("job", 2)
    site.add("other", 1)
    hands = site.worker(prefetch=3)
    held = {name(delivery): delivery for delivery in (hands.take(), hands.take(), hands.take())}
    with site.database.changing() as connection:
        changes.cancel(connection, "job")
    assert event_from(hands.inbox, JobStatus) == JobStatus("job", CANCELED)
    hands.queue.ack(held["job-1"])
    assert event_from(hands.inbox, JobStatus) == JobStatus("job", CANCELED)
    hands.queue.ack(held["job-2"])
    hands.settled()
    assert hands.inbox.empty()
    assert site.left() == 1


def test_a_task_that_was_set_aside_is_held_but_keeps_no_other_away(site: Site) -> None:
    site.add("job", 3)
    hands = site.worker()
    first = hands.take()
    hands.queue.set_aside(first)
    hands.queue.ack(hands.take())
    hands.queue.ack(hands.take())
    hands.queue.ack(first)
    hands.settled()
    assert site.left() == 0


def test_a_worker_that_asks_for_none_gets_none(site: Site) -> None:
    hands = site.worker(prefetch=0)
    site.add("job", 1)
    hands.settled()
    assert hands.inbox.empty()
    hands.queue.consume(1)
    assert name(hands.take()) == "job-1"


def test_a_message_that_is_no_task_is_delivered_as_it_is(site: Site) -> None:
    with site.database.changing() as connection:
        connection.execute("INSERT INTO message (body) VALUES (?)", (b"\xffno task",))
    hands = site.worker()
    assert hands.take().body == b"\xffno task"


@pytest.mark.usefixtures("quick_retries")
def test_a_queue_that_cannot_be_used_is_told_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "farm").touch()
    inbox: SimpleQueue[Any] = SimpleQueue()
    queue = LocalQueue(tmp_path / "farm", jobs=tmp_path / "jobs", inbox=inbox)
    queue.start()
    assert str(tmp_path / "farm") in event_from(inbox, Disconnected).reason
    (tmp_path / "farm").unlink()
    assert event_from(inbox, Connected).session == 1
    queue.close(timeout=DEADLINE)


def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(FarmError, match=r"farm.sqlite can't be used: file is not a database"):
        Database(tmp_path)


@pytest.mark.usefixtures("quick_retries")
def test_a_full_disk_ends_the_session_and_loses_nothing(site: Site) -> None:
    site.add("job", 1)
    hands = site.worker()
    delivery = hands.take()
    told = json.loads(delivery.body) | {"told": "x" * 5_000_000}
    with _full_disk():
        hands.queue.publish(hands.session, 1, "finish.w", json.dumps(told).encode())
        assert "is the disk full?" in event_from(hands.inbox, Disconnected).reason
    hands.session = event_from(hands.inbox, Connected).session
    again = hands.take()
    assert (name(again), again.redelivered) == ("job-1", True)


def test_workers_that_are_killed_again_and_again_lose_no_task_and_ack_none_unrendered(site: Site) -> None:
    """1000 tasks, two workers at a time, one of which is killed at any moment; the next when some more are done."""
    site.add("job", 1000)
    rendered = site.folder / "rendered"
    rendered.mkdir()
    chance = random.Random(6)
    kills = 0
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(site.folder)) for _ in range(2)]
        while left := site.left():
            enough = max(0, left - chance.randint(0, 40))
            eventually(partial(_sunk, site, enough))
            workers.pop(0).kill()
            kills += 1
            workers.append(stack.enter_context(_Worker(site.folder)))
    assert kills > 5
    assert len(list(rendered.iterdir())) == 1000
    assert (site.job("job").status, dict(site.job("job").frames)) == ("Finished", {"Finished": 1000})


def _sunk(site: Site, enough: int) -> bool:
    return site.left() <= enough


@pytest.mark.usefixtures("quick_retries")
def test_jobs_files_that_cannot_be_written_end_the_session_though_nothing_else_happens(site: Site) -> None:
    site.add("job", 1)
    hands = site.worker()
    delivery = hands.take()
    hands.report(delivery, "start", status="Running")
    site.wait_until_written("job")
    time.sleep(3 * local._LOOK)  # it has seen that: from now on it hears of nothing
    turn = site.folder / "writing.lock"
    turn.unlink()
    turn.mkdir()
    hands.report(delivery, "finish", status="Finished")
    reason = event_from(hands.inbox, Disconnected).reason
    assert reason == f"the jobs' files in {site.folder / 'jobs'} can't be kept: unable to open database file"
    turn.rmdir()
    hands.session = event_from(hands.inbox, Connected).session
    hands.queue.ack(hands.take())
    hands.settled()
    hands.queue.close(timeout=DEADLINE)
    assert site.data_json("job")["status"] == {"Job": "Finished"}
    assert site.left() == 0


def test_a_worker_that_cannot_be_looked_at_is_not_taken_for_dead(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: SimpleQueue[bool] = SimpleQueue()

    def watched(folder: Path, owner: str) -> bool:
        looks.put(lives(folder, owner))
        return True

    monkeypatch.setattr(local, "lives", watched)
    monkeypatch.setattr(local, "_LOOK_FOR_DEAD", 0.01)
    site.add("job", 1)
    one = site.worker()
    one.take()
    other = site.worker()
    cut_off(site.folder / "owners")
    while not looks.empty():
        looks.get()
    assert all(looks.get(timeout=DEADLINE) for _ in range(3))
    plugged_in(site.folder / "owners")
    assert other.inbox.empty()
    monkeypatch.undo()
    one.queue.close(timeout=DEADLINE)
    assert name(other.take()) == "job-1"


@pytest.mark.usefixtures("quick_retries")
def test_a_folder_of_owners_that_cannot_be_read_is_told_and_tried_again(site: Site) -> None:
    site.worker().queue.close(timeout=DEADLINE)
    cut_off(site.folder / "owners")
    inbox: SimpleQueue[Any] = SimpleQueue()
    queue = LocalQueue(site.folder, jobs=site.folder / "jobs", inbox=inbox)
    queue.start()
    assert f"{site.folder / 'owners'} can't be used: " in event_from(inbox, Disconnected).reason
    plugged_in(site.folder / "owners")
    event_from(inbox, Connected)
    queue.close(timeout=DEADLINE)


@pytest.mark.parametrize("settle", ["ack", "requeue", "reject"])
def test_what_another_holds_by_now_is_left_to_it(site: Site, settle: str) -> None:
    site.add("job", 1)
    hands = site.worker()
    delivery = hands.take()
    with site.database.changing() as connection:
        connection.execute("UPDATE message SET owner = 'another'")
    getattr(hands.queue, settle)(delivery)
    hands.settled()
    with site.database.looking() as connection:
        assert connection.execute("SELECT owner FROM message").fetchall() == [("another",)]


@pytest.mark.parametrize("settle", ["ack", "requeue", "reject"])
def test_what_an_earlier_session_held_is_not_settled_in_this_one(site: Site, settle: str) -> None:
    site.add("job", 2)
    hands = site.worker()
    delivery = hands.take()
    of_before = replace(delivery, session=delivery.session - 1)
    getattr(hands.queue, settle)(of_before)
    hands.queue.set_aside(of_before)
    hands.settled()
    assert (site.left(), hands.inbox.empty()) == (2, True)
    hands.queue.ack(delivery)
    assert name(hands.take()) == "job-2"
    assert site.left() == 1


@pytest.mark.parametrize("prefetch, look_for_dead", [(1, 3600.0), (0, 0.0)], ids=["waiting", "asking for none"])
def test_a_worker_for_which_there_is_nothing_leaves_the_queue_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch, prefetch: int, look_for_dead: float
) -> None:
    """It looks again and again whether anything has changed, and writes only then."""
    monkeypatch.setattr(local, "_LOOK", 0.001)
    monkeypatch.setattr(local, "_LOOK_FOR_DEAD", look_for_dead)
    looks_since_it_wrote = 0
    next_commands, carry_out = LocalQueue._next_commands, LocalQueue._carry_out

    def look(queue: LocalQueue) -> Any:
        nonlocal looks_since_it_wrote
        looks_since_it_wrote += 1
        return next_commands(queue)

    def write(queue: LocalQueue, commands: Any) -> None:
        nonlocal looks_since_it_wrote
        looks_since_it_wrote = 0
        carry_out(queue, commands)

    monkeypatch.setattr(LocalQueue, "_next_commands", look)
    monkeypatch.setattr(LocalQueue, "_carry_out", write)
    hands = site.worker(prefetch=prefetch)
    hands.settled()
    eventually(lambda: looks_since_it_wrote > 100, timeout=DEADLINE)


def test_it_may_be_closed_at_any_time_and_any_number_of_times(site: Site) -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    queue = LocalQueue(site.folder, jobs=site.folder / "jobs", inbox=inbox)
    queue.close(timeout=DEADLINE)
    queue.start()
    queue.close(timeout=DEADLINE)
    assert inbox.empty()
    hands = site.worker()
    hands.queue.close(timeout=DEADLINE)
    hands.queue.consume(2)
    hands.queue.close(timeout=0)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("bender-local", "bender-upkeep"))]


@contextmanager
def _full_disk() -> Iterator[None]:
    """While it lasts no file can grow beyond 2 MB."""
    resource = pytest.importorskip("resource", reason="Windows sets no limit to the size of a file")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class _Worker:
    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-S", str(WORKER), str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> "_Worker":
        return self

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def test_many_may_begin_with_a_new_farm_at_once(tmp_path: Path) -> None:
    refused: list[FarmError] = []

    def begin(folder: Path, all_there: threading.Barrier) -> None:
        all_there.wait(DEADLINE)
        try:
            Database(folder).close()
        except FarmError as error:
            refused.append(error)

    for number in range(150):
        all_there = threading.Barrier(4)
        threads = [threading.Thread(target=begin, args=(tmp_path / str(number), all_there)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
    assert refused == []


def test_who_reports_or_says_that_it_lives_is_known_as_a_worker(site: Site) -> None:
    site.add("job", 1)
    hands = site.worker()
    delivery = hands.take()
    hands.queue.publish(delivery.session, 1, "stat.job", delivery.body)
    hands.queue.publish(delivery.session, 2, "start.one", delivery.body)
    hands.queue.publish(delivery.session, None, "heart.two", b"")
    hands.queue.publish(delivery.session, None, "hello.three", b'{"state": "Idle"}')
    hands.settled()
    with closing(Database(site.folder)) as database, database.looking() as connection:
        known = {worker.id: worker.hello for worker in workers.workers(connection)}
    assert known == {"one": {}, "two": {}, "three": {"state": "Idle"}}


def test_a_job_that_fails_alike_is_stopped_and_a_retry_goes_on_with_it(site: Site) -> None:
    site.add("bad", 20)
    site.add("good", 1)
    worker = site.worker()
    for number in range(1, 4):
        fail(worker, worker.take(), f"frame {number}: no camera")
    assert site.job("bad").stopped == "Stopped after 3 frames failed in the same way: frame 3: no camera"
    assert site.job("bad").paused
    held = worker.take()
    worker.queue.requeue(held)  # it was on its way; now it is kept back, too
    delivery = worker.take()
    assert name(delivery) == "good-1"
    with LocalSite(config(site)) as farm:
        assert state_of(farm.find("bad")) == "Stopped"
        assert farm.retry("bad") == 3
    assert (site.job("bad").stopped, site.job("bad").paused) == ("", False)
    worker.queue.ack(delivery)
    assert name(worker.take()).startswith("bad-")


@pytest.mark.parametrize("reasons", [["a", "b", "a", "b"], ["a", "a", "", "a", "a"]])
def test_a_job_that_fails_in_other_ways_or_not_in_a_row_goes_on(site: Site, reasons: list[str]) -> None:
    site.add("bad", 20)
    worker = site.worker()
    for reason in reasons:
        delivery = worker.take()
        if reason:
            fail(worker, delivery, reason)
        else:
            at = {"time": {"finish": books.now()}}
            worker.report(delivery, "finish", status="Finished", **at)
            worker.queue.ack(delivery)
    assert site.job("bad").stopped == ""
    worker.take()


def test_what_was_paused_by_people_stays_paused_by_a_retry(site: Site) -> None:
    site.add("bad", 5)
    worker = site.worker()
    fail(worker, worker.take(), "no camera")
    with LocalSite(config(site)) as farm:
        farm.pause("bad")
        farm.retry("bad")
    assert site.job("bad").paused


def test_jobs_that_come_last_are_taken_when_there_are_no_others(site: Site) -> None:
    site.add("bad", 2, priority=5)
    site.add("good", 2)
    worker = site.worker(prefetch=0)
    worker.queue.put_last(frozenset({"bad"}))
    worker.queue.consume(3)
    assert [name(worker.take()) for _ in range(3)] == ["good-1", "good-2", "bad-1"]


def test_tiles_of_a_job_are_taken_by_one_version_of_blender_as_long_as_it_is_there(site: Site) -> None:
    site.add("still", 3)
    with site.database.changing() as connection:
        tiles.enter(connection, "still", [("still-2", "still-1"), ("still-3", "still-1")])
    one = site.worker(blender="4.3.2")
    one.queue.tell(one.session, "hello.one", b'{"blender": "4.3.2"}')
    held = one.take()
    one.settled()
    other = site.worker(prefetch=3, blender="5.2.2")
    other.settled()
    assert other.inbox.empty()
    site.add("film", 1)
    assert name(other.take()) == "film-1"
    one.queue.tell(one.session, "hello.one", b'{"blender": "4.3.2", "state": "Stopped"}')
    one.queue.requeue(held)
    one.queue.close(timeout=DEADLINE)
    assert {name(other.take()) for _ in range(2)} <= {"still-1", "still-2", "still-3"}
    assert site.job("still").blender == "5.2.2"


def test_tiles_of_one_kind_are_taken_by_that_as_long_as_it_is_there(site: Site) -> None:
    site.add("still", 3)
    with site.database.changing() as connection:
        tiles.enter(connection, "still", [("still-2", "still-1"), ("still-3", "still-1")])
        connection.execute("UPDATE job SET head = json_set(head, '$.data.one_kind', 'yes')")
    told = {"blender": "4.3.2", "kind": "CPU on Linux"}
    one = site.worker(prefetch=0, blender="4.3.2")
    one.queue.tell(one.session, "hello.one", json.dumps(told).encode())
    one.settled()
    several = site.worker(prefetch=1, blender="4.3.2")  # renders on devices of two kinds
    other = site.worker(prefetch=0, blender="4.3.2")
    other.queue.renders_on("CUDA on Linux")
    several.settled()
    assert several.inbox.empty()
    one.queue.renders_on("CPU on Linux")
    one.queue.consume(1)
    held = one.take()
    assert site.job("still").blender == "4.3.2, CPU on Linux"
    other.queue.consume(1)
    other.settled()
    assert other.inbox.empty()
    one.queue.tell(one.session, "hello.one", json.dumps({**told, "state": "Stopped"}).encode())
    one.queue.requeue(held)
    one.queue.close(timeout=DEADLINE)
    other.take()
    assert site.job("still").blender in ("4.3.2", "4.3.2, CUDA on Linux")


def test_the_last_frames_of_a_job_are_cut_for_the_blenders_of_a_worker_that_would_have_nothing_to_do(
    site: Site,
) -> None:
    worker = site.worker(prefetch=0, blender="4.3.2")
    hello = {"blender": "4.3.2", "tiles": True, "renderers": 2}
    worker.queue.tell(worker.session, "hello.w", json.dumps(hello).encode())
    worker.settled()
    site.add("film", 5, tail="0,0,128,128")
    worker.queue.consume(9)
    held = [worker.take() for _ in range(3)]
    worker.settled()
    assert worker.inbox.empty()
    timings = json.dumps({"render": 60, "sync": 1})
    worker.report(held[0], "finish", status="Finished", data={"timings": timings})
    worker.queue.ack(held[0])
    parts = [json.loads(worker.take().body) for _ in range(7)]
    found = [(*task["command"]["Blender"]["frame"], task["data"]["region"]) for task in parts]
    edges = ["0,0,64,64", "0,64,64,128", "64,0,128,64", "64,64,128,128"]
    assert found == [*(("4", edge) for edge in edges), *(("5", edge) for edge in edges[:3])]
    assert site.job("film").blender == "4.3.2"


def fail(worker: Hands, delivery: Delivery, reason: str) -> None:
    """What a worker does with a task that nobody is to try again."""
    told = {"status": "Errored", "data": {"error": reason}, "time": {"error": books.now()}}
    worker.report(delivery, "reject", **told)
    worker.queue.reject(delivery)
    worker.settled()


def config(site: Site) -> WorkerConfig:
    return WorkerConfig(
        queue="local", farm_dir=site.folder, blendpath=site.folder / "jobs", outpath=site.folder / "frames"
    )
