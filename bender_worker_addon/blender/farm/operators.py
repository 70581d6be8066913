# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs operators: what an artist can do with the farm's jobs: send one, look at it, cancel it, queue it again."""

import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ...core.errors import FarmError
from ...core.frame import FORMATS
from ...farm import frames_folder
from ...farm.frame_list import frames_of
from ...system.files import discard_folder
from .. import in_force, versions
from ..paragraph import draw_paragraph
from ..worker import loop
from ..worker.session import session
from . import memory, packing, statusbar, words
from . import panel as jobs_panel
from .finding import Finding
from .preflight import findings
from .view import jobs_view

if TYPE_CHECKING:
    from ...sites.site import Site

_WIDTH = 480  # pixels of the dialog
_LETTERS = 84  # characters a line in it


class BENDER_OT_farm_send(bpy.types.Operator):
    """Send this scene to the farm, as it is now. Your file is not changed"""

    bl_idname = "bender.farm_send"
    bl_label = "Send to Farm..."

    job_name: StringProperty(name="Name", description="What the job is called, and the folder of its frames")
    frames: StringProperty(name="Frames", description="Such as 1-100,120-200x5,250")
    image_format: EnumProperty(name="Format", items=[(name, name, "") for name in FORMATS])
    chunk: IntProperty(
        name="Frames a Task", description="What one worker renders in a row", default=1, min=1, max=100_000
    )
    priority: IntProperty(name="Priority", description="Jobs of a higher one go first", min=-1000, max=1000)
    start_now: BoolProperty(
        name="Start Rendering Now", description="Let this Blender render it, in the background", default=True
    )
    anyway: BoolProperty(
        name="Send It Anyway", description="It seems that nothing of it can be rendered; let workers try"
    )

    _typed: "dict[str, object]" = {}  # noqa: RUF012  what was typed before an error
    _findings: "list[Finding]" = []  # noqa: RUF012  an operator's own, set anew by each invoke
    _base: Path | None = None  # the same: in which folder the job's own is made, and whether this Blender could render
    _can_start = False
    _sent = ""  # the file that was to be sent last

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if jobs_view.busy:
            cls.poll_message_set("A job is being sent")
        elif jobs_panel.config() is None:
            cls.poll_message_set("There is no farm that jobs can be sent to: see the preferences of the add-on")
        return jobs_panel.config() is not None and not jobs_view.busy

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        from ...sites.site import is_remote

        own = type(self)
        file = Path(bpy.data.filepath).stem or "untitled"
        chosen = {"job_name": file, "frames": packing.default_frames(), "image_format": packing.default_format()}
        for name, value in (chosen | own._typed).items():
            setattr(self, name, value)
        own._typed = {}
        config = jobs_panel.config()
        own._base = _frames_base()
        _next_free.cache_clear()
        own._can_start = _nobody_renders() and not in_force.why_not_to_start(in_force.resolved())
        if config is not None:
            jobs_view.get_ready(config, versions.own_command())
        own._findings = findings(remote=config is not None and is_remote(config))
        self.anyway = False
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Send")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.label(text=_head(context.scene), icon="SCENE_DATA")
        layout.use_property_split = True
        for name in ("job_name", "frames", "image_format", "chunk", "priority"):
            layout.prop(self, name)
        if self._can_start:
            layout.prop(self, "start_now")
        wrong = _why_not(self.frames)
        if wrong:
            draw_paragraph(layout, wrong, width=_LETTERS, alert=True)
        if self._base is not None:
            draw_paragraph(layout, f"Frames go to {_next_free(self._base, self.job_name)}", width=_LETTERS)
        hopeless = [finding for finding in self._findings if finding.hopeless]
        _draw_group(layout, "Can't be rendered so, it seems", hopeless, alert=True)
        if hopeless or (jobs_view.refused and self._sent == bpy.data.filepath):
            layout.prop(self, "anyway")
        _draw_group(layout, "May look different", [finding for finding in self._findings if not finding.hopeless])
        if bpy.data.is_dirty and bpy.data.filepath:
            told = "There are unsaved changes: they are sent, but are not in your file"
            _draw_group(layout, "Good to know", [Finding(told)])

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config = jobs_panel.config()
        hopeless = "" if self.anyway else next((found.words for found in self._findings if found.hopeless), "")
        if config is None or (wrong := _why_not(self.frames) or hopeless):
            return self._failed(wrong if config is not None else "There is no farm to send it to")
        folder = Path(tempfile.mkdtemp(prefix="bender-send-"))
        copy = folder / f"{Path(bpy.data.filepath).stem or 'untitled'}.blend"
        try:
            unsaved = memory.save_copy(copy)
        except (RuntimeError, OSError) as error:
            discard_folder(folder)
            return self._failed(f"A copy can't be saved: {error}")
        options = {"frames": self.frames, "format": self.image_format, "chunk": self.chunk, "priority": self.priority}
        options |= {"name": self.job_name.strip() or copy.stem} | ({} if self._base is None else {"to": self._base})
        said = [f"--{option}={value}" for option, value in options.items()] + ["--anyway"] * self.anyway
        submit = ["submit", str(copy), f"--unsaved={unsaved}", "--json", "--progress", *said]
        type(self)._sent = bpy.data.filepath
        jobs_view.run(config, versions.own_command(), submit, doing="Sending", then=lambda: discard_folder(folder))
        if self._can_start and self.start_now:
            loop.start()
        statusbar.begin()
        return {"FINISHED"}

    def cancel(self, _context: bpy.types.Context) -> None:
        jobs_view.let_go()

    def _failed(self, why: str) -> set[str]:
        """What was typed is there when she tries again."""
        names = ("job_name", "frames", "image_format", "chunk", "priority", "start_now")
        type(self)._typed = {name: getattr(self, name) for name in names}
        self.report({"ERROR"}, why)
        return {"CANCELLED"}


class _OfAJob:
    job: StringProperty(options={"HIDDEN"})

    def ask(self, change: "Callable[[Site], object]") -> set[str]:
        """Lets the farm change something, which outlives the operator."""
        if (config := jobs_panel.config()) is not None:
            jobs_view.ask(config, change)
        statusbar.begin()
        return {"FINISHED"}


class BENDER_OT_farm_cancel(_OfAJob, bpy.types.Operator):
    """Take this job out of the queue. What is rendered stays"""

    bl_idname = "bender.farm_cancel"
    bl_label = "Cancel"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        return self.ask(lambda farm: farm.cancel(job))


class BENDER_OT_farm_pause(_OfAJob, bpy.types.Operator):
    """Begin nothing more of this job until it is resumed"""

    bl_idname = "bender.farm_pause"
    bl_label = "Pause Job"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        return self.ask(lambda farm: farm.pause(job))


class BENDER_OT_farm_resume(_OfAJob, bpy.types.Operator):
    """Go on with this job"""

    bl_idname = "bender.farm_resume"
    bl_label = "Resume Job"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        return self.ask(lambda farm: farm.resume(job))


class BENDER_OT_farm_turn(_OfAJob, bpy.types.Operator):
    """Let this job go before the one above it, or after the one below"""

    bl_idname = "bender.farm_turn"
    bl_label = "Change Its Turn"

    up: BoolProperty(options={"HIDDEN"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return "Let this job go before the one above it" if properties.up else "Let it go after the one below it"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        priority = words.priority_to_pass(jobs_view.shown.jobs, job, up=self.up)
        if priority is None:
            self.report({"INFO"}, "There is no job to change its turn with")
            return {"CANCELLED"}
        return self.ask(lambda farm: farm.set_priority(job, priority))


class BENDER_OT_farm_retry(_OfAJob, bpy.types.Operator):
    """Queue again what failed of this job, or was canceled"""

    bl_idname = "bender.farm_retry"
    bl_label = "Retry"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        return self.ask(lambda farm: farm.retry(job))


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
        job, priority = self.job, self.priority
        return self.ask(lambda farm: farm.set_priority(job, priority))


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
        job, frames = self.job, self.frames
        return self.ask(lambda farm: farm.delete(job, frames=frames))


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
                config, versions.own_command(), ["fetch", self.job, "--json", "--progress"], doing="Fetching frames"
            )
        return {"FINISHED"}


class BENDER_OT_farm_video(_OfAJob, bpy.types.Operator):
    """Make a film of the frames that are there, beside their folder"""

    bl_idname = "bender.farm_video"
    bl_label = "Film"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return not jobs_view.busy

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config = jobs_panel.config()
        if config is not None:
            jobs_view.run(
                config, versions.own_command(), ["video", self.job, "--json", "--progress"], doing="Making the film"
            )
        return {"FINISHED"}


@functools.lru_cache(maxsize=1)
def _next_free(base: Path, name: str) -> Path:
    """Looked up again only when another name is typed: the dialog is drawn often."""
    return frames_folder.next_free(base, name)


def _head(scene: bpy.types.Scene) -> str:
    """What will be rendered, in a line."""
    told = packing.facts()
    size = f"{told.width * told.scale // 100} x {told.height * told.scale // 100}"
    samples = [_samples(scene.cycles.samples)] if told.engine == "CYCLES" and hasattr(scene, "cycles") else []
    camera = scene.camera.name if scene.camera is not None else "no camera"
    return ", ".join([scene.name, camera, size, told.engine.removeprefix("BLENDER_").capitalize(), *samples])


def _samples(count: int) -> str:
    return f"{count} sample{'' if count == 1 else 's'}"


def _nobody_renders() -> bool:
    return not session.running and not jobs_view.shown.elsewhere


def _draw_group(layout: bpy.types.UILayout, title: str, found: "Sequence[Finding]", *, alert: bool = False) -> None:
    if found:
        box = layout.box()
        box.label(text=title)
        for finding in found:
            draw_paragraph(box, finding.words, width=_LETTERS, alert=alert)


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
        BENDER_OT_farm_turn,
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
