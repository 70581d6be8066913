# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: the loop that lets the worker work in a window, and what an artist can ask of it."""

import time
from pathlib import Path

import bpy
from bpy.props import EnumProperty

from .. import versions
from . import panel, preferences, presence
from .connection_test import connection_test
from .session import session

_TICK = 0.1  # seconds
_BREATH = 5.0  # seconds after which the loop ends and begins again: auto-save waits while a modal operator runs
_PAUSE_OF_BREATH = 0.15
_LATE = 0.5  # seconds without a tick after which the loops count as held up
_LOST = 15.0  # seconds without a tick of a loop after which all of them count as gone

_loops = 0  # that run now: one a window, so that what the artist does is seen in each
_last_loop_tick = 0.0


class BENDER_OT_worker_start(bpy.types.Operator):
    """Take tasks from the farm and render them in the background"""

    bl_idname = "bender.worker_start"
    bl_label = "Start"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        reason = preferences.why_not_to_start(preferences.resolved())
        if reason:
            cls.poll_message_set(reason)
        return not session.running and not reason

    def execute(self, _context: bpy.types.Context) -> set[str]:
        start()
        return {"FINISHED"}


class BENDER_OT_worker_stop(bpy.types.Operator):
    """Stop working for the farm"""

    bl_idname = "bender.worker_stop"
    bl_label = "Stop"

    when: EnumProperty(
        name="When",
        items=[
            ("AFTER_TASK", "After This Task", "Finish the task in hand, give the others back, then stop"),
            ("NOW", "Now", "Stop the render, give its task back and stop"),
        ],
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if properties.when == "NOW":
            return "Stop the render, give its task back to the farm and stop"
        return "Finish the task in hand, give the others back to the farm, then stop"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.running

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if self.when == "NOW":
            session.stop_now()
        else:
            session.stop_after_task()
        panel.redraw()
        return {"FINISHED"}


class BENDER_OT_worker_pause(bpy.types.Operator):
    """Stop the render where it is and take no tasks, until asked to go on"""

    bl_idname = "bender.worker_pause"
    bl_label = "Pause"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.running

    def execute(self, _context: bpy.types.Context) -> set[str]:
        session.pause(not session.paused_by_artist)
        panel.redraw()
        return {"FINISHED"}


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
            tick()
            if time.monotonic() - self._began > _BREATH or not session.running:
                self.cancel(context)
                return {"FINISHED", "PASS_THROUGH"}
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        global _loops
        _loops -= 1
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)


class BENDER_OT_worker_test_connection(bpy.types.Operator):
    """Find out whether RabbitMQ, flaskbender and the folders can be used"""

    bl_idname = "bender.worker_test_connection"
    bl_label = "Test Connection"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        reason = preferences.why_not_to_start(preferences.resolved())
        if reason:
            cls.poll_message_set(reason)
        return not reason and not connection_test.running

    def execute(self, _context: bpy.types.Context) -> set[str]:
        found = preferences.resolved()
        if isinstance(found, str):
            self.report({"ERROR"}, found)
            return {"CANCELLED"}
        connection_test.start(found.config)
        bpy.app.timers.register(_watch_test, first_interval=_TICK)
        return {"FINISHED"}


class BENDER_OT_worker_show_frame(bpy.types.Operator):
    """Open the last finished frame in an Image Editor"""

    bl_idname = "bender.worker_show_frame"
    bl_label = "Open in Image Editor"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.snapshot.last_frame is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = session.snapshot.last_frame
        try:
            image = bpy.data.images.load(str(path), check_existing=True)
        except RuntimeError as error:
            self.report({"ERROR"}, f"{path} can't be opened: {error}")
            return {"CANCELLED"}
        _image_editor(context).image = image
        return {"FINISHED"}


class BENDER_OT_worker_open_log(bpy.types.Operator):
    """Open the worker's log"""

    bl_idname = "bender.worker_open_log"
    bl_label = "Open Log"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.log_path is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        return _open(self, session.log_path)


class BENDER_OT_worker_open_frames(bpy.types.Operator):
    """Open the folder of finished frames"""

    bl_idname = "bender.worker_open_frames"
    bl_label = "Open Frames"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.outpath is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        return _open(self, session.outpath)


def start() -> None:
    """Starts the worker, unless one runs, with the settings in force and sees to it that its loop runs."""
    if session.running:
        return
    found = preferences.resolved()
    reason = preferences.why_not_to_start(found)
    if reason or isinstance(found, str):
        session.fail(reason)
    else:
        session.start(found.config, child_command=versions.child_command(low_priority=True))
        if not bpy.app.timers.is_registered(_keep_loops_running):
            bpy.app.timers.register(_keep_loops_running, first_interval=0.0, persistent=True)
    panel.redraw()


def tick() -> None:
    if session.tick():
        panel.redraw()


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
        tick()
    return _PAUSE_OF_BREATH


def _watch_test() -> float | None:
    running = connection_test.running  # asked first: what ends after it is seen by the next redraw
    panel.redraw_preferences()
    return _TICK if running else None


def _image_editor(context: bpy.types.Context) -> bpy.types.SpaceImageEditor:
    """An Image Editor of this window, or one in a new window."""
    for area in context.screen.areas:
        if area.type == "IMAGE_EDITOR":
            return area.spaces.active
    bpy.ops.wm.window_new()
    area = context.window_manager.windows[-1].screen.areas[0]
    area.type = "IMAGE_EDITOR"
    return area.spaces.active


def _open(operator: bpy.types.Operator, path: Path | None) -> set[str]:
    if path is None or not path.exists():
        operator.report({"WARNING"}, f"{path} is not there yet")
        return {"CANCELLED"}
    bpy.ops.wm.path_open(filepath=str(path))
    return {"FINISHED"}


_register, _unregister = bpy.utils.register_classes_factory(
    (
        BENDER_OT_worker_start,
        BENDER_OT_worker_stop,
        BENDER_OT_worker_pause,
        BENDER_OT_worker_loop,
        BENDER_OT_worker_test_connection,
        BENDER_OT_worker_show_frame,
        BENDER_OT_worker_open_log,
        BENDER_OT_worker_open_frames,
    )
)


def register() -> None:
    _register()
    wanted = preferences.get()
    if not bpy.app.background and wanted is not None and wanted.start_with_blender:
        bpy.app.timers.register(start, first_interval=1.0, persistent=True)  # a file is opened in between


def unregister() -> None:
    for timer in (start, _keep_loops_running, _watch_test):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    session.quit()
    _unregister()
