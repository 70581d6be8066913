# SPDX-License-Identifier: GPL-3.0-or-later
"""Panel: what the worker is doing, in the 3D View's sidebar. Draws the session's snapshot, never the worker."""

import bpy

from ...core.snapshot import Snapshot, State, TaskInHand
from .. import in_force
from ..farm import summary, words
from ..farm.view import jobs_view
from ..log import short_id
from ..paragraph import draw_line, draw_paragraph, side_by_side
from ..regions import TAB, letters
from ..thumbnail import Thumbnail
from . import autostart, nightly, quitting
from .session import session

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

_MOST_LINES = 3  # of what is told of an event
_thumbnail = Thumbnail()


class _InSidebar:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = TAB


class BENDER_MT_worker_stop(bpy.types.Menu):
    bl_idname = "BENDER_MT_worker_stop"
    bl_label = "Stop"

    def draw(self, _context: bpy.types.Context) -> None:
        draw_stops(self.layout)
        self.layout.separator()
        self.layout.operator("bender.night", icon="SORTTIME")
        self.layout.operator("bender.quit_and_go_on", icon="QUIT")


class BENDER_PT_worker(_InSidebar, bpy.types.Panel):
    bl_idname = "BENDER_PT_worker"
    bl_label = "Worker"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        shown, width = session.snapshot, letters(context)
        layout = self.layout
        if session.running:
            draw_line(layout, _state(shown), width=width, icon=_ICONS[shown.state])
        else:
            _draw_stopped(layout, shown, width=width)
        if shown.detail:
            draw_paragraph(layout, shown.detail, width=width, alert=shown.state in (State.PROBLEM, State.OFFLINE))
        if shown.task is not None:
            _draw_task(layout, shown.task, width=width)
        if shown.next_job_id:
            draw_paragraph(layout, f"Next: {_name_of(shown.next_job_id, shown.next_job)}", width=width)
        if session.running:
            if not (shown.detail or shown.task or shown.next_job_id):
                layout.label(text="")  # in a task's place: buttons that move between two frames are missed
            _draw_buttons(layout)
        if planned := nightly.words():
            draw_paragraph(layout, planned, width=width, alert=nightly.counts_down())
            layout.operator("bender.night_cancel", icon="X")
        if shown.frames:
            speed = "" if shown.an_hour is None else f", {shown.an_hour} an hour"
            frames = f"{shown.frames} frame{'' if shown.frames == 1 else 's'}{speed}"
            draw_paragraph(layout, frames, width=width)


class BENDER_PT_worker_frame(_InSidebar, bpy.types.Panel):
    bl_idname = "BENDER_PT_worker_frame"
    bl_label = "Last Frame"
    bl_order = 2

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.snapshot.last_frame is not None

    def draw(self, _context: bpy.types.Context) -> None:
        frame = session.snapshot.last_frame
        if frame is not None:
            _thumbnail.draw(self.layout, frame)
            self.layout.operator("bender.worker_show_frame", text=frame.name, icon="IMAGE_DATA")


class BENDER_PT_worker_session(_InSidebar, bpy.types.Panel):
    bl_idname = "BENDER_PT_worker_session"
    bl_label = "Since Start"
    bl_order = 3

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.log_path is not None

    def draw(self, context: bpy.types.Context) -> None:
        shown, width = session.snapshot, letters(context)
        _draw_figures(self.layout, shown, width=width)
        column = self.layout.column(align=True)
        column.scale_y = 0.8
        for line in session.shown_events:
            draw_paragraph(column, _with_names(line), width=width, most=_MOST_LINES)
        row = side_by_side(self.layout, width=width)
        row.operator("bender.worker_open_log", icon="TEXT")
        row.operator("bender.worker_open_frames", icon="FILE_FOLDER")


def draw_stops(layout: bpy.types.UILayout) -> None:
    """The ways to stop, for a menu."""
    in_hand = session.snapshot.task
    frames = "This Frame" if in_hand is None or in_hand.total == 1 else f"These {in_hand.total} Frames"
    layout.operator("bender.worker_stop", text=f"Stop After {frames}", icon="SNAP_FACE").when = "AFTER_TASK"
    layout.operator("bender.worker_stop", text="Stop Now", icon="CANCEL").when = "NOW"


def draw_stop_other(layout: bpy.types.UILayout) -> None:
    now = quitting.other_is_finishing()
    text, icon = ("Stop It Now", "CANCEL") if now else ("Stop It There", "SNAP_FACE")
    layout.operator("bender.stop_other", text=text, icon=icon)


def _draw_stopped(layout: bpy.types.UILayout, shown: Snapshot, *, width: int) -> None:
    elsewhere = jobs_view.shown.elsewhere
    if shown.state is State.PROBLEM:
        draw_line(layout, words.state(shown.state.value), width=width, icon="ERROR")
    elif elsewhere:
        draw_line(layout, summary.in_other(elsewhere), width=width, icon="RENDER_STILL")
    else:
        draw_line(layout, "Nobody renders", width=width, icon="RADIOBUT_OFF")
    if elsewhere:
        if autostart.waits():
            draw_paragraph(layout, "This one takes over when that ends", width=width)
        draw_stop_other(layout)
    else:
        row = layout.row()
        row.scale_y = 1.3
        row.operator("bender.worker_start", icon="PLAY")
    if reason := in_force.why_not_to_start(in_force.resolved()):
        draw_paragraph(layout, reason, width=width, alert=True)


def _draw_buttons(layout: bpy.types.UILayout) -> None:
    going_on = session.is_paused_until_told
    row = layout.row(align=True)
    row.operator("bender.worker_pause", text="Go On" if going_on else "Pause", icon="PLAY" if going_on else "PAUSE")
    row.menu("BENDER_MT_worker_stop", icon="SNAP_FACE")


def _state(shown: Snapshot) -> str:
    told = words.state(shown.state.value)
    if shown.task is None:
        return told
    return f"{told} {_name_of(shown.task.job_id, shown.task.job)}, frame {shown.task.number}"


def _draw_task(layout: bpy.types.UILayout, task: TaskInHand, *, width: int) -> None:
    of = f", {task.position} of {task.total}" if task.total > 1 else ""
    left = words.duration(task.elapsed) if task.left is None else f"{words.duration(task.left)} left"
    doing = f"{task.doing}{of}, {left}"
    if task.doing and len(doing) <= width:  # which moves no button
        layout.progress(factor=task.part, text=doing)
        return
    layout.progress(factor=task.part, text=f"{task.part:.0%}{of}, {left}")
    if task.doing:
        draw_paragraph(layout, task.doing, width=width)


def _name_of(job_id: str, told: str) -> str:
    """What people call the job now, if the farm can be seen from here; else what they did when its task was sent."""
    named = short_id(job_id) if told == job_id else told
    return next((job.name for job in jobs_view.shown.jobs if job.id == job_id), named)


def _with_names(line: str) -> str:
    """A line of the log with the names of jobs in the place of their ids, which are cut there."""
    for job_id, name in {**session.job_names, **{job.id: job.name for job in jobs_view.shown.jobs}}.items():
        line = line.replace(f"job {short_id(job_id)}", name)
    return line


def _draw_figures(layout: bpy.types.UILayout, shown: Snapshot, *, width: int) -> None:
    column = layout.column(align=True)
    if shown.uploading:
        uploads = f"{shown.uploading} upload{'' if shown.uploading == 1 else 's'} on the way"
        draw_paragraph(column, uploads, width=width)
    row = column.row()
    row.alert = bool(shown.failures)
    row.label(text=f"{shown.failures} failure{'' if shown.failures == 1 else 's'}")
    if shown.free_disk is not None:
        column.label(text=f"{shown.free_disk:g} GB of disk free")


_register, _unregister = bpy.utils.register_classes_factory(
    (BENDER_MT_worker_stop, BENDER_PT_worker, BENDER_PT_worker_frame, BENDER_PT_worker_session)
)


def register() -> None:
    _thumbnail.register()
    _register()


def unregister() -> None:
    _unregister()
    _thumbnail.unregister()
