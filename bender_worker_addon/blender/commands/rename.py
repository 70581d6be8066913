# SPDX-License-Identifier: GPL-3.0-or-later
"""`rename`: what people call a job."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED, one_line

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "rename"
HELP = "call a job something else"
DESCRIPTION = "Gives a job another name. The folder of its frames keeps its place."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")
    parser.add_argument("name", metavar="NAME", help="what it is called from now on")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...core.job import name_of
    from ..farm.reach import farm_of

    name = name_of(options.name)
    with farm_of(settings().config) as farm:
        job = farm.find(options.job)
        farm.set_name(job.id, name)
    print(f"Job {job.id} is called {name} now, and was {one_line(job.name)}; the folder of its frames keeps its place")
    return ENDED
