# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene that writes more than its frame, and one whose lines are drawn by a script. Runs inside Blender.

    blender -b --factory-startup --python writing.py -- FOLDER

Saves `files.blend` in the folder, which writes pictures of its own into `elsewhere` there, a simulation's cache beside
itself and, from Blender 5 on (Debian's 4.3 dies of fluids), a fluid's into `fluid`; and `lines.blend`, whose script
leaves a file `executed` there.
"""

import sys
from pathlib import Path
from typing import Any

import bpy


def main() -> None:
    folder = Path(sys.argv[-1])
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 64, 36
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "files.blend"))
    _write_files(scene, folder / "elsewhere")
    cloth = bpy.data.objects["Cube"].modifiers.new("Cloth", "CLOTH")
    cloth.point_cache.use_disk_cache = True
    if bpy.app.version >= (5, 0):
        _simulate_smoke(folder / "fluid")
    bpy.ops.wm.save_mainfile()
    _draw_lines_by_script(scene, folder / "executed")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "lines.blend"))


def _write_files(scene: bpy.types.Scene, elsewhere: Path) -> None:
    tree: Any
    if bpy.app.version >= (5, 0):
        tree = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
        tree.interface.new_socket(name="Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
        result, files = (tree.nodes.new(name) for name in ("NodeGroupOutput", "CompositorNodeOutputFile"))
        files.directory, files.file_name = str(elsewhere), "files"
        files.file_output_items.new("RGBA", "Image")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        result, files = (tree.nodes.new(name) for name in ("CompositorNodeComposite", "CompositorNodeOutputFile"))
        files.base_path = str(elsewhere)
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs[0], result.inputs[0])
    tree.links.new(layers.outputs[0], files.inputs[0])


def _simulate_smoke(cache: Path) -> None:
    bpy.ops.mesh.primitive_cube_add(size=1)
    source: Any = bpy.context.object.modifiers.new("source", "FLUID")
    source.fluid_type = "FLOW"
    bpy.ops.mesh.primitive_cube_add(size=3)
    domain: Any = bpy.context.object.modifiers.new("domain", "FLUID")
    domain.fluid_type = "DOMAIN"
    domain.domain_settings.resolution_max = 8
    domain.domain_settings.cache_directory = str(cache)


def _draw_lines_by_script(scene: bpy.types.Scene, trace: Path) -> None:
    text = bpy.data.texts.new("lines.py")
    text.write(f"import pathlib\npathlib.Path({str(trace)!r}).touch()\n")
    scene.render.use_freestyle = True
    layer = scene.view_layers[0]
    layer.use_freestyle = True
    layer.freestyle_settings.mode = "SCRIPT"
    layer.freestyle_settings.modules.new().script = text


main()
