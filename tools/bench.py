# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench: three ways to render the same frames, in one run on one machine. Measures and tells; asserts nothing."""

import argparse
import dataclasses
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools import bench_gui, blenders, footprint, machine, package, scenes
from tools.errors import ToolError
from tools.farm import Report, make_task, publish_tasks
from tools.process import say
from tools.small_farm import SmallFarm

PATIENCE = 300.0  # seconds in which something must happen

A_PROCESS_A_FRAME = "one process a frame"
ONE_PROCESS = "one process for all (-a)"
WORKER = "this worker, from its start"
WORKER_WARM = "this worker, from the first frame's start"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a way took for all frames of a scene; `failed` says why there is no figure."""

    scene: str
    way: str
    frames: int
    seconds: float | None
    failed: str = ""

    @property
    def frames_a_minute(self) -> float | None:
        return self.seconds and 60 * self.frames / self.seconds


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all measurements of one run share. The Blender with the add-on has `env`, the other one `bare`."""

    farm: SmallFarm
    blender: Path
    env: Mapping[str, str]
    bare: Mapping[str, str]
    scratch: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="?",
        choices=("frames", "gui"),
        default="frames",
        help="frames: how many a minute; gui: what the worker costs an artist in her window (7 min, --quick 3)",
    )
    parser.add_argument("--blender", metavar="PATH", help="the Blender to work in; else $BLENDER, PATH, or one is made")
    parser.add_argument("--quick", action="store_true", help="fewer frames: two minutes instead of ten")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")


def run(arguments: argparse.Namespace) -> int:
    """Gives 0 if every way could be measured."""
    if arguments.what == "gui":
        return bench_gui.run(arguments)
    blender = blenders.find(arguments.blender)
    plan = {"trivial": 20, "heavy": 3} if arguments.quick else {"trivial": 200, "heavy": 10}
    with tempfile.TemporaryDirectory(prefix="bender-worker-bench-") as folder, SmallFarm() as farm:
        scratch = Path(folder)
        env = package.install(blender, package.build(blender, folder=scratch), scratch / "user")
        bench = _Bench(farm, blender, env, package.environment_of(scratch / "bare"), scratch)
        words = machine.in_words(blender, farm.node)
        timings = [timing for scene, frames in plan.items() for timing in _compare(bench, scene, frames)]
        costs = _costs(bench)
    print(_table(words, timings, costs))
    if arguments.json:
        figures = {"machine": words, "timings": [*map(dataclasses.asdict, timings)], "costs": costs}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 1 if any(timing.failed for timing in timings) else 0


def _compare(bench: _Bench, scene: str, frames: int) -> list[Timing]:
    blend = scenes.make(bench.blender, scene, bench.scratch / f"{scene}.blend", frames=frames)
    timings = []
    for ways, measure in (
        ((A_PROCESS_A_FRAME,), _a_process_a_frame),
        ((ONE_PROCESS,), _one_process),
        ((WORKER, WORKER_WARM), _worker),
    ):
        say(f"{scene}, {frames} frames: {ways[0]} …")
        timings += _measured(scene, ways, frames, partial(measure, bench, blend, frames))
    return timings


def _measured(scene: str, ways: tuple[str, ...], frames: int, measure: Callable[[], tuple[float, ...]]) -> list[Timing]:
    try:
        return [Timing(scene, way, frames, seconds) for way, seconds in zip(ways, measure(), strict=True)]
    except ToolError as error:
        say(f"  failed: {error}")
        return [Timing(scene, way, frames, None, str(error).splitlines()[0]) for way in ways]


def _a_process_a_frame(bench: _Bench, blend: Path, frames: int) -> tuple[float]:
    folder = bench.scratch / f"{blend.stem}-f"
    started = time.monotonic()
    for frame in range(1, frames + 1):
        _blender(bench, blend, folder, "-f", str(frame))
    seconds = time.monotonic() - started
    _check(folder, frames)
    return (seconds,)


def _one_process(bench: _Bench, blend: Path, frames: int) -> tuple[float]:
    folder = bench.scratch / f"{blend.stem}-a"
    started = time.monotonic()
    _blender(bench, blend, folder, "-s", "1", "-e", str(frames), "-a")
    seconds = time.monotonic() - started
    _check(folder, frames)
    return (seconds,)


def _worker(bench: _Bench, blend: Path, frames: int) -> tuple[float, float]:
    """Single-frame tasks over RabbitMQ; the second figure leaves out the start of both Blenders and the first load."""
    job, outpath = blend.stem, bench.scratch / "worker"
    bench.farm.server.add(job, blend)
    publish_tasks(bench.farm.node.url, [make_task(job, [frame]) for frame in range(1, frames + 1)])
    started = time.monotonic()
    folder, log = bench.scratch / f"{job}-data", bench.scratch / f"{job}.log"
    options = ("--max-tasks", str(frames))
    worker = bench.farm.start_worker(bench.blender, bench.env, *options, folder=folder, outpath=outpath, log=log)
    reports = [report for report in bench.farm.follow(worker, patience=PATIENCE) if _is_of(job, report)]
    finishes = [report.time for report in reports if report.step == "finish"]
    if len(finishes) < frames:
        raise ToolError(f"only {len(finishes)} of {frames} tasks were finished. {worker.last_words()}")
    _check(outpath / job, frames)
    first_start = next(report.time for report in reports if report.step == "start")
    return finishes[-1] - started, finishes[-1] - first_start


def _is_of(job: str, report: Report) -> bool:
    return report.task.get("parent_id") == job


def _blender(bench: _Bench, blend: Path, folder: Path, *words: str) -> None:
    command: list[str | Path] = [bench.blender, "-b", blend, "-o", f"{folder}/######", "-F", "PNG", *words]
    quiet = subprocess.DEVNULL
    try:
        subprocess.run(command, env=bench.bare, stdin=quiet, stdout=quiet, stderr=quiet, timeout=3600)
    except subprocess.TimeoutExpired as error:
        raise ToolError("Blender was not done after an hour") from error


def _check(folder: Path, frames: int) -> None:
    found = len(list(folder.glob("*.png")))
    if found != frames:
        raise ToolError(f"{found} of {frames} frames were rendered")


def _costs(bench: _Bench) -> dict[str, float | None]:
    say("Blender's start without and with the add-on, and its worker's memory …")
    blend, folder = bench.scratch / "trivial.blend", bench.scratch / "memory"
    without, with_addon = footprint.start_seconds(bench.blender, bench.bare, bench.env)
    bare = footprint.bare_megabytes(bench.blender, bench.bare)
    try:
        waiting, worked = footprint.worker_megabytes(bench.farm, bench.blender, bench.env, blend, folder=folder)
    except ToolError as error:
        say(f"  failed: {error}")
        waiting = worked = None
    return {
        "start without the add-on, s": without,
        "start with the add-on, s": with_addon,
        "memory of a bare `blender -b`, MB": bare,
        "memory of a worker before its first task, MB": waiting,
        "memory of a worker after some tasks, MB": worked,
    }


def _table(words: str, timings: list[Timing], costs: Mapping[str, float | None]) -> str:
    lines = [words]
    for scene in dict.fromkeys(timing.scene for timing in timings):
        rows = [timing for timing in timings if timing.scene == scene]
        lines += ["", f"{f'{scene}, {rows[0].frames} frames':46}{'seconds':>10}{'frames/min':>12}{'times as fast':>15}"]
        lines += [_row(row, rows[0]) for row in rows]
    lines += [
        "",
        *(f"{name:46}{'not measured' if cost is None else f'{cost:.2f}':>10}" for name, cost in costs.items()),
    ]
    return "\n".join(lines)


def _row(row: Timing, yardstick: Timing) -> str:
    if row.seconds is None or row.frames_a_minute is None:
        return f"  {row.way:44}failed: {row.failed}"
    ratio = f"{yardstick.seconds / row.seconds:.1f}" if yardstick.seconds else "?"
    return f"  {row.way:44}{row.seconds:10.2f}{row.frames_a_minute:12.0f}{ratio:>15}"
