# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox: who has taken over a child reads no home, writes no file, reaches nobody; the frame is the same."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import pytest

from bender_worker_addon.core.messages import Command, Devices, FrameBegun, FrameWritten
from bender_worker_addon.system.sandbox import Sandbox
from bender_worker_addon.worker.children.pool import Pool
from bender_worker_addon.worker.children.process import ChildProcess, Died
from bender_worker_addon.worker.children.scratch import Scratch
from bender_worker_addon.worker.state.task_logs import TaskLogs
from tests.farm import pictures
from tests.farm.farmyard import Farm
from tests.farm.ground import eventually
from tests.farm.process import DEADLINE
from tests.unit.gates import opened
from tests.unit.support import blend as stand_in_blend
from tests.unit.support import child_command, event_from
from tools.places import PROJECT

Sandboxed = tuple[ChildProcess, "SimpleQueue[Any]", Path]
SCRIPTS = Path(__file__).resolve().parent  # its `startup` holds the intruder


@pytest.mark.parametrize("sandbox", ["on", "off"])
def test_an_intruder_gets_nowhere_and_the_frame_is_rendered(
    farm: Farm, blend: Path, tmp_path: Path, path_with_bwrap: str, sandbox: str
) -> None:
    """Without the sandbox the same intruder gets everywhere, but finds no secret in its environment."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_text("secret")
    job = farm.job(blend)
    ports = [urlsplit(url).port for url in (farm.server.url, farm.url)]
    read = [home / ".ssh" / "id_ed25519", farm.folder / "data" / "journal.sqlite", "/etc/passwd"]
    write = [home / "planted", tmp_path / "planted", farm.outpath / "planted"]
    wanted = {"read": read, "write": write, "connect": ports}
    environment = {
        "PATH": path_with_bwrap,
        "HOME": str(home),
        "BLENDER_SYSTEM_SCRIPTS": str(SCRIPTS),
        "INTRUDER": json.dumps(wanted, default=str),
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "STUDIO_DB": "postgres://me:hunter2@db/shots",
    }
    task = farm.task(job, 1)
    worker = farm.worker("--max-tasks", "1", environment=environment, sandbox=sandbox, sandbox_paths=SCRIPTS)
    assert worker.wait() == 0
    log = (farm.folder / "data" / "logs" / f"task-{task['id']}.log").read_text(encoding="utf-8")
    tried = re.findall(r"intruder: (?:read|connect) .* (\w+)$", log, re.MULTILINE)
    assert tried == ["refused" if sandbox == "on" else "done"] * 5, log
    assert "intruder: secrets []" in log
    for path in write:
        assert Path(path).exists() == (sandbox == "off")
        Path(path).unlink(missing_ok=True)
    assert farm.frames(job) == ["000001.png"]
    [expected] = pictures.plainly_rendered(farm.blender, blend, [1], folder=tmp_path / "plain")
    [found] = pictures.compare(farm.blender, [(farm.frame(job, "000001.png"), expected)], scratch=tmp_path)
    assert found.different == 0


def test_what_there_is_to_render_on_is_known_before_there_is_a_blend(tmp_path: Path, path_with_bwrap: str) -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    pool = Pool(
        command=child_command("renders"),
        sandbox=Sandbox((PROJECT,)),
        scratch=Scratch(tmp_path / "scratch"),
        logs=TaskLogs(tmp_path / "logs"),
        keep_children=True,
        devices="CUDA",
        previews="",
        renderers=1,
        inbox=inbox,
        later=lambda work: work(),
        clock=time.monotonic,
    )
    pool.look_for_devices()
    assert event_from(inbox, Devices) == Devices(1, "CUDA", "CUDA")
    assert pool.children == []  # nobody can have it for a task
    assert "exit code 0" in event_from(inbox, Died).reason
    pool.bury(1)
    pool.close(timeout=DEADLINE)


@pytest.fixture
def sandboxed(tmp_path: Path, path_with_bwrap: str) -> Iterator[Sandboxed]:
    """A stand-in child in a sandbox that has begun with a frame and waits at a gate."""
    inbox: SimpleQueue[Any] = SimpleQueue()
    folder, gate = tmp_path / "folder", tmp_path / "folder" / "gate"
    folder.mkdir()
    os.mkfifo(gate)
    file = tmp_path / "scene.blend"
    file.write_bytes(stand_in_blend(record=folder / "renders.txt", wait={1: gate}))
    command = Sandbox((PROJECT,)).command(child_command("renders"), folder=folder, blend=file)
    renderer = ChildProcess(
        child=1, prepare=lambda: command, log_file=tmp_path / "log", temp=folder / "temp", inbox=inbox, sandboxed=True
    )
    renderer.render(Command(7, file, (1,), "PNG", folder / "7"))
    event_from(inbox, FrameBegun)
    yield renderer, inbox, gate
    renderer.kill()
    renderer.join(DEADLINE)


def test_what_runs_in_a_sandbox_can_be_suspended(sandboxed: Sandboxed) -> None:
    renderer, inbox, gate = sandboxed
    renderer.suspend(True)
    inside = _group(renderer.pid)
    assert len(inside) >= 2
    _until_all(inside, "T")
    renderer.suspend(False)
    opened(gate)
    event_from(inbox, FrameWritten)
    renderer.quit()
    assert "exit code 0" in event_from(inbox, Died).reason


@pytest.mark.parametrize("suspended", [False, True])
def test_what_runs_in_a_sandbox_is_killed_with_it(sandboxed: Sandboxed, suspended: bool) -> None:
    renderer, inbox, _ = sandboxed
    renderer.suspend(suspended)
    inside = _group(renderer.pid)
    assert len(inside) >= 2
    renderer.kill()
    assert "signal 9" in event_from(inbox, Died).reason
    _until_all(inside, "")


def test_how_what_runs_in_a_sandbox_has_died_is_told(sandboxed: Sandboxed) -> None:
    renderer, inbox, _ = sandboxed
    [innermost] = set(_group(renderer.pid)) - {int(_field(process, 1)) for process in _group(renderer.pid)}
    os.kill(innermost, signal.SIGSEGV)
    assert "signal 11" in event_from(inbox, Died).reason


def _group(leader: int) -> list[int]:
    """The processes of a group."""
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _field(int(folder.name), 2) == str(leader)]


def _until_all(processes: list[int], state: str) -> None:
    eventually(lambda: all(_field(process, 0) == state for process in processes), timeout=DEADLINE)


def _field(process: int, number: int) -> str:
    """A field of /proc/PID/stat, counted from the state on; empty if there is no such process."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[number]
    except OSError:
        return ""
