# SPDX-License-Identifier: GPL-3.0-or-later
"""`workers`: who renders for the farm, what it is at, and what it is told to do."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from . import ENDED, one_line

if TYPE_CHECKING:
    from ...farm.workers import Event, Worker
    from ...settings.resolve import Resolved
    from ...sites.site import Site

NAME = "workers"
HELP = "show who renders for the farm, and tell a worker what to do"
DESCRIPTION = (
    "Shows the workers of the farm that have been heard in the last 30 days: what each is at, and when it was heard"
    " last. Of one it shows all that is known, and its last hundred events; or it is told to pause (it finishes the"
    " task in hand and takes no more), to resume, to stop (after the task in hand) or to stop-now (and give it back)."
)
_ORDERS = ("pause", "resume", "stop", "stop-now")
_SHOWN = ("name", "system", "version", "blender", "state", "detail", "job", "frame", "devices", "device", "memory")
_SHOWN_LAST = ("free_disk", "frames", "failures", "an_hour")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("worker", metavar="WORKER", nargs="?", help="its id, or the beginning of it, or its name")
    parser.add_argument("order", metavar="ORDER", nargs="?", choices=_ORDERS, help=", ".join(_ORDERS))
    parser.add_argument("--all", action="store_true", help="also those that were not heard for a day")
    parser.add_argument("--json", action="store_true", help="a line of JSON a worker")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        if options.worker is None:
            _show_all(farm.workers(), as_json=options.json, away_too=options.all)
        elif options.order is None:
            _show(*farm.worker(_found(farm, options.worker)), as_json=options.json)
        else:
            worker = _found(farm, options.worker)
            farm.order(worker, options.order)
            print(f"Told worker {worker} to {options.order}")
    return ENDED


def _found(farm: "Site", beginning: str) -> str:
    """The id of the one that is meant."""
    from ...core.errors import FarmError

    known = farm.workers()
    ids = [worker.id for worker in known if worker.id == beginning or _told(worker, "name") == beginning]
    found = ids or [worker.id for worker in known if worker.id.startswith(beginning)]
    if len(found) > 1:
        raise FarmError(f"{len(found)} workers are meant by {beginning}; write more of the id")
    if not found:
        raise FarmError(f"there is no worker {beginning}; `workers` shows those there are")
    return found[0]


def _show_all(workers: "list[Worker]", *, as_json: bool, away_too: bool) -> None:
    if as_json:
        for worker in workers:
            print(json.dumps(asdict(worker)))
        return
    if not workers:
        print("No worker has been heard yet; `run` makes this machine one.")
    shown = [worker for worker in workers if away_too or worker.presence != "away"]
    for worker in shown:
        state = _told(worker, "state") if worker.presence == "here" else worker.presence.capitalize()
        at = f"job {_told(worker, 'job')[:12]}, frame {worker.hello.get('frame')}" if _told(worker, "job") else ""
        words = f"{_told(worker, 'name')}  {state}  {at or _told(worker, 'detail')}"
        print(f"{worker.id:36}  heard {_moment(worker.seen)}  {one_line(words)}".rstrip())
    if len(shown) < len(workers):
        print(f"{len(workers) - len(shown)} more were not heard for a day: --all shows them")


def _show(worker: "Worker", events: "list[Event]", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**asdict(worker), "events": [asdict(event) for event in events]}))
        return
    print(f"worker {worker.id}: {worker.presence}, heard {_moment(worker.seen)}")
    for name in (*_SHOWN, *_SHOWN_LAST):
        value = worker.hello.get(name)
        words = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        if value not in (None, "", []):
            print(f"  {name:9} {one_line(words)}")
    for event in events:
        where = f"job {event.job[:12]}, frames {event.frames}" if event.job else ""
        words = " ".join(part for part in (event.what, where, event.words) if part)
        print(f"  {_moment(event.at)}  {one_line(words)}")


def _moment(seconds: float) -> str:
    """In this machine's own time."""
    try:
        return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "at no time there is"


def _told(worker: "Worker", what: str) -> str:
    told = worker.hello.get(what)
    return told if isinstance(told, str) else ""
