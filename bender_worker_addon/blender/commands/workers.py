# SPDX-License-Identifier: GPL-3.0-or-later
"""`workers`: who renders for the farm, and when each was last heard."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from . import ENDED

if TYPE_CHECKING:
    from ...farm.workers import Worker
    from ...settings.resolve import Resolved

NAME = "workers"
HELP = "show who renders for the farm"
DESCRIPTION = "Shows the workers of the farm that have been heard in the last 30 days, and when each was heard last."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="a line of JSON a worker")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        workers = farm.workers()
    if options.json:
        for worker in workers:
            print(json.dumps(asdict(worker)))
    elif not workers:
        print("No worker has been heard yet; `run` makes this machine one.")
    for worker in workers if not options.json else ():
        print(f"{worker.id:36}  heard {_moment(worker)}  {_told(worker, 'name')} {_told(worker, 'state')}".rstrip())
    return ENDED


def _moment(worker: "Worker") -> str:
    """In this machine's own time."""
    try:
        return f"{datetime.fromtimestamp(worker.seen):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "at no time there is"


def _told(worker: "Worker", what: str) -> str:
    told = worker.hello.get(what)
    return told if isinstance(told, str) else ""
