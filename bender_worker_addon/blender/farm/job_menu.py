# SPDX-License-Identifier: GPL-3.0-or-later
"""Job menu: what can be done with a job that is not done every day, each from its menu in the jobs panel."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ...core.errors import FarmError
from ...core.job import LONGEST_NAME, name_of
from ...farm.frame_list import frames_of
from ..beside import Beside
from ..paragraph import draw_paragraph
from . import panel as jobs_panel
from . import statusbar, words
from .looking import looking
from .view import jobs_view

if TYPE_CHECKING:
    from ...farm.books import Job
    from ...settings.config import WorkerConfig
    from ...sites.site import Details, Site

_LETTERS = 46  # characters a line of a dialog
_WIDTH = 300  # pixels of one
_PRIORITY = 1000  # at most
_LOOK = 0.1  # seconds between two looks at whether something is found out
_AT_ONCE = 0.5  # seconds that a dialog may wait for what it has to say

_T = TypeVar("_T")


class OfAJob:
    """An operator about the job that was chosen when it was drawn."""

    job: StringProperty(options={"HIDDEN"})

    def known(self) -> "Job | None":
        return next((job for job in jobs_view.shown.jobs if job.id == self.job), None)

    def ask(self, change: "Callable[[Site], object]") -> set[str]:
        """Lets the farm change something, which outlives the operator."""
        if (config := jobs_panel.config()) is not None:
            jobs_view.ask(config, change)
        statusbar.begin()
        return {"FINISHED"}


class BENDER_MT_job(bpy.types.Menu):
    bl_idname = "BENDER_MT_job"
    bl_label = "More"

    def draw(self, _context: bpy.types.Context) -> None:
        from ...farm.books import OVER

        layout, details = self.layout, jobs_view.shown.details
        if details is None:
            return
        job = details.job
        layout.operator("bender.farm_rename", icon="GREASEPENCIL").job = job.id
        layout.operator("bender.farm_send_again", icon="EXPORT").job = job.id
        if job.status not in OVER:
            layout.operator("bender.farm_lead", icon="TRIA_UP_BAR").job = job.id
            layout.operator("bender.farm_priority", text=f"Priority {job.priority}...", icon="SORTSIZE").job = job.id
        if {"Errored", "Aborted"} & details.frames.keys():
            layout.operator("bender.farm_retry_some", icon="FILE_REFRESH").job = job.id
        if (frame := _frame_of_interest(details)) is not None:
            log = layout.operator("bender.farm_log", text=f"Show Log of Frame {frame}", icon="TEXT")
            log.job, log.frame = job.id, frame
        layout.separator()
        layout.operator("bender.farm_delete", text="Delete...", icon="TRASH").job = job.id


def _frame_of_interest(details: "Details") -> int | None:
    """The first that has failed, else the one that is looked at."""
    if "Errored" in details.frames:
        return min(frames_of(details.frames["Errored"]))
    return looking.shown.frame if looking.shown.job == details.job.id else None


class BENDER_OT_farm_rename(OfAJob, bpy.types.Operator):
    """Call this job something else. The folder of its frames keeps its place"""

    bl_idname = "bender.farm_rename"
    bl_property = "name"  # in which one can type at once
    bl_label = "Rename..."

    name: StringProperty(name="Name", maxlen=LONGEST_NAME)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        known = self.known()
        self.name = known.name if known is not None else ""
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, title="Rename Job", confirm_text="Rename")

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "name")
        draw_paragraph(self.layout, "The folder of its frames keeps its place", width=_LETTERS)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job, name = self.job, name_of(self.name)
        return self.ask(lambda farm: farm.set_name(job, name))


class BENDER_OT_farm_lead(OfAJob, bpy.types.Operator):
    """Let this job go before all others"""

    bl_idname = "bender.farm_lead"
    bl_label = "To the Top"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        priority = words.priority_to_lead(jobs_view.shown.jobs, job)
        if priority is None or priority > _PRIORITY:
            self.report({"INFO"}, "It is the first already" if priority is None else "Others have the highest priority")
            return {"CANCELLED"}
        return self.ask(lambda farm: farm.set_priority(job, priority))


class BENDER_OT_farm_priority(OfAJob, bpy.types.Operator):
    """Jobs of a higher priority go first. It counts at once"""

    bl_idname = "bender.farm_priority"
    bl_property = "priority"  # in which one can type at once
    bl_label = "Priority"

    priority: IntProperty(name="Priority", min=-_PRIORITY, max=_PRIORITY)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        known = self.known()
        self.priority = known.priority if known is not None else 0
        return context.window_manager.invoke_props_dialog(self, confirm_text="Set")

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "priority")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job, priority = self.job, self.priority
        return self.ask(lambda farm: farm.set_priority(job, priority))


class BENDER_OT_farm_retry_some(OfAJob, bpy.types.Operator):
    """Queue some of the frames again that failed of this job, or were canceled"""

    bl_idname = "bender.farm_retry_some"
    bl_property = "frames"  # in which one can type at once
    bl_label = "Retry Some Frames..."

    frames: StringProperty(name="Frames", description="Such as 1-100,120-200x5,250")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        details = jobs_view.shown.details
        lists = details.frames if details is not None and details.job.id == self.job else {}
        failed = [lists[status] for status in ("Errored", "Aborted") if status in lists]
        self.frames = words.frames(",".join(failed)).replace(" ", "") if failed else ""
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Retry")

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "frames")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        try:
            frames = frames_of(self.frames)
        except FarmError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

        def retry(farm: "Site") -> None:
            if not farm.retry(job, frames):
                raise FarmError("none of these frames has failed, or was canceled")

        return self.ask(retry)


class BENDER_OT_farm_log(OfAJob, bpy.types.Operator):
    """Read what Blender printed while it rendered this frame, and who did"""

    bl_idname = "bender.farm_log"
    bl_label = "Show Log"

    frame: IntProperty(options={"HIDDEN"})

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config, known = jobs_panel.config(), self.known()
        if config is None or known is None:
            return {"CANCELLED"}
        frame, place = self.frame, jobs_panel.scratch() / f"{self.job} {self.frame}.txt"
        reading = Beside("bender-log-of-task", lambda: _written_log(config, known, frame, place))
        when_done(reading, lambda log: bpy.ops.wm.path_open(filepath=str(log)))
        return {"FINISHED"}


class BENDER_OT_farm_delete(OfAJob, bpy.types.Operator):
    """Let the farm forget this job"""

    bl_idname = "bender.farm_delete"
    bl_label = "Delete"

    frames: BoolProperty(
        name="Its Frames Too", description="Delete the frames that the farm has of it", options={"SKIP_SAVE"}
    )

    _size: Beside[int] | None = None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        config, job = jobs_panel.config(), self.job
        if config is None:
            return {"CANCELLED"}
        type(self)._size = Beside("bender-size", lambda: _size(config, job))
        self._size.wait(_AT_ONCE)
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Delete")

    def draw(self, _context: bpy.types.Context) -> None:
        known = self.known()
        draw_paragraph(self.layout, f"The farm forgets {known.name if known is not None else ''}", width=_LETTERS)
        if known is not None and known.done:
            size, _ = self._size.outcome() if self._size is not None and self._size.done else (None, "")
            self.layout.prop(self, "frames", text="Its Frames Too" + (f", {words.gigabytes(size)}" if size else ""))

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job, frames = self.job, self.frames
        return self.ask(lambda farm: farm.delete(job, frames=frames))


def when_done(beside: Beside[_T], then: Callable[[_T], object]) -> None:
    """Has Blender's main thread do something with what is being found out; what goes wrong is told in the panel."""

    def look() -> float | None:
        if not beside.done:
            return _LOOK
        found, trouble = beside.outcome()
        if found is not None and not trouble:
            then(found)
        else:
            jobs_view.tell(trouble)
        return None

    bpy.app.timers.register(look, first_interval=_LOOK)


def _written_log(config: "WorkerConfig", job: "Job", frame: int, place: Path) -> Path:
    """What is kept of a failure is there at once; of all else the worker that rendered it must be asked."""
    from ...sites.site import site

    with site(config) as farm:
        task = farm.task(job.id, frame)
        printed = task.output or farm.log_of(job.id, frame)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shown = replace(task, worker="") if config.is_local else task  # this computer, under a name that nobody knows
        place.write_text(words.log(job.name, frame, shown, printed), encoding="utf-8")
    except OSError as error:
        raise FarmError(f"the log can't be written to {place}: {error.strerror}") from error
    return place


def _size(config: "WorkerConfig", job: str) -> int:
    from ...sites.site import site

    with site(config) as farm:
        return farm.size(job)


register, unregister = bpy.utils.register_classes_factory(
    (
        BENDER_MT_job,
        BENDER_OT_farm_rename,
        BENDER_OT_farm_lead,
        BENDER_OT_farm_priority,
        BENDER_OT_farm_retry_some,
        BENDER_OT_farm_log,
        BENDER_OT_farm_delete,
    )
)
