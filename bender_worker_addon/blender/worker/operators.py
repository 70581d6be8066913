# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: what an artist can ask of the worker in her window."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty

from .. import in_force, viewing
from ..regions import redraw_preferences, redraw_sidebars
from . import loop
from .connection_test import connection_test
from .session import session

_WATCH = 0.1  # seconds between two looks at how a connection test goes


class BENDER_OT_worker_start(bpy.types.Operator):
    """Render the jobs that wait, in the background. You can go on working"""

    bl_idname = "bender.worker_start"
    bl_label = "Start Rendering"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        reason = in_force.why_not_to_start(in_force.resolved())
        if reason:
            cls.poll_message_set(reason)
        return not session.running and not reason

    def execute(self, _context: bpy.types.Context) -> set[str]:
        loop.start()
        return {"FINISHED"}


class BENDER_OT_worker_stop(bpy.types.Operator):
    """Stop rendering jobs in the background"""

    bl_idname = "bender.worker_stop"
    bl_label = "Stop"

    when: EnumProperty(
        name="When",
        items=[
            ("AFTER_TASK", "After This Frame", "Finish the frames in hand, then stop"),
            ("NOW", "Now", "Stop at once; the frame in hand is begun anew later"),
        ],
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if properties.when == "NOW":
            return "Stop at once. The frame in hand is begun anew later, here or on another machine"
        return "Finish the frames in hand, then stop. Others wait, or are rendered by other machines"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.running

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if self.when == "NOW":
            session.stop_now()
        else:
            session.stop_after_task()
        redraw_sidebars()
        return {"FINISHED"}


class BENDER_OT_worker_pause(bpy.types.Operator):
    """Hold the render where it is, until you go on with it"""

    bl_idname = "bender.worker_pause"
    bl_label = "Pause"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.running

    def execute(self, _context: bpy.types.Context) -> set[str]:
        session.pause(not session.is_paused_until_told)
        redraw_sidebars()
        return {"FINISHED"}


class BENDER_OT_worker_test_connection(bpy.types.Operator):
    """Find out whether the farm and the folders can be used"""

    bl_idname = "bender.worker_test_connection"
    bl_label = "Test Connection"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        reason = in_force.why_not_to_start(in_force.resolved())
        if reason:
            cls.poll_message_set(reason)
        return not reason and not connection_test.running

    def execute(self, _context: bpy.types.Context) -> set[str]:
        found = in_force.resolved()
        if isinstance(found, str):
            self.report({"ERROR"}, found)
            return {"CANCELLED"}
        connection_test.start(found.config)
        bpy.app.timers.register(_watch_test, first_interval=_WATCH)
        return {"FINISHED"}


class BENDER_OT_worker_show_frame(bpy.types.Operator):
    """Look at the last finished frame. Your file is not touched"""

    bl_idname = "bender.worker_show_frame"
    bl_label = "Look at It"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.snapshot.last_frame is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        path = session.snapshot.last_frame
        if path is None or not path.is_file():
            self.report({"WARNING"}, f"{path} is not there (any more)")
            return {"CANCELLED"}
        try:
            viewing.show(path)
        except OSError as error:
            self.report({"ERROR"}, f"{path} can't be shown: {error.strerror}")
            return {"CANCELLED"}
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


def _watch_test() -> float | None:
    running = connection_test.running  # asked first: what ends after it is seen by the next redraw
    redraw_preferences()
    return _WATCH if running else None


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
        BENDER_OT_worker_test_connection,
        BENDER_OT_worker_show_frame,
        BENDER_OT_worker_open_log,
        BENDER_OT_worker_open_frames,
    )
)


def register() -> None:
    _register()


def unregister() -> None:
    if bpy.app.timers.is_registered(_watch_test):
        bpy.app.timers.unregister(_watch_test)
    _unregister()
