# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending: the dialog in which an artist sends her scene to the farm. What is chosen there is for that job alone: it is
made in the copy that is sent."""

import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ...core.errors import FarmError
from ...core.frame import FORMATS
from ...farm import frames_folder
from ...farm.frame_list import frames_of
from ...settings.config import WorkerConfig
from ...system.files import discard_folder
from .. import in_force, versions
from ..paragraph import draw_paragraph
from ..worker import loop
from ..worker.session import session
from . import memory, outlook, packing, splitting, statusbar
from . import panel as jobs_panel
from .choices import Choices, samples_of
from .finding import Finding, Group
from .outlook import Outlook
from .preflight import findings
from .view import jobs_view

_WIDTH = 480  # pixels of the dialog
_LETTERS = 84  # characters a line in it
_TOLD, _BESIDE_BUTTON = 0.6, 0.75  # of a line, where a button stands beside it
_TYPED = ("job_name", "frames", "image_format", "chunk", "priority", "in_tiles", "start_now", "samples", "percentage")
_CHOSEN = ("scene", "camera", "layers")
_BY_MARKERS, _NONE = "//markers", "//none"  # stand for the cameras that the timeline's markers name, and for no camera
_MOST_LAYERS = 32  # that can be chosen from

_Items = list[tuple[str, str, str, int]]

_items: dict[str, _Items] = {}  # kept, or Blender would show what is no longer there


def _scenes(_self: Any, _context: bpy.types.Context) -> _Items:
    _items["scene"] = [(scene.name, scene.name, "", number) for number, scene in enumerate(bpy.data.scenes)]
    return _items["scene"]


def _cameras(self: Any, _context: bpy.types.Context) -> _Items:
    """The scene's own first, then what its markers say, if they say anything."""
    scene = bpy.data.scenes[self.scene]
    own = scene.camera.name if scene.camera is not None else ""
    names = sorted({thing.name for thing in scene.objects if thing.type == "CAMERA"}, key=lambda name: name != own)
    marked = any(marker.camera for marker in scene.timeline_markers)
    choices = [(_BY_MARKERS, "As the timeline's markers say")] * marked + [(name, name) for name in names]
    _items["camera"] = [
        (name, label, "", number) for number, (name, label) in enumerate(choices or [(_NONE, "The scene has none")])
    ]
    return _items["camera"]


def _layers(self: Any, _context: bpy.types.Context) -> _Items:
    layers = list(bpy.data.scenes[self.scene].view_layers)[:_MOST_LAYERS]
    _items["layers"] = [(layer.name, layer.name, "", 1 << number) for number, layer in enumerate(layers)]
    return _items["layers"]


def _formats() -> list[tuple[str, str, str]]:
    """As this Blender calls them, if it knows them."""
    formats = bpy.types.ImageFormatSettings.bl_rna.properties["file_format"]
    called = {item.identifier: item.name for item in formats.enum_items}
    return [(name, called.get(name, name), "") for name in FORMATS]


class BENDER_OT_farm_send(bpy.types.Operator):
    """Send this scene to the farm, as it is now. Your file is not changed"""

    bl_idname = "bender.farm_send"
    bl_property = "frames"  # in which one can type at once
    bl_label = "Send to Farm..."

    job_name: StringProperty(name="Name", description="What the job is called, and the folder of its frames")
    frames: StringProperty(name="Frames", description="Such as 1-100,120-200x5,250")
    scene: EnumProperty(
        name="Scene",
        description="The scene to be rendered",
        items=_scenes,
        update=lambda self, _context: _another_scene(self),
    )
    camera: EnumProperty(
        name="Camera",
        description="The camera through which this job sees all its frames",
        items=_cameras,
        update=lambda self, _context: _look(self),
    )
    layers: EnumProperty(
        name="View Layers",
        description="The view layers to be rendered; shift-click adds one",
        items=_layers,
        options={"ENUM_FLAG"},
    )
    samples: IntProperty(name="Samples", description="Of each pixel, for this job", min=1, max=1 << 24)
    percentage: IntProperty(
        name="Size", description="Percent of the scene's own size", min=1, max=32767, soft_max=200, subtype="PERCENTAGE"
    )
    image_format: EnumProperty(name="Format", items=_formats())
    chunk: IntProperty(
        name="Frames at a Time",
        description="A machine takes so many in a row. More than one pays where frames take under a second",
        default=1,
        min=1,
        max=100_000,
    )
    priority: IntProperty(
        name="Priority", description="Jobs of a higher priority are rendered first", min=-1000, max=1000
    )
    in_tiles: BoolProperty(
        name="Split into Tiles",
        description="Each frame is rendered in tiles, by all machines at once, and put together: for one picture, or a"
        " few that take long. Nobody can tell it from one that was rendered as a whole",
    )
    start_now: BoolProperty(
        name="Start Rendering Now", description="Let this Blender render it, in the background", default=True
    )
    anyway: BoolProperty(
        name="Send It Anyway", description="It seems that nothing of it can be rendered; try it all the same"
    )

    typed: "dict[str, Any]" = {}  # noqa: RUF012  stands there at first, and not what the scene says
    _sent: "dict[str, Any]" = {}  # noqa: RUF012  what was typed last
    _is_unsent = False
    _comes_back = False  # it is closed by what she looks for, and what was typed is to be there when it is found
    _findings: "list[Finding]" = []  # noqa: RUF012  an operator's own, set anew by each invoke
    _base: Path | None = None  # the same: in which folder the job's own is made, and whether this Blender could render
    _can_start = False
    _splits = False  # whether the farm takes frames in tiles
    _why_whole = ""  # why these can't be
    _outlook: Outlook | None = None

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if jobs_view.busy:
            cls.poll_message_set("A job is being sent")
        elif jobs_panel.config() is None:
            cls.poll_message_set("There is no farm that jobs can be sent to: see the preferences of the add-on")
        return jobs_panel.config() is not None and not jobs_view.busy

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        own, config = type(self), jobs_panel.config()
        if config is None:
            return {"CANCELLED"}
        jobs_view.tell("")
        typed, own.typed = {"job_name": _file(), **(own.typed or _kept(own._sent, failed=own._is_unsent))}, {}
        own._is_unsent = own._comes_back = False
        self.scene = typed.pop("scene", None) or context.scene.name
        _another_scene(self)
        for name, value in typed.items():
            setattr(self, name, value)
        own._base, own._splits = _frames_base(), _takes_tiles(config)
        _next_free.cache_clear()
        own._can_start = _nobody_renders() and not in_force.why_not_to_start(in_force.resolved())
        self.anyway = False
        own._outlook = Outlook(config, self.job_name)
        jobs_view.get_ready(config, versions.own_command())
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Send")

    def draw(self, context: bpy.types.Context) -> None:
        layout, scene = self.layout, self._scene
        layout.label(text=self._head(scene), icon="SCENE_DATA")
        layout.use_property_split = True
        layout.prop(self, "job_name")
        layout.prop(self, "frames")
        if len(bpy.data.scenes) > 1:
            layout.prop(self, "scene")
        layout.prop(self, "camera")
        if len(scene.view_layers) > 1:
            layout.column().prop(self, "layers")
        row = layout.row(align=True)
        if samples_of(scene):
            row.prop(self, "samples")
        row.prop(self, "percentage")
        layout.prop(self, "image_format")
        row = layout.row(align=True)
        if not self._is_shared_out():
            row.prop(self, "chunk")
        row.prop(self, "priority")
        if self._splits:
            layout.prop(self, "in_tiles")
            if self.in_tiles and (whole := self._why_as_a_whole()):
                draw_paragraph(layout, f"Each frame is rendered as a whole: {whole}", width=_LETTERS)
        if self._can_start:
            layout.prop(self, "start_now")
        wrong = _why_not(self.frames)
        if wrong:
            draw_paragraph(layout, wrong, width=_LETTERS, alert=True)
        elif self._outlook is not None:
            self._draw_outlook(layout, self._outlook)
        if self._base is not None:
            draw_paragraph(layout, f"Frames go to {_next_free(self._base, self.job_name)}", width=_LETTERS)
        for group in Group:
            found = [finding for finding in self._all_findings() if finding.group is group]
            _draw_group(layout, group, found)
            if group is Group.HOPELESS and (
                found or (jobs_view.refused and self._sent.get("file") == bpy.data.filepath)
            ):
                layout.prop(self, "anyway")
        outlook.popup = context.region_popup
        if wrong or self._hopeless():
            layout.template_popup_confirm("bender.farm_cannot_send", text="Send", cancel_text="Cancel")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config = jobs_panel.config()
        outlook.popup = None
        type(self)._sent = self._all_typed()
        if config is None or (wrong := _why_not(self.frames) or self._hopeless()):
            return self._failed(wrong if config is not None else "There is no farm to send it to")
        try:
            copy, unsaved = saved_copy()
        except (RuntimeError, OSError) as error:
            return self._failed(f"A copy can't be saved: {error}")
        options = {"frames": self.frames, "format": self.image_format, "priority": self.priority}
        options |= {"split": "auto"} if self._is_shared_out() else {"chunk": self.chunk}
        options |= {"name": self.job_name.strip() or copy.stem} | ({} if self._base is None else {"to": self._base})
        said = [f"--{option}={value}" for option, value in options.items()] + ["--anyway"] * self.anyway
        said += self.choices().words()
        submit = ["submit", str(copy), f"--unsaved={unsaved}", "--json", "--progress", *said]
        jobs_view.run(config, versions.own_command(), submit, doing="Sending", then=lambda: discard_folder(copy.parent))
        if self._can_start and self.start_now:
            loop.start()
        statusbar.begin()
        return {"FINISHED"}

    def _failed(self, why: str) -> set[str]:
        """What was typed is there when she tries again."""
        type(self)._is_unsent = True
        self.report({"ERROR"}, why)
        return {"CANCELLED"}

    def cancel(self, _context: bpy.types.Context) -> None:
        """So does Return where nothing can be sent: Blender closes a dialog by it, whatever its button says."""
        why = _why_not(self.frames) or self._hopeless()
        if why or self._comes_back:
            type(self)._sent, type(self)._is_unsent = self._all_typed(), True
        if why and not self._comes_back:
            jobs_view.tell(f"It was not sent: {why}. What you typed is still there")
        outlook.popup = None
        jobs_view.let_go()

    def choices(self) -> Choices:
        """Only what is another than the file has it."""
        scene, own = self._scene, bpy.context.scene
        used = {layer.name for layer in scene.view_layers if layer.use}
        camera = scene.camera.name if scene.camera is not None else ""
        marked = any(marker.camera for marker in scene.timeline_markers)
        return Choices(
            scene="" if scene == own else scene.name,
            camera="" if self.camera in (_BY_MARKERS, _NONE) or (self.camera == camera and not marked) else self.camera,
            layers=() if self.layers == used or not self.layers else tuple(sorted(self.layers)),
            samples=0 if self.samples == samples_of(scene) or not samples_of(scene) else self.samples,
            percentage=0 if self.percentage == scene.render.resolution_percentage else self.percentage,
        )

    def _is_shared_out(self) -> bool:
        return self.in_tiles and self._splits and not self._why_whole

    def _why_as_a_whole(self) -> str:
        """Why its pictures are not split, all the same; "" if they are."""
        if self._why_whole or self._outlook is None or _why_not(self.frames):
            return self._why_whole
        return self._outlook.why_whole(len(frames_of(self.frames)))

    @property
    def _scene(self) -> Any:
        return bpy.data.scenes[self.scene]

    def _all_findings(self) -> "list[Finding]":
        found = list(self._findings)
        if bpy.data.is_dirty and bpy.data.filepath:
            told = "There are unsaved changes: they are sent, but are not in your file"
            found.append(Finding(told, harmless=True))
        return found

    def _hopeless(self) -> str:
        """Why it can't be sent, unless that is to be tried all the same."""
        return "" if self.anyway else next((finding.words for finding in self._findings if finding.hopeless), "")

    def _head(self, scene: Any) -> str:
        """What will be rendered, in a line."""
        with bpy.context.temp_override(scene=scene):
            told = packing.facts()
        size = f"{told.width * self.percentage // 100} x {told.height * self.percentage // 100}"
        engine = told.engine.removeprefix("BLENDER_").removesuffix("_NEXT")
        return f"{scene.name}, {'EEVEE' if engine == 'EEVEE' else engine.capitalize()}, {size}"

    def _draw_outlook(self, layout: bpy.types.UILayout, found: Outlook) -> None:
        frames = frames_of(self.frames)
        row = layout.split(factor=_TOLD)
        draw_paragraph(row, found.in_words(len(frames)), width=int(_LETTERS * _TOLD))
        if found.may_be_tried:
            estimate = row.operator("bender.farm_estimate", icon="RENDER_STILL")
            estimate.frame, estimate.choices = frames[len(frames) // 2], "\n".join(self.choices().words())

    def _all_typed(self) -> "dict[str, Any]":
        return {name: getattr(self, name) for name in (*_TYPED, *_CHOSEN)} | {"file": bpy.data.filepath}


def _another_scene(chosen: Any) -> None:
    """What is `chosen` in the dialog follows from the scene, until it is chosen otherwise."""
    scene: Any = bpy.data.scenes[chosen.scene]
    with bpy.context.temp_override(scene=scene):
        chosen.frames, chosen.image_format = packing.default_frames(), packing.default_format()
    used = {layer.name for layer in scene.view_layers if layer.use}
    chosen.layers = used & {name for name, *_ in _layers(chosen, bpy.context)}
    chosen.samples = samples_of(scene) or 1
    chosen.percentage = scene.render.resolution_percentage
    chosen.camera = _cameras(chosen, bpy.context)[0][0]


def _look(chosen: Any) -> None:
    """Looks anew at what would go wrong."""
    from ...sites.site import is_remote

    config = jobs_panel.config()
    remote = config is not None and is_remote(config)
    with bpy.context.temp_override(scene=bpy.data.scenes[chosen.scene]):
        BENDER_OT_farm_send._findings = findings(remote=remote, has_camera=chosen.camera != _NONE)
        BENDER_OT_farm_send._why_whole = splitting.why_whole()


class BENDER_OT_farm_cannot_send(bpy.types.Operator):
    """Send it, which can't be done so: what stands in red is to be put right first"""

    bl_idname = "bender.farm_cannot_send"
    bl_label = "Send"
    bl_options = {"INTERNAL"}  # noqa: RUF012  Blender reads it so

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        cls.poll_message_set("Put right what stands in red first")
        return False


class BENDER_OT_farm_select(bpy.types.Operator):
    """Select what this is about in the 3D View"""

    bl_idname = "bender.farm_select"
    bl_label = "Select Object"

    names: StringProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        found = [thing for name in self.names.split("\n") if (thing := context.view_layer.objects.get(name))]
        if not found:
            self.report({"WARNING"}, f"{self.names} can't be selected: it is in another scene or view layer")
            return {"CANCELLED"}
        for thing in context.selected_objects:
            thing.select_set(False)
        for thing in found:
            thing.select_set(True)
        context.view_layer.objects.active = found[0]
        return {"FINISHED"}


class BENDER_OT_farm_find(bpy.types.Operator):
    """Choose a folder in which Blender looks for the files that are missing. Then open this dialog again"""

    bl_idname = "bender.farm_find"
    bl_label = "Find Missing Files..."

    def execute(self, _context: bpy.types.Context) -> set[str]:
        BENDER_OT_farm_send._comes_back = True
        bpy.ops.file.find_missing_files("INVOKE_DEFAULT")
        return {"FINISHED"}


def saved_copy() -> tuple[Path, Path]:
    """A copy of the open file as it is now, in a folder of its own, and what tells of what isn't in it. Raises
    RuntimeError, Blender's own, or OSError."""
    folder = Path(tempfile.mkdtemp(prefix="bender-send-"))
    copy = folder / f"{_file()}.blend"
    try:
        return copy, memory.save_copy(copy)
    except (RuntimeError, OSError):
        discard_folder(folder)
        raise


@functools.lru_cache(maxsize=1)
def _next_free(base: Path, name: str) -> Path:
    """Looked up again only when another name is typed: the dialog is drawn often."""
    return frames_folder.next_free(base, name)


def _kept(typed: "Mapping[str, Any]", *, failed: bool) -> "dict[str, Any]":
    """What was typed when it could not be sent, if that was for the file that is open; scenes and cameras that are gone
    are left out."""
    if typed.get("file") != bpy.data.filepath or not (failed or jobs_view.failed):
        return {}
    scene: Any = bpy.data.scenes.get(typed["scene"])
    there = {"scene": scene is not None, "camera": scene is not None and typed["camera"] in scene.objects}
    there["layers"] = scene is not None and set(typed["layers"]) <= set(scene.view_layers.keys())
    return {name: value for name, value in typed.items() if name != "file" and there.get(name, True)}


def _file() -> str:
    return Path(bpy.data.filepath).stem or "untitled"


def _nobody_renders() -> bool:
    return not session.running and not jobs_view.shown.elsewhere


def _draw_group(layout: bpy.types.UILayout, group: Group, found: "Sequence[Finding]") -> None:
    if not found:
        return
    box = layout.box()
    box.label(text=group.value)
    for finding in found:
        row = box.split(factor=_BESIDE_BUTTON) if finding.objects else box
        width = int(_LETTERS * _BESIDE_BUTTON) if finding.objects else _LETTERS
        draw_paragraph(row, finding.words, width=width, alert=group is Group.HOPELESS)
        if finding.objects:
            row.operator("bender.farm_select", icon="RESTRICT_SELECT_OFF").names = "\n".join(finding.objects)
    if any(finding.is_of_missing_files for finding in found):
        box.operator("bender.farm_find", icon="FILE_FOLDER")


def _frames_base() -> Path | None:
    """The folder in which the folder of a job's frames is made; None where the farm has a place for them."""
    found = in_force.resolved()
    if isinstance(found, str) or not found.config.is_local:
        return None
    blend = Path(bpy.data.filepath) if bpy.data.filepath else None
    return frames_folder.base(blend, found.chosen("outpath"))


def _takes_tiles(config: WorkerConfig) -> bool:
    """Where bender's own programs keep the books there are none; one Blender alone is no faster with them."""
    from ...sites.site import is_remote

    return is_remote(config) or (config.is_local and config.renderers > 1)


def _why_not(frames: str) -> str:
    try:
        frames_of(frames)
    except FarmError as error:
        return str(error)
    return ""


register, unregister = bpy.utils.register_classes_factory(
    (BENDER_OT_farm_send, BENDER_OT_farm_cannot_send, BENDER_OT_farm_select, BENDER_OT_farm_find)
)
