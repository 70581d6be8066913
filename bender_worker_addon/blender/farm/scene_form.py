# SPDX-License-Identifier: GPL-3.0-or-later
"""Scene form: what of the open file a job renders, and how, as it is chosen in the dialog that sends: one of its
scenes, and what may be another there than in the file."""

from typing import Any

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from ...core.errors import FarmError
from ...core.frame import FORMATS
from ...farm.frame_list import frames_of
from . import packing, splitting
from . import panel as jobs_panel
from .choices import Choices, samples_of
from .finding import Finding
from .preflight import findings

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


class SceneForm:
    """What an operator asks of the scene."""

    frames: StringProperty(name="Frames", description="Such as 1-100,120-200x5,250")
    scene: EnumProperty(
        name="Scene",
        description="The scene to be rendered",
        items=_scenes,
        update=lambda self, _context: follow_scene(self),
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

    findings: "list[Finding]" = []  # noqa: RUF012  of the scene that is chosen, with its camera
    why_whole = ""  # its pictures can't be split

    @property
    def chosen_scene(self) -> Any:
        return bpy.data.scenes[self.scene]

    @property
    def wrong_frames(self) -> str:
        """What is wrong with how they are written; "" if nothing is."""
        try:
            frames_of(self.frames)
        except FarmError as error:
            return str(error)
        return ""

    def choices(self) -> Choices:
        """Only what is another than the file has it."""
        scene, own = self.chosen_scene, bpy.context.scene
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

    def head(self) -> str:
        """What will be rendered, in a line."""
        scene = self.chosen_scene
        with bpy.context.temp_override(scene=scene):
            told = packing.facts()
        size = f"{told.width * self.percentage // 100} x {told.height * self.percentage // 100}"
        engine = told.engine.removeprefix("BLENDER_").removesuffix("_NEXT")
        return f"{scene.name}, {'EEVEE' if engine == 'EEVEE' else engine.capitalize()}, {size}"

    def draw_scene(self, layout: bpy.types.UILayout) -> None:
        scene = self.chosen_scene
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


def follow_scene(chosen: Any) -> None:
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
        SceneForm.findings = findings(remote=remote, has_camera=chosen.camera != _NONE)
        SceneForm.why_whole = splitting.why_whole()
