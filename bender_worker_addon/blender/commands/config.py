# SPDX-License-Identifier: GPL-3.0-or-later
"""`config`: every setting, its value and where that came from."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import ENDED

if TYPE_CHECKING:
    from ...worker.config import Resolved

NAME = "config"
HELP = "show every setting, its value and where that came from"
DESCRIPTION = "Shows every setting, its value and where that came from; of addresses no user and no password."


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """It has no options of its own."""


def carry_out(_options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...worker.config import redacted
    from ...worker.config import settings as all_settings

    resolved = settings()
    for setting in all_settings():
        value = getattr(resolved.config, setting.name)
        shown = redacted(value) if setting.name.endswith("_url") else value
        print(f"{setting.name} = {shown}  ({resolved.sources[setting.name]})")
    return ENDED
