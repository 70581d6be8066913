# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's server, as one file, on Windows' Python; who asks it, and RabbitMQ, are on Linux."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

from tests.farm.local_yard import LocalYard
from tests.farm.serving import Farm
from tests.unit.support import PNG
from tests.windows.console import PATIENCE, Console


def test_it_serves_the_farm_of_its_machine_whose_worker_renders_what_others_send(
    windows_python: Path, windows_blender: Path, archive: Path, blend: Path, tmp_path: Path
) -> None:
    farm = Farm(tmp_path, program=archive, python=windows_python)
    try:
        farm.send("film", "1-2", content=blend.read_bytes())
        with LocalYard(blender=windows_blender, env=dict(os.environ), folder=tmp_path) as yard:
            worker = yard.worker("--max-tasks", "2")
            assert worker.wait() == 0, worker.log
            worker.wait_until_none_lives()
        farm.until_finished("film")
        assert farm.frames("film") == ["000001.png", "000002.png"]
        assert farm.content("/api/jobs/film/frames/2").startswith(PNG)
        assert "<bender-" in farm.text("/") or "main.js" in farm.text("/")
    finally:
        farm.close()


def test_with_rabbitmq_it_feeds_workers_elsewhere_takes_their_frames_and_survives_being_killed(
    windows_python: Path, archive: Path, amqp_url: str, tmp_path: Path
) -> None:
    farm = Farm(tmp_path, amqp_url, program=archive, python=windows_python)
    try:
        farm.worker("one")
        farm.send("job-1", "1-30", seconds=0.1)
        farm.until(lambda: farm.status("job-1")["frames"].get("Finished", 0) >= 5, "some frames")
        farm.server.kill()
        farm.start()
        farm.until_finished("job-1")
        assert len(farm.frames("job-1")) == 30
        assert [worker["id"] for worker in farm.ask("GET", "/api/workers")] == ["one"]
    finally:
        farm.close()


def test_it_is_alone_with_its_folder_and_ctrl_c_ends_it(windows_python: Path, archive: Path, tmp_path: Path) -> None:
    words = ["serve", "--queue", "local", "--port", "0", "--json", "--farm-dir", str(tmp_path / "farm")]
    for start in (1, 2):
        with Console([windows_python, archive, *words], tmp_path / f"{start}.log") as first:
            page = json.loads(first.until("}\n").splitlines()[0])["page"].partition("#")[0]
            with urllib.request.urlopen(page, timeout=PATIENCE) as answer:
                assert answer.status == 200
            second = subprocess.run(
                [windows_python, archive, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            assert (second.returncode, second.stdout) == (1, "")
            assert "runs already" in second.stderr
            assert first.ctrl_c() == 0
            assert first.until("stopped")
