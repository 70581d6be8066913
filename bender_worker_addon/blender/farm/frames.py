# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames: an artist looks at any frame of a job, steps through them and has them played: in the panel and in windows of
their own, never in her file."""

from functools import partial
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, IntProperty

from .. import viewing
from ..paragraph import side_by_side
from ..thumbnail import Thumbnail
from . import words
from .looking import finished, looking
from .view import jobs_view

if TYPE_CHECKING:
    from ...sites.site import Details

_LOOK = 0.2  # seconds between two looks at whether frames are fetched

_thumbnail = Thumbnail()


class _OfTheFrames:
    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        details = jobs_view.shown.details
        return details is not None and bool(details.job.done)


class BENDER_OT_farm_step(_OfTheFrames, bpy.types.Operator):
    """Look at the next frame, or at the one before"""

    bl_idname = "bender.farm_step"
    bl_label = "Next Frame"

    by: IntProperty(default=1, options={"HIDDEN"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return "Look at the next frame that is done" if properties.by > 0 else "Look at the frame before"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if (details := jobs_view.shown.details) is not None:
            looking.step(details, self.by)
        return {"FINISHED"}


class BENDER_OT_farm_go_to(_OfTheFrames, bpy.types.Operator):
    """Look at another frame: type its number"""

    bl_idname = "bender.farm_go_to"
    bl_property = "frame"  # in which one can type at once
    bl_label = "Look at Frame"

    frame: IntProperty(name="Frame", min=0)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.frame = looking.shown.frame or 0
        return context.window_manager.invoke_props_dialog(self, confirm_text="Look")

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "frame")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if (details := jobs_view.shown.details) is not None:
            looking.go_to(details, self.frame)
        return {"FINISHED"}


class BENDER_OT_farm_show(_OfTheFrames, bpy.types.Operator):
    """Look at this frame in a window of its own. Your file is not touched"""

    bl_idname = "bender.farm_show"
    bl_label = "Look at It"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        picture = looking.shown.picture
        if picture is None or not picture.is_file():
            self.report({"WARNING"}, looking.shown.trouble or "Its picture is not here yet")
            return {"CANCELLED"}
        try:
            viewing.show(picture)
        except OSError as error:
            self.report({"ERROR"}, f"{picture} can't be shown: {error.strerror}")
            return {"CANCELLED"}
        return {"FINISHED"}


class BENDER_OT_farm_play(_OfTheFrames, bpy.types.Operator):
    """Play the frames in Blender's player, which are fetched before if they are with the farm. Escape closes it"""

    bl_idname = "bender.farm_play"
    bl_label = "Play"

    fetched: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, _context: bpy.types.Context) -> set[str]:
        details, frame = jobs_view.shown.details, looking.shown.frame
        if details is None or frame is None:
            return {"CANCELLED"}
        numbers = finished(details)
        run = words.run_around(numbers, frame)
        first = details.folder / details.name_of(run[0])
        if not details.here and not self.fetched and not _are_there(details, run):
            return self._fetch()
        if not first.is_file():
            self.report({"WARNING"}, "Its frames are not there (any more)")
            return {"CANCELLED"}
        try:
            viewing.play(first, step=run.step, last=run[-1], fps=details.fps)
        except OSError as error:
            self.report({"ERROR"}, f"Blender's player can't be started: {error.strerror}")
            return {"CANCELLED"}
        if len(run) < len(numbers):
            self.report({"INFO"}, f"Played are frames {run[0]} to {run[-1]}: others are missing in between")
        return {"FINISHED"}

    def _fetch(self) -> set[str]:
        """They are played when they are here."""
        if not bpy.ops.bender.farm_fetch.poll():
            self.report({"WARNING"}, "Something else is being sent or fetched: wait until it is")
            return {"CANCELLED"}
        job = looking.shown.job
        bpy.ops.bender.farm_fetch(job=job)
        bpy.app.timers.register(partial(_play_when_fetched, job), first_interval=_LOOK)
        return {"FINISHED"}


def _are_there(details: "Details", numbers: range) -> bool:
    return all((details.folder / details.name_of(number)).is_file() for number in numbers)


def _play_when_fetched(job: str) -> float | None:
    """Unless that failed, which is told, or another job is looked at by now."""
    if jobs_view.shown.doing is not None:
        return _LOOK
    if not jobs_view.failed and looking.shown.job == job:
        bpy.ops.bender.farm_play(fetched=True)
    return None


def draw_frames(layout: bpy.types.UILayout, details: "Details", *, width: int) -> None:
    """`< Frame 7 of 12 >`, its picture, and what can be done with it."""
    looked, numbers = looking.shown, finished(details)
    if looked.job != details.job.id or looked.frame not in numbers:
        return
    row = layout.row(align=True)
    row.operator("bender.farm_step", text="", icon="TRIA_LEFT").by = -1
    row.operator("bender.farm_go_to", text=words.place(looked.frame, numbers))
    row.operator("bender.farm_step", text="", icon="TRIA_RIGHT").by = 1
    row = side_by_side(layout, width=width)
    row.operator("bender.farm_show", icon="IMAGE_DATA")
    row.operator("bender.farm_play", icon="PLAY")
    if looked.picture is not None:
        _thumbnail.draw(layout, looked.picture)


_register, _unregister = bpy.utils.register_classes_factory(
    (BENDER_OT_farm_step, BENDER_OT_farm_go_to, BENDER_OT_farm_show, BENDER_OT_farm_play)
)


def register() -> None:
    _thumbnail.register()
    _register()


def unregister() -> None:
    _unregister()
    _thumbnail.unregister()
