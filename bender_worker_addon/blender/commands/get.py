# SPDX-License-Identifier: GPL-3.0-or-later
"""`get`: one value, bare, for scripts."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "get"
HELP = "print one value, for scripts"
DESCRIPTION = (
    "Prints one value and nothing else: where frames or blends are kept, this worker's name, flaskbender's address."
)

_SETTINGS = {"outpath": "outpath", "blendpath": "blendpath", "id": "id", "benderurl": "bender_url"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=_SETTINGS)


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...settings.config import shown

    print(shown(settings().config, _SETTINGS[options.what]))
    return ENDED
