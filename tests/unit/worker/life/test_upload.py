# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: with `upload` on, a task is acked when flaskbender has its frames; rendering doesn't wait for that."""

import json
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.unit.conftest import StartFarm
from tests.unit.support import Farm, message

STORED = ["receive", "construct", "blend", "start", "stat"]


@pytest.fixture
def moving(start_farm: StartFarm) -> Farm:
    return start_farm(upload="move")


def uploaded(farm: Farm) -> list[str]:
    return [upload.filename for upload in farm.http.uploads if upload.whole]


def test_a_task_is_finished_and_acked_when_its_frames_are_uploaded_and_they_are_deleted_then(moving: Farm) -> None:
    moving.add()
    moving.broker.deliver(message(frames=[1, 2]))
    moving.until_settled()
    assert moving.broker.history == [*STORED, "stat", "finish", "ack"]
    before, after = moving.broker.tasks("stat")
    for number in ("1", "2"):
        was, became = (task["command"]["Blender"]["frame"][number] for task in (before, after))
        assert (was["uploaded"], became["uploaded"]) == (False, True)
        assert was["hash"] == became["hash"]
    assert (before["status"], after["status"]) == ("Running", "Finished")
    assert sorted(uploaded(moving)) == ["000001.png", "000002.png"]
    moving.until(lambda: not moving.frame(1).parent.exists())


def test_a_copy_stays_here(start_farm: StartFarm) -> None:
    farm = start_farm(upload="copy")
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    farm.worker.close()
    assert uploaded(farm) == ["000001.png"]
    assert farm.frame(1).is_file()


def test_unless_it_is_turned_off_frames_are_uploaded_and_none_that_is_gone_is_shown(start_farm: StartFarm) -> None:
    farm = start_farm(upload="auto")
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert uploaded(farm) == ["000001.png"]
    farm.until(lambda: not farm.frame(1).exists())
    assert farm.worker.snapshot().last_frame is None


def test_turned_off_nothing_is_uploaded(start_farm: StartFarm) -> None:
    farm = start_farm(upload="off")
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.http.uploads == []
    assert farm.broker.tasks("finish")[0]["command"]["Blender"]["frame"]["1"]["uploaded"] is False


@pytest.mark.usefixtures("quick_uploads")
def test_other_tasks_are_taken_and_rendered_while_one_waits_for_its_upload(moving: Farm) -> None:
    moving.http.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE] * 1000
    moving.add()
    tags = [moving.broker.deliver(message(str(number), frames=[number])) for number in (1, 2, 3)]
    moving.until(lambda: len(moving.broker.tasks("stat")) == 3)
    moving.until(lambda: "503" in moving.worker.snapshot().detail)
    assert moving.broker.aside == tags
    assert moving.broker.settled == []
    assert moving.worker.snapshot().uploading == 3
    moving.http.upload_answers.clear()
    moving.until_settled(3)
    assert sorted(moving.broker.settled) == [("ack", tag) for tag in tags]
    assert moving.worker.snapshot().detail == ""


@pytest.mark.usefixtures("quick_uploads")
def test_when_too_many_wait_no_more_are_taken_and_it_is_said_why(moving: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bender_worker_addon.worker.life.admission._BACKLOG", 2)
    moving.http.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE] * 1000
    moving.add()
    moving.broker.deliver(message("a", frames=[1]))
    moving.broker.deliver(message("b", frames=[2]))
    moving.until(lambda: moving.broker.prefetch == 0)
    assert "wait for their upload" in moving.worker.snapshot().detail
    moving.until(lambda: "503" in moving.worker.snapshot().detail)
    moving.http.upload_answers.clear()
    moving.until(lambda: moving.broker.prefetch > 0)


@pytest.mark.usefixtures("quick_uploads")
def test_a_frame_that_is_refused_is_told_and_kept(moving: Farm) -> None:
    moving.http.upload_answers = [HTTPStatus.REQUEST_ENTITY_TOO_LARGE] * 4
    moving.add()
    moving.broker.deliver(message())
    moving.until_settled()
    assert moving.broker.history[-3:] == ["error", "reject", "rejected"]
    told = moving.broker.tasks("error")[0]["data"]["error"]
    assert "413" in told
    assert str(moving.frame(1).parent) in told
    assert moving.frame(1).is_file()
    moving.broker.deliver(message())  # somebody has put it right and queued it again
    moving.until_settled(2)
    assert moving.broker.history[-1] == "ack"
    assert len(moving.renders()) == 1


@pytest.mark.usefixtures("quick_uploads")
def test_after_a_crash_what_is_left_is_uploaded_and_nothing_is_rendered_again(start_farm: StartFarm) -> None:
    farm = start_farm(upload="move")
    farm.http.upload_answers = [HTTPStatus.OK, *[HTTPStatus.SERVICE_UNAVAILABLE] * 1000]
    farm.add()
    farm.broker.deliver(message(frames=[1, 2]))
    farm.until(lambda: "503" in farm.worker.snapshot().detail and uploaded(farm))
    farm.worker.close()
    farm.http.upload_answers.clear()
    farm = start_farm(upload="move")
    farm.until(lambda: "finish" in farm.broker.history)
    before = uploaded(farm)
    assert set(before) == {"000001.png", "000002.png"}  # one twice, if an attempt outlived the crash
    farm.broker.deliver(message(frames=[1, 2]), redelivered=True)
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]
    assert len(farm.renders()) == 2
    assert uploaded(farm) == before


@pytest.mark.usefixtures("quick_uploads")
def test_a_message_that_comes_back_after_a_crash_joins_the_upload(start_farm: StartFarm) -> None:
    farm = start_farm(upload="move")
    farm.http.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE] * 1000
    farm.add()
    farm.broker.deliver(message())
    farm.until(lambda: "503" in farm.worker.snapshot().detail)
    farm.worker.close()
    farm = start_farm(upload="move")
    farm.broker.deliver(message(), redelivered=True)
    farm.until(lambda: farm.broker.aside == [1])
    farm.http.upload_answers.clear()
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]
    assert farm.broker.history.count("finish") == 1
    assert len(farm.renders()) == 1


@pytest.mark.usefixtures("quick_uploads")
def test_a_lost_connection_does_not_stop_an_upload(moving: Farm) -> None:
    moving.http.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE] * 1000
    moving.add()
    moving.broker.deliver(message())
    moving.until(lambda: "503" in moving.worker.snapshot().detail)
    moving.broker.disconnect()
    moving.http.upload_answers.clear()
    moving.until(lambda: uploaded(moving))
    moving.broker.connect()
    moving.broker.deliver(message(), redelivered=True)
    moving.until_settled()
    assert moving.broker.settled == [("ack", 2)]
    assert len(moving.renders()) == 1


@pytest.mark.usefixtures("quick_uploads")
def test_a_frame_that_is_lost_before_its_upload_is_rendered_again(moving: Farm) -> None:
    moving.http.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE] * 1000
    moving.add()
    moving.broker.deliver(message(frames=[1]))
    moving.until(lambda: "503" in moving.worker.snapshot().detail)
    moving.frame(1).write_bytes(b"spoilt")
    moving.until(lambda: len(moving.renders()) == 2)
    moving.http.upload_answers.clear()
    moving.until_settled()
    assert moving.broker.settled == [("ack", 1)]
    assert moving.http.uploads[-1].content.startswith(b"\x89PNG")


@pytest.mark.usefixtures("quick_uploads")
def test_a_worker_that_is_to_stop_waits_for_uploads_only_while_they_get_through(moving: Farm) -> None:
    from bender_worker_addon.worker.life.activity import Stop

    moving.http.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE] * 1000
    moving.add()
    moving.broker.deliver(message())
    moving.until(lambda: "503" in moving.worker.snapshot().detail)
    moving.worker.stop(Stop.AFTER_TASK)
    moving.until_over()
    assert moving.broker.settled == [("requeued", 1)]
    assert moving.broker.tasks("requeue")[0]["status"] == "Waiting"
    assert moving.frame(1).is_file()


def test_a_worker_of_few_tasks_ends_when_they_are_uploaded(start_farm: StartFarm) -> None:
    farm = start_farm(upload="move", max_tasks=1)
    farm.add()
    farm.broker.deliver(message())
    farm.until_over()
    assert uploaded(farm) == ["000001.png"]
    assert farm.broker.settled == [("ack", 1)]


def test_nothing_that_is_not_a_frame_of_the_task_is_deleted(moving: Farm) -> None:
    other = moving.frame(9)
    other.parent.mkdir(parents=True)
    other.write_bytes(b"somebody's")
    moving.add()
    moving.broker.deliver(message())
    moving.until_settled()
    moving.worker.close()
    assert [path.name for path in Path(other.parent).iterdir()] == [other.name]


def test_a_task_uploaded_before_is_acked_although_its_frames_are_gone(moving: Farm) -> None:
    moving.add()
    for _ in range(2):
        moving.broker.deliver(message())
        moving.until_settled(len(moving.broker.settled) + 1)
    assert json.loads(moving.broker.reports[-1][1] or b"{}").get("status") in (None, "Finished")
    assert len(moving.renders()) == len(moving.http.uploads) == 1
