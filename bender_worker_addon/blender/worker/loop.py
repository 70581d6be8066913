# SPDX-License-Identifier: GPL-3.0-or-later
"""Loop: lets the worker work in a window, by a modal operator in each that breathes and a timer that sees to them."""

import logging
import time

import bpy

from .. import in_force, versions
from ..regions import redraw_sidebars
from . import heir, presence
from .session import session

log = logging.getLogger(__name__)

_TICK = 0.1  # seconds
_BREATH = 5.0  # seconds after which the loop ends and begins again: auto-save waits while a modal operator runs
_PAUSE_OF_BREATH = 0.15
_LATE = 0.5  # seconds without a tick after which the loops count as held up
_LOST = 15.0  # seconds without a tick of a loop after which all of them count as gone

_loops = 0  # that run now: one a window, so that what the artist does is seen in each
_last_loop_tick = 0.0


class BENDER_OT_worker_loop(bpy.types.Operator):
    """Lets the worker work, ten times a second; every event goes on to whom it is for"""

    bl_idname = "bender.worker_loop"
    bl_label = "Worker Loop"
    bl_options = {"INTERNAL"}  # noqa: RUF012  Blender reads it so

    _timer: bpy.types.Timer | None = None
    _began = 0.0

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        global _loops
        _loops += 1
        self._began = time.monotonic()
        self._timer = context.window_manager.event_timer_add(_TICK, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        global _last_loop_tick
        presence.note(event)
        if event.type == "TIMER":
            _last_loop_tick = time.monotonic()
            _tick()
            if time.monotonic() - self._began > _BREATH or not session.running:
                self.cancel(context)
                return {"FINISHED", "PASS_THROUGH"}
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        global _loops
        _loops -= 1
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)


def start() -> None:
    """Starts the worker, unless one runs, with the settings in force and sees to it that its loop runs."""
    from ..farm import statusbar

    if session.running:
        return
    found = in_force.resolved()
    reason = in_force.why_not_to_start(found)
    if reason or isinstance(found, str):
        session.fail(reason)
    else:
        session.start(found.config, child_command=versions.child_command(low_priority=True))
        if not bpy.app.timers.is_registered(_keep_loops_running):
            bpy.app.timers.register(_keep_loops_running, first_interval=0.0, persistent=True)
        statusbar.begin()
    redraw_sidebars()


def _tick() -> None:
    if session.tick():
        redraw_sidebars()


def _keep_loops_running() -> float | None:
    """Starts the loops and starts them again: after each breath, when another file was opened, a window closed.
    While they are held up, as by her dragging something, the worker works from here."""
    global _loops, _last_loop_tick
    now = time.monotonic()
    if not session.running:
        return None
    if _loops > 0 and now - _last_loop_tick > _LOST:
        _loops = 0
    if _loops <= 0:
        _loops, _last_loop_tick = 0, now
        for window in bpy.context.window_manager.windows:
            with bpy.context.temp_override(window=window):
                bpy.ops.bender.worker_loop("INVOKE_DEFAULT")
    if now - session.last_tick > _LATE:
        _tick()
    return _PAUSE_OF_BREATH


def register() -> None:
    bpy.utils.register_class(BENDER_OT_worker_loop)


def unregister() -> None:
    if bpy.app.timers.is_registered(_keep_loops_running):
        bpy.app.timers.unregister(_keep_loops_running)
    at_work_with = session.config if session.running else None
    session.quit()
    try:
        heir.follow_if_wanted(at_work_with)
    except OSError as error:
        log.error("nobody goes on rendering: a Blender without a window can't be started: %s", error)
    bpy.utils.unregister_class(BENDER_OT_worker_loop)
