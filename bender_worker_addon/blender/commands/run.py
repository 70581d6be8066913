# SPDX-License-Identifier: GPL-3.0-or-later
"""`run`: the worker, until it is told to stop."""

import argparse
import contextlib
import logging
import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...system.ending import when_asked_to_end
from .. import online, versions
from ..log import log_to_file_too, log_to_stderr, stop_logging
from . import ENDED, PROGRAM, USAGE

if TYPE_CHECKING:
    from ...settings.config import WorkerConfig
    from ...settings.resolve import Resolved
    from ...worker.worker import Worker

log = logging.getLogger(__name__)

_LOOK = 0.2  # seconds between two looks at whether the folder is free

NAME = "run"
HELP = "work until told to stop"
DESCRIPTION = (
    "Works until told to stop. SIGTERM or Ctrl-C finishes the frame in hand, gives back what is not begun and ends;"
    " a second one ends at once and gives everything back."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-tasks", type=_at_least(int, 1), metavar="N", help="end after N tasks")
    parser.add_argument("--idle-exit", type=_at_least(float, 0), metavar="SECONDS", help="end when idle for so long")
    parser.add_argument(
        "--wait",
        type=_at_least(float, 0),
        default=0.0,
        metavar="SECONDS",
        help="wait so long for another worker to let go of the data folder; 0 if not given",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say more")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...worker.worker import StopRequested

    resolved = settings()
    log_to_stderr(verbose=options.verbose)
    for name in resolved.unknown:
        log.warning("%s is not a setting; `config` lists those there are", name)
    if not online.is_allowed(*resolved.config.addresses):
        print(f"{PROGRAM}: the farm is on the internet: {online.ADVICE}", file=sys.stderr)
        return USAGE
    worker = _opened(options, resolved.config)
    log_to_file_too(resolved.config.data_dir)
    try:
        with when_asked_to_end(lambda: worker.inbox.put(StopRequested())):  # what the second means, the worker decides
            worker.run()
    finally:
        stop_logging()
    return ENDED


def _opened(options: argparse.Namespace, config: "WorkerConfig") -> "Worker":
    """Raises FolderInUse if another worker has its folder for too long."""
    from ...core.errors import FolderInUse
    from ...worker.worker import Worker

    deadline = time.monotonic() + options.wait
    while True:
        try:
            return Worker(
                config,
                child_command=versions.child_command(),
                max_tasks=options.max_tasks,
                idle_exit=options.idle_exit,
                about=versions.about(),
            )
        except FolderInUse:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOOK)


def _at_least(kind: type[int] | type[float], least: int) -> Callable[[str], int | float]:
    def read(text: str) -> int | float:
        with contextlib.suppress(ValueError):
            number = kind(text)
            if least <= number < math.inf:
                return number
        raise argparse.ArgumentTypeError(f"it should be a number of at least {least}, found {text!r}")

    return read
