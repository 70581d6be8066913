# SPDX-License-Identifier: GPL-3.0-or-later
"""`stop`: a running worker is told to end, from outside."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "stop"
HELP = "tell the running worker to stop, and wait until it has"
DESCRIPTION = (
    "Tells the worker that runs on this data folder, in a window or without one, to finish the frame in hand, to give"
    " back the rest and to end; waits until it has. Exit code 3: none runs there."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--now", action="store_true", help="don't finish the frame, give everything back at once")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...worker import control

    control.stop(settings().config.data_dir, now=options.now)
    print("stopped")
    return ENDED
