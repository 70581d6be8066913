# SPDX-License-Identifier: GPL-3.0-or-later
"""The config file that bender-worker, the program before this one, left on this machine, and what is taken over."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..core.errors import ConfigError
from ..system.platform import MACOS, WINDOWS
from . import file as config_file
from .config import read, settings

FARM_FILE = Path("/etc/bender/config.toml")
"""The settings of all of bender's programs on a machine; of a worker's only RabbitMQ's address."""

_NAME, _AUTHOR = "Bender-Worker", "David Huss"


def its_config_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where bender-worker keeps its settings on this system; None if there are none."""
    home = Path.home()
    if WINDOWS:
        folders = [Path(environment.get("APPDATA") or home / "AppData" / "Roaming", _AUTHOR, _NAME)]
    elif MACOS:
        folders = [home / "Library" / "Application Support" / _NAME]
    else:
        base = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        folders = [base / _NAME.lower(), base / _NAME]
    paths = (folder / config_file.NAME for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def taken_over(path: Path, farm_file: Path = FARM_FILE) -> dict[str, str]:
    """The settings of bender-worker's file that are settings here too, as text; RabbitMQ's address from where it has
    that. Raises ConfigError if the file can't be read."""
    known = {setting.name for setting in settings()}
    try:
        values = config_file.read(path).values
    except FileNotFoundError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error
    return _rabbitmq(farm_file) | {name: str(value) for name, value in values.items() if name in known}


def _rabbitmq(farm_file: Path) -> dict[str, str]:
    """As the whole farm's settings have it; one that can't be read, or used, counts as not there."""
    try:
        table = config_file.read(farm_file).values.get("rabbitmq")
        url = table.get("url") if isinstance(table, dict) else None
        address = urlsplit(read("amqp_url", str(url), str(farm_file)) if url else "")
    except (ConfigError, FileNotFoundError):
        return {}
    # Its own default is amqp://localhost//, by which it means the virtual host "/".
    return {"amqp_url": address._replace(path="/%2F" if address.path == "//" else address.path).geturl()} if url else {}
