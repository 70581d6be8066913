# SPDX-License-Identifier: GPL-3.0-or-later
"""`join`: makes this machine a worker of a farm, by the line that the farm has printed."""

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import online
from . import ENDED, PROGRAM, TROUBLE, USAGE

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "join"
HELP = "make this machine a worker of a farm"
DESCRIPTION = (
    "Makes this machine a worker of the farm whose join link this is: asks it where RabbitMQ is and for a token of its"
    " own, checks both and writes them into config.toml, for its owner alone."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("link", metavar="LINK", help="http://HOST:8000/join/CODE, as the farm has printed it")
    parser.add_argument("--yes", action="store_true", help="ask nothing")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...sites import joining
    from ...worker import checkup

    before = settings()
    if wrong := joining.why_no_link(options.link):
        print(f"{PROGRAM}: {wrong}", file=sys.stderr)
        return USAGE
    if not online.is_allowed(options.link):
        print(f"{PROGRAM}: the farm is on the internet: {online.ADVICE}", file=sys.stderr)
        return USAGE
    if not options.yes and not _agrees(before.config.tasks_from, before.file):
        return ENDED
    joined = joining.join(options.link, before)
    print(f"{joined.file} is written")
    now = settings()
    if overruled := joined.overruled(now):
        print(f"{PROGRAM}: {overruled}", file=sys.stderr)
        return TROUBLE
    if not joined.renders:
        print(f"This machine has joined the farm, but {joining.NO_TASKS}.")
        print("Next:  blender --command bender_worker submit FILE.blend")
        return ENDED
    well = True
    for name, test in checkup.of_settings(now.config).items():
        trouble = test()
        well = well and not trouble
        print(f"{name}: {trouble or 'good'}", file=sys.stderr if trouble else sys.stdout)
    if well:
        print("This machine has joined the farm. Next:  blender --command bender_worker run")
    return ENDED if well else TROUBLE


def _agrees(now: str, file: object) -> bool:
    answer = input(f"Tasks come from {now} now. Join this farm, and write that into {file}? [Y/n] ")
    return answer.strip().lower() in ("", "y", "yes")
