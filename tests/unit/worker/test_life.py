# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: the life of a task that goes well, its reports, and the ack after them."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.unit.conftest import StartFarm
from tests.unit.gates import opened
from tests.unit.support import PNG, Farm, message


@pytest.mark.both_queues
def test_a_task_is_reported_at_each_step_and_acked_after_the_last(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.history == ["receive", "construct", "blend", "start", "stat", "finish", "ack"]
    assert farm.frame(1).read_bytes() == PNG + b"PNG 1"


@pytest.mark.both_queues
def test_reports_go_to_the_worker_and_frames_to_the_job(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    keys = {key for key, _ in farm.broker.reports}
    assert keys - {"heart.w1"} == {"receive.w1", "construct.w1", "blend.w1", "start.w1", "finish.w1", "stat.job-1"}


def test_a_worker_gives_signs_of_life(start_farm: StartFarm) -> None:
    farm = start_farm(heart_rate_seconds=0.05)
    farm.until(lambda: farm.broker.reports.count(("heart.w1", b"")) >= 2)


def test_it_does_so_while_it_renders(start_farm: StartFarm) -> None:
    farm = start_farm(heart_rate_seconds=0.05)
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: "start" in farm.broker.history)
    before = farm.broker.reports.count(("heart.w1", b""))
    farm.until(lambda: farm.broker.reports.count(("heart.w1", b"")) >= before + 2)
    opened(gate)
    farm.until_settled()


@pytest.mark.both_queues
def test_what_is_reported_says_how_far_the_task_is(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message(frames=[7, 3]))
    farm.until_settled()
    assert [farm.broker.tasks(step)[0]["status"] for step in ("receive", "construct", "blend")] == ["Queued"] * 3
    (start,), (finish,) = farm.broker.tasks("start"), farm.broker.tasks("finish")
    assert (start["status"], finish["status"]) == ("Running", "Finished")
    command = finish["command"]["Blender"]
    assert command["outpath"] == str(farm.folder / "frames" / "job-1")
    assert command["blendfile"] == str(farm.folder / "blends" / "job-1.blend")
    for number in (3, 7):
        content = farm.frame(number).read_bytes()
        assert command["frame"][str(number)]["filesize"] == len(content)
        assert command["frame"][str(number)]["hash"] == hashlib.blake2b(content).hexdigest()
    assert farm.broker.tasks("stat") == [finish]


def test_the_ack_waits_until_the_broker_has_confirmed_the_last_report(farm: Farm) -> None:
    farm.add()
    farm.broker.confirms = False
    farm.broker.deliver(message())
    farm.until(lambda: farm.broker.tasks("finish"))
    for _ in range(20):
        farm.worker.tick()
    assert farm.broker.settled == []
    farm.broker.confirm()
    farm.until_settled()
    assert farm.broker.history[-1] == "ack"


@pytest.mark.both_queues
def test_a_frame_is_in_its_place_before_it_is_reported(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message(frames=range(5)))
    farm.until(lambda: farm.broker.tasks("stat"))
    assert all(farm.frame(number).is_file() for number in range(5))


def test_nothing_but_frames_is_in_a_jobs_folder_and_nothing_is_left_beside_it(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message(frames=[1, 2]))
    farm.until_settled()
    assert sorted(path.name for path in farm.frame(1).parent.iterdir()) == ["000001.png", "000002.png"]
    farm.worker.close()
    assert not list((farm.folder / "frames").rglob(".rendering/*/*"))


@pytest.mark.both_queues
def test_two_frames_of_one_number_but_two_jobs_do_not_meet(farm: Farm) -> None:
    farm.add("job-1")
    farm.add("job-2")
    farm.broker.deliver(message("a", job="job-1"))
    farm.broker.deliver(message("b", job="job-2"))
    farm.until_settled(2)
    assert farm.frame(1, "job-1").is_file()
    assert farm.frame(1, "job-2").is_file()


@pytest.mark.both_queues
def test_the_same_message_twice_is_rendered_once_and_both_are_acked(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message())
    farm.broker.deliver(message())
    farm.until_settled(2)
    assert farm.broker.settled == [("ack", 1), ("ack", 2)]
    assert len(farm.renders()) == 1


@pytest.mark.both_queues
def test_what_a_message_brings_in_our_fields_is_overwritten_and_what_is_unknown_comes_back(farm: Farm) -> None:
    farm.add()
    wire = json.loads(message(blendfile="/etc/passwd", outpath="/etc", command="rm -rf /"))
    wire["new"] = {"deep": [1, {"er": None}]}
    wire["command"]["Blender"]["frame"]["1"]["noise"] = 0.25
    farm.broker.deliver(json.dumps(wire).encode())
    farm.until_settled()
    for step in ("construct", "start", "finish"):
        (told,) = farm.broker.tasks(step)
        assert told["new"] == {"deep": [1, {"er": None}]}
        assert told["command"]["Blender"]["frame"]["1"]["noise"] == 0.25
        assert "/etc" not in json.dumps(told)
        assert "rm -rf" not in json.dumps(told)


def test_a_message_from_rabbitmq_leads_its_frames_nowhere_else(farm: Farm, tmp_path: Path) -> None:
    """Only the farm on this machine says where its frames go."""
    farm.add()
    farm.broker.deliver(json.dumps(json.loads(message()) | {"data": {"folder": str(tmp_path / "else")}}).encode())
    farm.until_settled()
    assert len(farm.broker.tasks("finish")) == 1
    assert farm.frame(1).is_file()
    assert not (tmp_path / "else").exists()


def test_what_blender_prints_is_kept_by_task(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    farm.worker.close()
    assert "rendering frame 1" in (farm.folder / "logs" / "task-task-1.log").read_text()


def test_paths_with_spaces_and_other_letters_work(
    start_farm: StartFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")  # as a pipe has it on Windows
    odd = tmp_path / "Größe 'x' & Ω"
    farm = start_farm(blendpath=odd / "blends", outpath=odd / "frames", data_dir=odd)
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.history[-1] == "ack"
    assert (odd / "frames" / "job-1" / "000001.png").is_file()
