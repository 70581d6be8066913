# SPDX-License-Identifier: GPL-3.0-or-later
"""`config`: every setting, its value and where that came from."""

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "config"
HELP = "show every setting, its value and where that came from"
DESCRIPTION = "Shows every setting, its value and where that came from; of addresses no user and no password."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts: an object with value and source by setting")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...settings.config import settings as all_settings
    from ...settings.config import shown

    resolved = settings()
    table = {
        setting.name: {"value": shown(resolved.config, setting.name), "source": resolved.sources[setting.name]}
        for setting in all_settings()
    }
    if options.json:
        print(json.dumps(table, indent=2))
        return ENDED
    for name, row in table.items():
        print(f"{name} = {row['value']}  ({row['source']})")
    for where in resolved.unknown:
        print(f"# {where} is not a setting")
    return ENDED
