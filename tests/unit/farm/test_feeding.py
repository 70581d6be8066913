# SPDX-License-Identifier: GPL-3.0-or-later
"""Feeding: which tasks RabbitMQ is given, in which order, and that none is lost or fed twice for good."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bender_worker_addon.farm import bookkeeping, books, changes, feeding, workers
from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.new_job import NewTask
from tests.unit.support import task_wire


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(Database(tmp_path)) as database, database.changing() as opened:
        yield opened


def add(
    connection: sqlite3.Connection,
    job: str,
    *,
    tasks: int,
    priority: int = 0,
    person: str = "",
    tiles: bool = False,
    tail: str = "",
) -> None:
    """`tiles`: they are those of a picture, beside it. `tail`: the region that each frame is, if the last may be
    cut."""
    data = {books.TAIL: tail} if tail else {}
    head = {"id": job, "time": {"creation": f"2026-01-01T00:00:0{len(books.jobs(connection))}Z"}, "data": data}
    new = [_task(job, number) for number in range(1, tasks + 1)]
    if tiles:
        new = [replace(one, frame_count=0, frame_task=f"{job}-0") for one in new]
        new.insert(0, replace(_task(job, 0), waits=True))
    changes.add_job(connection, head, name=job, priority=priority, tasks=new, person=person)


def _task(job: str, number: int) -> NewTask:
    wire = task_wire(f"{job}-{number}", job=job, frames=[number])
    return NewTask(wire["id"], str(number), 1, json.dumps(wire))


def fed(connection: sqlite3.Connection, count: int) -> list[str]:
    return [json.loads(task.body)["id"] for task in feeding.feed(connection, count)]


def report(connection: sqlite3.Connection, step: str, task: str, *, status: str, worker: str = "w1") -> None:
    job, _, number = task.rpartition("-")
    wire = task_wire(task, job=job, frames=[int(number)]) | {"status": status}
    bookkeeping.enter(connection, f"{step}.{worker}", json.dumps(wire).encode())


def test_the_oldest_job_is_fed_first_and_no_more_than_is_asked_for(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=3)
    add(connection, "b", tasks=2)
    assert fed(connection, 2) == ["a-1", "a-2"]
    assert fed(connection, 9) == ["a-3", "b-1", "b-2"]
    assert fed(connection, 9) == []


def test_a_task_goes_out_with_the_name_that_its_job_has_then(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=2)
    changes.set_name(connection, "a", 'beach "2"')
    (first,) = feeding.feed(connection, 1)
    changes.set_name(connection, "a", "sea")
    assert [json.loads(task.body)["data"]["name"] for task in (first, *feeding.feed(connection, 1))] == [
        'beach "2"',
        "sea",
    ]
    assert {json.loads(task.body)["data"]["name"] for task in feeding.unconfirmed(connection)} == {"sea"}


def test_a_higher_priority_goes_first_also_when_it_is_given_later(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=3)
    add(connection, "b", tasks=1, priority=5)
    add(connection, "c", tasks=1)
    assert fed(connection, 2) == ["b-1", "a-1"]
    changes.set_priority(connection, "c", 7)
    assert fed(connection, 9) == ["c-1", "a-2", "a-3"]


def test_people_take_turns(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=5, person="ann")
    add(connection, "b", tasks=2, person="bob")
    add(connection, "c", tasks=2, person="bob")
    assert fed(connection, 3) == ["a-1", "b-1", "a-2"]
    assert fed(connection, 9) == ["b-2", "a-3", "c-1", "a-4", "c-2", "a-5"]


def test_what_is_paused_or_canceled_is_not_fed(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=3)
    add(connection, "b", tasks=1)
    assert fed(connection, 1) == ["a-1"]
    changes.pause(connection, "a")
    assert fed(connection, 9) == ["b-1"]
    changes.resume(connection, "a")
    assert fed(connection, 1) == ["a-2"]
    changes.cancel(connection, "a")
    assert fed(connection, 9) == []
    assert books.jobs(connection)[-1].status == "Canceled"


def test_what_a_paused_job_gets_back_stays_paused(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=2)
    numbers = [task.number for task in feeding.feed(connection, 1)]
    changes.pause(connection, "a")
    feeding.take_back(connection, numbers)
    assert fed(connection, 9) == []
    changes.resume(connection, "a")
    assert sorted(fed(connection, 9)) == ["a-1", "a-2"]


def test_what_was_not_confirmed_is_published_again(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=3)
    tasks = feeding.feed(connection, 3)
    feeding.confirmed(connection, [tasks[1].number])
    assert feeding.unconfirmed(connection) == [tasks[0], tasks[2]]


def test_a_task_that_is_settled_is_no_longer_fed(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=3)
    feeding.feed(connection, 3)
    report(connection, "finish", "a-1", status="Finished")
    report(connection, "reject", "a-2", status="Errored")
    report(connection, "requeue", "a-3", status="Waiting")
    assert feeding.count(connection) == 1
    assert [task.body for task in feeding.unconfirmed(connection)] == [
        task.body for task in feeding.unconfirmed(connection) if json.loads(task.body)["id"] == "a-3"
    ]
    assert books.frames_by_status(connection, "a") == {"Finished": "1", "Errored": "2", "Waiting": "3"}


def test_what_rabbitmq_has_lost_is_fed_again_but_not_what_a_worker_has(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=3)
    tasks = feeding.feed(connection, 3)
    feeding.confirmed(connection, [task.number for task in tasks])
    report(connection, "receive", "a-2", status="Queued")
    lost = feeding.not_received(connection)
    assert lost == [tasks[0].number, tasks[2].number]
    feeding.take_back(connection, lost)
    assert fed(connection, 9) == ["a-1", "a-3"]


def test_to_be_told_twice_changes_nothing(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=2)
    feeding.feed(connection, 2)
    for _ in range(2):
        report(connection, "start", "a-1", status="Running", worker="w7")
        report(connection, "finish", "a-1", status="Finished", worker="w7")
        report(connection, "start", "a-1", status="Running", worker="w7")
    assert books.frames_by_status(connection, "a") == {"Finished": "1", "Waiting": "2"}
    assert connection.execute("SELECT worker FROM task WHERE id = 'a-1'").fetchone() == ("w7",)


@pytest.mark.parametrize(
    "key, body",
    [
        ("finish.w1", b"no JSON"),
        ("finish.w1", b"[" * 100_000),
        ("finish.w1", b"{}"),
        ("finish.w1", b'{"id": "a-1", "parent_id": "a", "status": "Finished"}'),
        ("finish.w1", b'{"id": 7, "parent_id": ["a"], "status": "Finished", "command": null}'),
        ("finish", b"{}"),
        ("", b""),
        ("finish." + "w" * 300, b"{}"),
        ("hello.w1", b"\xff"),
        ("hello.w1", b"[1]"),
        ("hello.w1", b"{" * 50_000),
        ("heart." + "w" * 300, b""),
    ],
)
def test_what_is_no_report_changes_nothing(connection: sqlite3.Connection, key: str, body: bytes) -> None:
    add(connection, "a", tasks=1)
    bookkeeping.enter(connection, key, body)
    assert books.frames_by_status(connection, "a") == {"Waiting": "1"}
    assert all(worker.id == "w1" and not worker.hello for worker in workers.workers(connection))


def test_workers_are_known_by_what_they_say(connection: sqlite3.Connection) -> None:
    bookkeeping.enter(connection, "heart.old", b"")
    bookkeeping.enter(connection, "hello.new", json.dumps({"name": "Ann's", "blender": "4.3.2"}).encode())
    bookkeeping.enter(connection, "heart.new", b"")
    assert {worker.id: dict(worker.hello) for worker in workers.workers(connection)} == {
        "old": {},
        "new": {"name": "Ann's", "blender": "4.3.2"},
    }


def test_a_job_that_is_deleted_leaves_nothing_behind(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=2)
    add(connection, "b", tasks=1)
    feeding.feed(connection, 1)
    changes.delete(connection, "a")
    assert [job.id for job in books.jobs(connection)] == ["b"]
    for table in ("task", "message", "tally"):
        assert connection.execute(f"SELECT count(*) FROM {table} WHERE job = 'a'").fetchone() == (0,)
    assert feeding.count(connection) == 0
    report(connection, "finish", "a-1", status="Finished")
    assert [job.id for job in books.jobs(connection)] == ["b"]


def test_those_of_pictures_in_tiles_are_told_and_no_more_of_them_are_fed_than_are_asked_for(
    connection: sqlite3.Connection,
) -> None:
    add(connection, "a", tasks=4, tiles=True)
    add(connection, "b", tasks=3)
    assert fed(connection, 2) == ["b-1", "b-2"]
    found = feeding.feed(connection, 9, in_tiles={"": 3})
    assert [(json.loads(one.body)["id"], one.in_tiles) for one in found] == [
        *((f"a-{number}", True) for number in (1, 2, 3)),
        ("b-3", False),
    ]
    assert [one.in_tiles for one in feeding.unconfirmed(connection)] == [True] * 3 + [False] * 3
    for number in (1, 2, 3):
        report(connection, "finish", f"a-{number}", status="Finished")
    assert feeding.feed(connection, 9) == []
    (last,) = feeding.feed(connection, 9, in_tiles={"": 9})
    assert json.loads(last.body)["id"] == "a-4"


def test_people_take_turns_also_where_one_of_them_has_tiles(connection: sqlite3.Connection) -> None:
    add(connection, "a", tasks=3, person="ann", tiles=True)
    add(connection, "b", tasks=4, person="bob")
    found = feeding.feed(connection, 6, in_tiles={"": 2})
    assert [json.loads(one.body)["id"] for one in found] == ["a-1", "b-1", "a-2", "b-2", "b-3", "b-4"]
