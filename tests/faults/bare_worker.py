# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker as a process, without Blender: the real Worker with the stand-in child `renders`, settings from the
environment. Takes the options of `run` and those that let it break on purpose."""

import argparse
import logging
import os
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.build import wheels

wheels.importable()

from bender_worker_addon.blender.log import log_to_stderr  # noqa: E402
from bender_worker_addon.core import messages, task, tile  # noqa: E402
from bender_worker_addon.core.deliveries import Delivery  # noqa: E402
from bender_worker_addon.core.errors import WorkerError  # noqa: E402
from bender_worker_addon.core.frame import StoredFrame  # noqa: E402
from bender_worker_addon.core.in_flight import InFlight, Stage  # noqa: E402
from bender_worker_addon.queues.base import TaskQueue  # noqa: E402
from bender_worker_addon.queues.local import queue as local  # noqa: E402
from bender_worker_addon.queues.rabbitmq import queue as rabbitmq  # noqa: E402
from bender_worker_addon.queues.rabbitmq.leases import LeaseTimes  # noqa: E402
from bender_worker_addon.queues.rabbitmq.session import Session  # noqa: E402
from bender_worker_addon.settings import resolve  # noqa: E402
from bender_worker_addon.worker import worker  # noqa: E402
from bender_worker_addon.worker.blends import flaskbender, tiles  # noqa: E402
from bender_worker_addon.worker.frames import place  # noqa: E402
from bender_worker_addon.worker.state import journal  # noqa: E402

_REPORTS = "CREATE TABLE IF NOT EXISTS report (worker, number, key, body, PRIMARY KEY (worker, number))"
TILE, PICTURE = "tile", "picture"  # what a task can be of, if a picture is rendered in tiles
CHILD = Path(__file__).resolve().parents[1] / "unit" / "children" / "renders.py"

STEPS: dict[str, tuple[Any, str, int, str]] = {
    "receive": (journal.Journal, "add_report", 1, "receive"),
    "construct": (journal.Journal, "add_report", 1, "construct"),
    "blend": (journal.Journal, "add_report", 1, "blend"),
    "start": (journal.Journal, "add_report", 1, "start"),
    "store": (place, "make_durable", 0, ""),
    "remember": (journal.Journal, "remember_finished", 0, ""),
    "stat": (journal.Journal, "add_report", 1, "stat"),
    "finish": (journal.Journal, "add_report", 1, "finish"),
    "confirm": (journal.Journal, "remove_reports", 0, ""),
    "ack": (TaskQueue, "ack", 0, ""),
}
"""Where a worker can be killed: the function of that step, and what one of its arguments must begin with. TaskQueue
stands for the queue that this worker has."""

STAGES: dict[str, tuple[Any, str, int, str]] = {
    stage.name.lower(): (InFlight, "__setattr__", 2, str(stage)) for stage in Stage
}
"""The same of what a task in hand can be at."""

ON_A_FARM: dict[str, tuple[Any, str, int, str]] = {
    "fetch_tile": (tiles, "make_durable", 0, ""),
    "remember_uploading": (journal.Journal, "remember_uploading", 0, ""),
    "upload": (flaskbender.Flaskbender, "upload", 0, ""),
}
"""The same of what is done only where there is a server to fetch from and to upload to."""

BEHIND_THE_SCENES: dict[str, tuple[Any, str, int, str]] = {
    "fetch": (flaskbender.Flaskbender, "_fetch", 0, ""),
    "publish": (Session, "publish", 0, ""),
    "read": (messages, "decoded", 0, ""),
}
"""The same of what other threads than the worker's own do."""


def main() -> None:
    options = _options()
    if not options.quiet:
        log_to_stderr(verbose=options.verbose)
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    if options.lease:
        defaults = rabbitmq.RabbitQueue.__init__.__kwdefaults__ or {}
        rabbitmq.RabbitQueue.__init__.__kwdefaults__ = defaults | {"lease_times": LeaseTimes(*options.lease)}
    worker._DISK_EVERY = options.look_at_disk
    worker._BLENDS_EVERY = options.look_at_blends
    worker._STALL_EVERY = options.look_for_stall
    if options.id_taken:
        rabbitmq._ID_TAKEN = options.id_taken
    data_dir = Path(tempfile.gettempdir())  # never used: the environment names another
    settings = resolve.resolve(data_dir=data_dir, environment=os.environ, options={}).config
    if settings.is_local:
        _keep_reports(settings.id)
    for step in options.breaks:
        _break(step)
    if options.die:
        queue = local.LocalQueue if settings.is_local else rabbitmq.RabbitQueue
        _die(*options.die, queue=queue, of=options.of or ())
    try:
        running = worker.Worker(
            settings,
            child_command=[sys.executable, "-S", str(CHILD)],
            max_tasks=options.max_tasks,
            idle_exit=options.idle_exit,
            about={"blender": options.blender},
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: running.inbox.put(worker.StopRequested()))
        running.run()
    except WorkerError as error:
        sys.exit(f"bare worker: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--quiet", action="store_true", help="log nothing")
    parser.add_argument("--max-tasks", type=int)
    parser.add_argument("--idle-exit", type=float)
    parser.add_argument("--lease", type=float, nargs=2, metavar=("HOLD", "LIVE"))
    parser.add_argument("--blender", default="", help="the version that it says it has")
    parser.add_argument("--id-taken", type=float, metavar="SECONDS")
    parser.add_argument("--look-at-disk", type=float, default=worker._DISK_EVERY, metavar="SECONDS")
    parser.add_argument("--look-at-blends", type=float, default=worker._BLENDS_EVERY, metavar="SECONDS")
    parser.add_argument("--look-for-stall", type=float, default=worker._STALL_EVERY, metavar="SECONDS")
    parser.add_argument("--break", nargs="+", dest="breaks", default=(), metavar="STEP", help="unforeseen, at a step")
    parser.add_argument("--die", nargs=2, metavar=("WHEN", "STEP"), help="before or after a step")
    parser.add_argument(
        "--of", nargs=2, metavar=("JOB", "KIND"), help="only if it is one of this job, of a tile or not"
    )
    return parser.parse_args()


def _keep_reports(worker_id: str) -> None:
    """What goes into the local farm's books is kept beside them word for word, in the same transaction."""
    enter = local.LocalQueue._enter

    def enter_and_keep(
        queue: Any, connection: sqlite3.Connection, session: int, report_id: int | None, routing_key: str, body: bytes
    ) -> Any:
        confirmed = enter(queue, connection, session, report_id, routing_key, body)
        if confirmed is not None:
            connection.execute(_REPORTS)
            row = (worker_id, report_id, routing_key, body)
            connection.execute("INSERT OR IGNORE INTO report VALUES (?, ?, ?, ?)", row)
        return confirmed

    setattr(local.LocalQueue, "_enter", enter_and_keep)  # noqa: B010  mypy would have it assigned to nothing


def _break(step: str) -> None:
    """An error in a step that nobody has foreseen, in whose message the settings are, as far as they can be shown."""
    owner, name, position, beginning = (STEPS | BEHIND_THE_SCENES)[step]
    real: Callable[..., Any] = getattr(owner, name)

    def broken(*arguments: Any, **keywords: Any) -> Any:
        if not beginning or str(arguments[position]).startswith(beginning):
            settings = resolve.resolve(data_dir=Path(), environment=os.environ, options={})
            raise RuntimeError(f"{step} of {settings}")
        return real(*arguments, **keywords)

    setattr(owner, name, broken)


def _die(when: str, step: str, *, queue: type, of: Sequence[str]) -> None:
    """Kills this process, as a power cut would, right before or right after its function of that step."""
    owner, name, position, beginning = (STEPS | STAGES | ON_A_FARM)[step]
    owner = queue if owner is TaskQueue else owner
    real: Callable[..., Any] = getattr(owner, name)

    def deadly(*arguments: Any, **keywords: Any) -> Any:
        meant = not beginning or str(arguments[position]).startswith(beginning)
        meant = meant and (not of or _is_of(of[0], of[1], [*arguments, *keywords.values()]))
        if meant and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **keywords)
        if meant:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def _is_of(job: str, kind: str, arguments: Sequence[Any]) -> bool:
    """Whether what is done with these concerns a task of the job, which is a tile or is none."""
    told = " ".join(_told_by(argument, arguments) for argument in arguments)
    is_tile = f'"{task.REGION}"' in told or f"{os.sep}{tile.FOLDER}{os.sep}" in told
    return job in told and is_tile == (kind == TILE)


def _told_by(argument: Any, all: Sequence[Any]) -> str:
    match argument:
        case bytes():
            return argument.decode("utf-8", "replace")
        case Delivery():
            return argument.body.decode()
        case InFlight():
            return argument.task.to_json().decode()
        case StoredFrame() | os.PathLike():
            return str(argument)
        case journal.Journal() if isinstance(all[-1], tuple):  # of ids of its reports
            return " ".join(one.body.decode() for one in argument.unconfirmed_reports() if one.id in all[-1])
    return argument if isinstance(argument, str) else ""


if __name__ == "__main__":
    main()
