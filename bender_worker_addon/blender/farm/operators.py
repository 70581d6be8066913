# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs operators: what an artist can do with the farm's jobs: send one, look at it, cancel it, queue it again."""

import tempfile
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ...core.errors import FarmError
from ...core.frame import FORMATS
from ...farm import frames_folder
from ...farm.frame_list import frames_of
from ...system.files import discard_folder
from .. import in_force, versions
from ..paragraph import draw_paragraph
from . import memory, packing
from . import panel as jobs_panel
from .finding import Finding
from .preflight import findings
from .view import jobs_view

_WIDTH = 480  # pixels of the dialog
_LETTERS = 84  # characters a line in it


class BENDER_OT_farm_send(bpy.types.Operator):
    """Send this scene to the farm, as it is now. Your file is not changed"""

    bl_idname = "bender.farm_send"
    bl_label = "Send to Farm..."

    frames: StringProperty(name="Frames", description="Such as 1-100,120-200x5,250")
    image_format: EnumProperty(name="Format", items=[(name, name, "") for name in FORMATS])
    chunk: IntProperty(
        name="Frames a Task", description="What one worker renders in a row", default=1, min=1, max=100_000
    )
    priority: IntProperty(name="Priority", description="Jobs of a higher one go first", min=-1000, max=1000)

    _findings: "list[Finding]" = []  # noqa: RUF012  an operator's own, set anew by each invoke
    _folder: Path | None = None  # the same

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if jobs_view.busy:
            cls.poll_message_set("A job is being sent")
        return jobs_panel.config() is not None and not jobs_view.busy

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        from ...sites.site import is_remote

        self.frames = packing.default_frames()
        self.image_format = packing.default_format()
        config = jobs_panel.config()
        base = _frames_base()
        type(self)._folder = None if base is None else frames_folder.next_free(base, _job_name())
        type(self)._findings = findings(beside=config is not None and not is_remote(config))
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Send")

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        for name in ("frames", "image_format", "chunk", "priority"):
            layout.prop(self, name)
        if wrong := _why_not(self.frames):
            draw_paragraph(layout, wrong, width=_LETTERS, alert=True)
        if bpy.data.is_dirty and bpy.data.filepath:
            draw_paragraph(layout, "There are unsaved changes: they are sent, but are not in your file", width=_LETTERS)
        if self._folder is not None:
            draw_paragraph(layout, f"Frames go to {self._folder}", width=_LETTERS)
        for finding in self._findings:
            draw_paragraph(layout, finding.words, width=_LETTERS, alert=finding.hopeless)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config = jobs_panel.config()
        hopeless = next((finding.words for finding in self._findings if finding.hopeless), "")
        if config is None or (wrong := _why_not(self.frames) or hopeless):
            self.report({"ERROR"}, wrong if config is not None else "There is no farm to send it to")
            return {"CANCELLED"}
        name = _job_name()
        folder = Path(tempfile.mkdtemp(prefix="bender-send-"))
        copy = folder / f"{name}.blend"
        try:
            unsaved = memory.save_copy(copy)
        except (RuntimeError, OSError) as error:
            discard_folder(folder)
            self.report({"ERROR"}, f"A copy can't be saved: {error}")
            return {"CANCELLED"}
        options = {"frames": self.frames, "format": self.image_format, "chunk": self.chunk, "priority": self.priority}
        base = _frames_base()
        words = [f"--{option}={value}" for option, value in (options | ({} if base is None else {"to": base})).items()]
        command = versions.own_command("submit", str(copy), f"--unsaved={unsaved}", "--json", *words)
        jobs_view.run(config, command, doing="Being sent...", then=lambda: discard_folder(folder))
        return {"FINISHED"}


class _OfAJob:
    job: StringProperty(options={"HIDDEN"})


class BENDER_OT_farm_choose(_OfAJob, bpy.types.Operator):
    """Show or hide this job's frames"""

    bl_idname = "bender.farm_choose"
    bl_label = "Show Frames"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        jobs_view.choose(self.job)
        return {"FINISHED"}


class BENDER_OT_farm_cancel(_OfAJob, bpy.types.Operator):
    """Take this job out of the queue. What is rendered stays"""

    bl_idname = "bender.farm_cancel"
    bl_label = "Cancel"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config, job = jobs_panel.config(), self.job
        if config is not None:
            jobs_view.ask(config, lambda farm: farm.cancel(job))
        return {"FINISHED"}


class BENDER_OT_farm_pause(_OfAJob, bpy.types.Operator):
    """Begin nothing more of this job until it is resumed"""

    bl_idname = "bender.farm_pause"
    bl_label = "Pause"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config, job = jobs_panel.config(), self.job
        if config is not None:
            jobs_view.ask(config, lambda farm: farm.pause(job))
        return {"FINISHED"}


class BENDER_OT_farm_resume(_OfAJob, bpy.types.Operator):
    """Go on with this job"""

    bl_idname = "bender.farm_resume"
    bl_label = "Resume"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config, job = jobs_panel.config(), self.job
        if config is not None:
            jobs_view.ask(config, lambda farm: farm.resume(job))
        return {"FINISHED"}


class BENDER_OT_farm_retry(_OfAJob, bpy.types.Operator):
    """Queue again what failed of this job, or was canceled"""

    bl_idname = "bender.farm_retry"
    bl_label = "Retry"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config, job = jobs_panel.config(), self.job
        if config is not None:
            jobs_view.ask(config, lambda farm: farm.retry(job))
        return {"FINISHED"}


class BENDER_OT_farm_priority(_OfAJob, bpy.types.Operator):
    """Jobs of a higher priority go first. It counts at once"""

    bl_idname = "bender.farm_priority"
    bl_label = "Priority"

    priority: IntProperty(name="Priority", min=-1000, max=1000)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.priority = next((job.priority for job in jobs_view.shown.jobs if job.id == self.job), 0)
        return context.window_manager.invoke_props_dialog(self, confirm_text="Set")

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "priority")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config, job, priority = jobs_panel.config(), self.job, self.priority
        if config is not None:
            jobs_view.ask(config, lambda farm: farm.set_priority(job, priority))
        return {"FINISHED"}


class BENDER_OT_farm_delete(_OfAJob, bpy.types.Operator):
    """Let the farm forget this job"""

    bl_idname = "bender.farm_delete"
    bl_label = "Delete"

    frames: BoolProperty(
        name="Its Frames Too", description="Delete the frames that the farm has of it", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, confirm_text="Delete")

    def draw(self, _context: bpy.types.Context) -> None:
        name = next((job.name for job in jobs_view.shown.jobs if job.id == self.job), "")
        draw_paragraph(self.layout, f"The farm forgets {name}", width=_LETTERS // 2)
        self.layout.prop(self, "frames")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config, job, frames = jobs_panel.config(), self.job, self.frames
        if config is not None:
            jobs_view.ask(config, lambda farm: farm.delete(job, frames=frames))
        return {"FINISHED"}


class BENDER_OT_farm_open_folder(_OfAJob, bpy.types.Operator):
    """Open the folder of this job's frames"""

    bl_idname = "bender.farm_open_folder"
    bl_label = "Folder"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        details = jobs_view.shown.details
        if details is None or details.job.id != self.job or not details.folder.is_dir():
            self.report({"WARNING"}, "There are no frames of it here yet")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(details.folder))
        return {"FINISHED"}


class BENDER_OT_farm_fetch(_OfAJob, bpy.types.Operator):
    """Bring the frames that are there to this machine"""

    bl_idname = "bender.farm_fetch"
    bl_label = "Fetch"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return not jobs_view.busy

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config = jobs_panel.config()
        if config is not None:
            jobs_view.run(
                config, versions.own_command("fetch", self.job, "--json"), doing="Frames are being fetched..."
            )
        return {"FINISHED"}


class BENDER_OT_farm_video(_OfAJob, bpy.types.Operator):
    """Make a film of the frames that are there, beside their folder"""

    bl_idname = "bender.farm_video"
    bl_label = "Video"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return not jobs_view.busy

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config = jobs_panel.config()
        if config is not None:
            jobs_view.run(config, versions.own_command("video", self.job, "--json"), doing="The film is being made...")
        return {"FINISHED"}


def _job_name() -> str:
    return Path(bpy.data.filepath).stem or "untitled"


def _frames_base() -> Path | None:
    """The folder in which the folder of a job's frames is made; None where the farm has a place for them."""
    found = in_force.resolved()
    if isinstance(found, str) or not found.config.is_local:
        return None
    blend = Path(bpy.data.filepath) if bpy.data.filepath else None
    return frames_folder.base(blend, found.chosen("outpath"))


def _why_not(frames: str) -> str:
    try:
        frames_of(frames)
    except FarmError as error:
        return str(error)
    return ""


register, unregister = bpy.utils.register_classes_factory(
    (
        BENDER_OT_farm_send,
        BENDER_OT_farm_choose,
        BENDER_OT_farm_cancel,
        BENDER_OT_farm_pause,
        BENDER_OT_farm_resume,
        BENDER_OT_farm_retry,
        BENDER_OT_farm_priority,
        BENDER_OT_farm_delete,
        BENDER_OT_farm_open_folder,
        BENDER_OT_farm_fetch,
        BENDER_OT_farm_video,
    )
)
