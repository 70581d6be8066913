# SPDX-License-Identifier: GPL-3.0-or-later
"""A blend that lacks what it is made of, and what it is not made of as well. Runs inside Blender.

    blender -b --factory-startup --python lacking.py -- FOLDER

Saves FOLDER/lacking.blend; what it names was in FOLDER.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(sys.argv[-1])
LAST = 2


def main() -> None:
    make_libraries()
    scene = new_scene()
    shine(plane(), picture("seen"))
    shine(plane(), tiles())
    shine(plane(), strip_of_pictures())
    plug_nothing_into(plane(), picture("plugged nowhere"))
    hidden = plane()
    shine(hidden, picture("hidden"))
    hidden.hide_render = True
    picture("unused").use_fake_user = True
    write()
    link("gone")
    link("changed")
    scene.frame_end = LAST
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "lacking.blend"))
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile()
    for path in [*FOLDER.glob("*.png"), *FOLDER.glob("*.woff2"), FOLDER / "gone.blend"]:
        if path.name != "tile.1001.png":
            path.unlink()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "changed.blend"))


def new_scene() -> Any:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x, scene.render.resolution_y = 32, 18
    bpy.ops.object.camera_add(location=(0, 0, 9))
    scene.camera = bpy.context.object
    return scene


def make_libraries() -> None:
    for name in ("gone", "changed"):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        plane().name = f"thing of {name}"
        bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / f"{name}.blend"))


def link(name: str) -> None:
    libraries: Any = bpy.data.libraries
    with libraries.load(str(FOLDER / f"{name}.blend"), link=True) as (_, there):
        there.objects = [f"thing of {name}"]
    bpy.context.collection.objects.link(there.objects[0])


def plane() -> Any:
    bpy.ops.mesh.primitive_plane_add()
    thing = bpy.context.object
    made = bpy.data.materials.new("material")
    if bpy.app.version < (5, 0):
        made.use_nodes = True
    thing.data.materials.append(made)
    return thing


def saved(name: str) -> Path:
    image = bpy.data.images.new(name, 4, 4)
    path = FOLDER / f"{name}.png"
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return path


def picture(name: str) -> Any:
    return bpy.data.images.load(str(saved(name)))


def tiles() -> Any:
    first = saved("tile.1001")
    saved("tile.1002")
    image = bpy.data.images.load(str(first))
    image.source, image.filepath = "TILED", str(FOLDER / "tile.<UDIM>.png")
    image.tiles.new(1002)
    return image


def strip_of_pictures() -> Any:
    image = bpy.data.images.load(str(saved("moving 0001")))
    image.source = "SEQUENCE"
    return image


def shine(thing: Any, image: Any) -> None:
    tree = thing.active_material.node_tree
    node = plug_nothing_into(thing, image)
    tree.links.new(node.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])


def plug_nothing_into(thing: Any, image: Any) -> Any:
    node = thing.active_material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    return node


def write() -> None:
    bpy.ops.object.text_add()
    text = bpy.context.object.data
    own = next(Path(bpy.utils.system_resource("DATAFILES"), "fonts").glob("*.woff2"))
    text.body, text.font = "A", bpy.data.fonts.load(str(shutil.copy(own, FOLDER / "letters.woff2")))
    text.font.name = "letters"


main()
