# SPDX-License-Identifier: GPL-3.0-or-later
"""Task: whatever is no task this worker could do is refused with a reason, and nothing else is ever raised."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.errors import TaskRefused
from bender_worker_addon.core.task import Task, unreadable_report
from tests.unit.support import message, task_wire


def refusal(body: bytes) -> str:
    with pytest.raises(TaskRefused) as caught:
        Task.from_json(body)
    return str(caught.value)


def with_command(command: object) -> bytes:
    return json.dumps({**task_wire(), "command": command}).encode()


def with_blender(**changes: object) -> dict[str, Any]:
    wire = task_wire()
    wire["command"]["Blender"].update(changes)
    return {"command": wire["command"]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"frame 7 please",
        b"\xff\xfe\xfd",
        message()[:-1],
        b"NaN",
        message().replace(b"null", b"NaN", 1),
        message().replace(b"null", b"-Infinity", 1),
        message().replace(b"null", b"1e999", 1),
        message().replace(b"null", b"9" * 5000, 1),
    ],
    ids=["empty", "text", "bytes", "cut", "NaN", "NaN inside", "Infinity", "1e999", "huge integer"],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert "JSON" in refusal(body)


@pytest.mark.parametrize("body", [b"null", b"7", b'"task"', b"[]", b"[{}]"])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    assert "JSON object" in refusal(body)


@pytest.mark.parametrize("depth", [101, 500, 950, 990, 100_000])
def test_what_is_nested_without_end_is_refused(depth: int) -> None:
    assert "deep" in refusal(b'{"x":' * depth + b"1" + b"}" * depth)


def test_a_hundred_levels_are_read_and_written() -> None:
    wire: dict[str, Any] = {**task_wire(), "deep": json.loads("[" * 99 + "]" * 99)}
    assert json.loads(Task.from_json(json.dumps(wire).encode()).to_json()) == wire


@pytest.mark.parametrize("key", ["id", "parent_id", "status", "command"])
def test_an_object_that_lacks_what_makes_a_task_is_refused(key: str) -> None:
    wire = task_wire()
    del wire[key]
    assert refusal(json.dumps(wire).encode())


@pytest.mark.parametrize("name", ["aux", "CON", "nul", "com1", "Lpt9"])
def test_a_job_that_could_have_no_folder_on_windows_is_refused(name: str) -> None:
    with pytest.raises(TaskRefused, match="Windows"):
        Task.from_json(json.dumps(task_wire(job=name)).encode())
    assert Task.from_json(json.dumps(task_wire(name, job=f"{name}-1")).encode()).id == name


@pytest.mark.parametrize("key", ["id", "parent_id"])
@pytest.mark.parametrize(
    "value", ["../x", "..", ".", "", "a/b", "a\\b", "C:", "x" * 65, "a b", "a\n", "ä", "a\0", "%2e", 7, None, ["a"], {}]
)
def test_an_id_that_could_lead_elsewhere_is_refused(key: str, value: object) -> None:
    assert f"'{key}'" in refusal(json.dumps({**task_wire(), key: value}).encode())


@pytest.mark.parametrize("value", ["-1", "10000000", "1000000", "1.0", "01", "+1", " 1", "", "a", "1e3", "١", "²"])  # noqa: RUF001
def test_a_number_that_is_none_of_a_frame_is_refused(value: str) -> None:
    assert "frame number" in refusal(message(frame={value: {}}))


def test_the_first_and_the_last_frame_there_can_be_are_taken() -> None:
    assert Task.from_json(message(frames=[0, 999_999])).frames == (0, 999_999)


@pytest.mark.parametrize("frame", [{}, [], None, 7, {"1": None}, {"1": 5}, {"1": []}])
def test_frames_that_are_no_frames_are_refused(frame: object) -> None:
    assert "frame" in refusal(message(frame=frame))


@pytest.mark.parametrize("value", ["png", "FFMPEG", "open_exr", "", "AVI_JPEG", None, 7, ["PNG"], {"PNG": 1}])
def test_an_unknown_image_format_is_refused_and_the_known_are_named(value: object) -> None:
    assert "OPEN_EXR_MULTILAYER" in refusal(message(image_format=value))


@pytest.mark.parametrize("value", ["waiting", "Done", "", None, 7, ["Waiting"], {"Waiting": {}}])
def test_an_unknown_status_is_refused(value: object) -> None:
    assert "status" in refusal(json.dumps({**task_wire(), "status": value}).encode())


@pytest.mark.parametrize("key", ["time", "data"])
@pytest.mark.parametrize("value", [None, [], "x", 7])
def test_what_should_be_an_object_and_is_none_is_refused(key: str, value: object) -> None:
    assert f"'{key}'" in refusal(json.dumps({**task_wire(), key: value}).encode())


def test_a_shell_line_is_refused() -> None:
    assert "shell" in refusal(with_command({"Basic": {"command": "ls -a"}}))


@pytest.mark.parametrize(
    "command",
    [
        {},
        [],
        None,
        "Blender",
        {"Blender": None},
        {"Blender": []},
        {"Maya": {}},
        {"Blender": {}},
        {"Blender": {}, "Basic": {}},
    ],
)
def test_a_command_of_another_kind_is_refused(command: object) -> None:
    assert refusal(with_command(command))


@pytest.mark.parametrize(
    "wire, words",
    [
        ({"status": "Lost"}, 'unknown status "Lost"; known are Aborted, Errored, Finished, Paused, Queued, '),
        ({"data": 7}, "'data' should be an object, found 7"),
        ({"id": "../x"}, "'id' should be 1 to 64 of A-Z a-z 0-9 _ -, found \"../x\""),
        ({"command": [1]}, "'command' should be an object with one key, found [1]"),
        ({"command": {"Maya": {}}}, 'unknown kind of command "Maya"; this worker knows Blender'),
        (with_blender(image_format="GIF"), 'unknown image format "GIF"; known are PNG, BMP, JPEG, '),
        (with_blender(frame=[8]), "'frame' should be an object with at least one frame number, found [8]"),
        (with_blender(frame={"x": {}}), 'a frame number is 0 to 999999, found "x"'),
        (with_blender(frame={"1": 6}), "frame 1 should be an object, found 6"),
    ],
)
def test_a_refusal_says_what_was_found(wire: dict[str, Any], words: str) -> None:
    assert words in refusal(json.dumps(task_wire() | wire).encode())


def test_a_message_that_is_no_object_is_told_and_cut_where_it_is_long() -> None:
    assert refusal(b"[7]") == "a task is a JSON object, found [7]"
    assert refusal(json.dumps("x" * 78).encode()).endswith('found "' + "x" * 78 + '"')
    assert refusal(json.dumps("x" * 79).encode()).endswith('found "' + "x" * 76 + "...")


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_bytes_raise_anything_but_a_refusal(body: bytes) -> None:
    refusal(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["id", "status", "time", "command", "data", "parent_id"]), json_values)
def test_any_value_in_any_place_is_taken_or_refused(key: str, value: object) -> None:
    body = json.dumps({**task_wire(), key: value}).encode()
    try:
        Task.from_json(body).to_json()
    except TaskRefused as error:
        assert str(error)


@given(st.sampled_from(["frame", "image_format", "blendfile", "outpath", "command"]), json_values)
def test_any_value_in_a_command_is_taken_or_refused(key: str, value: object) -> None:
    try:
        wire = task_wire()
        wire["command"]["Blender"][key] = value
        Task.from_json(json.dumps(wire).encode()).to_json()
    except TaskRefused as error:
        assert str(error)


@given(st.binary(max_size=300).map(lambda rest: b"?" + rest))  # nothing in JSON begins so: {} would be an object
def test_what_is_unreadable_is_reported_with_its_text_and_the_reason(body: bytes) -> None:
    told = json.loads(unreadable_report(body, "why"))
    assert (told["status"], told["data"]["error"]) == ("Errored", "why")
    assert told["data"]["body"] == body.decode("utf-8", "backslashreplace")


def test_only_the_beginning_of_what_is_unreadable_is_reported() -> None:
    assert len(unreadable_report(b"x" * 10_000_000, "why")) < 2000


@pytest.mark.parametrize("data", [{"note": "kept"}, None, 7, []])
def test_an_object_that_is_no_task_is_reported_with_all_it_held(data: object) -> None:
    told = json.loads(unreadable_report(json.dumps({"id": "../x", "status": "?", "data": data}).encode(), "why"))
    assert (told["id"], told["status"], told["data"]["error"]) == ("../x", "Errored", "why")
    if isinstance(data, dict):
        assert told["data"]["note"] == "kept"
