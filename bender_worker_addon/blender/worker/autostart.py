# SPDX-License-Identifier: GPL-3.0-or-later
"""Autostart: starts the worker when Blender opens with a window, if she wants that; where another Blender of hers is at
work, as soon as that has ended by itself."""

from functools import partial

import bpy

from .. import in_force
from ..beside import Beside
from ..farm.view import state_elsewhere
from . import loop
from .session import session

_FIRST = 1.0  # seconds: a file is opened in between
_LOOK = 5.0  # seconds between two looks at whether the other one is there still
_GLANCE = 0.2  # and at whether something is done that runs beside the main thread

_looking: Beside[str] | None = None


def waits() -> bool:
    """Whether the worker is started as soon as the other Blender has ended."""
    return session.at_work_elsewhere and bpy.app.timers.is_registered(_wait_for_other)


def call_off() -> None:
    """She stopped the other one: nothing is to begin by itself then."""
    global _looking
    _looking = None
    for timer in (_begin, _wait_for_other):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)


def _begin() -> None:
    loop.start()
    bpy.app.timers.register(_wait_for_other, first_interval=_GLANCE, persistent=True)


def _wait_for_other() -> float | None:
    global _looking
    if session.is_opening:
        return _GLANCE
    found = in_force.resolved()
    if not session.at_work_elsewhere or isinstance(found, str):
        return None
    if _looking is None:
        _looking = Beside("bender-autostart", partial(state_elsewhere, found.config))
    if not _looking.done:
        return _GLANCE
    (state, _), _looking = _looking.outcome(), None
    if not state:
        loop.start()
    return _LOOK  # a third one may have been faster


def register() -> None:
    wanted = in_force.preferences()
    if not bpy.app.background and wanted is not None and wanted.start_with_blender:
        bpy.app.timers.register(_begin, first_interval=_FIRST, persistent=True)


def unregister() -> None:
    call_off()
