# SPDX-License-Identifier: GPL-3.0-or-later
"""Panel: what the worker is doing, in the 3D View's sidebar. Draws the session's snapshot, never the worker."""

from pathlib import Path

import bpy
import bpy.utils.previews

from ...core.snapshot import Snapshot, State, TaskInHand
from .. import in_force
from ..log import short_id
from ..paragraph import draw_paragraph
from .session import session

TAB = "Bender"
_WIDTH = 36  # characters a line, in a sidebar of the usual width
_ICONS = {
    State.STOPPED: "PAUSE",
    State.CONNECTING: "LINKED",
    State.WAITING: "TIME",
    State.DOWNLOADING: "IMPORT",
    State.RENDERING: "RENDER_STILL",
    State.FINISHING: "RENDER_STILL",
    State.PAUSED: "PAUSE",
    State.OFFLINE: "UNLINKED",
    State.PROBLEM: "ERROR",
}

_previews: bpy.utils.previews.ImagePreviewCollection | None = None


class _InSidebar:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = TAB


class BENDER_PT_worker(_InSidebar, bpy.types.Panel):
    bl_idname = "BENDER_PT_worker"
    bl_label = "Bender Worker"

    def draw(self, _context: bpy.types.Context) -> None:
        shown = session.snapshot
        layout = self.layout
        layout.label(text=shown.state.value, icon=_ICONS[shown.state])
        if shown.detail:
            draw_paragraph(layout, shown.detail, width=_WIDTH, alert=shown.state in (State.PROBLEM, State.OFFLINE))
        if not session.running:
            layout.operator("bender.worker_start", icon="PLAY")
            reason = in_force.why_not_to_start(in_force.resolved())
            if reason:
                draw_paragraph(layout, reason, width=_WIDTH, alert=True)
            return
        column = layout.column(align=True)
        column.operator("bender.worker_stop", text="Stop After This Task", icon="SNAP_FACE").when = "AFTER_TASK"
        column.operator("bender.worker_stop", text="Stop Now", icon="CANCEL").when = "NOW"
        going_on = session.is_paused_until_told
        column.operator(
            "bender.worker_pause", text="Go On" if going_on else "Pause", icon="PLAY" if going_on else "PAUSE"
        )


class BENDER_PT_worker_task(_InSidebar, bpy.types.Panel):
    bl_idname = "BENDER_PT_worker_task"
    bl_parent_id = "BENDER_PT_worker"
    bl_label = "Task"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.snapshot.task is not None or session.snapshot.last_frame is not None

    def draw(self, _context: bpy.types.Context) -> None:
        shown = session.snapshot
        if shown.task is not None:
            _draw_task(self.layout, shown.task)
        if shown.next_job_id:
            self.layout.label(text=f"Next: job {short_id(shown.next_job_id)}")
        if shown.last_frame is not None:
            icon = _thumbnail(shown.last_frame)
            if icon:
                self.layout.template_icon(icon_value=icon, scale=6.0)
            self.layout.operator("bender.worker_show_frame", text=shown.last_frame.name, icon="IMAGE_DATA")


class BENDER_PT_worker_session(_InSidebar, bpy.types.Panel):
    bl_idname = "BENDER_PT_worker_session"
    bl_parent_id = "BENDER_PT_worker"
    bl_label = "Since Start"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.log_path is not None

    def draw(self, _context: bpy.types.Context) -> None:
        shown = session.snapshot
        _draw_figures(self.layout, shown)
        column = self.layout.column(align=True)
        column.scale_y = 0.8
        for line in session.shown_events:
            column.label(text=line)
        row = self.layout.row(align=True)
        row.operator("bender.worker_open_log", icon="TEXT")
        row.operator("bender.worker_open_frames", icon="FILE_FOLDER")


def _draw_task(layout: bpy.types.UILayout, task: TaskInHand) -> None:
    layout.label(text=f"Job {short_id(task.job_id)}")
    of = f" ({task.position} of {task.total})" if task.total > 1 else ""
    layout.label(text=f"Frame {task.number}{of}")
    left = "" if task.left is None else f", {_duration(task.left)} left"
    layout.progress(factor=task.part, text=f"{task.part:.0%}")
    layout.label(text=f"{_duration(task.elapsed)}{left}")


def _draw_figures(layout: bpy.types.UILayout, shown: Snapshot) -> None:
    column = layout.column(align=True)
    column.label(text=f"{shown.frames} frame{'' if shown.frames == 1 else 's'}, {shown.an_hour} an hour")
    if shown.uploading:
        column.label(text=f"{shown.uploading} task{'' if shown.uploading == 1 else 's'} being uploaded")
    row = column.row()
    row.alert = bool(shown.failures)
    row.label(text=f"{shown.failures} failure{'' if shown.failures == 1 else 's'}")
    if shown.free_disk is not None:
        column.label(text=f"{shown.free_disk:g} GB of disk free")


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _thumbnail(path: Path) -> int:
    """The icon of a picture, of which only the last is kept; 0 if it can't be shown."""
    assert _previews is not None
    name = str(path)
    if name not in _previews:
        _previews.clear()
        _previews.load(name, name, "IMAGE")
    return int(_previews[name].icon_id)


_register, _unregister = bpy.utils.register_classes_factory(
    (BENDER_PT_worker, BENDER_PT_worker_task, BENDER_PT_worker_session)
)


def register() -> None:
    global _previews
    _previews = bpy.utils.previews.new()
    _register()


def unregister() -> None:
    global _previews
    _unregister()
    bpy.utils.previews.remove(_previews)
    _previews = None
