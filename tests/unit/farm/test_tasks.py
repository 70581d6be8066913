# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: who rendered them, when, on what; what Blender said of those that failed. No report is believed blindly."""

import json
from typing import Any

import pytest

from bender_worker_addon.farm import bookkeeping, books, changes, tasks, workers
from bender_worker_addon.farm.new_job import NewTask
from bender_worker_addon.farm.tasks import TaskRecord, output_of
from tests.unit.local_site import Site
from tests.unit.support import task_wire

DONE = {"device": "CPU", "timings": '{"render": 2.5}'}


def report(site: Site, task: str, step: str, status: str, *, worker: str = "w", job: str = "job", **wire: Any) -> None:
    """A worker's report over RabbitMQ, as far as the books can tell."""
    told = {**task_wire(task, job=job, frames=[int(task.rpartition("-")[2])]), "status": status, **wire}
    with site.database.changing() as connection:
        bookkeeping.enter(connection, f"{step}.{worker}", json.dumps(told).encode())


def record(site: Site, number: int = 1, job: str = "job") -> TaskRecord:
    with site.database.looking() as connection:
        found = tasks.record(connection, job, number)
    assert found is not None
    return found


def times(**moments: str) -> dict[str, str | None]:
    return {"creation": "2019-03-02T13:48:40Z", "start": None, "finish": None, "error": None, **moments}


def test_who_rendered_it_and_how_is_known(site: Site) -> None:
    site.add("job", 2)
    assert record(site) == TaskRecord(1, "job-1", "1", "Waiting")
    report(site, "job-1", "start", "Running", worker="first", time=times(start="2026-01-01T10:00:00Z"))
    assert (record(site).worker, record(site).start) == ("first", "2026-01-01T10:00:00Z")
    when = times(start="2026-01-01T10:00:00Z", finish="2026-01-01T10:00:09Z")
    report(site, "job-1", "finish", "Finished", worker="second", time=when, data=DONE)
    done = record(site)
    assert (done.status, done.worker, done.device, done.timings) == ("Finished", "second", "CPU", {"render": 2.5})
    assert done.finish == "2026-01-01T10:00:09Z"
    report(site, "job-1", "start", "Running", worker="late", time=times(start="2026-01-01T10:00:00Z"))
    report(site, "job-1", "stat", "Finished", worker="job")
    assert record(site).worker == "second"


def test_what_blender_said_is_kept_until_it_goes_well_and_not_in_the_task(site: Site) -> None:
    site.add("job", 1)
    said = {"error": "no camera", "output": "Fra:1\nno camera"}
    report(site, "job-1", "error", "Errored", worker="blind", time=times(error="2026-01-01T10:00:00Z"), data=said)
    failed = record(site)
    assert (failed.error, failed.output, failed.worker) == ("no camera", "Fra:1\nno camera", "blind")
    assert failed.finish == "2026-01-01T10:00:00Z"
    with site.database.looking() as connection:
        body = books.task(connection, "job", "job-1")
        (listed,) = tasks.tasks(connection, "job", most=9)
        assert books.failures(connection, "job", most=9) == [books.Failure("1", "no camera", "blind")]
    assert body is not None
    assert json.loads(body)["data"] == {"error": "no camera"}
    assert (listed.error, listed.output) == ("no camera", "")
    report(site, "job-1", "reject", "Errored", worker="blind", data={"error": "no camera"})
    assert record(site).output
    with site.database.changing() as connection:
        assert changes.retry(connection, "job") == 1
    assert (record(site).error, record(site).output, record(site).finish) == ("", "", "")


def test_outputs_of_a_job_are_bounded_and_go_with_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_OUTPUTS", 3)
    site.add("job", 6)
    site.add("other", 1)
    report(site, "other-1", "error", "Errored", job="other", data={"error": "e", "output": "its own"})
    for number in range(1, 7):
        report(site, f"job-{number}", "error", "Errored", data={"error": "e", "output": f"line {number}"})
    outputs = [record(site, number).output for number in range(1, 7)]
    assert outputs == ["", "", "", "line 4", "line 5", "line 6"]
    assert record(site, 1, "other").output == "its own"
    with site.database.changing() as connection:
        changes.delete(connection, "job")
    with site.database.looking() as connection:
        assert connection.execute("SELECT job FROM output").fetchall() == [("other",)]


@pytest.mark.parametrize(
    "data",
    [
        {"error": ["x"], "output": {"a": 1}, "device": 7, "timings": 3},
        {"error": "e", "output": 9, "timings": "[1]"},
        {"error": "e", "timings": '{"render": "long", "load": true, "x": -1, "y": 1e999}'},
        {"error": "e", "timings": "{" * 5000},
        {"timings": '{"a": NaN}'},
    ],
)
def test_what_a_report_says_need_not_be_so(site: Site, data: dict[str, Any]) -> None:
    site.add("job", 1)
    report(site, "job-1", "error", "Errored", data=data, time={"start": 5})
    found = record(site)
    assert (found.device, dict(found.timings), found.start, found.output) == ("", {}, "", "")


def test_an_output_is_the_last_forty_lines_and_eight_kilobytes() -> None:
    assert output_of(f"line {number}" for number in range(100)).splitlines() == [f"line {n}" for n in range(60, 100)]
    long = output_of("ä" * 300 for _ in range(40))
    assert 7000 < len(long.encode()) <= 8192
    assert set(long) == {"ä", "\n"}
    assert not long.startswith("\n")
    assert len(output_of(["ö" * 9000]).encode()) == 8192


def test_tasks_come_in_pieces_and_by_their_status(site: Site) -> None:
    site.add("before", 3)
    site.add("job", 5)
    site.add("after", 2)
    report(site, "job-2", "error", "Errored", data={"error": "e"})
    report(site, "job-4", "error", "Errored", data={"error": "e"})
    with site.database.looking() as connection:
        assert [task.number for task in tasks.tasks(connection, "job", most=3)] == [1, 2, 3]
        assert [task.id for task in tasks.tasks(connection, "job", after=3, most=3)] == ["job-4", "job-5"]
        assert [task.number for task in tasks.tasks(connection, "job", most=9, status="Errored")] == [2, 4]
        assert tasks.tasks(connection, "nobody", most=9) == []
        assert [tasks.record(connection, "job", number) for number in (0, -3, 6, 10**6)] == [None] * 4
        assert tasks.record(connection, "nobody", 1) is None


def test_the_task_of_a_frame_is_found_among_those_of_many_frames(site: Site) -> None:
    site.add("before", 3)
    lists = ["1-4,9", "10", "12-16", "20,30", "31-35"]
    made = [
        NewTask(f"t{number}", frames, 5, json.dumps(task_wire(f"t{number}"))) for number, frames in enumerate(lists)
    ]
    head = {"id": "many", "time": {"creation": books.now()}}
    with site.database.changing() as connection:
        changes.add_job(connection, head, name="many", priority=0, tasks=made)
    wanted = {1: 1, 4: 1, 5: None, 9: 1, 10: 2, 11: None, 14: 3, 25: None, 30: 4, 35: 5, 36: None, 0: None}
    with site.database.looking() as connection:
        assert {frame: tasks.number_of(connection, "many", frame) for frame in wanted} == wanted
        assert tasks.number_of(connection, "nobody", 1) is None


def test_a_worker_s_last_hundred_events_are_kept_and_forgotten_with_it(site: Site) -> None:
    site.add("job", 3)
    report(site, "job-1", "finish", "Finished")
    report(site, "job-2", "error", "Errored", data={"error": "no camera"})
    with site.database.looking() as connection:
        told = [(event.what, event.job, event.frames, event.words) for event in workers.events(connection, "w")]
    assert told == [("error", "job", "2", "no camera"), ("finish", "job", "1", "")]
    with site.database.changing() as connection:
        for number in range(150):
            workers.note(connection, "w", "finish", "job", str(number), "x" * 9999)
            workers.note(connection, "other", "finish", "job", str(number), "")
    with site.database.looking() as connection:
        kept = workers.events(connection, "w")
    assert [event.frames for event in kept] == [str(number) for number in range(149, 49, -1)]
    assert len(kept[0].words) == 500
    with site.database.changing() as connection:
        connection.execute("UPDATE worker SET seen = 0 WHERE id = 'w'")
        workers.has_been_heard(connection, "other")
        workers.forget_silent(connection)
        assert workers.events(connection, "w") == []
        assert len(workers.events(connection, "other")) == 100


def test_what_puts_frames_in_doubt_is_kept_by_job_and_bounded(site: Site) -> None:
    site.add("job", 4)
    pink, strange = "the picture t is missing: /t.png", "view not found"
    for number in (1, 2, 4):
        words = f"{pink}\n{strange}" if number == 4 else pink
        report(site, f"job-{number}", "finish", "Finished", data={"warnings": words})
        report(site, f"job-{number}", "stat", "Finished", data={"warnings": words})
    with site.database.looking() as connection:
        assert books.warnings(connection, "job") == [books.Warned("1-2,4", pink), books.Warned("4", strange)]
    assert record(site, 4).warnings == f"{pink}\n{strange}"
    assert record(site, 3).warnings == ""
    left = "3 files of File Output nodes are kept in /renders on otto: this farm takes none"
    report(site, "job-3", "finish", "Finished", data={"left": left})
    assert record(site, 3).warnings == left
    with site.database.looking() as connection:
        assert books.Warned("3", left) in books.warnings(connection, "job")
    many = "\n".join(f"{number} {'x' * 999}" for number in range(99))
    report(site, "job-3", "finish", "Finished", data={"warnings": many})
    report(site, "job-3", "finish", "Finished", data={"warnings": 5})
    with site.database.looking() as connection:
        found = books.warnings(connection, "job")
    assert len(found) == 20
    assert max(len(warned.words) for warned in found) == 300
    with site.database.changing() as connection:
        changes.delete(connection, "job")
        assert books.warnings(connection, "job") == []
