# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes files in FOLDER whose scenes have no camera of their own, each for a reason. Runs inside Blender and knows
nothing of farms.

    blender -b --factory-startup --python cameras.py -- FOLDER
"""

import struct
import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tools.blenders.inside_blender import compositor

FOLDER = Path(sys.argv[-1])


def main() -> None:
    for scene in (none, only_sound, compositing_of_layers, compositing_of_nothing, markers, another, edit, muted_edit):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.engine = "CYCLES"
        scene(bpy.context.scene)
        bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / f"{scene.__name__}.blend"))


def none(_scene: Any) -> None:
    pass


def only_sound(scene: Any) -> None:
    sound = FOLDER / "sound.wav"
    data = bytes(800)
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8) + b"data" + struct.pack("<I", len(data)) + data
    sound.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(form)) + b"WAVE" + form)
    strips_of(scene).new_sound("sound", str(sound), channel=1, frame_start=1)


def compositing_of_layers(scene: Any) -> None:
    tree, end = compositor.empty(scene)
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs[0], end.inputs[0])


def compositing_of_nothing(scene: Any) -> None:
    compositor.empty(scene)


def markers(scene: Any) -> None:
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.use_fake_user = True
    scene.timeline_markers.new("shot", frame=1).camera = camera


def another(scene: Any) -> None:
    """Not the scene's camera, but in it."""
    scene.collection.objects.link(bpy.data.objects.new("camera", bpy.data.cameras.new("camera")))


def edit(scene: Any) -> None:
    strips_of(scene).new_effect("color", "COLOR", channel=1, frame_start=1, **end_of(5))


def muted_edit(scene: Any) -> None:
    edit(scene)
    strips_of(scene)[0].mute = True


def end_of(frame: int) -> dict[str, int]:
    return {"length": frame} if bpy.app.version >= (5, 0) else {"frame_end": frame}


def strips_of(scene: Any) -> Any:
    editor = scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


main()
