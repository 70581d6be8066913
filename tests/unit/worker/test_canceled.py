# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: of a job that flaskbender calls canceled nothing is rendered any more; silence means nothing."""

import json
from http import HTTPStatus

import pytest

from bender_worker_addon.core.task import REGION
from bender_worker_addon.core.tile import FORMAT, folder_of
from tests.unit.conftest import StartFarm
from tests.unit.gates import opened
from tests.unit.support import Farm, message, task_wire
from tools.servers import blend_server


@pytest.fixture
def asking(start_farm: StartFarm) -> Farm:
    """A worker that asks after its jobs every second."""
    return start_farm(grace_period=0)


def test_a_task_of_a_canceled_job_is_reported_and_acked_unrendered(asking: Farm) -> None:
    asking.http.add("job-1", b"", behaviour=blend_server.silent(60), status="Canceled")
    asking.broker.deliver(message())
    asking.until_settled()
    assert asking.broker.history == ["receive", "construct", "abort", "ack"]
    (aborted,) = asking.broker.tasks("abort")
    assert aborted["status"] == "Aborted"
    assert aborted["time"]["abort"].endswith("Z")
    assert asking.renders() == []


def test_a_render_in_hand_is_stopped_when_its_job_is_canceled_and_another_job_goes_on(asking: Farm) -> None:
    gate = asking.gate()
    asking.add("job-1", wait={1: gate})
    asking.add("job-2")
    asking.broker.deliver(message("a", job="job-1", frames=[1, 2]))
    asking.broker.deliver(message("b", job="job-1", frames=[3]))
    asking.broker.deliver(message("c", job="job-2", frames=[4]))
    asking.until(lambda: "start" in asking.broker.history)
    asking.http.set_status("job-1", "Canceled")
    asking.until_settled(3)
    assert sorted(asking.broker.settled) == [("ack", 1), ("ack", 2), ("ack", 3)]
    assert {task["id"] for task in asking.broker.tasks("abort")} == {"a", "b"}
    assert [frame for _, frame in asking.renders() if frame != 1] == [4]
    assert not asking.frame(1).exists()
    assert "error" not in asking.broker.history


def test_a_child_that_renders_for_a_canceled_job_is_ended(asking: Farm) -> None:
    asking.add("job-1", wait={1: asking.gate()})
    asking.broker.deliver(message("a", job="job-1"))
    asking.until(lambda: "start" in asking.broker.history)
    before = set(asking.children())
    asking.http.set_status("job-1", "Canceled")
    asking.until_settled()
    asking.until(lambda: before - set(asking.children()))


def test_a_job_that_was_canceled_and_sent_again_is_rendered(start_farm: StartFarm) -> None:
    farm = start_farm(grace_period=3600)  # by itself the worker would not ask again for long
    farm.add()
    farm.http.set_status("job-1", "Canceled")
    farm.broker.deliver(message("a"))
    farm.until_settled()
    first = len(farm.broker.history)  # the blend may be here before the answer that the job is canceled
    farm.broker.deliver(message("b"))
    farm.until_settled(2)
    assert farm.broker.history[first:] == ["receive", "abort", "ack"]
    farm.http.set_status("job-1", "Running")
    farm.broker.deliver(message("a"))
    farm.until_settled(3)
    assert farm.broker.history[first + 3 :] == ["receive", "construct", "blend", "start", "stat", "finish", "ack"]


def test_an_answer_that_does_not_come_stops_nothing(start_farm: StartFarm) -> None:
    farm = start_farm(grace_period=0)
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: "start" in farm.broker.history)
    farm.http.set_status("job-1", "no such status")
    asked = farm.http.requests["/job/worker/status/job-1"]
    farm.until(lambda: farm.http.requests["/job/worker/status/job-1"] >= asked + 2)
    opened(gate)
    farm.until_settled()
    assert farm.broker.history[-2:] == ["finish", "ack"]


@pytest.mark.usefixtures("quick_uploads")
def test_frames_of_a_canceled_job_are_not_uploaded_any_more_and_stay(start_farm: StartFarm) -> None:
    farm = start_farm(grace_period=0, upload="move")
    farm.http.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE] * 1000
    farm.add()
    farm.broker.deliver(message())
    farm.until(lambda: "503" in farm.worker.snapshot().detail)
    farm.http.set_status("job-1", "Canceled")
    farm.until_settled()
    assert farm.broker.history[-2:] == ["abort", "ack"]
    assert farm.frame(1).is_file()
    farm.worker.close()
    farm.http.upload_answers.clear()
    farm = start_farm(upload="move")
    farm.until(lambda: farm.worker.snapshot().state.value == "Waiting")
    assert farm.worker.snapshot().uploading == 0


@pytest.mark.usefixtures("quick_uploads")
def test_nothing_stays_of_a_tile_of_a_canceled_job(start_farm: StartFarm) -> None:
    farm = start_farm(grace_period=0, upload="move")
    farm.http.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE] * 1000
    farm.add()
    wire = {**task_wire("tile", image_format=FORMAT), "data": {REGION: "0,0,64,64"}}
    farm.broker.deliver(json.dumps(wire).encode())
    farm.until(lambda: "503" in farm.worker.snapshot().detail)
    stored = folder_of(farm.folder / "blends", "job-1", "tile") / "000001.exr"
    assert stored.is_file()
    farm.http.set_status("job-1", "Canceled")
    farm.until_settled()
    assert farm.broker.history[-2:] == ["abort", "ack"]
    farm.until(lambda: not stored.exists())
