# SPDX-License-Identifier: GPL-3.0-or-later
"""DataFolder: where jobs, their queue and frames are unless people choose otherwise. It outlives the add-on: Blender
deletes an extension's own folder with the extension. What earlier versions kept there is moved out of it once."""

import itertools
import logging
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import bpy

from .. import __package__ as base_package
from ..system import places
from .beside import Beside

log = logging.getLogger(__name__)

_NAME = "bender-worker"
_EARLIER = "earlier"  # in the new folder: what came when there was one already, each in a folder of its own
_KEPT = ("farm", "frames", "blends", "fetched", "config.toml", "journal.sqlite")  # else there is nothing to be lost
_LOCKS = ("journal.sqlite", "farm/serve.lock", "farm/farm.sqlite")  # which whoever works there has

_copying: Beside[None] | None = None


def path() -> Path:
    """The folder in which this Blender keeps its data: where earlier versions had it, as long as that stays there."""
    new, old = _places()
    return new if new.exists() or not _is_worth_moving(old) else old


def is_on_its_way() -> bool:
    """Whether it is being copied to another disk: until then nothing may be changed in it."""
    return _copying is not None and not _copying.done


def register() -> None:
    """Moves what an earlier version has kept; beside the main thread where that takes long and there is a window."""
    global _copying
    new, old = _places()
    if new == old or not old.exists():
        return
    from ..system import moving

    moving.finish(old, new)
    if not _is_worth_moving(old) or _is_in_use(old):
        return
    if _is_chosen(old):
        log.warning("%s is chosen in the settings, but Blender deletes it with the add-on: choose another", old)
        return
    target = next(_free(new))
    if moving.needs_another_disk(old, target) and not bpy.app.background:
        _copying = Beside("bender-moving", lambda: _move(old, target))
    else:
        _move(old, target)


def unregister() -> None:
    """What is being copied is copied anew the next time."""


def _move(old: Path, target: Path) -> None:
    from ..system import moving

    try:
        moving.move(old, target)
    except OSError as error:
        log.warning("%s stays where it is, it can't be moved to %s: %s", old, target, error.strerror or error)
    else:
        log.warning("%s is now in %s, where it stays when the add-on is removed", old, target)


@cache
def _places() -> tuple[Path, Path]:
    """Where it is to be, and where earlier versions had it. A Blender whose user folder was put elsewhere keeps it
    there."""
    assert base_package is not None
    if base_package.startswith("bl_ext."):
        old = Path(bpy.utils.extension_path_user(base_package))
    else:
        old = Path(bpy.utils.resource_path("USER"), "datafiles", base_package)
    told = os.environ.get("BLENDER_USER_RESOURCES")
    if told:
        return Path(told).absolute() / _NAME, old
    try:
        return places.data_folder(_NAME), old
    except RuntimeError:
        return Path(bpy.utils.resource_path("USER"), "datafiles", _NAME), old


def _is_worth_moving(old: Path) -> bool:
    return any((old / name).exists() for name in _KEPT)


def _is_in_use(old: Path) -> bool:
    from ..system.lock import is_locked

    locks = [old / name for name in _LOCKS] + list((old / "farm" / "owners").glob("*.lock"))
    return any(is_locked(lock) for lock in locks if lock.exists())


def _is_chosen(old: Path) -> bool:
    """Whether a setting names it: then it is where somebody wants it."""
    from . import in_force

    texts = [*in_force.changed().values(), *(os.environ[name] for name in os.environ if name.startswith("BENDER_"))]
    config = old / "config.toml"
    texts += [config.read_text(encoding="utf-8", errors="replace")] if config.is_file() else []
    return any(str(old) in text for text in texts)


def _free(new: Path) -> Iterator[Path]:
    """Where it can go: to its place, if nothing is there yet."""
    if new.is_dir() and not any(new.iterdir()):
        new.rmdir()
    own = [] if new.exists() else [new]
    others = (new / _EARLIER / str(number) for number in itertools.count(1))
    return itertools.chain(own, (place for place in others if not place.exists()))
