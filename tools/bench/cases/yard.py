# SPDX-License-Identifier: GPL-3.0-or-later
"""What all cases share: the farm, two Blenders, and the ways in which frames can be rendered. Compares nothing."""

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.blenders import scenes
from tools.errors import ToolError
from tools.servers.farm import Report, make_task, publish_tasks
from tools.servers.small_farm import SmallFarm

PATIENCE = 300.0  # seconds in which something must happen


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` of `name`, in `unit`; where there is a goal, `ratio` to what it is measured against, and the least it
    should be, or the most, where less is better."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    goal: float | None = None


@dataclass(slots=True)
class Bench:
    """The Blender with the add-on has `env`, the other one `bare`. Every figure is the median of `repeat`. `spent`
    gathers, by case, what the seconds of the worker's frames went into."""

    farm: SmallFarm
    blender: Path
    env: Mapping[str, str]
    bare: Mapping[str, str]
    scratch: Path
    repeat: int
    quick: bool
    spent: dict[str, dict[str, float]] = field(default_factory=dict)
    _runs: int = 0

    def scene(self, name: str, **options: float) -> Path:
        return scenes.make(self.blender, name, self.scratch / f"{name}.blend", timeout=600, **options)

    def medians(self, *measures: Callable[[], float]) -> list[float]:
        """Of what is to be compared, each in turn: a machine is now faster, now slower."""
        found = [[measure() for measure in measures] for _ in range(self.repeat)]
        return [statistics.median(of_one) for of_one in zip(*found, strict=True)]

    def process_a_frame(self, blend: Path, frames: int) -> float:
        """Seconds a frame."""
        started = time.monotonic()
        for frame in range(1, frames + 1):
            self._blender(blend, "-f", str(frame))
        return (time.monotonic() - started) / frames

    def one_process(self, blend: Path, frames: int) -> float:
        """Seconds for frames 1 to `frames` with `blender -a`."""
        started = time.monotonic()
        self._blender(blend, "-s", "1", "-e", str(frames), "-a")
        return time.monotonic() - started

    def worker(self, name: str, tasks: Sequence[tuple[Path, list[int]]], **settings: object) -> float:
        """Seconds from a worker's start until the last of these tasks (blend, frames) is finished."""
        self._runs += 1
        folder, jobs = self.scratch / f"run-{self._runs}", dict[Path, str]()
        for number, blend in enumerate(dict.fromkeys(blend for blend, _ in tasks)):
            jobs[blend] = f"run{self._runs}-{number}"
            self.farm.server.add(jobs[blend], blend)
        publish_tasks(self.farm.node.url, [make_task(jobs[blend], frames) for blend, frames in tasks])
        options = [word for key, value in settings.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        options += ["--max-tasks", str(len(tasks))]
        places = {"folder": folder, "outpath": folder / "frames", "log": folder / "log"}
        started = time.monotonic()
        worker = self.farm.start_worker(self.blender, self.env, *options, **places)
        finishes = [
            report
            for report in self.farm.follow(worker, patience=PATIENCE)
            if report.step == "finish" and report.task.get("parent_id") in jobs.values()
        ]
        if len(finishes) < len(tasks):
            raise ToolError(f"only {len(finishes)} of {len(tasks)} tasks were finished. {worker.last_words()}")
        self._note(name, finishes)
        return finishes[-1].time - started

    def _note(self, name: str, finishes: list[Report]) -> None:
        seconds = [timings_of(report) for report in finishes]
        parts = dict.fromkeys(part for of_one in seconds for part in of_one)
        self.spent[name] = {part: statistics.mean(of_one.get(part, 0.0) for of_one in seconds) for part in parts}

    def _blender(self, blend: Path, *words: str) -> None:
        output = f"{self.scratch}/plain/######"
        command: list[str | Path] = [self.blender, "-b", blend, "-o", output, "-F", "PNG", *words]
        quiet = subprocess.DEVNULL
        try:
            subprocess.run(command, env=self.bare, stdin=quiet, stdout=quiet, stderr=quiet, timeout=3600, check=True)
        except (subprocess.SubprocessError, OSError) as error:
            raise ToolError(f"Blender did not render: {error}") from error


def timings_of(report: Report) -> dict[str, Any]:
    """What the seconds of a finished task went into."""
    timings: dict[str, Any] = json.loads(report.task["data"]["timings"])
    return timings
