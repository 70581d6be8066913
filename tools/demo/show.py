# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown of a demo: what becomes of its tasks, and what has come of it in the end."""

import shutil
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.demo import contact_sheet

_WORDS = {"Queued": "received", "Running": "rendering", "Finished": "finished", "Errored": "failed"}
_PASSED = {"Queued": "queued", "Running": "start"}  # the moment in a task that says it has been so


class Show:
    """What becomes of the tasks, a line each; in a terminal, lines of tasks in hand change in place."""

    def __init__(self, total: int) -> None:
        self.finished: list[Mapping[str, Any]] = []
        self.failed: list[str] = []
        self.total = total
        self._in_hand: dict[str, list[str]] = {}
        self._over: set[str] = set()
        self._live = sys.stdout.isatty()
        self._drawn = 0

    def take(self, task: Mapping[str, Any]) -> None:
        """Shows how far a task is, if that is news."""
        if task.get("status") not in _WORDS or task["id"] in self._over:
            return
        (frame,) = task["command"]["Blender"]["frame"]
        steps = self._in_hand.setdefault(task["id"], [f"frame {frame:>4}  "])
        passed = [_WORDS[status] for status, moment in _PASSED.items() if task["time"][moment]]  # seen or not
        news = [word for word in dict.fromkeys((*passed, _WORDS[task["status"]])) if word not in steps]
        if not news:
            return
        steps += news
        ended = task["status"] in ("Finished", "Errored")
        if ended:
            self._over.add(task["id"])
            del self._in_hand[task["id"]]
        if task["status"] == "Finished":
            self.finished.append(task)
        elif ended:
            self.failed.append(f"frame {frame}: {task['data'].get('error', steps[-1])}")
        self._draw(_line(task, steps) if ended else None)

    def _draw(self, ended: str | None) -> None:
        if self._live and self._drawn:
            print(f"\x1b[{self._drawn}A\x1b[J", end="")
        if ended:
            print(ended)
        if self._live:
            columns = shutil.get_terminal_size().columns
            lines = ["  " + _steps(steps) for steps in self._in_hand.values()]
            if len(self.finished) + len(self.failed) < self.total:
                lines.append(f"  {self._bar()}")
            for line in lines:
                print(line[: columns - 1])
            self._drawn = len(lines)
        sys.stdout.flush()

    def _bar(self) -> str:
        width = 40
        done = len(self.finished) * width // self.total
        return f"{'█' * done}{'░' * (width - done)}  {len(self.finished)} of {self.total}"


def _line(task: Mapping[str, Any], steps: list[str]) -> str:
    if task["status"] != "Finished":
        return f"! {_steps(steps)}: {task['data'].get('error', '')}"
    (frame,) = task["command"]["Blender"]["frame"].values()
    whose = f"  {task['worker']}" if task.get("worker") else ""
    return f"  {_steps(steps)}  {_seconds([task]):6.2f} s  {frame['filesize'] / 1e3:6.1f} kB{whose}"


def _steps(steps: list[str]) -> str:
    return steps[0] + " · ".join(steps[1:])


def _seconds(tasks: list[Mapping[str, Any]]) -> float:
    """From the first start to the last finish."""
    starts, ends = ([datetime.fromisoformat(task["time"][moment]) for task in tasks] for moment in ("start", "finish"))
    return (max(ends) - min(starts)).total_seconds()


def sum_up(show: Show, blender: Path, folder: Path, *, logs: Path, since: float) -> int:
    """Prints what has come of it; `folder` has the frames. Gives 0 if all are there."""
    frames = [folder / f"{number:06}.png" for number in range(1, show.total + 1)]
    there = [frame for frame in frames if frame.is_file()]
    print()
    if there:
        print(f"Contact sheet: {contact_sheet.make(blender, there, folder.with_name('contact-sheet.png'))}")
        print(f"Frames:        {folder}")
    print(f"Worker's log:  {logs}")
    for failure in show.failed:
        print(f"Failed:        {failure}")
    seconds = _seconds(show.finished) if show.finished else 0.0
    rate = f", {60 * len(show.finished) / seconds:.0f} frames a minute" if seconds else ""
    missing = f", {show.total - len(there)} frames missing" if len(there) < show.total else ""
    print(
        f"{len(there)} frames in {seconds:.1f} s, {len(show.failed)} failures{missing}{rate};"
        f" {time.monotonic() - since:.0f} s in all"
    )
    return 0 if len(there) == show.total and not show.failed else 1
