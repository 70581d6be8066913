# SPDX-License-Identifier: GPL-3.0-or-later
"""`retry`: queues again what failed of a job."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED
from .submit import told

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "retry"
HELP = "queue again what failed of a job"
DESCRIPTION = "Queues again what failed of a job, or was canceled. What is rendered is not rendered again."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ...farm.frame_list import frames_of

    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")
    parser.add_argument("--frames", type=told(frames_of), metavar="LIST", help="only these, such as 1-100,120-200x5")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        job = farm.find(options.job)
        queued = farm.retry(job.id, options.frames)
    nothing = f"Nothing of job {job.id}" if options.frames is None else f"None of these frames of job {job.id}"
    print(f"Queued {queued} tasks of job {job.id} again: {job.name}" if queued else f"{nothing} has failed.")
    return ENDED
