# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: a whole farm on this machine renders a small animation while you watch. It is made elsewhere."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tools.blenders import blenders, scenes
from tools.build import package
from tools.demo.show import Show, sum_up
from tools.errors import ToolError
from tools.process import last_lines, say
from tools.servers.local_farm import LocalFarm

JOB = "sample"
LOG = "worker.log"
NAME = "worker-{}"  # of the workers of a farm
PATIENCE = 180.0  # seconds in which something must happen

STAY = 600.0  # seconds that the page of a farm stays, for somebody at a terminal

Tasks = Iterator[dict[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--blender", metavar="PATH", help="the Blender to work in; else $BLENDER, PATH, or one is made")
    parser.add_argument("--frames", type=_count, default=24, metavar="N", help="how many, 1 to 1000; 24 if not given")
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), metavar="FOLDER", help="where they go; here in demo-output/"
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--farm", action="store_true", help="a farm of three workers, with a page and a RabbitMQ of its own"
    )
    kind.add_argument("--rabbitmq", action="store_true", help="a farm with RabbitMQ and HTTP, instead of one without")
    parser.add_argument("--keep", action="store_true", help="leave the throw-away Blender user folder, and say where")


def run(arguments: argparse.Namespace) -> int:
    """Gives 0 if every frame is there."""
    started = time.monotonic()
    blender = blenders.find(arguments.blender)
    output = _emptied(arguments.output.absolute())
    show = Show(arguments.frames)
    tasks, logs = _tasks, output / LOG
    if arguments.farm:
        tasks, logs = _tasks_of_a_farm, output / f"{NAME.format('*')}.log"
    elif arguments.rabbitmq:
        tasks = _tasks_of_rabbitmq
    with _scratch(keep=arguments.keep) as scratch:
        for task in tasks(blender, scratch, output, arguments.frames, started=started):
            show.take(task)
        if not show.finished and not arguments.farm:
            say(f"The worker finished nothing. The end of its log, {logs}:\n{last_lines(logs, 12)}")
    return sum_up(show, blender, output / JOB, logs=logs, since=started)


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


def _tasks(blender: Path, scratch: Path, output: Path, frames: int, *, started: float) -> Tasks:
    """What becomes of the tasks of a farm that needs no server."""
    say("Building and installing the add-on, making a scene …")
    env, blend = _prepare(blender, scratch, frames)
    with LocalFarm(blender, env, folder=scratch / "worker", outpath=output) as farm:
        farm.submit(blend, job=JOB, frames=f"1-{frames}")
        say(f"Ready after {time.monotonic() - started:.0f} s: {frames} tasks in the queue, one worker")
        worker = farm.start_worker("--max-tasks", str(frames), log=output / LOG)
        yield from farm.follow(worker, patience=PATIENCE)


def _tasks_of_a_farm(blender: Path, scratch: Path, output: Path, frames: int, *, started: float) -> Tasks:
    """What becomes of the tasks of a farm of three machines, which share no folder."""
    from tools.servers.served_farm import ServedFarm

    say("Starting a farm with a RabbitMQ of its own, building and installing the add-on, making a scene …")
    names = [NAME.format(number) for number in (1, 2, 3)]
    with ThreadPoolExecutor() as pool:
        env, blend = _prepare(blender, scratch, frames)
        with ServedFarm(blender, env, folder=scratch / "farm") as farm:
            print(f"The farm's page: {farm.page}", flush=True)
            farm.submit(blend, job=JOB, frames=f"1-{frames}")
            list(pool.map(lambda name: farm.start_worker(name, log=output / f"{name}.log"), names))
            say(f"Ready after {time.monotonic() - started:.0f} s: {frames} tasks, {len(names)} workers")
            yield from farm.follow(patience=PATIENCE)
            farm.fetch(JOB, output / JOB)
            _stay(farm.page)


def _stay(page: str) -> None:
    """The page stays for a while if somebody is there to look at it."""
    if not sys.stdout.isatty():
        return
    say(f"All is rendered. The page stays for {STAY / 60:.0f} minutes, or until Ctrl-C: {page}")
    with suppress(KeyboardInterrupt):
        time.sleep(STAY)


def _tasks_of_rabbitmq(blender: Path, scratch: Path, output: Path, frames: int, *, started: float) -> Tasks:
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
