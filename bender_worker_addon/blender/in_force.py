# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings in force in this Blender: what its preferences say, with the config file and the environment on top."""

import functools
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import bpy

from .. import __package__ as base_package
from ..core.errors import ConfigError
from ..settings.resolve import Resolved, config_path, resolve
from . import data_folder, online

if TYPE_CHECKING:
    from .worker.preferences import BenderWorkerPreferences


def preferences() -> "BenderWorkerPreferences | None":
    """The add-on's preferences; None where Blender has none for it, as with `--factory-startup`."""
    assert base_package is not None
    addon = bpy.context.preferences.addons.get(base_package)
    return addon.preferences if addon is not None else None


def changed() -> Mapping[str, str]:
    """What was changed in the preferences, as a layer of settings."""
    found = preferences()
    return {} if found is None else found.changed()


def resolved() -> Resolved | str:
    """The settings in force for a worker in this window, or what is wrong with them. Cheap enough for drawing. What is
    wrong is looked at again each time: it may have been put right."""
    if data_folder.is_on_its_way():
        return "Your jobs and frames are being moved to a folder that outlives the add-on; that may take a while"
    try:
        return _resolve(frozenset(changed().items()), _stamp())
    except ConfigError as error:
        return str(error)


def why_not_to_start(found: Resolved | str) -> str:
    """Why the worker can't be started with these settings; empty if it can."""
    if isinstance(found, str):
        return found
    if not online.is_allowed(*found.config.addresses):
        return f"The farm is on the internet: {online.ADVICE}"
    return ""


@functools.lru_cache(maxsize=1)
def _resolve(changed: frozenset[tuple[str, str]], _stamp: int) -> Resolved:
    return resolve(**_layers(dict(changed)))


def _stamp() -> int:
    """Another number whenever the config file was changed; 0 if there is none."""
    try:
        return config_path(**_layers(changed())).stat().st_mtime_ns
    except (OSError, ConfigError):
        return 0


def _layers(changed: Mapping[str, str]) -> dict[str, Any]:
    return {"data_dir": data_folder.path(), "environment": os.environ, "options": {}, "preferences": changed}
