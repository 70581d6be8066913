# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report changes in what is known of a task: bender's rules, whatever comes late or twice."""

from typing import Any

from bender_worker_addon.farm.books import job_status
from bender_worker_addon.farm.merging import merged
from tests.unit.support import task_wire


def task(status: str, *, frame: dict[str, Any] | None = None, **times: str) -> dict[str, Any]:
    wire = task_wire(frames=[1])
    wire["status"] = status
    wire["time"].update(times)
    wire["command"]["Blender"]["frame"]["1"].update(frame or {})
    return wire


def test_what_is_told_is_known() -> None:
    told = task("Running", start="2026-01-01T00:00:01Z") | {"data": {"error": "none"}, "new": 7}
    assert merged(task("Queued"), told) == told


def test_what_is_finished_never_runs_again() -> None:
    finished = task("Finished", finish="2026-01-01T00:00:09Z")
    for late in ("Queued", "Running", "Errored", "Waiting"):
        assert merged(finished, task(late))["status"] == "Finished"


def test_what_failed_may_run_again_and_what_was_canceled_may_only_finish() -> None:
    assert merged(task("Errored"), task("Running"))["status"] == "Running"
    assert merged(task("Aborted"), task("Running"))["status"] == "Aborted"
    assert merged(task("Aborted"), task("Finished"))["status"] == "Finished"


def test_the_oldest_time_holds_in_whichever_order_they_come() -> None:
    early, late = task("Running", start="2026-01-01T00:00:01.5Z"), task("Running", start="2026-01-01T00:00:01.500001Z")
    for one, other in ((early, late), (late, early)):
        assert merged(one, other)["time"]["start"] == "2026-01-01T00:00:01.5Z"


def test_a_time_that_is_known_is_not_forgotten() -> None:
    assert merged(task("Running", queued="2026-01-01T00:00:01Z"), task("Running"))["time"]["queued"] is not None


def test_what_is_known_of_a_file_is_not_forgotten_and_what_is_new_of_it_holds() -> None:
    known = task("Finished", frame={"filesize": 7, "hash": "a", "uploaded": True})
    frame = merged(known, task("Finished", frame={"filesize": 8}))["command"]["Blender"]["frame"]["1"]
    assert frame == {"filesize": 8, "hash": "a", "uploaded": True}


def test_a_time_that_is_told_for_the_first_time_is_known_and_one_that_is_unknown_tells_nothing() -> None:
    known, told = task("Queued"), task("Running", start="2026-01-01T00:00:01Z")
    known["time"].pop("start")
    assert merged(known, told)["time"]["start"] == "2026-01-01T00:00:01Z"
    assert merged(known | {"time": None}, told)["time"] == told["time"]
    assert merged(told, known | {"time": None})["time"] == told["time"]


def test_what_is_known_of_a_file_stays_when_nothing_is_told_of_it_and_frames_are_those_of_the_newest() -> None:
    known = task("Finished", frame={"filesize": 7, "hash": "a", "uploaded": False, "note": "x"})
    told = task("Finished", frame={"filesize": None, "hash": "", "uploaded": True})
    told["command"]["Blender"]["frame"]["2"] = {"filesize": 1}
    frames = merged(known, told)["command"]["Blender"]["frame"]
    assert frames == {
        "1": {"filesize": 7, "hash": "a", "uploaded": True, "note": "x"},
        "2": {"filesize": 1},
    }


def test_a_command_of_another_kind_is_taken_as_it_is() -> None:
    basic = task("Finished") | {"command": {"Basic": {"command": "ls"}}}
    assert merged(task("Running"), basic)["command"] == basic["command"]
    assert merged(basic, task("Finished"))["command"] == task("Finished")["command"]


def test_a_job_is_what_its_tasks_are() -> None:
    assert job_status({"Waiting": 3}) == "Queued"
    assert job_status({"Waiting": 2, "Finished": 1}) == "Running"
    assert job_status({"Errored": 1, "Running": 1}) == "Running"
    assert job_status({"Errored": 1, "Finished": 9}) == "Errored"
    assert job_status({"Finished": 9}) == "Finished"
    assert job_status({"Aborted": 1, "Finished": 9}) == "Canceled"
    assert job_status({"Aborted": 1, "Errored": 1, "Finished": 9}) == "Errored"


def test_of_a_frame_that_is_stored_nothing_else_is_believed() -> None:
    ours = {"filesize": 7, "hash": "a" * 128, "uploaded": True, "stored": True}
    theirs = {"filesize": 9, "hash": "b" * 128, "uploaded": False}
    after = merged(task("Running", frame=ours), task("Finished", frame=theirs))
    assert after["command"]["Blender"]["frame"]["1"] == ours


def test_a_report_does_not_make_a_frame_stored() -> None:
    after = merged(task("Running"), task("Finished", frame={"filesize": 9, "stored": True}))
    assert after["command"]["Blender"]["frame"]["1"]["filesize"] == 9
    assert "stored" not in after["command"]["Blender"]["frame"]["1"]
