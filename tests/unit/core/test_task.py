# SPDX-License-Identifier: GPL-3.0-or-later
"""Task: what a message says comes back unchanged, but for what became of the task."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.frame import FORMATS, StoredFrame
from bender_worker_addon.core.task import STATUSES, Task, blender_command
from tests.unit.support import message, task_wire

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

any_text = st.text(st.characters(exclude_categories=[]), max_size=8)  # lone surrogates included
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner), max_leaves=10)
unknown = st.dictionaries(any_text.map("x-".__add__), values, max_size=3)
ids = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")


@st.composite
def wires(draw: st.DrawFn) -> dict[str, Any]:
    """Tasks of every shape, with keys that nobody knows on every level."""
    frames = draw(st.lists(st.integers(0, 999_999), min_size=1, max_size=5, unique=True))
    wire = task_wire(draw(ids), job=draw(ids), frames=frames, image_format=draw(st.sampled_from(sorted(FORMATS))))
    wire["status"] = draw(st.sampled_from(sorted(STATUSES)))
    content = wire["command"]["Blender"]
    for level in (wire, wire["time"], wire["data"], content, *content["frame"].values()):
        level.update(draw(unknown))
    return wire


def read(wire: dict[str, Any]) -> Task:
    return Task.from_json(json.dumps(wire).encode())


@given(wires())
def test_what_was_read_is_written_unchanged(wire: dict[str, Any]) -> None:
    assert json.loads(read(wire).to_json()) == wire


@given(wires())
def test_what_is_written_can_be_read_again(wire: dict[str, Any]) -> None:
    task = read(wire)
    again = Task.from_json(task.to_json())
    assert again.same_work(task)
    assert again.to_json() == task.to_json()


@given(wires())
def test_a_whole_life_keeps_what_is_unknown_on_every_level(wire: dict[str, Any]) -> None:
    task = read(wire)
    task.queued()
    task.constructed(blend=Path("/b"), folder=Path("/f"), command="c")
    task.started()
    task.has_frames({number: StoredFrame(number, Path("/f/x"), 5, "ab") for number in task.frames}, {1})
    task.finished(timings="{}")
    told = json.loads(task.to_json())
    before, after = wire["command"]["Blender"], told["command"]["Blender"]
    pairs = [(wire, told), (wire["time"], told["time"]), (wire["data"], told["data"]), (before, after)]
    pairs += [(before["frame"][key], after["frame"][key]) for key in before["frame"]]
    for was, became in pairs:
        assert {key: value for key, value in was.items() if key.startswith("x-")}.items() <= became.items()
    assert list(told) == list(wire)


@given(wires())
def test_frames_are_in_numeric_order(wire: dict[str, Any]) -> None:
    numbers = sorted(int(key) for key in wire["command"]["Blender"]["frame"])
    assert list(read(wire).frames) == numbers


@pytest.mark.parametrize("body", [message().decode().encode("utf-16"), b"\xef\xbb\xbf" + message()])
def test_any_unicode_encoding_of_json_is_read(body: bytes) -> None:
    assert Task.from_json(body).id == "task-1"


def test_pretty_printed_json_in_another_order_is_read() -> None:
    wire = dict(reversed(task_wire().items()))
    assert Task.from_json(json.dumps(wire, indent=4).encode()).job_id == "job-1"


@pytest.mark.parametrize("key", ["time", "data"])
def test_what_rust_would_never_leave_out_may_be_missing(key: str) -> None:
    wire = task_wire()
    del wire[key]
    task = read(wire)
    task.queued()
    assert isinstance(json.loads(task.to_json())[key], dict)


def test_each_step_sets_the_status_and_stamps_its_time() -> None:
    task = read(task_wire())
    steps: list[tuple[Any, str, str]] = [
        (task.queued, "Queued", "queued"),
        (task.started, "Running", "start"),
        (lambda: task.finished(timings="{}"), "Finished", "finish"),
        (lambda: task.failed("why"), "Errored", "error"),
        (task.aborted, "Aborted", "abort"),
    ]
    for step, status, moment in steps:
        step()
        told = json.loads(task.to_json())
        assert told["status"] == status
        assert RFC_3339.fullmatch(told["time"][moment])
    assert told["data"]["error"] == "why"
    assert told["time"]["creation"] == "2019-03-02T13:48:40.176598Z"
    assert told["time"]["pause"] is None


def test_moments_that_a_message_left_out_are_told_as_not_come_yet() -> None:
    task = read({**task_wire(), "time": {}})
    task.queued()
    told = json.loads(task.to_json())["time"]
    assert RFC_3339.fullmatch(told.pop("queued"))
    assert told == dict.fromkeys(("creation", "start", "finish", "error", "abort", "pause"))


def test_a_finished_task_says_what_its_seconds_went_into_and_what_it_was_rendered_on() -> None:
    task = read(task_wire())
    task.finished(timings='{"queue": 1}')
    assert json.loads(task.to_json())["data"] == {"timings": '{"queue": 1}'}
    task.finished(timings='{"queue": 2}', device="OPTIX")
    assert json.loads(task.to_json())["data"] == {"timings": '{"queue": 2}', "device": "OPTIX"}


def test_a_task_that_is_given_back_waits_again_and_says_why() -> None:
    task = read(task_wire())
    task.failed("out of memory")
    task.given_back()
    told = json.loads(task.to_json())
    assert (told["status"], told["data"]["error"]) == ("Waiting", "out of memory")


def test_a_task_that_comes_anew_does_not_carry_an_old_error() -> None:
    task = read({**task_wire(), "data": {"error": "of before", "note": "kept"}})
    task.queued()
    assert json.loads(task.to_json())["data"] == {"note": "kept"}


def test_what_a_message_says_of_paths_and_commands_is_ignored() -> None:
    task = read(task_wire(blendfile="/evil", outpath="/evil", command="evil"))
    task.constructed(blend=Path("b.blend"), folder=Path("frames"), command="blender")
    told = json.loads(task.to_json())["command"]["Blender"]
    assert (told["blendfile"], told["outpath"], told["command"]) == ("b.blend", "frames", "blender")
    assert task.outpath == Path("frames")


def test_stored_frames_say_where_a_finished_task_has_its_frames() -> None:
    task = read(task_wire(frames=[1, 12], image_format="OPEN_EXR"))
    frames = {number: StoredFrame(number, Path(f"/f/{number:06d}.exr"), number, "ab" * number) for number in (1, 12)}
    task.has_frames(frames, {12})
    again = Task.from_json(task.to_json())
    assert again.stored_frames(Path("/f")) == list(frames.values())
    assert again.uploaded == {12}


@pytest.mark.parametrize(
    "other",
    [task_wire("other"), task_wire(job="other"), task_wire(frames=[1, 2]), task_wire(image_format="JPEG")],
    ids=["id", "job", "frames", "format"],
)
def test_a_task_that_asks_for_something_else_is_not_the_same_work(other: dict[str, Any]) -> None:
    assert not read(task_wire()).same_work(read(other))


@pytest.mark.skipif(not shutil.which("sh"), reason="there is no shell on Windows that quotes as others do")
def test_the_command_line_can_be_repeated_in_a_shell() -> None:
    task = read(task_wire(frames=[1, 2, 3, 7, 9, 10]))
    blend, folder = Path("/my blends/Größe 'a' $HOME.blend"), Path("/out put/job")
    command = f"printf '%s\\n' {blender_command(task, blend=blend, folder=folder, windows=False)}"
    words = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    expected = ["blender", "-b", str(blend), "-o", "/out put/job/######", "-F", "PNG", "-x", "1", "-f", "1..3,7,9..10"]
    assert words == expected


def test_the_command_line_names_formats_as_blenders_command_line_does() -> None:
    for image_format, name in (("TARGA", "TGA"), ("TARGA_RAW", "RAWTGA"), ("JPEG2000", "JP2")):
        task = read(task_wire(image_format=image_format))
        assert f"-F {name} " in blender_command(task, blend=Path("b"), folder=Path("f"), windows=False)


def test_the_command_line_is_quoted_as_windows_wants_it_there() -> None:
    task = read(task_wire(frames=[1]))
    line = blender_command(task, blend=Path("my blends/a.blend"), folder=Path("out"), windows=True)
    assert line.startswith(f'blender -b "{Path("my blends/a.blend")}" -o ')


def test_a_task_says_what_people_call_its_job_if_the_farm_tells_it() -> None:
    def named(name: object) -> str:
        return Task.from_json(json.dumps(task_wire() | {"data": {"name": name}}).encode()).job_name

    unnamed = Task.from_json(message())
    assert named(" beach\n\x1b take 2 ") == "beach take 2"
    assert named("x" * 300) == "x" * 200
    assert named("\n") == named(7) == unnamed.job_name == unnamed.job_id
