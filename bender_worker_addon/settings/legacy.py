# SPDX-License-Identifier: GPL-3.0-or-later
"""The config file that bender-worker, the program before this one, left on this machine, and what is taken over."""

import os
from collections.abc import Mapping
from pathlib import Path

from ..core.errors import ConfigError
from ..system.platform import MACOS, WINDOWS
from . import file as config_file
from .config import settings

_NAME, _AUTHOR = "Bender-Worker", "David Huss"


def its_config_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where bender-worker keeps its settings on this system; None if there are none."""
    home = Path.home()
    if WINDOWS:
        folder = Path(environment.get("APPDATA") or home / "AppData" / "Roaming", _AUTHOR, _NAME)
    elif MACOS:
        folder = home / "Library" / "Application Support" / _NAME
    else:
        folder = Path(environment.get("XDG_CONFIG_HOME") or home / ".config", _NAME)
    path = folder / config_file.NAME
    return path if path.is_file() else None


def taken_over(path: Path) -> dict[str, str]:
    """The settings of bender-worker's file that are settings here too, as text; and that frames are uploaded, as it did
    in its mode Independent. Raises ConfigError if it can't be read."""
    known = {setting.name for setting in settings()}
    try:
        values = config_file.read(path).values
    except FileNotFoundError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error
    taken = {name: str(value) for name, value in values.items() if name in known}
    return {"upload": "move", **taken} if taken.get("mode") == "Independent" else taken
