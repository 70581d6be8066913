# SPDX-License-Identifier: GPL-3.0-or-later
"""`cancel`: takes a job out of the queue."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "cancel"
HELP = "take a job out of the queue"
DESCRIPTION = "Takes a job out of the queue. What is rendered stays; `retry` sends the rest again."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        job = farm.find(options.job)
        farm.cancel(job.id)
    print(f"Canceled job {job.id}: {job.name}")
    return ENDED
