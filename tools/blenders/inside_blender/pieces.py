# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes for `bench pieces`, and what an artist changes in them. Runs inside Blender and knows nothing of the farm.

blender -b --factory-startup --python pieces.py -- '"large"' '""' '"out.blend"' '{"size": 500}'
blender -b --factory-startup --python pieces.py -- '"move"' '"in.blend"' '"out.blend"' '{}'
"""

import array
import json
import random
import struct
import sys
from collections.abc import Callable
from typing import Any

import bpy

MESHES, TEXTURES = 50, 20
_VALUES = [struct.pack("f", value / 255) for value in range(256)]
_MESH, _TEXTURE = 84.0, 4.0  # bytes of a vertex with its faces, of a pixel of noise


def main() -> None:
    what, before, out, options = map(json.loads, sys.argv[sys.argv.index("--") + 1 :])
    if before:
        bpy.ops.wm.open_mainfile(filepath=before)
    else:
        bpy.ops.wm.read_factory_settings(use_empty=True)
    DONE[what](**options)
    bpy.ops.wm.save_as_mainfile(filepath=out, check_existing=False, compress=False)


def large(
    *,
    size: float,
    meshes: int = MESHES,
    textures: int = TEXTURES,
    first_mesh: int = 0,
    first_texture: int = 0,
    hidden: bool = False,
) -> None:
    """So many meshes and packed textures, of `size` MB in all if they are MESHES and TEXTURES. Those that have the same
    number in two files are the same. `hidden`: in a window, where they would be drawn by the processor."""
    _camera()
    side = int((size * 5e5 / MESHES / _MESH) ** 0.5)
    for number in range(meshes):
        place = (number % 10, number // 10, 0)
        bpy.ops.mesh.primitive_grid_add(x_subdivisions=side, y_subdivisions=side, location=place)
        found = bpy.context.object
        found.name = found.data.name = f"mesh {number:02}"
        found.data.materials.append(bpy.data.materials.new(f"material {number:02}"))
        found.hide_viewport = hidden
        _shake(found.data, first_mesh + number)
    for number in range(textures):
        side = int((size * 5e5 / TEXTURES / _TEXTURE) ** 0.5)
        picture = bpy.data.images.new(f"texture {number:02}", side, side, alpha=True)
        picture.use_fake_user = True
        _paint(picture, first_texture + number)


def linking(*, library: str, size: float, first_mesh: int) -> None:
    """All objects of a library, and a mesh as `large` makes one of this size."""
    large(size=size, meshes=1, textures=0, first_mesh=first_mesh)
    libraries: Any = bpy.data.libraries
    with libraries.load(library, link=True) as (there, wanted):
        wanted.objects = [name for name in there.objects if name.startswith("mesh")]
    for found in wanted.objects:
        bpy.context.scene.collection.objects.link(found)


def small(*, objects: int) -> None:
    """So many, each with a mesh of its own."""
    _camera()
    chance = random.Random(1)
    for number in range(objects):
        places = [(chance.random(), chance.random(), chance.random()) for _ in range(9)]
        mesh = bpy.data.meshes.new(f"mesh {number}")
        mesh.from_pydata(places[:8], [], [(0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4)])
        found = bpy.data.objects.new(f"object {number}", mesh)
        found.location = places[8]
        bpy.context.scene.collection.objects.link(found)


def nothing() -> None:
    pass


def move() -> None:
    _objects()[MESHES // 2].location.x += 1


def add() -> None:
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("fresh", _objects()[0].data))


def colour() -> None:
    bpy.data.materials[0].diffuse_color = (0.2, 0.7, 0.1, 1)
    bpy.data.materials[0].roughness = 0.7


def edit() -> None:
    _shake(_objects()[MESHES // 2].data, 99)


def paint() -> None:
    _paint(bpy.data.images["texture 07"], 99)


def _objects() -> list[Any]:
    return [found for found in bpy.data.objects if found.type == "MESH"]


def _camera() -> None:
    scene = bpy.context.scene
    found = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(found)
    found.location = (5, 3, 20)
    scene.camera, scene.frame_end = found, 1
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    scene.render.resolution_x, scene.render.resolution_y = 64, 36


def _shake(mesh: Any, seed: int) -> None:
    places = array.array("f", bytes(12 * len(mesh.vertices)))
    mesh.vertices.foreach_get("co", places)
    places[2::3] = _noise(len(mesh.vertices), seed)
    mesh.vertices.foreach_set("co", places)


def _paint(picture: Any, seed: int) -> None:
    picture.pixels.foreach_set(_noise(4 * picture.size[0] * picture.size[1], seed))
    picture.pack()


def _noise(count: int, seed: int) -> "array.array[float]":
    """So many numbers from 0 to 1. Does without numpy: a distribution's Blender may lack it."""
    return array.array("f", b"".join(map(_VALUES.__getitem__, random.Random(seed).randbytes(count))))


DONE: dict[str, Callable[..., None]] = {
    made.__name__: made for made in (large, small, linking, nothing, move, add, colour, edit, paint)
}

if __name__ == "__main__":
    main()
