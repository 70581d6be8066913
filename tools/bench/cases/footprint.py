# SPDX-License-Identifier: GPL-3.0-or-later
"""Footprint: what the add-on adds to a Blender's start, and its worker to the memory."""

import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tools.bench.cases.yard import Bench, Figure
from tools.errors import ToolError
from tools.process import end
from tools.servers.farm import make_task, publish_tasks, queue_depth
from tools.servers.small_farm import SmallFarm

STARTS = 5
TIMEOUT = 120.0
_WAIT = "import sys; print('ready', flush=True); sys.stdin.read()"


def footprints(bench: Bench) -> list[Figure]:
    blend, folder = bench.scene("trivial", frames=10), bench.scratch / "footprint"
    without, with_addon = _start_medians(bench.blender, bench.bare, bench.env)
    bare = _bare_megabytes(bench.blender, bench.bare)
    waiting, worked = _worker_megabytes(bench.farm, bench.blender, bench.env, blend, folder=folder)
    sizes = {
        "a bare `blender -b`": bare,
        "a worker before its first task": waiting,
        "a worker after some tasks": worked,
    }
    return [
        Figure("start without the add-on", 1000 * without, "ms"),
        Figure("start with the add-on", 1000 * with_addon, "ms"),
        *(Figure(name, size, "MB") for name, size in sizes.items() if size is not None),
    ]


def _start_medians(blender: Path, bare: Mapping[str, str], with_addon: Mapping[str, str]) -> tuple[float, float]:
    """Medians of Blender's start and end, without and with the add-on, taken in turn."""
    without, with_it = [], []
    for _ in range(STARTS):
        without.append(_start_seconds(blender, bare))
        with_it.append(_start_seconds(blender, with_addon))
    return statistics.median(without), statistics.median(with_it)


def _bare_megabytes(blender: Path, env: Mapping[str, str]) -> float | None:
    """Resident memory of a `blender -b` that does nothing; None where /proc doesn't tell."""
    with _running([blender, "--background", "--python-expr", _WAIT], env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == b"ready":
                return _resident_megabytes(process.pid)
    raise ToolError(f"{blender} ended before it was asked to.")


def _worker_megabytes(
    farm: SmallFarm, blender: Path, env: Mapping[str, str], blend: Path, *, folder: Path, tasks: int = 5
) -> tuple[float | None, float | None]:
    """Resident memory of a headless worker's own process: waiting for its first task, and after some with the render
    child still there. The queue of tasks must be empty."""
    job = folder.name
    publish_tasks(farm.node.url, [])  # has the queue declared
    settings = farm.settings(folder=folder, outpath=folder / "frames")
    command: list[str | Path] = [blender, "--command", "bender_worker", "run"]
    with _running([*command, "--idle-exit", "2"], {**env, **settings}) as process:
        process.wait(TIMEOUT)  # the first one compiles its modules, which takes memory this once
    with _running(command, {**env, **settings}) as process:
        _await_consumer(farm)
        waiting = _resident_megabytes(process.pid)
        farm.server.add(job, blend)
        publish_tasks(farm.node.url, [make_task(job, [frame]) for frame in range(1, tasks + 1)])
        _await_finishes(farm, job, tasks)
        return waiting, _resident_megabytes(process.pid)


def _await_consumer(farm: SmallFarm) -> None:
    deadline = time.monotonic() + TIMEOUT
    while queue_depth(farm.node.url).consumers == 0:
        if time.monotonic() > deadline:
            raise ToolError(f"The worker did not ask for tasks within {TIMEOUT:g} s.")
        time.sleep(0.1)


def _await_finishes(farm: SmallFarm, job: str, tasks: int) -> None:
    try:
        farm.bookkeeper.wait_for(
            lambda report: report.step == "finish" and report.task["parent_id"] == job, count=tasks, timeout=TIMEOUT
        )
    except TimeoutError as error:
        raise ToolError(f"The worker did not finish its tasks: {error}") from error


def _start_seconds(blender: Path, env: Mapping[str, str]) -> float:
    started = time.monotonic()
    with _running([blender, "--background"], env) as process:
        process.communicate(timeout=TIMEOUT)
    return time.monotonic() - started


@contextmanager
def _running(command: list[str | Path], env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with process:
        try:
            yield process
        finally:
            end(process)


def _resident_megabytes(pid: int) -> float | None:
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return None
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1000
