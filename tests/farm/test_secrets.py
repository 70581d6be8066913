# SPDX-License-Identifier: GPL-3.0-or-later
"""What a render child must neither know nor do: the farm's addresses and passwords, a blend's own scripts."""

import signal
from pathlib import Path

import pytest

from tests.farm import pictures
from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm
from tests.passwords import addresses, files_with_passwords, passwords_in, processes_with_passwords


def test_the_settings_are_kept_from_the_child(farm: Farm, scene: SceneMaker) -> None:
    task = farm.task(farm.job(scene("slow", seconds=60)), 1)
    worker = farm.worker()
    farm.wait_for("start", task)
    known = [Path(f"/proc/{worker.child()}/{what}").read_bytes() for what in ("environ", "cmdline")]
    for text in known:
        assert b"amqp://" not in text
        assert farm.server.url.encode() not in text
        assert b"BENDER_WORKER_" not in text
    worker.signal(signal.SIGTERM)
    worker.wait_for_line("stopping")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_no_password_is_seen_by_others(farm: Farm, scene: SceneMaker) -> None:
    task = farm.task(farm.job(scene("slow", seconds=60)), 1)
    known = addresses(farm)
    worker = farm.worker(**known)
    farm.wait_for("start", task)
    assert len(worker.living()) > 1
    assert processes_with_passwords(worker) == []
    for words in (["config"], ["config", "--json"], ["doctor", "--json"], ["status", "--json"], ["logs"]):
        said = farm.command(*words, **known)
        assert said.returncode == 0, said.stderr
        assert said.stdout
        assert not passwords_in(said.stdout + said.stderr), words
    for line in ("stopping", "stopped"):
        worker.signal(signal.SIGTERM)
        worker.wait_for_line(line)
    assert worker.wait() == 0
    assert not passwords_in(worker.log)
    assert files_with_passwords(farm.folder) == []


@pytest.mark.both_blenders
def test_scripts_and_drivers_in_a_blend_are_not_run(farm: Farm, tmp_path: Path) -> None:
    blend = tmp_path / "scripted.blend"
    pictures.run_script(farm.blender, "scripted.py", blend)
    job = farm.job(blend)
    farm.task(job, 1)
    assert farm.worker("--max-tasks", "1").wait() == 0
    assert farm.frames(job) == ["000001.png"]
    assert not blend.with_name("executed").exists()


def test_the_log_of_a_task_keeps_what_blender_printed(farm: Farm, blend: Path) -> None:
    task = farm.task(farm.job(blend), 1)
    assert farm.worker("--max-tasks", "1").wait() == 0
    printed = (farm.folder / "data" / "logs" / f"task-{task['id']}.log").read_text(encoding="utf-8")
    assert "Blender" in printed
    assert "amqp://" not in printed
