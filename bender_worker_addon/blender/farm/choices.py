# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices: what is asked of a scene for one job alone, and not as its file has it. Made in the copy that is sent."""

from dataclasses import dataclass
from typing import Any

import bpy

from ...core.errors import FarmError
from ...render_child.animation import curves_of

SAMPLES = {"CYCLES": "cycles.samples", "BLENDER_EEVEE": "eevee.taa_render_samples"}
"""Where an engine has its samples; the one that was new in 4.2 has them where EEVEE has."""
SAMPLES["BLENDER_EEVEE_NEXT"] = SAMPLES["BLENDER_EEVEE"]
_PERCENTAGE = "render.resolution_percentage"


@dataclass(frozen=True, slots=True)
class Choices:
    """Names of the scene, its camera and the view layers to be rendered, samples, and percent of the picture's size;
    empty and 0: as the file has it. A camera that is chosen counts for all frames, whatever the timeline's markers
    say."""

    scene: str = ""
    camera: str = ""
    layers: tuple[str, ...] = ()
    samples: int = 0
    percentage: int = 0

    def words(self) -> list[str]:
        """The options of `submit` that say the same."""
        told: list[tuple[str, str | int]] = [
            ("scene", self.scene),
            ("camera", self.camera),
            *(("layer", name) for name in self.layers),
        ]
        told += [("samples", self.samples), ("percentage", self.percentage)]
        return [f"--{name}={value}" for name, value in told if value]

    def make(self) -> None:
        """Changes the open file. Raises FarmError if it has no such thing."""
        if self.scene:
            window = bpy.context.window
            assert window is not None
            window.scene = _named(bpy.data.scenes, self.scene, "the file has no scene")
        scene: Any = bpy.context.scene
        if self.camera:
            camera = _named(scene.objects, self.camera, f"the scene {scene.name} has no camera")
            scene.camera = camera
            for marker in scene.timeline_markers:
                marker.camera = None
        for name in self.layers:
            _named(scene.view_layers, name, f"the scene {scene.name} has no view layer")
        for layer in scene.view_layers if self.layers else ():
            layer.use = layer.name in self.layers
        if self.samples:
            self._set_samples(scene)
        if self.percentage:
            _set(scene, _PERCENTAGE, self.percentage)

    def _set_samples(self, scene: Any) -> None:
        path = SAMPLES.get(scene.render.engine)
        if path is None:
            raise FarmError(f"{scene.render.engine} has no samples to be chosen")
        _set(scene, path, self.samples)


def samples_of(scene: Any) -> int:
    """0 where the engine has none."""
    path = SAMPLES.get(scene.render.engine)
    return int(scene.path_resolve(path)) if path is not None else 0


def _named(things: Any, name: str, otherwise: str) -> Any:
    found = things.get(name)
    if found is None:
        raise FarmError(f"{otherwise} {name}; there are {', '.join(things.keys()) or 'none'}")
    return found


def _set(scene: Any, path: str, value: int) -> None:
    """For all frames: keys and drivers would set another."""
    scene.driver_remove(path)
    animation = scene.animation_data
    actions = [animation.action, *_actions_of_strips(animation)] if animation is not None else []
    for curve in [curve for action in actions if action is not None for curve in curves_of(action)]:
        curve.mute = curve.mute or curve.data_path == path
    owner, _, name = path.rpartition(".")
    setattr(scene.path_resolve(owner), name, value)


def _actions_of_strips(animation: Any) -> list[Any]:
    return [strip.action for track in animation.nla_tracks for strip in track.strips]
