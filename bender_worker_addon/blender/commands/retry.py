# SPDX-License-Identifier: GPL-3.0-or-later
"""`retry`: queues again what failed of a job."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "retry"
HELP = "queue again what failed of a job"
DESCRIPTION = "Queues again what failed of a job, or was canceled. What is rendered is not rendered again."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        job = farm.find(options.job)
        queued = farm.retry(job.id)
    print(
        f"Queued {queued} tasks of job {job.id} again: {job.name}" if queued else f"Nothing of job {job.id} has failed."
    )
    return ENDED
