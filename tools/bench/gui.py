# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker costs an artist in her window: its ticks, an idle Blender, a viewport that plays. Asserts nothing."""

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tools.bench import machine, sending
from tools.bench.cases.yard import timings_of
from tools.blenders import blenders, scenes
from tools.blenders.inside_blender import FOLDER
from tools.build import package
from tools.check.desktop import Desktop
from tools.check.window import SIDEBAR, VIEWPORT, Window, settle
from tools.process import say
from tools.servers.farm import make_task, publish_tasks
from tools.servers.small_farm import SmallFarm

STARTED = 120.0  # seconds in which a render has begun
TICKS = "bpy.app.driver_namespace['ticks']"
SESSION = f"__import__('sys').modules['{package.MODULE}.blender.worker.session'].session"

_IDLE_BARE = "idle, without the add-on: CPU seconds a minute"
_IDLE_WORKER = "idle, worker waiting for tasks: CPU seconds a minute"


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all measurements share; `seconds` is how long each lasts."""

    desktop: Desktop
    farm: SmallFarm
    blender: Path
    scratch: Path
    seconds: float


def run(arguments: argparse.Namespace) -> int:
    blender = blenders.find(arguments.blender)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bender-worker-bench-")))
        farm = stack.enter_context(SmallFarm())
        desktop = stack.enter_context(Desktop())
        bench = _Bench(desktop, farm, blender, scratch, 15 if arguments.quick else 60)
        bare = package.environment_of(scratch / "bare")
        settle(blender, bare, scratch / "temporary")
        env = package.install(blender, package.build(blender, folder=scratch), scratch / "user")
        settle(blender, env, scratch / "temporary")
        figures = _without(bench, bare) | _with(bench, env)
        say("From Send to the first frame begun …")
        figures |= sending.measured(blender, desktop, env, scratch, repeat=1 if arguments.quick else 3)
        figures["idle, the worker's own part: % of a core"] = (figures[_IDLE_WORKER] - figures[_IDLE_BARE]) / 0.6
        words = machine.in_words(blender, farm.node)
    print(_table(words, figures))
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": words, "figures": figures}, indent=2) + "\n", encoding="utf-8")
    return 0


def _without(bench: _Bench, env: Mapping[str, str]) -> dict[str, float]:
    say("Blender without the add-on …")
    with Window(bench.desktop, bench.blender, env=env, folder=bench.scratch / "without") as window:
        return {_IDLE_BARE: _idle(bench, window)}


def _with(bench: _Bench, env: Mapping[str, str]) -> dict[str, float]:
    figures = {}
    node, folder = bench.farm.node, bench.scratch / "with"
    short = scenes.make(bench.blender, "trivial", bench.scratch / "short.blend", samples=50)
    long = scenes.make(bench.blender, "slow", bench.scratch / "long.blend", seconds=4 * bench.seconds, threads=0)
    bench.farm.server.add("short", short)
    bench.farm.server.add("long", long)
    settings = bench.farm.settings(folder=folder / "data", outpath=folder / "frames")
    words = (short, "--python", FOLDER / "stopwatch.py")
    with Window(bench.desktop, bench.blender, *words, env={**env, **settings}, folder=folder) as window:
        say("With the add-on, not started …")
        figures["idle, worker not started: CPU seconds a minute"] = _idle(bench, window)
        window.open_sidebar("Bender")
        window.click("Start", SIDEBAR, until=f"{SESSION}.running")
        window.wait_until(f"{SESSION}.snapshot.state.value == 'Waiting'")
        window.close_sidebar()
        say("The worker waits for tasks …")
        figures[_IDLE_WORKER] = _idle(bench, window)
        figures |= _playing(bench, window, "worker waiting")
        window.open_sidebar("Bender")
        say("The worker renders many short frames, the panel in sight …")
        publish_tasks(node.url, [make_task("short", range(first, first + 5)) for first in range(1, 1000, 5)])
        window.wait_until(f"{SESSION}.snapshot.frames", timeout=STARTED)
        figures |= _ticks(bench, window, "rendering short frames") | _gaps(bench, "short")
        say("The broker is away …")
        node.stop()
        window.wait_until(f"{SESSION}.snapshot.state.value == 'Offline'")
        figures |= _ticks(bench, window, "broker away")
        node.start()
        window.wait_until(f"{SESSION}.snapshot.state.value != 'Offline'", timeout=STARTED)
        say("The worker renders with all cores, at low priority …")
        node.ctl("purge_queue", "work")
        publish_tasks(node.url, [make_task("long", [1, 2])])
        window.wait_until(f"{SESSION}.snapshot.task and {SESSION}.snapshot.task.job_id == 'long'", timeout=STARTED)
        figures |= _ticks(bench, window, "rendering a long frame")
        window.close_sidebar()
        figures |= _playing(bench, window, "worker rendering")
        window.open_sidebar("Bender")
        screen = bench.desktop.screen
        window.click("Stop", SIDEBAR, until=lambda: window.sees("Stop Now", screen))
        window.click("Stop Now", screen, until=f"not {SESSION}.running")
    return figures


def _idle(bench: _Bench, window: Window) -> float:
    """CPU seconds a minute of Blender's own process, without its children."""
    process = window.ask("os.getpid()")
    time.sleep(3)  # whatever was drawn or asked last is done
    before = _cpu_seconds(process)
    time.sleep(bench.seconds)
    return (_cpu_seconds(process) - before) * 60 / bench.seconds


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ticks(bench: _Bench, window: Window, what: str) -> dict[str, float]:
    window.ask(f"{TICKS}.clear()")
    time.sleep(bench.seconds)
    return _spread(f"tick, {what}", [1000 * tick for tick in window.ask(TICKS)])


def _gaps(bench: _Bench, job: str) -> dict[str, float]:
    """What passed, on average over the frames of each finished task, before Blender began the next one."""
    finishes = [report for report in bench.farm.bookkeeper.reports if report.step == "finish"]
    tasks = [report for report in finishes if report.task["parent_id"] == job]
    waits = [
        1000 * timings_of(report)["wait"] / len(report.task["command"]["Blender"]["frame"]) for report in tasks[1:]
    ]
    return _spread("between two frames, tasks of 5", waits)


def _playing(bench: _Bench, window: Window, what: str) -> dict[str, float]:
    """Frame times of the viewport while it plays an animation: the space bar starts and stops it."""
    bench.desktop.move(*window.where(VIEWPORT).middle)
    bench.desktop.key("space")
    window.wait_until("bpy.context.window_manager.windows[0].screen.is_animation_playing")
    window.ask("frame_times.clear()")
    time.sleep(bench.seconds)
    times: list[float] = window.ask("frame_times")
    bench.desktop.key("space")
    window.wait_until("not bpy.context.window_manager.windows[0].screen.is_animation_playing")
    gaps = [1000 * (later - earlier) for earlier, later in itertools.pairwise(times)]
    return _spread(f"viewport's frame, {what}", gaps)


def _spread(what: str, milliseconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {
        f"{what}: median, ms": statistics.median(ordered),
        f"{what}: p99, ms": ordered[int(0.99 * (len(ordered) - 1))],
        f"{what}: worst, ms": ordered[-1],
        f"{what}: how many": len(ordered),
    }


def _table(words: str, figures: Mapping[str, float]) -> str:
    lines = (f"{name:56}{figure:10.{0 if isinstance(figure, int) else 2}f}" for name, figure in figures.items())
    return "\n".join([words, "", *lines])
