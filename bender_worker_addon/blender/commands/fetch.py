# SPDX-License-Identifier: GPL-3.0-or-later
"""`fetch`: brings a job's frames into a folder of this machine."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from . import ENDED, PROGRAM, TROUBLE

if TYPE_CHECKING:
    from ...farm.books import Job
    from ...settings.resolve import Resolved
    from ...sites.fetching import Fetching
    from ...sites.site import Site

NAME = "fetch"
HELP = "bring a job's frames into a folder of this machine"
DESCRIPTION = (
    "Brings the frames of a job that are there, and what its File Output nodes wrote with them, into a folder of this"
    " machine, each proven by its size and hash. What is"
    " there whole is not brought again; what broke off goes on."
)
_PAUSE, _LONGEST = 2.0, 60.0  # seconds between two looks, and at most where the farm is out of reach
_SHARE = 5  # the least time between two looks as a multiple of what the last one took


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")
    parser.add_argument("--to", type=Path, metavar="DIR", help="the folder; where `show` says if not given")
    parser.add_argument("--watch", action="store_true", help="bring them as they come, until the job is over")
    parser.add_argument("--json", action="store_true", help="say it in a line of JSON")
    parser.add_argument("--progress", action="store_true", help=argparse.SUPPRESS)  # see blender/progress_bar.py


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...sites.fetching import Fetching
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        job = farm.find(options.job)
        details = farm.details(job)
        folder = details.folder if options.to is None else options.to.expanduser().absolute()
        fetching = Fetching(farm, job.id, folder)
        job = _watch(farm, job, fetching) if options.watch else _once(job, fetching, as_json=options.progress)
    wrong = sorted({file.number for file in fetching.wrong})
    if options.json:
        print(json.dumps({"job": job.id, "folder": str(folder), "frames": len(fetching.whole), "wrong": wrong}))
    else:
        others = f" and {len(fetching.others)} other files" if fetching.others else ""
        print(f"{len(fetching.whole)} of {job.total} frames{others} of {job.name} are in {folder}")
    if wrong:
        from ...core.frame import in_words

        print(f"{PROGRAM}: {in_words(wrong)} came otherwise than the farm says; try again", file=sys.stderr)
    return TROUBLE if wrong else ENDED


def _once(job: "Job", fetching: "Fetching", *, as_json: bool = False) -> "Job":
    from ..progress_bar import ProgressBar

    with ProgressBar(f"Fetching {job.name}", as_json=as_json) as bar:
        fetching.run(bar)
    return job


def _watch(farm: "Site", job: "Job", fetching: "Fetching") -> "Job":
    """Until it is over, through whatever time the farm is out of reach."""
    from ...farm.books import OVER
    from ...sites.site import Unreachable

    silence = _PAUSE
    while True:
        began = time.monotonic()
        try:
            job = farm.find(job.id)
            _once(job, fetching)
        except Unreachable as error:
            print(f"{PROGRAM}: {error}; again in {silence:g} s", file=sys.stderr)
            time.sleep(silence)
            silence = min(2 * silence, _LONGEST)
            continue
        if job.status in OVER or job.stopped:
            return job
        silence = _PAUSE
        time.sleep(max(_PAUSE, _SHARE * (time.monotonic() - began)))
