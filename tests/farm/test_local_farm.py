# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm on one machine, without any server: a blend is sent, rendered by workers elsewhere, and looked at."""

import json
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bender_worker_addon.farm.merging import merged
from tests.farm import pictures
from tests.farm.conftest import SceneMaker
from tests.farm.local_yard import IDLE, LocalYard, answer
from tests.farm.process import DEADLINE
from tools.servers.farm import Bookkeeper, queue_depth

if TYPE_CHECKING:
    pass


@pytest.mark.quick
@pytest.mark.both_blenders
def test_a_file_with_libraries_and_textures_renders_the_same_pixels_where_they_are_not(
    yard: LocalYard, linked: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in linked.parent.rglob("*.*")}
    (tmp_path / "plain").mkdir()
    plain = pictures.plainly_rendered(yard.blender, linked, [1], folder=tmp_path / "plain")
    job = yard.submit(linked, "--frames", "1", "--to", str(tmp_path / "to"))
    assert {path: path.read_bytes() for path in linked.parent.rglob("*.*")} == before
    away = linked.parent.rename(tmp_path / "away")
    try:
        worker = yard.worker("--max-tasks", "1")
        assert worker.wait() == 0, worker.log
    finally:
        away.rename(linked.parent)
    assert yard.data_json(job)["status"] == {"Job": "Finished"}
    files = sorted(path.name for path in (tmp_path / "farm" / "jobs" / job).iterdir())
    assert files == ["data.json", "main.blend"]
    (compared,) = pictures.compare(yard.blender, [(plain[0], yard.frame(job, "000001.png"))], scratch=tmp_path)
    assert compared.different == 0


def test_two_workers_share_what_was_sent_and_what_one_had_goes_to_the_other_when_it_is_killed(
    yard: LocalYard, scene: SceneMaker, tmp_path: Path
) -> None:
    job = yard.submit(scene("slow", seconds=1), "--frames", "1-4")
    doomed = yard.worker("--idle-exit", "240")
    doomed.wait_for_line(": rendering")
    with doomed.child_stopped():
        doomed.signal(signal.SIGKILL)
        doomed.wait()
    workers = [yard.worker(*IDLE), yard.worker(*IDLE, data_dir=yard.folder / "other", id="other")]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert yard.frames(job) == [f"{number:06}.png" for number in range(1, 5)]
    shown = yard.show(job)
    assert (shown["status"], shown["frame_lists"]) == ("Finished", {"Finished": "1-4"})
    assert {task["status"] for task in yard.data_json(job)["tasks"]} == {"Finished"}
    film = tmp_path / "film.mp4"
    made = yard.command("video", job, "--output", film)
    assert f"Made {film} of 4 frames" in made.stdout, made.stdout + made.stderr
    assert film.read_bytes()[4:8] == b"ftyp"


def test_over_rabbitmq_a_job_is_sent_to_and_rendered_from_the_disk_the_farm_shares(
    yard: LocalYard, blend: Path, amqp_url: str
) -> None:
    farm: dict[str, Any] = {"amqp_url": amqp_url, "mode": "Server"}
    with Bookkeeper(amqp_url) as bookkeeper:
        job = yard.submit(blend, "--frames", "1,2", **farm)
        assert queue_depth(amqp_url).ready == 2
        worker = yard.worker("--max-tasks", "2", **farm)
        assert worker.wait() == 0, worker.log
        finished = bookkeeper.wait_for(lambda report: report.step == "finish", count=2, timeout=DEADLINE)
    place = yard.folder / "farm" / "jobs" / job / blend.name
    assert {report.task["command"]["Blender"]["blendfile"] for report in finished} == {str(place)}
    assert yard.frames(job) == ["000001.png", "000002.png"]
    assert stat.S_IMODE(yard.frame(job, "000001.png").parent.stat().st_mode) == 0o2775
    assert queue_depth(amqp_url).ready == 0
    assert answer(yard.command("list", "--json", **farm))["id"] == job


def test_over_rabbitmq_a_job_can_be_canceled_and_sent_again(yard: LocalYard, blend: Path, amqp_url: str) -> None:
    farm: dict[str, Any] = {"amqp_url": amqp_url, "mode": "Server"}
    with Bookkeeper(amqp_url) as bookkeeper:
        job = yard.submit(blend, "--frames", "1-3", **farm)
        assert "Canceled job" in yard.command("cancel", job, **farm).stdout
        assert answer(yard.command("list", "--json", **farm))["status"] == "Canceled"
        assert yard.worker(*IDLE, **farm).wait() == 0
        bookkeeper.wait_for(lambda report: report.step == "abort", count=3, timeout=DEADLINE)
        keep_books(yard, job, bookkeeper)
        assert yard.frames(job) == []
        assert yard.show(job, **farm)["frame_lists"] == {"Aborted": "1-3"}
        assert queue_depth(amqp_url).ready == 0
        assert "Queued 3 tasks" in yard.command("retry", job, **farm).stdout
        assert queue_depth(amqp_url).ready == 3
        assert yard.worker("--max-tasks", "3", **farm).wait() == 0
        bookkeeper.wait_for(lambda report: report.step == "finish", count=3, timeout=DEADLINE)
        keep_books(yard, job, bookkeeper)
    assert yard.frames(job) == ["000001.png", "000002.png", "000003.png"]
    assert yard.show(job, **farm)["frame_lists"] == {"Finished": "1-3"}
    assert queue_depth(amqp_url).ready == 0
    assert "Nothing of job" in yard.command("retry", job, **farm).stdout


def keep_books(yard: LocalYard, job: str, bookkeeper: Bookkeeper) -> None:
    """Puts what was reported into the job's data.json, which is bender-bookkeeper's work on such a farm."""
    data = yard.data_json(job)
    known = {task["id"]: task for task in data["tasks"]}
    for report in bookkeeper.reports:
        if report.body:
            known[report.task["id"]] = merged(known[report.task["id"]], report.task)
    (yard.folder / "farm" / "jobs" / job / "data.json").write_text(json.dumps({**data, "tasks": [*known.values()]}))


def test_what_is_sent_without_options_is_what_the_scene_says_and_can_be_canceled_and_sent_again(
    yard: LocalYard, blend: Path
) -> None:
    job = yard.submit(blend, "--chunk", "100")
    shown = yard.show(job[:6])
    assert (shown["frame_lists"], shown["name"]) == ({"Waiting": "1-250"}, blend.stem)
    data = yard.data_json(job)
    assert len(data["tasks"]) == 3
    assert data["render"]["image_format"] == "PNG"
    assert "Canceled job" in yard.command("cancel", job).stdout
    listed = yard.command("list")
    assert f"{job[:12]}  Canceled" in listed.stdout
    assert "Queued 3 tasks" in yard.command("retry", job).stdout
    assert answer(yard.command("list", "--json"))["status"] == "Queued"


def test_a_job_canceled_while_it_is_rendered_is_not_rendered_on(yard: LocalYard, scene: SceneMaker) -> None:
    job = yard.submit(scene("slow", seconds=2), "--frames", "1-50")
    worker = yard.worker(*IDLE, grace_period=1)
    worker.wait_for_line("frame 1 stored")
    yard.command("cancel", job)
    assert worker.wait() == 0
    assert len(yard.frames(job)) < 40  # a command takes as long as several frames where the machine is busy
    assert yard.data_json(job)["status"] == {"Job": "Canceled"}
    assert yard.show(job)["frames"].keys() == {"Finished", "Aborted"}


def test_a_failed_task_is_told_with_its_reason_and_can_be_tried_again(yard: LocalYard, blend: Path) -> None:
    job = yard.submit(blend, "--frames", "1,2")
    place = yard.folder / "farm" / "jobs" / job / blend.name
    whole = place.read_bytes()
    place.write_bytes(b"no blend at all")
    assert yard.worker("--max-tasks", "2").wait() == 0
    shown = yard.show(job)
    assert shown["status"] == "Errored"
    assert "not a blend" in shown["failures"][0]["reason"]
    task = answer(yard.command("show", job, "--frame", "2", "--json"))
    assert (task["status"], task["worker"], task["frames"]) == ("Errored", shown["failures"][0]["worker"], "2")
    place.write_bytes(whole)
    assert "Queued 2 tasks" in yard.command("retry", job).stdout
    assert yard.worker("--max-tasks", "2").wait() == 0
    assert yard.show(job)["status"] == "Finished"
    assert "Nothing of job" in yard.command("retry", job).stdout


@pytest.mark.both_blenders
def test_who_rendered_a_frame_and_what_blender_said_of_one_that_failed_is_shown(
    yard: LocalYard, scene: SceneMaker
) -> None:
    good, bad = (yard.submit(scene("trivial"), "--frames", "1") for _ in range(2))
    place = yard.folder / "farm" / "jobs" / bad / scene("trivial").name
    place.write_bytes(scene("no_camera").read_bytes())
    assert yard.worker("--max-tasks", "2", id="otto").wait() == 0
    done, failed = (answer(yard.command("show", job, "--frame", "1", "--json")) for job in (good, bad))
    assert (done["status"], done["worker"], done["output"]) == ("Finished", "otto", "")
    assert done["start"] < done["finish"]
    assert done["timings"]["render"] > 0
    assert (failed["status"], failed["worker"]) == ("Errored", "otto")
    lines = failed["output"].splitlines()
    assert lines[-1] == f"frame 1 failed: {failed['error']}"
    assert 1 < len(lines) <= 40
    said = yard.command("show", bad, "--frame", "1").stdout
    assert "otto" in said
    assert f"  {lines[-1]}\n" in said
