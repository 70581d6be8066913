# SPDX-License-Identifier: GPL-3.0-or-later
"""People, the feeder, RabbitMQ and workers do what they do in any order; the books stay whole, and nothing is lost.
Also where the last frames of a job are cut in the midst of that."""

import json
import random
import sqlite3
import string
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.farm import bookkeeping, books, changes, feeding, frame_list, queueing
from bender_worker_addon.farm.database import Database
from tests.unit.farm.test_feeding import add

MOST = 5  # frames of a job
PICTURE = "0,0,128,128"  # can be cut into four
TOOK = {"timings": json.dumps({"render": 600, "sync": 1})}

Task = dict[str, Any]


class Farm:
    """With a `tail` the last frames of its jobs may be cut."""

    def __init__(self, database: Database, chance: random.Random, tail: str, at_once: int) -> None:
        self.database, self.chance, self.tail = database, chance, tail
        self.work: list[Task] = []  # in RabbitMQ's queues
        self.held: list[Task] = []  # by workers
        self.canceled: set[str] = set()  # jobs that were, at any time: a worker may have seen it then
        self.in_part: set[str] = set()  # jobs of which not all is to be done
        self.jobs: list[str] = []
        self.gone: list[str] = []  # jobs that were deleted
        with database.changing() as connection:
            for worker in ("one", "two"):
                bookkeeping.enter(connection, f"hello.{worker}", b'{"tiles": true, "blender": "4.3.2"}')
        for _ in range(at_once):
            self.send()

    def do_something(self) -> None:
        several = [self.feed, self.take, self.settle]
        self.chance.choice(
            [self.change, self.retry, self.retry_some, self.start, self.lose_rabbitmq, *several, *several]
        )()
        if self.chance.random() < 0.05:
            self.delete()

    def send(self) -> None:
        job = string.ascii_letters[len(self.jobs) + len(self.gone)]
        with self.database.changing() as connection:
            add(connection, job, tasks=self.chance.randint(1, MOST), person=job, tail=self.tail)
        self.jobs.append(job)

    def delete(self) -> None:
        """Another is sent in its place. RabbitMQ and workers still have tasks of it."""
        job = self.chance.choice(self.jobs)
        with self.database.changing() as connection:
            changes.delete(connection, job)
        self.jobs.remove(job)
        self.gone.append(job)
        self.canceled.add(job)
        self.send()

    def change(self) -> None:
        job = self.chance.choice(self.jobs)
        what = self.chance.choice([changes.pause, changes.resume, changes.cancel, changes.cancel])
        with self.database.changing() as connection:
            what(connection, job)
            changes.set_priority(connection, job, self.chance.randint(0, 1))
        if what is changes.cancel:
            self.canceled.add(job)

    def retry(self) -> None:
        job = self.chance.choice(self.jobs)
        with self.database.changing() as connection:
            changes.retry(connection, job)
        self.in_part.discard(job)

    def retry_some(self) -> None:
        job = self.chance.choice(self.jobs)
        with self.database.changing() as connection:
            changes.retry(connection, job, [self.chance.randint(1, MOST)])
        self.in_part.add(job)

    def feed(self) -> None:
        """The server may be killed before it publishes what it has marked."""
        with self.database.changing() as connection:
            room = {"4.3.2": self.chance.randint(0, 4)}
            fed = feeding.feed(connection, self.chance.randint(1, 4), in_tiles=room)
        if self.chance.random() < 0.8:
            self.publish(fed)

    def start(self) -> None:
        with self.database.looking() as connection:
            again = feeding.unconfirmed(connection)
        self.publish(again)

    def publish(self, fed: list[feeding.Fed]) -> None:
        for one in fed:
            task = json.loads(one.body)
            assert one.in_tiles == (not task["data"].keys().isdisjoint(("region", "tiles")))
            self.work.append(task)
        with self.database.changing() as connection:
            feeding.confirmed(connection, [task.number for task in fed])

    def lose_rabbitmq(self) -> None:
        """What workers have in hand they go on with, and report."""
        self.work.clear()
        with self.database.changing() as connection:
            feeding.take_back(connection, feeding.fed(connection))

    def take(self) -> None:
        if not self.work:
            return
        task = self.work.pop(self.chance.randrange(len(self.work)))
        if self.is_wanted(task):
            self.report("receive", task, "Queued")
            self.report("start", task, "Running")
            self.held.append(task)
        else:
            self.report("abort", task, "Aborted")

    def settle(self) -> None:
        if not self.held:
            return
        task = self.held.pop(self.chance.randrange(len(self.held)))
        match self.chance.choice(["finish", "reject", "fail", "abort"]):
            case "abort" if task["parent_id"] in self.canceled:
                self.report("abort", task, "Aborted")
            case "fail":
                self.report("error", task, "Errored")
                if self.chance.random() < 0.5:
                    self.held.append(task)  # it is still to go back
                else:
                    self.report("requeue", task, "Waiting")
                    self.work.append(task)
            case "reject":
                self.report("reject", task, "Errored")
            case _:
                for _ in range(self.chance.randint(1, 2)):
                    self.report("finish", task, "Finished")

    def is_wanted(self, task: Task) -> bool:
        with self.database.looking() as connection:
            return books.status(connection, task["parent_id"]) not in (None, "Canceled")

    def report(self, step: str, task: Task, status: str) -> None:
        wire = task | {"status": status}
        if status == "Finished":
            for frame in task["command"]["Blender"]["frame"].values():
                frame |= {"filesize": 8, "hash": "0" * 128}
            wire["data"] = task["data"] | (TOOK if self.chance.random() < 0.8 else {})
        with self.database.changing() as connection:
            bookkeeping.enter(connection, f"{step}.one", json.dumps(wire).encode(), only_if_fed=True)

    def check(self) -> None:
        """The books are whole, and what is to be done is with somebody."""
        with self.database.looking() as connection:
            messages = connection.execute("SELECT number, job, task, owner FROM message").fetchall()
            fed = {number for (number,) in connection.execute("SELECT number FROM fed").fetchall()}
            tasks = connection.execute("SELECT job, id, status, frames, frame_count FROM task").fetchall()
            tiles = connection.execute("SELECT job, frame_task, task FROM tile").fetchall()
            jobs = connection.execute("SELECT id, status, canceled, paused FROM job").fetchall()
            told = {job: books.frames_by_status(connection, job) for job, *_ in jobs}
            counted = {job.id: dict(job.frames) for job in books.jobs(connection)}
            told_of = {job: tables_with(connection, job) for job in self.gone}
        assert not any(told_of.values()), "nothing of a deleted job is known"
        owners = {(job, task): owner for _, job, task, owner in messages}
        assert len(owners) == len(messages), "a task is queued once"
        assert fed == {number for number, *_, owner in messages if owner == feeding.OWNER}
        assert owners.keys() <= {(job, id) for job, id, *_ in tasks}
        for job, status, canceled, paused in jobs:
            of_job = {id: (status, frames, count) for of, id, status, frames, count in tasks if of == job}
            waiting = {owners[job, id] for id in of_job if (job, id) in owners} - {feeding.OWNER}
            assert waiting <= (set() if canceled else {queueing.PAUSED} if paused else {None})
            left = {"Waiting", "Queued", "Running"} | (set() if job in self.in_part else {"Aborted"})
            pictures = {whole for of, whole, tile in tiles if of == job and (job, tile) in owners}
            for id, (task_status, *_) in of_job.items():
                is_with_somebody = (job, id) in owners or (task_status == "Waiting" and id in pictures)
                assert canceled or task_status not in left or is_with_somebody, "what is to be done is with somebody"
            by_status: dict[str, list[int]] = {}
            for task_status, frames, count in of_job.values():
                by_status.setdefault(task_status, []).extend([int(frames)] * count)
            frame_lists = {name: frame_list.as_text(sorted(found)) for name, found in by_status.items() if found}
            assert told[job] == frame_lists
            assert counted[job] == {name: len(found) for name, found in by_status.items() if found}
            tally = Counter(task_status for task_status, *_ in of_job.values())
            assert status == ("Canceled" if canceled else books.job_status(tally))

    def end(self) -> None:
        """Once people want all of it, all of it is done."""
        with self.database.changing() as connection:
            for job in self.jobs:
                changes.resume(connection, job)
                changes.retry(connection, job)
        self.start()
        while self.work_off():
            pass
        with self.database.looking() as connection:
            assert {job.status for job in books.jobs(connection)} == {"Finished"}
            assert connection.execute("SELECT count(*) FROM message").fetchone() == (0,)

    def work_off(self) -> bool:
        """Gives whether there was anything to do."""
        with self.database.changing() as connection:
            fed = feeding.feed(connection, 100, in_tiles={"4.3.2": 100})
        self.publish(fed)
        tasks, self.work, self.held = self.work + self.held, [], []
        for task in tasks:
            self.report("finish", task, "Finished")
        return bool(tasks)


def tables_with(connection: sqlite3.Connection, job: str) -> list[str]:
    """Which of them know that job, among all that have a column for one; but for what a machine has done lately."""
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    columns = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for (name,) in tables}
    about = [
        (name, "id" if name == "job" else "job")
        for name, has in columns.items()
        if name != "event" and ("job" in has or name == "job")
    ]
    return [
        name
        for name, column in about
        if connection.execute(f"SELECT 1 FROM {name} WHERE {column} = ?", (job,)).fetchone()
    ]


def go_on(folder: Path, seed: int, *, tail: str = "", jobs: int = 2) -> int:
    """With so many jobs at once. Gives how many tiles there were in the end."""
    with closing(Database(folder)) as database:
        farm = Farm(database, random.Random(seed), tail, jobs)
        for _ in range(60):
            farm.do_something()
            farm.check()
        farm.end()
        with database.looking() as connection:
            return int(connection.execute("SELECT count(*) FROM tile").fetchone()[0])


@pytest.mark.parametrize("seed", range(30))
def test_in_any_order(seed: int, tmp_path: Path) -> None:
    assert go_on(tmp_path, seed) == 0


def test_in_any_order_where_the_last_frames_are_cut(tmp_path: Path) -> None:
    tiles = [go_on(tmp_path / str(seed), seed, tail=PICTURE, jobs=1 + seed % 2) for seed in range(30)]
    assert sum(map(bool, tiles)) > 5, "some were cut"
