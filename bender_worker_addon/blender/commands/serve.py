# SPDX-License-Identifier: GPL-3.0-or-later
"""`serve`: the farm's own side: its books, its jobs and frames over HTTP."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..log import log_to_stderr
from . import ENDED

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "serve"
HELP = "make this machine a farm that others can join"
DESCRIPTION = (
    "Makes this machine a farm: keeps its books, serves its blends, takes its frames. Others join it with the line that"
    " is printed. Listens on this machine only, unless told otherwise. SIGTERM or Ctrl-C ends it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ...server import command

    command.add_arguments(parser)


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    import bpy

    from ...server import command

    log_to_stderr(verbose=False)
    program = bpy.app.binary_path  # empty where Blender is a Python module
    command.carry_out(options, settings(), blender=Path(program) if program else None)
    return ENDED
