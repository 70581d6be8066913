# SPDX-License-Identifier: GPL-3.0-or-later
"""`priority`: which jobs go first."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED
from .submit import whole

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "priority"
HELP = "say how soon a job's turn is"
DESCRIPTION = "Gives a job another priority: of the jobs that wait those of a higher one go first."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")
    parser.add_argument("priority", type=whole(-1000, 1000), metavar="N", help="-1000 to 1000; a job is sent with 0")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        job = farm.find(options.job)
        farm.set_priority(job.id, options.priority)
    print(f"Job {job.id} has priority {options.priority} now: {job.name}")
    return ENDED
