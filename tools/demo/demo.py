# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: a whole farm on this machine renders a small animation while you watch. It is made elsewhere."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.blenders import blenders, scenes
from tools.build import package
from tools.demo import contact_sheet
from tools.errors import ToolError
from tools.process import last_lines, say
from tools.servers.local_farm import LocalFarm

JOB = "sample"
LOG = "worker.log"
PATIENCE = 180.0  # seconds in which something must happen

_WORDS = {"Queued": "received", "Running": "rendering", "Finished": "finished", "Errored": "failed"}
_PASSED = {"Queued": "queued", "Running": "start"}  # the moment in a task that says it has been so


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--blender", metavar="PATH", help="the Blender to work in; else $BLENDER, PATH, or one is made")
    parser.add_argument("--frames", type=_count, default=24, metavar="N", help="how many, 1 to 1000; 24 if not given")
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), metavar="FOLDER", help="where they go; here in demo-output/"
    )
    parser.add_argument("--rabbitmq", action="store_true", help="a farm with RabbitMQ and HTTP, instead of one without")
    parser.add_argument("--keep", action="store_true", help="leave the throw-away Blender user folder, and say where")


def run(arguments: argparse.Namespace) -> int:
    """Gives 0 if every frame is there."""
    started = time.monotonic()
    blender = blenders.find(arguments.blender)
    output = _emptied(arguments.output.absolute())
    show = _Show(arguments.frames)
    tasks = _tasks_of_rabbitmq if arguments.rabbitmq else _tasks
    with _scratch(keep=arguments.keep) as scratch:
        for task in tasks(blender, scratch, output, arguments.frames, started=started):
            show.take(task)
        if not show.finished:
            say(f"The worker finished nothing. The end of its log, {output / LOG}:\n{last_lines(output / LOG, 12)}")
    return _sum_up(show, blender, output, arguments.frames, since=started)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 to 1000")
    return int(text)


def _emptied(output: Path) -> Path:
    """The folder, without the frames of an earlier demo."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        for frame in (output / JOB).glob("[0-9][0-9][0-9][0-9][0-9][0-9].png"):
            frame.unlink()
    except OSError as error:
        raise ToolError(
            f"The folder {output} can't be written: {error.strerror}. Choose another with --output."
        ) from error
    return output


@contextmanager
def _scratch(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bender-worker-demo-"))
    try:
        yield folder
    finally:
        if keep:
            say(f"Kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _tasks(blender: Path, scratch: Path, output: Path, frames: int, *, started: float) -> Iterator[dict[str, Any]]:
    """What becomes of the tasks of a farm that needs no server."""
    say("Building and installing the add-on, making a scene …")
    env, blend = _prepare(blender, scratch, frames)
    with LocalFarm(blender, env, folder=scratch / "worker", outpath=output) as farm:
        farm.submit(blend, job=JOB, frames=f"1-{frames}")
        say(f"Ready after {time.monotonic() - started:.0f} s: {frames} tasks in the queue, one worker")
        worker = farm.start_worker("--max-tasks", str(frames), log=output / LOG)
        yield from farm.follow(worker, patience=PATIENCE)


def _tasks_of_rabbitmq(
    blender: Path, scratch: Path, output: Path, frames: int, *, started: float
) -> Iterator[dict[str, Any]]:
    from tools.servers.farm import make_task, publish_tasks
    from tools.servers.small_farm import SmallFarm

    say("Starting RabbitMQ, building and installing the add-on, making a scene …")
    with ThreadPoolExecutor(max_workers=1) as pool:
        preparing = pool.submit(_prepare, blender, scratch, frames)
        with SmallFarm() as farm:
            env, blend = preparing.result()
            farm.server.add(JOB, blend)
            publish_tasks(farm.node.url, [make_task(JOB, [frame]) for frame in range(1, frames + 1)])
            say(f"Ready after {time.monotonic() - started:.0f} s: {frames} tasks in the queue, one worker")
            options, folder = ("--max-tasks", str(frames)), scratch / "worker"
            worker = farm.start_worker(blender, env, *options, folder=folder, outpath=output, log=output / LOG)
            yield from (report.task for report in farm.follow(worker, patience=PATIENCE))


def _prepare(blender: Path, scratch: Path, frames: int) -> tuple[dict[str, str], Path]:
    env = package.install(blender, package.build(blender), scratch / "user")
    return env, scenes.make(blender, "sample", scratch / "sample.blend", frames=frames)


class _Show:
    """What becomes of the tasks, a line each; in a terminal, lines of tasks in hand change in place."""

    def __init__(self, total: int) -> None:
        self.finished: list[Mapping[str, Any]] = []
        self.failed: list[str] = []
        self._total = total
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
            if len(self.finished) + len(self.failed) < self._total:
                lines.append(f"  {self._bar()}")
            for line in lines:
                print(line[: columns - 1])
            self._drawn = len(lines)
        sys.stdout.flush()

    def _bar(self) -> str:
        width = 40
        done = len(self.finished) * width // self._total
        return f"{'█' * done}{'░' * (width - done)}  {len(self.finished)} of {self._total}"


def _line(task: Mapping[str, Any], steps: list[str]) -> str:
    if task["status"] != "Finished":
        return f"! {_steps(steps)}: {task['data'].get('error', '')}"
    (frame,) = task["command"]["Blender"]["frame"].values()
    return f"  {_steps(steps)}  {_seconds([task]):6.2f} s  {frame['filesize'] / 1e3:6.1f} kB"


def _steps(steps: list[str]) -> str:
    return steps[0] + " · ".join(steps[1:])


def _seconds(tasks: list[Mapping[str, Any]]) -> float:
    """From the first start to the last finish."""
    starts, ends = ([datetime.fromisoformat(task["time"][moment]) for task in tasks] for moment in ("start", "finish"))
    return (max(ends) - min(starts)).total_seconds()


def _sum_up(show: _Show, blender: Path, output: Path, count: int, *, since: float) -> int:
    frames = [output / JOB / f"{number:06}.png" for number in range(1, count + 1)]
    there = [frame for frame in frames if frame.is_file()]
    print()
    if there:
        print(f"Contact sheet: {contact_sheet.make(blender, there, output / 'contact-sheet.png')}")
        print(f"Frames:        {output / JOB}")
    print(f"Worker's log:  {output / LOG}")
    for failure in show.failed:
        print(f"Failed:        {failure}")
    seconds = _seconds(show.finished) if show.finished else 0.0
    rate = f", {60 * len(show.finished) / seconds:.0f} frames a minute" if seconds else ""
    missing = f", {count - len(there)} frames missing" if len(there) < count else ""
    print(
        f"{len(there)} frames in {seconds:.1f} s, {len(show.failed)} failures{missing}{rate};"
        f" {time.monotonic() - since:.0f} s in all"
    )
    return 0 if len(there) == count and not show.failed else 1
