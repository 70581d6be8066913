# SPDX-License-Identifier: GPL-3.0-or-later
"""Status bar: a line of what jobs and worker do, wherever she works in Blender, with a menu; and the same among the
Output properties. Jobs are looked up while there is something to be told of them, and what ended is told."""

import time

import bpy

from ...core.snapshot import State
from .. import in_force
from ..paragraph import draw_line
from ..regions import TAB, letters, redraw_output_properties, redraw_status_bars
from ..worker import nightly
from ..worker.panel import draw_stop_other, draw_stops
from ..worker.session import session
from . import panel as jobs_panel
from . import summary
from .news import News, show_on_desktop
from .view import jobs_view

_NAME = "Bender"
_TICK, _AT_REST = 1.0, 5.0  # seconds between two looks at whether there is something new, and while nobody works here
_LOOK, _LOOK_AT_REST = 3.0, 10.0  # seconds between two looks at the jobs
_AFTER_START = 3.0  # seconds after which it is looked for the first time whether jobs wait
_NEW, _FRESH = 300.0, 20.0  # seconds for which news is shown, and for which it is before what waits


class _Line:
    """What stands in the status bar. `text` is empty while there is nothing to say."""

    def __init__(self) -> None:
        self.text = ""
        self.news = ""
        self._news = News()
        self._told_at = 0.0

    def refresh(self) -> None:
        """Has it drawn again if it says something else."""
        self._hear()
        text = self._now()
        if text != self.text:
            self.text = text
            redraw_status_bars()
            redraw_output_properties()

    def _hear(self) -> None:
        for words in self._news.since(jobs_view.own()):
            self.news, self._told_at = words, time.monotonic()
            wanted = in_force.preferences()
            if wanted is not None and wanted.tell_on_desktop:
                show_on_desktop(words)
        if self.news and time.monotonic() > self._told_at + _NEW:
            self.news = ""

    def _now(self) -> str:
        shown = jobs_view.shown
        if shown.doing is not None:
            return f"{_NAME}: {shown.doing.doing}"
        is_rendering = session.running and session.snapshot.task is not None
        if nightly.counts_down():
            return f"{_NAME}: {nightly.words()}"
        text = summary.line(session.snapshot, jobs_view.own(), works=session.running, elsewhere=shown.elsewhere)
        if self.news and not is_rendering and (not text or time.monotonic() < self._told_at + _FRESH):
            return f"{_NAME}: {self.news}"
        return f"{_NAME} {text}" if text else ""


line = _Line()


class BENDER_MT_statusbar(bpy.types.Menu):
    bl_idname = "BENDER_MT_statusbar"
    bl_label = _NAME

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        if line.news:
            layout.label(text=line.news, icon="INFO")
            layout.separator()
        layout.operator("bender.show_jobs", icon="PRESET")
        layout.operator("bender.farm_send", icon="EXPORT")
        layout.separator()
        if session.snapshot.state is State.PROBLEM:
            layout.label(text=session.snapshot.detail, icon="ERROR")
        if session.running:
            going_on = session.is_paused_until_told
            text, icon = ("Go On", "PLAY") if going_on else ("Pause", "PAUSE")
            layout.operator("bender.worker_pause", text=text, icon=icon)
            draw_stops(layout)
        elif jobs_view.shown.elsewhere:
            draw_stop_other(layout)
        else:
            layout.operator("bender.worker_start", icon="PLAY")
        layout.separator()
        if planned := nightly.words():
            layout.operator("bender.night_cancel", text=f"Cancel: {planned}", icon="X")
        elif session.running or not jobs_view.shown.elsewhere:
            layout.operator("bender.night", icon="SORTTIME")
        layout.operator("bender.quit_and_go_on", icon="QUIT")


class BENDER_PT_output(bpy.types.Panel):
    bl_idname = "BENDER_PT_output"
    bl_label = "Bender"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "output"

    def draw(self, context: bpy.types.Context) -> None:
        begin()
        layout = self.layout
        row = layout.row(align=True)
        row.operator("bender.farm_send", icon="EXPORT")
        row.operator("bender.show_jobs", text="", icon="PRESET")
        if line.text:
            draw_line(layout, line.text, width=letters(context), icon="INFO")


class BENDER_OT_show_jobs(bpy.types.Operator):
    """Show the jobs and the worker in the 3D View's sidebar"""

    bl_idname = "bender.show_jobs"
    bl_label = "Show Jobs"

    def execute(self, context: bpy.types.Context) -> set[str]:
        area = next((area for area in context.window.screen.areas if area.type == "VIEW_3D"), None)
        if area is None:
            self.report({"INFO"}, "They are in the sidebar of a 3D View, and there is none in this workspace")
            return {"CANCELLED"}
        area.spaces.active.show_region_ui = True
        sidebar = next(region for region in area.regions if region.type == "UI")
        try:
            sidebar.active_panel_category = TAB
        except (AttributeError, TypeError):  # one that was never open has no tabs yet
            self.report({"INFO"}, f"They are in the sidebar, tab {TAB}")
        area.tag_redraw()
        return {"FINISHED"}


def begin() -> None:
    """From now on jobs are looked up for as long as there is something to be told of them."""
    if not bpy.app.timers.is_registered(_keep_looking):
        bpy.app.timers.register(_keep_looking, first_interval=0.0, persistent=True)


def _keep_looking() -> float | None:
    found, sends = jobs_panel.config(), jobs_view.shown.doing is not None
    is_at_work = session.snapshot.task is not None or sends
    is_left = bool(summary.jobs_left(jobs_view.own()))
    if found is not None and (is_at_work or is_left or jobs_view.is_new):
        jobs_view.look(found, works_here=session.running, pause=_LOOK if is_at_work else _LOOK_AT_REST)
    line.refresh()
    if session.running or sends or jobs_view.is_new or nightly.words():
        return _TICK
    return _AT_REST if is_left or line.text else None


def _draw(header: bpy.types.Header, _context: bpy.types.Context) -> None:
    if line.text:
        header.layout.menu("BENDER_MT_statusbar", text=line.text)


_register, _unregister = bpy.utils.register_classes_factory(
    (BENDER_OT_show_jobs, BENDER_MT_statusbar, BENDER_PT_output)
)


def _begin_if_jobs_are_here() -> None:
    """Who starts Blender is told what waits since it was closed. A farm elsewhere is not asked for that."""
    found = jobs_panel.config()
    if found is not None and found.is_local:
        begin()


def register() -> None:
    _register()
    bpy.types.STATUSBAR_HT_header.append(_draw)
    if not bpy.app.background:
        bpy.app.timers.register(_begin_if_jobs_are_here, first_interval=_AFTER_START, persistent=True)


def unregister() -> None:
    for timer in (_begin_if_jobs_are_here, _keep_looking):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    bpy.types.STATUSBAR_HT_header.remove(_draw)
    _unregister()
