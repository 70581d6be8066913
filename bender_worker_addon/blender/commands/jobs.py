# SPDX-License-Identifier: GPL-3.0-or-later
"""`list`: the farm's jobs and how far they are."""

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED, one_line

if TYPE_CHECKING:
    from ...farm.books import Job
    from ...settings.resolve import Resolved

NAME = "list"
HELP = "show the farm's jobs and how far they are"
DESCRIPTION = "Shows the farm's jobs, the newest first, and how far they are."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="a line of JSON a job")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...sites.site import state_of
    from ..farm import words
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        jobs = farm.jobs()
    if options.json:
        for job in jobs:
            print(json.dumps(as_json(job)))
    elif not jobs:
        print("No jobs yet; `submit FILE.blend` sends one.")
    for job in jobs if not options.json else ():
        failed = f", {job.failed} failed" if job.failed else ""
        progress = f"{job.done:6} of {job.total:6} frames{failed}"
        print(f"{job.id[:12]:12}  {words.state(state_of(job)):9} {progress}  {job.created[:16]}  {one_line(job.name)}")
    return ENDED


def as_json(job: "Job") -> dict[str, object]:
    return {
        "id": job.id,
        "name": job.name,
        "created": job.created,
        "status": job.status,
        "priority": job.priority,
        "paused": job.paused,
        "stopped": job.stopped,
        "frames": dict(job.frames),
    }
