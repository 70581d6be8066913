# SPDX-License-Identifier: GPL-3.0-or-later
"""`delete`: has the farm forget a job."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "delete"
HELP = "have the farm forget a job"
DESCRIPTION = "Has the farm forget a job, its blend included. What is rendered of it stays, unless told otherwise."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")
    parser.add_argument("--frames", action="store_true", help="its frames on the farm, too")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        job = farm.find(options.job)
        farm.delete(job.id, frames=options.frames)
    print(f"Deleted job {job.id}{', with its frames' if options.frames else ''}: {job.name}")
    return ENDED
