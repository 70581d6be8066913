# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes two files in FOLDER: troubled.blend, of which much would go wrong on another machine, and harmless.blend, of
which nothing would although it looks alike. Runs inside Blender and knows nothing of farms.

    blender -b --factory-startup --python troubled.py -- FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(sys.argv[-1])


def main() -> None:
    for name in ("gone", "here"):
        make_library(name)
    begin()
    kept_beside()
    for trouble in (pictures, libraries, font, volume, cache, clip, strips, simulations, nodes, drivers, scripts):
        trouble()
    bpy.ops.wm.save_mainfile()
    for name in ("gone.blend", "gone.png", "gone.ttf"):
        (FOLDER / name).unlink()
    begin()
    harmless()
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "harmless.blend"))


def begin() -> None:
    """A new file with a camera."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    camera = added("camera", bpy.data.cameras.new("camera"))
    bpy.context.scene.camera = camera
    bpy.context.scene.render.engine = "CYCLES"


def added(name: str, data: Any) -> bpy.types.Object:
    thing = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(thing)
    return thing


def mesh(name: str) -> bpy.types.Object:
    made = bpy.data.meshes.new(name)
    made.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    return added(name, made)


def make_library(name: str) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mesh(name)
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / f"{name}.blend"))


# What is troubled


def pictures() -> None:
    for name in ("gone.png", "here.png", "walk-1.png"):
        image = bpy.data.images.new(name, 4, 4)
        image.filepath_raw, image.file_format = str(FOLDER / name), "PNG"
        image.save()
    for name in ("gone.png", "here.png", "walk-1.png"):
        bpy.data.images[name].source = "SEQUENCE" if name.startswith("walk") else "FILE"
        bpy.data.images[name].use_fake_user = True


def libraries() -> None:
    known: Any = bpy.data.libraries
    for name in ("gone", "here"):
        with known.load(str(FOLDER / f"{name}.blend"), link=True) as (_, wanted):
            wanted.objects = [name]
        bpy.context.collection.objects.link(wanted.objects[0])


def font() -> None:
    """Blender's own, saved as somebody's."""
    builtin = bpy.data.curves.new("builtin", "FONT")
    added("builtin", builtin)
    source = next(Path(bpy.utils.system_resource("DATAFILES", path="fonts")).glob("*"))
    (FOLDER / "gone.ttf").write_bytes(source.read_bytes())
    text = bpy.data.curves.new("text", "FONT")
    text.font = bpy.data.fonts.load(str(FOLDER / "gone.ttf"))
    text.font.name = "letters"
    added("text", text)


def volume() -> None:
    smoke = bpy.data.volumes.new("smoke")
    smoke.filepath = str(FOLDER / "smoke.vdb")
    added("smoke", smoke)


def cache() -> None:
    (FOLDER / "walk.abc").write_bytes(b"Ogawa")
    bpy.ops.cachefile.open(filepath=str(FOLDER / "walk.abc"))
    bpy.data.cache_files[0].use_fake_user = True


def clip() -> None:
    shot = bpy.data.movieclips.load(str(FOLDER / "here.png"))
    shot.name, shot.use_fake_user = "shot", True


def strips() -> None:
    editor = bpy.context.scene.sequence_editor_create()
    made = editor.strips if hasattr(editor, "strips") else editor.sequences
    made.new_image("title", str(FOLDER / "here.png"), channel=1, frame_start=1)
    made.new_image("end", str(FOLDER / "no-end.png"), channel=2, frame_start=1)


def kept_beside() -> None:
    """A baked simulation can only be kept beside a file that is somewhere."""
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "troubled.blend"))
    for kind, owner in (
        ("cloth", mesh("curtain").modifiers.new("cloth", "CLOTH")),
        ("particles", mesh("grass").modifiers.new("particles", "PARTICLE_SYSTEM").particle_system),
    ):
        owner.point_cache.use_disk_cache, owner.point_cache.frame_end = True, 3
        owner.point_cache.name = kind
    bpy.context.scene.frame_end = 3
    bpy.ops.ptcache.bake_all(bake=True)


def simulations() -> None:
    mesh("flag").modifiers.new("cloth", "CLOTH")
    tank = mesh("tank").modifiers.new("water", "FLUID")
    tank.fluid_type = "DOMAIN"


def nodes() -> None:
    class Node(bpy.types.ShaderNode):
        bl_idname = "ABSENT_NODE"
        bl_label = "Absent"

    bpy.utils.register_class(Node)
    material("brick").node_tree.nodes.new("ABSENT_NODE").name = "mortar"
    lamp = bpy.data.lights.new("lamp", "POINT")
    if bpy.app.version < (5, 0):
        lamp.use_nodes = True
    profile = lamp.node_tree.nodes.new("ShaderNodeTexIES")
    profile.name, profile.mode, profile.filepath = "profile", "EXTERNAL", str(FOLDER / "lamp.ies")
    lamp.use_fake_user = True


def material(name: str) -> Any:
    made = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):
        made.use_nodes = True
    made.use_fake_user = True
    return made


def drivers() -> None:
    for name, owner, path in (
        ("door", mesh("door"), "location"),
        ("sun", bpy.data.lights.new("sun", "SUN"), "energy"),
        ("glass", material("glass").node_tree.nodes["Principled BSDF"].inputs["Roughness"], "default_value"),
    ):
        driver = owner.driver_add(path, 2).driver if path == "location" else owner.driver_add(path).driver
        driver.type, driver.expression = "SCRIPTED", f"len(bpy.data.objects) + len({name!r})"
    bpy.data.lights["sun"].use_fake_user = True


def scripts() -> None:
    bpy.data.texts.new("setup.py").use_module = True
    bpy.data.texts.new("notes.txt")


# What is harmless


def harmless() -> None:
    image = bpy.data.images.new("packed.png", 4, 4)
    image.pack()
    image.use_fake_user = True
    here = bpy.data.images.load(str(FOLDER / "here.png"))
    here.use_fake_user = True
    added("builtin", bpy.data.curves.new("builtin", "FONT"))
    driver = mesh("door").driver_add("location", 2).driver
    driver.type, driver.expression = "SCRIPTED", "frame / 20 + sin(frame)"
    cloth = mesh("flag").modifiers.new("cloth", "CLOTH")
    cloth.point_cache.frame_end = 3
    bpy.context.scene.frame_end = 3
    bpy.ops.ptcache.bake_all(bake=True)
    assert cloth.point_cache.is_baked
    bpy.data.texts.new("notes.txt")
    bpy.context.scene.sequence_editor_create()


main()
