# SPDX-License-Identifier: GPL-3.0-or-later
"""`resume`: goes on with a job that was paused."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "resume"
HELP = "go on with a job that was paused"
DESCRIPTION = "Goes on with a job that was paused."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        job = farm.find(options.job)
        farm.resume(job.id)
    print(f"Resumed job {job.id}: {job.name}")
    return ENDED
