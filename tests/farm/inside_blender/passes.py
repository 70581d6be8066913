# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a scene that writes files besides its frame: into folders of all kinds, some that lead elsewhere. Runs inside
Blender and knows nothing of farms.

    blender -b --factory-startup --python passes.py -- FOLDER

FOLDER/project/passes.blend is the scene; what it writes comes to FOLDER, its drive, or its own folder.
"""

import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tools.blenders.inside_blender import compositor

FOLDER = Path(sys.argv[-1])
WRITTEN = {
    "near": ("//passes/near/", ["Image"]),
    "deep": (f"{FOLDER}/out/deep/", ["z_######_", "sub/mask"]),
    "same name": (f"{FOLDER}/other/deep", ["Image"]),
    "above": ("//../", ["Image"]),
    "traversal": ("//", ["../up", "a?b"]),
    "layers": ("//layers/all_", []),
    "named": ("//named/{blend_name}_", []),
    "off": ("//off/", ["Image"]),
}


def main() -> None:
    scene: Any = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 64, 36, 100
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 1, False, False
    scene.view_layers[0].use_pass_z = True
    cube = bpy.data.objects["Cube"]
    cube.keyframe_insert("location", frame=1)
    cube.location.x = 2
    cube.keyframe_insert("location", frame=5)
    tree, end = compositor.empty(scene)
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs["Image"], end.inputs[0])
    for name, (path, files) in WRITTEN.items():
        node = tree.nodes.new("CompositorNodeOutputFile")
        node.name, node.mute = name, name == "off"
        (of_blender_5 if hasattr(node, "directory") else of_blender_4)(node, path, files)
        for socket in list(node.inputs):
            if socket.type != "CUSTOM":
                tree.links.new(layers.outputs["Image" if files else "Depth"], socket)
    (FOLDER / "project").mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "project" / "passes.blend"))


def of_blender_5(node: Any, path: str, files: list[str]) -> None:
    head, _, tail = path.rpartition("/")
    node.directory, node.file_name = (f"{head}/", tail) if not files else (path, "")
    node.format.media_type = "IMAGE" if files else "MULTI_LAYER_IMAGE"
    if files:
        node.format.file_format = "PNG"
    for name in files or ["first", "second"]:
        node.file_output_items.new("RGBA", name)


def of_blender_4(node: Any, path: str, files: list[str]) -> None:
    node.base_path = path
    node.format.file_format = "PNG" if files else "OPEN_EXR_MULTILAYER"
    slots = node.file_slots if files else node.layer_slots
    slots.clear()
    for name in files or ["first", "second"]:
        slots.new(name)


main()
