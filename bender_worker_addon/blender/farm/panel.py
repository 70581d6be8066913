# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs panel: the farm's jobs in the 3D View's sidebar. Draws what the view has looked up, never asks the farm."""

from typing import TYPE_CHECKING

import bpy

from ...settings.config import WorkerConfig
from .. import in_force, online
from ..paragraph import draw_paragraph
from ..regions import redraw_sidebars, sidebars
from .view import Shown, jobs_view

if TYPE_CHECKING:
    from ...farm.books import Job

_TAB = "Farm"
_MOST = 12  # jobs shown
_TICK = 0.25  # seconds between two looks at whether there is something new to be drawn
_WIDTH = 36  # characters a line, in a sidebar of the usual width
_ICONS = {
    "Queued": "TIME",
    "Running": "RENDER_ANIMATION",
    "Finished": "CHECKMARK",
    "Errored": "ERROR",
    "Canceled": "CANCEL",
    "Paused": "PAUSE",
}

_drawn = Shown()


class BENDER_PT_jobs(bpy.types.Panel):
    bl_idname = "BENDER_PT_jobs"
    bl_label = "Jobs"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = _TAB

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return config() is not None

    def draw(self, _context: bpy.types.Context) -> None:
        global _drawn
        _drawn = shown = jobs_view.shown
        if not bpy.app.timers.is_registered(_keep_looking):
            bpy.app.timers.register(_keep_looking, first_interval=0.0)
        layout = self.layout
        layout.operator("bender.farm_send", icon="EXPORT")
        if shown.doing:
            layout.label(text=shown.doing, icon="SORTTIME")
        if shown.film:
            layout.operator("wm.path_open", text="Open the Film", icon="PLAY").filepath = shown.film
        if shown.trouble:
            draw_paragraph(layout, shown.trouble, width=_WIDTH, alert=True)
        for job in shown.jobs[:_MOST]:
            box = layout.box().column(align=True)
            unfolded = shown.details is not None and shown.details.job.id == job.id
            _draw_head(box, job, unfolded=unfolded)
            box.progress(factor=job.done / max(1, job.total), text=f"{job.done} of {job.total}")
            if unfolded:
                _draw_details(box, shown)
        if len(shown.jobs) > _MOST:
            layout.label(text=f"and {len(shown.jobs) - _MOST} older ones")


def config() -> WorkerConfig | None:
    """The settings in force, if there is a farm whose folder can be seen from here, or that this machine has joined."""
    from ...sites.site import is_remote, is_there

    found = in_force.resolved()
    if isinstance(found, str):
        return None
    if is_remote(found.config) and not (is_there(found.config) and online.is_allowed(found.config.bender_url)):
        return None
    return found.config


def _draw_head(box: bpy.types.UILayout, job: "Job", *, unfolded: bool) -> None:
    from ...sites.site import state_of

    row = box.row()
    name, status = row.row(), row.row()
    name.alignment, status.alignment = "LEFT", "RIGHT"
    arrow = "DOWNARROW_HLT" if unfolded else "RIGHTARROW"
    name.operator("bender.farm_choose", text=job.name, icon=arrow, emboss=False).job = job.id
    state = state_of(job)
    status.label(text=state, icon=_ICONS.get(state, "DOT"))


def _draw_details(box: bpy.types.UILayout, shown: Shown) -> None:
    details = shown.details
    assert details is not None
    for status, frames in sorted(details.frames.items()):
        draw_paragraph(box, f"{status}: {frames.replace(',', ', ')}", width=_WIDTH)
    for failure in details.failures[:3]:
        draw_paragraph(box, f"{failure.frames}: {failure.reason}", width=_WIDTH, alert=True)
    for warned in details.warnings[:3]:
        draw_paragraph(box, f"In doubt, {warned.frames}: {warned.words}", width=_WIDTH, alert=True)
    row = box.row(align=True)
    if details.job.done:
        if not details.here:
            row.operator("bender.farm_fetch", icon="IMPORT").job = details.job.id
        row.operator("bender.farm_open_folder", icon="FILE_FOLDER").job = details.job.id
        row.operator("bender.farm_video", icon="FILE_MOVIE").job = details.job.id
    row = box.row(align=True)
    if details.job.status in ("Queued", "Running"):
        pause, icon = ("bender.farm_resume", "PLAY") if details.job.paused else ("bender.farm_pause", "PAUSE")
        row.operator(pause, icon=icon).job = details.job.id
        row.operator("bender.farm_cancel", icon="CANCEL").job = details.job.id
    elif details.job.status != "Finished":
        row.operator("bender.farm_retry", icon="FILE_REFRESH").job = details.job.id
    row = box.row(align=True)
    if details.job.status in ("Queued", "Running"):
        row.operator("bender.farm_priority", text=f"Priority {details.job.priority}").job = details.job.id
    row.operator("bender.farm_delete", icon="TRASH").job = details.job.id


def _keep_looking() -> float | None:
    """Looks while the panel can be seen, and has it drawn again when something has changed."""
    found = config()
    if found is None or not sidebars(_TAB):
        return None
    jobs_view.look(found)
    if jobs_view.shown != _drawn:
        redraw_sidebars(_TAB)
    return _TICK


def register() -> None:
    bpy.utils.register_class(BENDER_PT_jobs)


def unregister() -> None:
    if bpy.app.timers.is_registered(_keep_looking):
        bpy.app.timers.unregister(_keep_looking)
    bpy.utils.unregister_class(BENDER_PT_jobs)
