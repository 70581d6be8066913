# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a file that needs others: a texture, a library with a texture, and a library of that library with one too. Runs
inside Blender and knows nothing of farms.

    blender -b --factory-startup --python linked.py -- FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(sys.argv[-1])


def main() -> None:
    plane("deep", (1, 0.1, 0), x=-2.5)
    saved("deep/deep.blend")
    plane("near", (0, 1, 0.1), x=0)
    things = bpy.data.collections.new("things")
    bpy.context.scene.collection.children.link(things)
    things.objects.link(bpy.data.objects["near"])
    things.objects.link(linked("deep/deep.blend", "objects", "deep"))
    saved("library/near.blend")
    plane("main", (0.1, 0, 1), x=2.5)
    instance = bpy.data.objects.new("instance", None)
    instance.instance_type = "COLLECTION"
    instance.instance_collection = linked("library/near.blend", "collections", "things")
    bpy.context.collection.objects.link(instance)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location.z = 12
    bpy.context.collection.objects.link(camera)
    scene = bpy.context.scene
    scene.camera, scene.render.engine = camera, "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 96, 54
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    saved("main.blend")


def plane(name: str, color: tuple[float, float, float], *, x: float) -> None:
    """A new file with a plane that glows as its texture says."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_plane_add(location=(x, 0, 0))
    bpy.context.object.name = name
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    tree = material.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.load(str(picture(f"{name}.png", color)))
    principled = tree.nodes["Principled BSDF"]
    tree.links.new(texture.outputs["Color"], principled.inputs["Emission Color"])
    principled.inputs["Emission Strength"].default_value = 1
    bpy.context.object.data.materials.append(material)


def picture(name: str, color: tuple[float, float, float]) -> Path:
    path = FOLDER / "textures" / name
    image = bpy.data.images.new(name, 16, 16)
    image.pixels.foreach_set([*color, 1] * 256)
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return path


def linked(library: str, kind: str, name: str) -> Any:
    libraries: Any = bpy.data.libraries
    with libraries.load(str(FOLDER / library), link=True) as (_, wanted):
        setattr(wanted, kind, [name])
    return getattr(wanted, kind)[0]


def saved(name: str) -> None:
    path = FOLDER / name
    path.parent.mkdir(exist_ok=True, parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile()


main()
