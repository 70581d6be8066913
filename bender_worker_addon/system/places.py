# SPDX-License-Identifier: GPL-3.0-or-later
"""Places: where a system wants what people keep: programs' data, and their videos.

Sources: the XDG Base Directory Specification and xdg-user-dirs (Linux), Apple's File System Programming Guide, and
Windows' known folders, which people may have moved.
"""

import importlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .platform import MACOS, WINDOWS

_USER_DIR = re.compile(r'^XDG_VIDEOS_DIR="(.+)"$', re.MULTILINE)
_SHELL_FOLDERS = r"Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders"


def data_folder(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Where a program of this name keeps a user's data. Raises RuntimeError if this user has no home."""
    if WINDOWS:
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local", name)
    if MACOS:
        return Path.home() / "Library" / "Application Support" / name
    told = environment.get("XDG_DATA_HOME", "")
    return Path(told if Path(told).is_absolute() else Path.home() / ".local" / "share", name)


def videos_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where a user's videos are. Raises RuntimeError if this user has no home."""
    if WINDOWS:
        return _windows_videos() or Path.home() / "Videos"
    if MACOS:
        return Path.home() / "Movies"
    return _xdg_videos(environment) or Path.home() / "Videos"


def _xdg_videos(environment: Mapping[str, str]) -> Path | None:
    told = environment.get("XDG_CONFIG_HOME", "")
    config = Path(told) if Path(told).is_absolute() else Path.home() / ".config"
    try:
        found = _USER_DIR.search((config / "user-dirs.dirs").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    path = Path(found[1].replace("$HOME", str(Path.home())) if found else "")
    return path if path.is_absolute() and path != Path.home() else None  # the home itself means that there is none


def _windows_videos() -> Path | None:
    winreg: Any = importlib.import_module("winreg")
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _SHELL_FOLDERS) as key:
            return Path(os.path.expandvars(winreg.QueryValueEx(key, "My Video")[0]))
    except OSError:
        return None
