# SPDX-License-Identifier: GPL-3.0-or-later
"""`pause`: begins nothing more of a job."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "pause"
HELP = "begin nothing more of a job"
DESCRIPTION = "Begins nothing more of a job until `resume`. What workers have begun of it they finish."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        job = farm.find(options.job)
        farm.pause(job.id)
    print(f"Paused job {job.id}: {job.name}")
    return ENDED
