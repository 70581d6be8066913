# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: what becomes of a task that fails, and of a message that is none. The next task is always rendered."""

import json
import threading
from typing import Any

import pytest

from bender_worker_addon.core.frame import StoredFrame
from bender_worker_addon.core.in_flight import InFlight
from bender_worker_addon.core.messages import FrameWritten
from bender_worker_addon.worker.frames import store
from bender_worker_addon.worker.frames.storing import FrameStore
from tests.unit.conftest import StartFarm
from tests.unit.gates import opened
from tests.unit.support import DEADLINE, Farm, child_command, message
from tools.servers import blend_server


def test_a_task_that_fails_twice_is_reported_and_given_back(farm: Farm) -> None:
    farm.add(die=[1])
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.history == ["receive", "construct", "blend", "start", "start", "error", "requeue", "requeued"]
    (error,) = farm.broker.tasks("error")
    assert error["status"] == "Errored"
    assert "exit code 11" in error["data"]["error"]
    assert farm.broker.tasks("requeue")[0]["status"] == "Waiting"
    assert len({process for process, _ in farm.renders()}) == 2


@pytest.mark.both_queues
def test_a_task_that_has_been_round_before_is_rejected(farm: Farm) -> None:
    farm.add(die=[1])
    farm.broker.deliver(message(), redelivered=True)
    farm.until_settled()
    assert farm.broker.history[-3:] == ["error", "reject", "rejected"]


@pytest.mark.both_queues
def test_a_scene_that_nobody_can_render_is_rejected_at_once(farm: Farm) -> None:
    farm.add(no_camera=[1])
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.history == ["receive", "construct", "blend", "start", "error", "reject", "rejected"]
    assert "no camera" in farm.broker.tasks("reject")[0]["data"]["error"]


@pytest.mark.both_queues
def test_a_second_try_goes_well_with_what_was_stored_by_the_first(farm: Farm) -> None:
    farm.add(die=[3], die_once=farm.folder / "died")
    farm.broker.deliver(message(frames=[1, 2, 3, 4]))
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]
    assert [frame for _, frame in farm.renders()].count(3) == 2
    assert all(farm.frame(number).is_file() for number in (1, 2, 3, 4))


@pytest.mark.parametrize("fault", ["broken", "wrong", "missing"])
def test_a_frame_that_is_no_whole_picture_is_never_acked(farm: Farm, fault: str) -> None:
    farm.add("job-1", **{fault: [2]})
    farm.broker.deliver(message(frames=[1, 2]))
    farm.until_settled()
    assert farm.broker.settled == [("requeued", 1)]
    assert "finish" not in farm.broker.history
    assert not farm.frame(2).exists()


@pytest.mark.parametrize("fault", ["broken", "wrong", "missing"])
def test_a_bad_frame_in_the_middle_of_many_is_told_and_settled_once(farm: Farm, fault: str) -> None:
    farm.add("job-1", **{fault: [2]})
    farm.add("job-2")
    farm.broker.deliver(message("a", frames=range(1, 9)))
    farm.broker.deliver(message("b", job="job-2"))
    farm.until_settled(2)
    assert sorted(farm.broker.settled) == [("ack", 2), ("requeued", 1)]
    assert len(farm.broker.tasks("error")) == 1
    assert "frame 2" in farm.broker.tasks("error")[0]["data"]["error"] or fault == "broken"


def test_two_bad_frames_of_one_attempt_are_one_failure(farm: Farm) -> None:
    farm.add(wrong=[1, 2], first=farm.folder / "first")
    farm.broker.deliver(message(frames=[1, 2]))
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]
    assert [frame for _, frame in farm.renders()] == [1, 2, 1, 2]
    assert len({process for process, _ in farm.renders()}) == 2


def test_a_frame_of_an_attempt_that_failed_is_none_of_the_next(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stored late, while a fresh child is about to render it again: the task ends once, when that is done."""
    store_now, second_is_written, let_go = store.store, threading.Event(), threading.Event()

    def store_late(*, number: int, **where: Any) -> StoredFrame:
        assert second_is_written.wait(DEADLINE)
        assert number == 1 or let_go.wait(DEADLINE)
        return store_now(number=number, **where)

    def submit(self: FrameStore, held: InFlight, written: FrameWritten, **where: Any) -> None:
        if written.frame == 2:
            second_is_written.set()
        submit_now(self, held, written, **where)

    submit_now = FrameStore.store
    monkeypatch.setattr(store, "store", store_late)
    monkeypatch.setattr(FrameStore, "store", submit)
    gate = farm.gate()
    farm.add(wrong=[1], first=farm.folder / "first", wait={2: gate})
    farm.broker.deliver(message(frames=[1, 2]))
    farm.until(lambda: [frame for _, frame in farm.renders()] == [1, 2, 1, 2])
    let_go.set()
    farm.until(lambda: farm.frame(1).exists())
    for _ in range(5):
        farm.worker.tick(0.05)
    opened(gate)
    farm.until_settled()
    for _ in range(5):
        farm.worker.tick(0.05)
    assert farm.broker.settled == [("ack", 1)]
    assert farm.broker.history.count("finish") == 1


def test_the_next_task_of_the_job_is_rendered_after_a_failed_one(farm: Farm) -> None:
    farm.add(die=[1])
    farm.broker.deliver(message("a", frames=[1]))
    farm.broker.deliver(message("b", frames=[2]))
    farm.until_settled(2)
    assert sorted(farm.broker.settled) == [("ack", 2), ("requeued", 1)]


def test_a_frame_that_cannot_be_stored_is_told(farm: Farm) -> None:
    farm.add()
    farm.frame(1).mkdir(parents=True)
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.settled == [("requeued", 1)]
    assert "000001.png" in farm.broker.tasks("error")[0]["data"]["error"]


def test_frames_in_doubt_fail_where_the_farm_wants_them_to(start_farm: StartFarm) -> None:
    farm = start_farm(fail_in_doubt=True)
    farm.add(warned=[2])
    farm.broker.deliver(message("a", frames=[1, 2]))
    farm.broker.deliver(message("b", frames=[3]))
    farm.until_settled(2)
    assert sorted(farm.broker.settled) == [("ack", 2), ("requeued", 1)]
    (failed,) = farm.broker.tasks("error")
    assert failed["data"]["error"] == "frame 2 is in doubt: the picture t.png is missing: /t.png"
    assert not farm.frame(2).exists()


def test_frames_in_doubt_are_kept_where_nobody_says_otherwise(farm: Farm) -> None:
    farm.add(warned=[2])
    farm.broker.deliver(message("a", frames=[1, 2]))
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]
    assert farm.frame(2).exists()
    assert farm.broker.tasks("stat")[-1]["data"]["warnings"] == "the picture t.png is missing: /t.png"


def test_a_blender_that_cannot_be_started_is_told(start_farm: StartFarm) -> None:
    farm = start_farm(child=["/nowhere/blender"])
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.settled == [("requeued", 1)]
    assert "/nowhere/blender" in farm.broker.tasks("error")[0]["data"]["error"]


@pytest.mark.parametrize(
    ("child", "words"),
    [("ends_at_once", "exit code 3"), ("ends_well", "exit code 0"), ("garbage", "no message")],
)
def test_a_child_that_is_none_fails_the_task(start_farm: StartFarm, child: str, words: str) -> None:
    farm = start_farm(child=child_command(child))
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.settled == [("requeued", 1)]
    assert words in farm.broker.tasks("error")[0]["data"]["error"]


def test_a_child_that_hangs_is_replaced(start_farm: StartFarm) -> None:
    farm = start_farm(child=child_command("never_connects"), stall_timeout=0.2)
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.settled == [("requeued", 1)]
    assert "no progress" in farm.broker.tasks("error")[0]["data"]["error"]


@pytest.mark.parametrize(
    ("behaviour", "settled", "words"),
    [
        (blend_server.not_found, "rejected", "404"),
        (blend_server.html_page, "requeued", "a web page"),
        (blend_server.cut_short, "requeued", "cut short"),
        (blend_server.wrong_length, "requeued", "cut short"),
        (blend_server.failing(), "requeued", "500"),
    ],
)
@pytest.mark.usefixtures("quick_retries")
def test_a_blend_that_cannot_be_had_fails_its_tasks(
    farm: Farm, behaviour: blend_server.Behaviour, settled: str, words: str
) -> None:
    farm.http.add("job-1", b"BLENDER-v403" + bytes(5000), behaviour=behaviour)
    farm.add("job-2")
    farm.broker.deliver(message("a"))
    farm.broker.deliver(message("b", job="job-2"))
    farm.until_settled(2)
    assert sorted(farm.broker.settled) == sorted([(settled, 1), ("ack", 2)])
    assert words in farm.broker.tasks("error")[0]["data"]["error"]
    assert "start" not in [
        key.partition(".")[0] for key, body in farm.broker.reports if body and json.loads(body)["id"] == "a"
    ]


BAD_MESSAGES = {
    "not JSON": b"\xff\xfe not JSON",
    "no task": b"[]",
    "a shell line": json.dumps({**json.loads(message()), "command": {"Basic": {"command": "touch /tmp/x"}}}).encode(),
    "a way out": message(job="../../etc"),
    "too deep": b"[" * 100_000,
    "deep in a task": message(extra="DEEP").replace(b'"DEEP"', b"[" * 900 + b"]" * 900),
}


@pytest.mark.parametrize("body", BAD_MESSAGES.values(), ids=BAD_MESSAGES.keys())
def test_a_message_that_is_no_task_is_reported_and_then_rejected(farm: Farm, body: bytes) -> None:
    farm.add()
    farm.broker.confirms = False
    farm.broker.deliver(body)
    farm.until(lambda: "reject" in farm.broker.history)
    assert farm.broker.settled == []
    farm.broker.confirms = True
    farm.broker.confirm()
    farm.broker.deliver(message())
    farm.until_settled(2)
    assert farm.broker.settled == [("rejected", 1), ("ack", 2)]
    (told,) = farm.broker.tasks("reject")
    assert told["status"] == "Errored"
    assert told["data"]["error"]


def test_the_worker_never_ends_by_what_failed(farm: Farm) -> None:
    farm.add(no_camera=[1])
    for number in range(10):
        farm.broker.deliver(message(f"t{number}") if number % 2 else b"nonsense")
    farm.until_settled(10)
    assert not farm.worker.over


@pytest.mark.both_queues
@pytest.mark.parametrize("fault", ["no_camera", "die", "broken", "missing"])
def test_what_blender_printed_last_is_told_once_with_what_failed(farm: Farm, fault: str) -> None:
    farm.add("job-1", **{fault: [2]})
    farm.broker.deliver(message(frames=[1, 2]), redelivered=True)
    farm.until_settled()
    (error,) = farm.broker.tasks("error")
    assert "rendering frame 2" in error["data"]["output"]
    assert all("output" not in task["data"] for task in farm.broker.tasks("reject"))
    assert json.loads(error["data"]["timings"])
    if fault in ("no_camera", "broken"):
        assert error["data"]["output"].splitlines()[-1] == f"frame 2 failed: {error['data']['error']}"


def test_a_task_that_goes_well_at_last_says_nothing_of_what_failed_before(farm: Farm) -> None:
    farm.add(die=[1], die_once=farm.folder / "died")
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.tasks("finish")[0]["data"].keys() == {"timings", "device"}
