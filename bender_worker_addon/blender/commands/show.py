# SPDX-License-Identifier: GPL-3.0-or-later
"""`show`: which frames of a job are done, which are not, and why some failed."""

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED, one_line
from .jobs import as_json

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "show"
HELP = "show a job's frames, and why some failed"
DESCRIPTION = "Shows which frames of a job are done, which are not, why some failed, and where they are."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")
    parser.add_argument("--json", action="store_true", help="a line of JSON")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...sites.site import state_of
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        details = farm.details(farm.find(options.job))
    job = details.job
    failures = [{"frames": failure.frames, "reason": failure.reason} for failure in details.failures]
    if options.json:
        told = {
            **as_json(job),
            "frame_lists": dict(details.frames),
            "failures": failures,
            "folder": str(details.folder),
        }
        print(json.dumps(told))
        return ENDED
    print(f"{one_line(job.name)}, job {job.id}: {state_of(job)}, {job.done} of {job.total} frames")
    for status, frames in sorted(details.frames.items()):
        print(f"  {status:9} {frames}")
    for failure in details.failures:
        print(f"  failed    {failure.frames}: {failure.reason}")
    print(f"  folder    {details.folder}" + ("" if details.here else " once `fetch` has brought them"))
    return ENDED
