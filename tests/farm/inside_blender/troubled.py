# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes two files in FOLDER: troubled.blend, of which much would go wrong on another machine, and harmless.blend, of
which nothing would although it looks alike. Runs inside Blender and knows nothing of farms.

    blender -b --factory-startup --python troubled.py -- FOLDER
"""

import ctypes
import sys
import wave
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(sys.argv[-1])


def main() -> None:
    for name in ("gone", "broken", "poor"):
        make_library(name)
    begin("troubled")
    for trouble in (pictures, libraries, font, volume, cache, strips, simulations, nodes, outputs, drivers, scripts):
        trouble()
    bpy.ops.wm.save_mainfile()
    for name in ("gone.blend", "gone.ttf", *(f"gone-{number}.png" for number in range(1, 7))):
        (FOLDER / name).unlink()
    (FOLDER / "broken.blend").write_text("version https://git-lfs.github.com/spec/v1\n")
    make_library("poor", "somebody")
    begin("harmless")
    for harmless in (used_by_nothing_seen, all_there, in_the_blend, plain_animation):
        harmless()
    bpy.ops.wm.save_mainfile()


def begin(name: str) -> None:
    """A new file with a camera, saved: what is kept beside a file needs one."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene: Any = bpy.context.scene
    scene.camera = added("camera", bpy.data.cameras.new("camera"))
    scene.render.engine = "CYCLES"
    scene.frame_end = 3
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / f"{name}.blend"))


def added(name: str, data: Any) -> Any:
    thing = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(thing)
    return thing


def mesh(name: str) -> Any:
    made = bpy.data.meshes.new(name)
    made.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    return added(name, made)


def material(name: str, *, on: str = "") -> Any:
    made = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):
        made.use_nodes = True
    (bpy.data.objects.get(on or name) or mesh(on or name)).data.materials.append(made)
    return made


def shown(image: Any, *, on: str = "", linked: bool = True) -> Any:
    """Puts a picture on an object; gives the node."""
    tree = material(image.name, on=on).node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    if linked:
        tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return node


def picture(name: str) -> Any:
    made: Any = bpy.data.images.new("written", 4, 4)
    made.filepath_raw, made.file_format = str(FOLDER / name), "PNG"
    made.save()
    bpy.data.images.remove(made)
    return bpy.data.images.load(str(FOLDER / name))


def make_library(name: str, thing: str = "") -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mesh(thing or name)
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / f"{name}.blend"))


def strips_of(scene: Any) -> Any:
    editor = scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def compositing() -> Any:
    """The scene's tree, and its end."""
    scene: Any = bpy.context.scene
    if hasattr(scene, "compositing_node_group"):
        tree = scene.compositing_node_group = bpy.data.node_groups.new("compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        tree.nodes.new("NodeGroupOutput")
        return tree
    scene.use_nodes = True
    return scene.node_tree


def zoned(name: str, target: str = "") -> None:
    """A simulation zone, baked if it is said where."""
    thing = mesh(name)
    tree = bpy.data.node_groups.new(name, "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    kinds = ("NodeGroupOutput", "GeometryNodeSimulationInput", "GeometryNodeSimulationOutput", "GeometryNodeMeshCube")
    end, first, last, cube = (tree.nodes.new(kind) for kind in kinds)
    first.pair_with_output(last)
    tree.links.new(cube.outputs["Mesh"], first.inputs["Geometry"])
    tree.links.new(first.outputs["Geometry"], last.inputs["Geometry"])
    tree.links.new(last.outputs["Geometry"], end.inputs[0])
    modifier = thing.modifiers.new("zone", "NODES")
    modifier.node_group = tree
    bpy.context.view_layer.update()
    if target:
        bpy.context.view_layer.objects.active = thing
        modifier.bake_target = target
        bake = modifier.bakes[0].bake_id
        bpy.ops.object.geometry_node_bake_single(session_uid=thing.session_uid, modifier_name="zone", bake_id=bake)


def baked_cloth(name: str, *, on_disk: bool) -> Any:
    point_cache = mesh(name).modifiers.new("cloth", "CLOTH").point_cache
    point_cache.use_disk_cache, point_cache.frame_end, point_cache.name = on_disk, 3, name
    bpy.ops.ptcache.bake_all(bake=True)
    assert point_cache.is_baked
    return point_cache


# What is troubled


def pictures() -> None:
    for number in range(1, 7):
        shown(picture(f"gone-{number}.png"))
    sequence = picture("walk-1.png")
    sequence.source = "SEQUENCE"
    shown(sequence)
    sequence.filepath_raw = str(FOLDER / "no" / "walk-1.png")
    tiled = picture("tile.1001.png")
    tiled.source, tiled.filepath = "TILED", str(FOLDER / "tile.<UDIM>.png")
    tiled.tiles.new(1002)
    shown(tiled)


def libraries() -> None:
    known: Any = bpy.data.libraries
    for name in ("gone", "broken", "poor"):
        with known.load(str(FOLDER / f"{name}.blend"), link=True) as (_, wanted):
            wanted.objects = [name]
        bpy.context.collection.objects.link(wanted.objects[0])


def font() -> None:
    """Blender's own, saved as somebody's."""
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
    used: Any = mesh("walker").modifiers.new("walk", "MESH_SEQUENCE_CACHE")
    used.cache_file = bpy.data.cache_files[0]
    used.cache_file.filepath = str(FOLDER / "no.abc")
    for name, kind in (("dancer", "MESH_CACHE"), ("sea", "OCEAN")):
        modifier: Any = mesh(name).modifiers.new(name, kind)
        modifier.filepath = str(FOLDER / f"no-{name}")
        if kind == "OCEAN":
            place = ctypes.string_at(modifier.as_pointer(), 1400).find(bytes(FOLDER / "no-sea"))
            ctypes.memset(modifier.as_pointer() + place + 1160, 1, 1)  # as if it were baked
            assert modifier.is_cached


def strips() -> None:
    made = strips_of(bpy.context.scene)
    strip = made.new_image("title", str(picture("here.png").filepath), channel=1, frame_start=1)
    for number in range(300):
        strip.elements.append(f"no-{number}.png")
    meta = made.new_meta("meta", channel=2, frame_start=1)
    made.new_image("end", str(FOLDER / "no-end.png"), channel=3, frame_start=1).move_to_meta(meta)


def simulations() -> None:
    baked_cloth("sail", on_disk=True)
    for file in (FOLDER / "blendcache_troubled").iterdir():
        file.unlink()
    for name in ("flag", "curtain"):
        mesh(name).modifiers.new("cloth", "CLOTH")
    tank: Any = mesh("tank").modifiers.new("water", "FLUID")
    tank.fluid_type = "DOMAIN"
    zoned("heap")
    bpy.context.view_layer.objects.active = mesh("stone")
    bpy.ops.rigidbody.object_add(type="ACTIVE")


def nodes() -> None:
    class Node(bpy.types.ShaderNode):
        bl_idname = "ABSENT_NODE"
        bl_label = "Absent"

        def init(self, _context: bpy.types.Context) -> None:
            self.outputs.new("NodeSocketColor", "Color")

    bpy.utils.register_class(Node)
    tree = material("brick").node_tree
    mortar = tree.nodes.new("ABSENT_NODE")
    mortar.name = "mortar"
    tree.links.new(mortar.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    lamp: Any = bpy.data.lights.new("lamp", "POINT")
    if bpy.app.version < (5, 0):
        lamp.use_nodes = True
    profile = lamp.node_tree.nodes.new("ShaderNodeTexIES")
    profile.name, profile.mode, profile.filepath = "profile", "EXTERNAL", str(FOLDER / "lamp.ies")
    lamp.node_tree.links.new(profile.outputs[0], lamp.node_tree.nodes["Emission"].inputs["Strength"])
    added("lamp", lamp)


def outputs() -> None:
    bpy.context.scene.render.use_stamp = True
    bpy.context.scene.render.use_stamp_filename = True
    compositing().nodes.new("CompositorNodeOutputFile")


def drivers() -> None:
    sun = bpy.data.lights.new("sun", "SUN")
    added("sun", sun)
    for name, owner, path in (
        ("door", mesh("door"), "location"),
        ("sun", sun, "energy"),
        ("glass", material("glass").node_tree.nodes["Principled BSDF"].inputs["Roughness"], "default_value"),
    ):
        driver = owner.driver_add(path, 2).driver if path == "location" else owner.driver_add(path).driver
        driver.type, driver.expression = "SCRIPTED", f"len(bpy.data.objects) + len({name!r})"


def scripts() -> None:
    setup, panel = (bpy.data.texts.new(name) for name in ("setup.py", "panel.py"))
    setup.use_module = panel.use_module = True
    setup.write("import bpy\nbpy.data.objects[0].hide_render = True\n")
    panel.write("import bpy\nclass Rig(bpy.types.Panel): ...\nbpy.utils.register_class(Rig)\n")
    bpy.data.texts.new("notes.txt")


# What is harmless


def used_by_nothing_seen() -> None:
    """Pictures that are missing, but make no difference; a node of an add-on and a driver where nobody looks."""
    lost = [picture(f"lost-{number}.png") for number in range(8)]
    lost[0].use_fake_user = True
    shown(lost[1], on="board", linked=False)
    shown(lost[2]).id_data.nodes["Image Texture"].mute = True
    shown(lost[3], on="hidden")
    bpy.data.objects["hidden"].hide_render = True
    out = bpy.data.collections.new("out")
    bpy.context.scene.collection.children.link(out)
    shown(lost[4], on="excluded")
    out.objects.link(bpy.data.objects["excluded"])
    bpy.context.scene.collection.objects.unlink(bpy.data.objects["excluded"])
    bpy.context.view_layer.layer_collection.children["out"].exclude = True
    bpy.context.scene.tool_settings.image_paint.clone_image = lost[5]
    reference = added("reference", None)
    reference.empty_display_type, reference.data = "IMAGE", lost[6]
    bpy.data.cameras[0].background_images.new().image = lost[7]
    for image in lost:
        Path(image.filepath).unlink()

    class Node(bpy.types.ShaderNode):
        bl_idname = "OTHER_ABSENT_NODE"
        bl_label = "Absent"

    bpy.utils.register_class(Node)
    material("plain").node_tree.nodes.new("OTHER_ABSENT_NODE")
    unused = bpy.data.lights.new("unused", "SUN")
    unused.use_fake_user = True
    unused.driver_add("energy").driver.expression = "len(bpy.data.objects)"
    compositing().nodes.new("CompositorNodeOutputFile").mute = True


def all_there() -> None:
    """Pictures by tile and by eye, and others that can't be in a blend."""
    for name in ("t.1002", "t.1003", "u_u1_v1", "u_u2_v1", "t_L", "t_R", "walk-1", "walk-2"):
        picture(f"{name}.png")
    images: dict[str, Any] = {Path(image.filepath).stem: image for image in bpy.data.images}
    by_number, by_place, eyes, walk = (images[name] for name in ("t.1002", "u_u1_v1", "t_L", "walk-1"))
    by_number.source, by_number.filepath = "TILED", str(FOLDER / "t.<UDIM>.png")
    by_number.tiles[0].number = 1002
    by_number.tiles.new(1003)
    by_place.source, by_place.filepath = "TILED", str(FOLDER / "u_<UVTILE>.png")
    by_place.tiles.new(1002)
    eyes.use_multiview, eyes.views_format, eyes.filepath = True, "INDIVIDUAL", str(FOLDER / "t.png")
    walk.source = "SEQUENCE"
    for image in (by_number, by_place, eyes, walk):
        shown(image)
    baked_cloth("sail", on_disk=True)
    zoned("heap", "DISK")
    zoned("packed heap", "PACKED")


def in_the_blend() -> None:
    packed: Any = bpy.data.images.new("packed.png", 4, 4)
    packed.pack()
    shown(packed)
    added("builtin", bpy.data.curves.new("builtin", "FONT"))
    baked_cloth("flag", on_disk=False)
    bpy.data.texts.new("notes.txt")


def plain_animation() -> None:
    """A driver without Python, hair that was only combed, a body that others run into, sounds."""
    driver = mesh("door").driver_add("location", 2).driver
    driver.type, driver.expression = "SCRIPTED", "frame / 20 + sin(frame)"
    hair: Any = mesh("head").modifiers.new("hair", "PARTICLE_SYSTEM")
    hair.particle_system.settings.type = "HAIR"
    bpy.context.view_layer.objects.active = mesh("ground")
    bpy.ops.rigidbody.object_add(type="PASSIVE")
    with wave.open(str(FOLDER / "hum.wav"), "wb") as hum:
        hum.setnchannels(1)
        hum.setsampwidth(2)
        hum.setframerate(8000)
        hum.writeframes(bytes(16000))
    strips_of(bpy.context.scene).new_sound("hum", str(FOLDER / "hum.wav"), channel=1, frame_start=1)
    (FOLDER / "hum.wav").unlink()


main()
