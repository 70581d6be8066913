# SPDX-License-Identifier: GPL-3.0-or-later
"""Destination: what the dialog that sends asks of the farm that a job goes to."""

import functools
from pathlib import Path

import bpy

from ...farm import frames_folder
from ...settings.config import WorkerConfig
from .. import in_force
from ..worker.session import session
from .view import jobs_view


class Destination:
    """The farm as it is when the dialog opens. `base`: the folder in which the folder of a job's frames is made; None
    where the farm has a place for them. `takes_tiles`: it can render a picture on several machines; `can_start`: this
    Blender could render the job, and nobody does."""

    def __init__(self, config: WorkerConfig) -> None:
        self.base = _frames_base()
        self.takes_tiles = _takes_tiles(config)
        self.can_start = _nobody_renders() and not in_force.why_not_to_start(in_force.resolved())
        self._next_free = functools.lru_cache(maxsize=1)(frames_folder.next_free)  # the dialog is drawn often

    def folder(self, name: str) -> Path | None:
        """Of the frames of a job that is called so, if that is known here."""
        return None if self.base is None else self._next_free(self.base, name)


def _frames_base() -> Path | None:
    """The folder in which the folder of a job's frames is made; None where the farm has a place for them."""
    found = in_force.resolved()
    if isinstance(found, str) or not found.config.is_local:
        return None
    blend = Path(bpy.data.filepath) if bpy.data.filepath else None
    return frames_folder.base(blend, found.chosen("outpath"))


def _takes_tiles(config: WorkerConfig) -> bool:
    """Where bender's own programs keep the books there are none; one Blender alone is no faster with them."""
    from ...sites.site import is_remote

    return is_remote(config) or (config.is_local and config.renderers > 1)


def _nobody_renders() -> bool:
    return not session.running and not jobs_view.shown.elsewhere
