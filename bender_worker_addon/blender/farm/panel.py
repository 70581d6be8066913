# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs panel: the farm's jobs in the 3D View's sidebar. Draws what the view has looked up, never asks the farm."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...settings.config import WorkerConfig
from .. import in_force, online
from ..paragraph import NARROW, draw_line, draw_paragraph, side_by_side
from ..regions import TAB, letters, redraw_sidebars, sidebars
from ..thumbnail import Painting
from . import summary, words
from .frames import draw_frames
from .growing import Growing
from .looking import looking
from .view import Shown, jobs_view

if TYPE_CHECKING:
    from ...farm.books import Job

_TICK = 0.25  # seconds between two looks at whether there is something new to be drawn
_ROWS = 5  # of the list, at least
_MOST_LINES = 3  # of a list of frames
_BOX = 2  # characters that a box takes the place of
_ICONS = {
    words.WAITING: "TIME",
    words.RENDERING: "RENDER_ANIMATION",
    words.FINISHED: "CHECKMARK",
    words.FAILED: "ERROR",
    words.STOPPED: "ERROR",
    words.CANCELED: "CANCEL",
    words.STOPPING: "SORTTIME",
    words.PAUSED: "PAUSE",
}

_painting = Painting()
_growing = Growing(_painting)
_drawn = Shown()
_filling = False  # the list: a row that is chosen then was not clicked


class BenderJobRow(bpy.types.PropertyGroup):
    """A row of the list: Blender searches it by its name. It is kept with the preferences, since what hangs on a window
    is saved in her file."""


class BENDER_UL_jobs(bpy.types.UIList):
    bl_idname = "BENDER_UL_jobs"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        _item: object,
        _icon: int,
        _active_data: object,
        _active_property: str,
        index: int = 0,
        _flags: int = 0,
    ) -> None:
        if index < len(_drawn.jobs):
            job = _drawn.jobs[index]
            state = state_of(job)
            row = layout.row(align=True)
            row.label(text=job.name, icon=_ICONS.get(state, "DOT"))
            if letters(context) < NARROW:
                return  # its icon says the state
            right = row.row()
            right.alignment = "RIGHT"
            part = f"{job.done / max(1, job.total):.0%}"
            right.label(text=f"{state} {part}" if 0 < job.done < job.total else state)


class BENDER_PT_jobs(bpy.types.Panel):
    bl_idname = "BENDER_PT_jobs"
    bl_label = "Jobs"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = TAB
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        from . import statusbar

        global _drawn
        _drawn = shown = jobs_view.shown
        if not bpy.app.timers.is_registered(_keep_looking):
            bpy.app.timers.register(_keep_looking, first_interval=0.0)
            statusbar.begin()
        layout, width = self.layout, letters(context)
        found, seen = in_force.resolved(), config()
        layout.operator("bender.farm_send", icon="EXPORT")
        if isinstance(found, str):
            draw_paragraph(layout, found, width=width, alert=True)
        else:
            draw_paragraph(layout, words.farm(found.config, is_seen=seen is not None), width=width)
        if shown.doing is not None:
            layout.progress(factor=shown.doing.part, text=shown.doing.doing)
        if shown.film:
            layout.operator(
                "wm.path_open", text=f"Open the Film {Path(shown.film).name}", icon="PLAY"
            ).filepath = shown.film
        if shown.trouble:
            draw_paragraph(layout, shown.trouble, width=width, alert=True)
        if seen is not None and shown.jobs:
            if nobody := _nobody_renders(seen, shown):
                draw_paragraph(layout, nobody, width=width, alert=True)
            _draw_list(layout, shown)
            _draw_details(layout, shown, width=width)


def config() -> WorkerConfig | None:
    """The settings in force, if there is a farm whose folder can be seen from here, or that this machine has joined."""
    from ...sites.site import is_remote, is_there

    found = in_force.resolved()
    if isinstance(found, str):
        return None
    if is_remote(found.config) and not (is_there(found.config) and online.is_allowed(found.config.bender_url)):
        return None
    return found.config


def state_of(job: "Job") -> str:
    """One word. Nothing is rendered of what is begun while nobody works on this computer; what is canceled is not over
    while its last frame is being rendered here."""
    from ...sites.site import state_of as told
    from ..worker.session import session

    state = words.state(told(job))
    in_hand = session.snapshot.task
    if state == words.CANCELED and session.running and in_hand is not None and in_hand.job_id == job.id:
        return words.STOPPING
    seen = config() if state == words.RENDERING else None
    return words.WAITING if seen is not None and seen.is_local and not _somebody_renders() else state


def _somebody_renders() -> bool:
    from ..worker.session import session

    return session.running or bool(jobs_view.shown.elsewhere)


def _nobody_renders(seen: WorkerConfig, shown: Shown) -> str:
    waiting = summary.waiting(shown.jobs)
    if not waiting or _somebody_renders() or not (seen.is_local or shown.unattended):
        return ""
    where = "" if seen.is_local else " for this farm"
    return f"{waiting}, and nobody renders{where}: press Start Rendering"


def _draw_list(layout: bpy.types.UILayout, shown: Shown) -> None:
    preferences = in_force.preferences()
    if preferences is None:
        return
    row = layout.row()
    row.template_list(
        "BENDER_UL_jobs", "", preferences, "jobs", preferences, "chosen_job", rows=min(_ROWS, max(2, len(shown.jobs)))
    )
    column = row.column(align=True)
    for icon, up in (("TRIA_UP", True), ("TRIA_DOWN", False)):
        turn = column.operator("bender.farm_turn", text="", icon=icon)
        turn.job, turn.up = jobs_view.chosen, up


def _draw_details(layout: bpy.types.UILayout, shown: Shown, *, width: int) -> None:
    details = shown.details
    if details is None:
        return
    job = details.job
    box = layout.box().column(align=True)
    if width < NARROW:
        draw_line(box, job.name, width=width - _BOX, icon=_ICONS.get(state_of(job), "DOT"))
        box.menu("BENDER_MT_job")
    else:
        row = box.row()
        row.label(text=job.name, icon=_ICONS.get(state_of(job), "DOT"))
        row.menu("BENDER_MT_job")
    box.progress(factor=job.done / max(1, job.total), text=f"{job.done} of {job.total} frames")
    for tiles in details.tiles[:_MOST_LINES]:
        told = "" if job.total == 1 else f" of frame {tiles.frame}"
        box.progress(factor=tiles.done / max(1, tiles.of), text=f"{tiles.done} of {tiles.of} tiles{told}")
    _growing.draw(box, details)
    for line in words.facts(details, words.now()):
        draw_paragraph(box, line, width=width)
    if job.stopped:
        draw_paragraph(box, words.without_frame(job.stopped), width=width, alert=True)
    for state, frames in sorted(words.by_state(details.frames).items()):
        draw_paragraph(box, f"{state}: {frames}", width=width, most=_MOST_LINES)
    for frames, reason in words.reasons(details.failures)[:3]:
        if words.without_frame(job.stopped).endswith(reason):
            continue  # said already
        draw_paragraph(box, f"{words.frames(frames)}: {reason}", width=width, alert=True, most=2 * _MOST_LINES)
    for warned in details.warnings[:3]:
        told = f"In doubt, {words.frames(warned.frames)}: {warned.words}"
        draw_paragraph(box, told, width=width, alert=True, most=2 * _MOST_LINES)
    row = side_by_side(box, width=width)
    if job.done:
        if not details.here:
            row.operator("bender.farm_fetch", icon="IMPORT").job = job.id
        row.operator("bender.farm_open_folder", icon="FILE_FOLDER").job = job.id
        row.operator("bender.farm_video", icon="FILE_MOVIE").job = job.id
    row = side_by_side(box, width=width)
    if job.stopped or job.status not in ("Queued", "Running", "Finished"):
        row.operator("bender.farm_retry", icon="FILE_REFRESH").job = job.id
    if job.status in ("Queued", "Running"):
        if not job.stopped:
            pause, icon = ("bender.farm_resume", "PLAY") if job.paused else ("bender.farm_pause", "PAUSE")
            row.operator(pause, icon=icon).job = job.id
        row.operator("bender.farm_cancel", icon="CANCEL").job = job.id
    draw_frames(box, details, width=width)


def scratch() -> Path:
    """A folder for what is brought here to be looked at, which is gone when Blender is."""
    return Path(bpy.app.tempdir) / "bender"


def _scratch_of_tiles() -> Path:
    return scratch().with_name("bender-tiles")


def chosen(preferences: bpy.types.AddonPreferences) -> None:
    """A row was clicked."""
    if not _filling and 0 <= preferences.chosen_job < len(_drawn.jobs):
        jobs_view.choose(_drawn.jobs[preferences.chosen_job].id)


def _keep_looking() -> float | None:
    """Looks while the panel can be seen, and has it drawn again when something has changed."""
    from . import statusbar

    if not sidebars():
        return None
    resolved, found = in_force.resolved(), config()
    if not isinstance(resolved, str):
        from ..worker.session import session

        jobs_view.look(resolved.config, is_seen=found is not None, works_here=session.running)
    details = jobs_view.shown.details
    is_new = False
    if found is not None and details is not None:
        is_new = looking.follow(found, details, scratch())
        is_new |= _growing.follow(found, details, _scratch_of_tiles())
    if is_new or jobs_view.shown != _drawn:
        _fill_list(jobs_view.shown)
        redraw_sidebars()
        statusbar.begin()
    return _TICK


def _fill_list(shown: Shown) -> None:
    """Makes the rows those of the jobs, and the chosen one that of the chosen job."""
    global _filling
    preferences = in_force.preferences()
    if preferences is None:
        return
    rows = preferences.jobs
    while len(rows) > len(shown.jobs):
        rows.remove(len(rows) - 1)
    for index, job in enumerate(shown.jobs):
        row = rows[index] if index < len(rows) else rows.add()
        if row.name != job.name:
            row.name = job.name
    at = next((index for index, job in enumerate(shown.jobs) if job.id == jobs_view.chosen), -1)
    if preferences.chosen_job != at:
        _filling = True
        preferences.chosen_job = at
        _filling = False


def _draw_in_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """In the menu Render, where Blender's own search finds it too."""
    menu.layout.separator()
    menu.layout.operator("bender.farm_send", icon="EXPORT")


def register() -> None:
    _painting.register()
    bpy.utils.register_class(BENDER_UL_jobs)
    bpy.utils.register_class(BENDER_PT_jobs)
    bpy.types.TOPBAR_MT_render.append(_draw_in_menu)


def unregister() -> None:
    if bpy.app.timers.is_registered(_keep_looking):
        bpy.app.timers.unregister(_keep_looking)
    bpy.types.TOPBAR_MT_render.remove(_draw_in_menu)
    bpy.utils.unregister_class(BENDER_PT_jobs)
    bpy.utils.unregister_class(BENDER_UL_jobs)
    _painting.unregister()
