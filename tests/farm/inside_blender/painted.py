# SPDX-License-Identifier: GPL-3.0-or-later
"""Paints pictures and doesn't save them, renders what is seen, and saves a copy as Send to Farm does. Runs inside a
Blender that has the add-on.

    blender -b --python painted.py -- MODULE FOLDER

FOLDER/copy/painted.blend is the copy, FOLDER/seen.exr what the artist sees. FOLDER/told.json is what she is told when
she paints what can't be brought, too.
"""

import importlib
import json
import sys
from array import array
from pathlib import Path
from typing import Any

import bpy

MODULE, ROOT = sys.argv[-2:]
FOLDER = Path(ROOT)
SIDE = 4
VALUES = [0.1, 0.5, 0.9, 1, 0, 0.7, 0.3]


def main() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene: Any = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.device = 1, False, "CPU"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 96, 8, 100
    data: Any = bpy.data.cameras.new("camera")
    data.type, data.ortho_scale = "ORTHO", 12
    scene.camera = bpy.data.objects.new("camera", data)
    scene.camera.location = (6, 0.5, 1)
    scene.collection.objects.link(scene.camera)
    images = [*made(), *loaded()]
    for x, image in enumerate(images):
        show(image, x)
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_mode, scene.render.image_settings.color_depth = "RGBA", "32"
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "painted.blend"))
    for number, image in enumerate(images):
        paint(image, number)
    (FOLDER / "copy").mkdir()
    memory = importlib.import_module(f"{MODULE}.blender.farm.memory")
    before = {image.name: (image.source, image.is_dirty, image.filepath, image.packed_file) for image in images}
    memory.save_copy(FOLDER / "copy" / "painted.blend")
    assert before == {image.name: (image.source, image.is_dirty, image.filepath, image.packed_file) for image in images}
    if bpy.app.version < (5, 0):  # Cycles shows the file of a picture that has one, where the artist sees her paint
        for image in images:
            if image.source == "FILE":
                image.pack()
    scene.render.filepath = str(FOLDER / "seen.exr")
    bpy.ops.render.render(write_still=True)
    (FOLDER / "told.json").write_text(json.dumps(told_of_more(len(images))))


def told_of_more(x: int) -> list[tuple[str, bool]]:
    scene: Any = bpy.context.scene
    scene.render.image_settings.file_format = "PNG"
    tiles: Any = bpy.data.images.new("tiles", SIDE, SIDE, tiled=True)
    divided: Any = bpy.data.images.new("divided", SIDE, SIDE, alpha=True)
    divided.alpha_mode = "PREMUL"
    unused: Any = bpy.data.images.new("unused", SIDE, SIDE, tiled=True)
    for image in (tiles, divided, unused):
        paint(image, 0)
    show(tiles, x)
    show(divided, x + 1)
    preflight = importlib.import_module(f"{MODULE}.blender.farm.preflight")
    return [(finding.words, finding.hopeless) for finding in preflight.findings()]


def made() -> list[Any]:
    images = [
        bpy.data.images.new("byte", SIDE, SIDE, alpha=True),
        bpy.data.images.new("opaque", SIDE, SIDE, alpha=False),
        bpy.data.images.new("float", SIDE, SIDE, alpha=True, float_buffer=True),
        bpy.data.images.new("data", SIDE, SIDE, is_data=True),
        bpy.data.images.new("channels", SIDE, SIDE, alpha=True, float_buffer=True),
        bpy.data.images.new("packed", SIDE, SIDE, alpha=True),
    ]
    images[4].alpha_mode = "CHANNEL_PACKED"
    images[5].pack()
    return images


def loaded() -> list[Any]:
    """From files; of one the file is gone since."""
    images = []
    settings: Any = bpy.context.scene.render.image_settings
    kinds = {"8.png": ("PNG", "8"), "16.png": ("PNG", "16"), "32.exr": ("OPEN_EXR", "32"), "gone.png": ("PNG", "8")}
    for name, (kind, depth) in kinds.items():
        settings.file_format, settings.color_mode, settings.color_depth = kind, "RGBA", depth
        source: Any = bpy.data.images.new("source", SIDE, SIDE, alpha=True, float_buffer=True)
        source.save_render(str(FOLDER / name))
        bpy.data.images.remove(source)
        images.append(bpy.data.images.load(str(FOLDER / name)))
        assert images[-1].size[0] == SIDE
    (FOLDER / "gone.png").unlink()
    return images


def paint(image: Any, number: int) -> None:
    values = [VALUES[(place + number) % 7] for place in range(SIDE * SIDE * 4)]
    if image.is_float:
        values = [2 * value for value in values]
    if image.is_float and image.alpha_mode == "STRAIGHT":
        values[3::4] = [1.0] * SIDE * SIDE
    image.pixels.foreach_set(array("f", values))
    image.update()
    assert image.is_dirty


def show(image: Any, x: float) -> None:
    for output, low, high in (("Color", 0, 0.5), ("Alpha", 0.5, 1)):
        mesh: Any = bpy.data.meshes.new("place")
        mesh.from_pydata([(x, low, 0), (x + 1, low, 0), (x + 1, high, 0), (x, high, 0)], [], [(0, 1, 2, 3)])
        for corner, place in zip(mesh.uv_layers.new().data, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
            corner.uv = place
        material: Any = bpy.data.materials.new("place")
        if bpy.app.version < (5, 0):
            material.use_nodes = True
        tree = material.node_tree
        tree.nodes.clear()
        kinds = ("ShaderNodeTexImage", "ShaderNodeEmission", "ShaderNodeOutputMaterial")
        texture, emission, end = (tree.nodes.new(kind) for kind in kinds)
        texture.image, texture.interpolation = image, "Closest"
        tree.links.new(texture.outputs[output], emission.inputs["Color"])
        tree.links.new(emission.outputs[0], end.inputs["Surface"])
        mesh.materials.append(material)
        bpy.context.scene.collection.objects.link(bpy.data.objects.new("place", mesh))


main()
