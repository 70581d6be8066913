# SPDX-License-Identifier: GPL-3.0-or-later
"""Presence: whether the artist is at work in this Blender, and what the worker does about it. Her work comes first."""

import threading
import time

import bpy
from bpy.app.handlers import persistent

from .. import in_force

_NOT_HER = ("TIMER", "NONE", "WINDOW_DEACTIVATE", "INBETWEEN_MOUSEMOVE")

_last_seen = time.monotonic()
_rendering = False


def register() -> None:
    handlers = bpy.app.handlers
    handlers.render_init.append(_render_begins)
    handlers.render_complete.append(_render_ends)
    handlers.render_cancel.append(_render_ends)


def unregister() -> None:
    handlers = bpy.app.handlers
    handlers.render_cancel.remove(_render_ends)
    handlers.render_complete.remove(_render_ends)
    handlers.render_init.remove(_render_begins)


def note(event: bpy.types.Event) -> None:
    """Notes that she did something, if this event is one of hers."""
    global _last_seen
    if not event.type.startswith(_NOT_HER):
        _last_seen = time.monotonic()


def is_rendering() -> bool:
    """Whether she renders herself."""
    return _rendering


def wanted_pause() -> str:
    """What becomes of the task in hand because she is here, as she has chosen; empty if the worker may work."""
    wanted = in_force.preferences()
    if wanted is None or not wanted.only_when_away:
        return ""
    away = time.monotonic() - _last_seen >= wanted.away_minutes * 60
    return "" if away else str(wanted.when_back)


@persistent  # type: ignore[untyped-decorator]
def _render_begins(*_: object) -> None:
    global _rendering
    _rendering = True
    if threading.current_thread() is threading.main_thread():  # a render that blocks the window: no loop runs now
        from .session import session

        session.tick()


@persistent  # type: ignore[untyped-decorator]
def _render_ends(*_: object) -> None:
    global _rendering
    _rendering = False
