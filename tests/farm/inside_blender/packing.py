# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes scenes whose pictures need files, each of one kind. Runs inside Blender and knows nothing of farms.

    blender -b --factory-startup --python packing.py -- FOLDER NAME…

FOLDER/NAME/NAME.blend is a scene; all it needs is in FOLDER/NAME too. Frame 3 shows it.
"""

import ctypes
import math
import os
import struct
import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tools.blenders.inside_blender import compositor

ROOT, *NAMES = sys.argv[sys.argv.index("--") + 1 :]
FOLDER, NAME = Path(ROOT), ""  # of the scene at hand
RED, GREEN, BLUE = (1, 0, 0), (0, 1, 0), (0, 0, 1)


def main() -> None:
    global FOLDER, NAME
    for name in NAMES:
        FOLDER, NAME = Path(ROOT, name), name
        FOLDER.mkdir(exist_ok=True)
        begin()
        save()  # what is kept beside a file needs one
        SCENES[name]()
        save() if SCENES[name] != remembered else bpy.ops.wm.save_mainfile()


def begin() -> None:
    """A new file with a camera that looks along Y, and a sun."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 64, 36, 100
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 1, False, False
    scene.cycles.device = "CPU"
    scene.frame_start, scene.frame_end = 1, 5
    scene.view_settings.view_transform = "Standard"
    scene.camera = added("camera", bpy.data.cameras.new("camera"))
    scene.camera.location, scene.camera.rotation_euler = (0, -8, 0), (math.pi / 2, 0, 0)
    added("sun", bpy.data.lights.new("sun", "SUN")).rotation_euler = (1, 0.4, 0)


def save(name: str = "") -> None:
    compress = brought.__name__ == NAME
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / f"{name or NAME}.blend"), compress=compress)
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile(compress=compress)


def added(name: str, data: Any) -> Any:
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def glowing(name: str, color: tuple[float, ...] = (1, 1, 1)) -> Any:
    """A material; its color can be plugged in."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    emission, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = (*color, 1)
    tree.links.new(emission.outputs[0], output.inputs["Surface"])
    return material


def shown(image: Any, *, x: float = 0, z: float = 0, size: float = 4, output: str = "Color") -> Any:
    """A plane with a picture on it; gives the node."""
    bpy.ops.mesh.primitive_plane_add(size=size, location=(x, 0, z), rotation=(math.pi / 2, 0, 0))
    material = glowing(image.name)
    bpy.context.object.data.materials.append(material)
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image, node.interpolation = image, "Closest"
    material.node_tree.links.new(node.outputs[output], material.node_tree.nodes["Emission"].inputs["Color"])
    return node


def grid(name: str = "grid", *, z: float = 0, count: int = 8, size: float = 3) -> Any:
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=count, y_subdivisions=count, size=size, location=(0, 0, z))
    thing = bpy.context.object
    thing.name = name
    thing.rotation_euler = (math.pi / 3, 0, 0)
    return thing


def png(path: Path, color: tuple[float, ...]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image: Any = bpy.data.images.new("written", 8, 8)
    image.pixels = [*color, 1] * 64
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return path


def loaded(path: Path, source: str = "FILE") -> Any:
    image: Any = bpy.data.images.load(str(path))
    image.source = source
    return image


# Pictures


def walk() -> None:
    """Pictures of a sequence, one a frame; others are in the same folder."""
    for number in range(1, 6):
        png(FOLDER / "walk" / f"walk.v2.{number:04d}.png", (number / 5, 0.2, 0))
    png(FOLDER / "walk" / "other.0003.png", BLUE)
    node = shown(loaded(FOLDER / "walk" / "walk.v2.0001.png", "SEQUENCE"))
    node.image_user.frame_duration, node.image_user.frame_start, node.image_user.use_auto_refresh = 5, 1, True


def tiles() -> None:
    """Two of three named by number, one of them not plain, and two named by where they are."""
    for name in ("t.1002", "t.1011", "u_u1_v1", "u_u2_v1"):
        png(FOLDER / "tiles" / f"{name}.png", (len(name) / 10, 0.3, 0.1))
    deep: Any = bpy.data.images.new("deep", 8, 8, float_buffer=True)
    deep.pixels = [0.123456, 0.2, 0.7, 0.31] * 64
    bpy.context.scene.render.image_settings.file_format = "PNG"
    bpy.context.scene.render.image_settings.color_mode = "RGBA"
    bpy.context.scene.render.image_settings.color_depth = "16"
    deep.save_render(str(FOLDER / "tiles" / "d.1001.png"))
    bpy.data.images.remove(deep)
    for x, first, pattern, numbers in (
        (-3, "t.1002", "t.<UDIM>", (1002, 1011)),
        (0, "u_u1_v1", "u_<UVTILE>", (1001, 1002)),
        (3, "d.1001", "d.<UDIM>", ()),
    ):
        image = loaded(FOLDER / "tiles" / f"{first}.png", "TILED")
        image.filepath = str(FOLDER / "tiles" / f"{pattern}.png")
        for place, number in enumerate(numbers):
            if place < len(image.tiles):
                image.tiles[place].number = number
            else:
                image.tiles.new(number)
        node = shown(image, x=x, size=2)
        mapping = node.id_data.nodes.new("ShaderNodeMapping")
        coordinates = node.id_data.nodes.new("ShaderNodeTexCoord")
        mapping.inputs["Scale"].default_value = (2, 2, 1)
        node.id_data.links.new(coordinates.outputs["UV"], mapping.inputs[0])
        node.id_data.links.new(mapping.outputs[0], node.inputs[0])


def eyes() -> None:
    """A picture for each eye, seen by both."""
    png(FOLDER / "eyes" / "e_L.png", RED)
    png(FOLDER / "eyes" / "e_R.png", GREEN)
    scene = bpy.context.scene
    scene.render.use_multiview, scene.render.image_settings.views_format = True, "STEREO_3D"
    image = loaded(FOLDER / "eyes" / "e_L.png")
    image.use_multiview, image.views_format = True, "INDIVIDUAL"
    shown(image)


def film() -> None:
    """A film as a texture."""
    node = shown(loaded(encoded(), "MOVIE"), size=3)
    node.image_user.frame_duration, node.image_user.use_auto_refresh = 5, True


def reel() -> None:
    """A part of a film, in a strip."""
    strip = strips_of(bpy.context.scene).new_movie("part", str(encoded()), channel=1, frame_start=0)
    strip.frame_offset_start, strip.frame_offset_end = 1, 1
    strip.transform.scale_x = 0.3


def encoded() -> Path:
    """A film that is ever greener."""
    scene = bpy.context.scene
    for number in range(1, 6):
        png(FOLDER / "film" / f"{number}.png", (0.2, number / 5, 0))
    strips = strips_of(scene)
    strip = strips.new_image("strip", str(FOLDER / "film" / "1.png"), channel=1, frame_start=1)
    for number in range(2, 6):
        strip.elements.append(f"{number}.png")
    strip.frame_final_duration = 5
    if hasattr(scene.render.image_settings, "media_type"):
        scene.render.image_settings.media_type = "VIDEO"
    scene.render.image_settings.file_format = "FFMPEG"
    scene.render.ffmpeg.format, scene.render.ffmpeg.codec = "MPEG4", "H264"
    scene.render.filepath, scene.render.use_file_extension = str(FOLDER / "film" / "film.mp4"), False
    bpy.ops.render.render(animation=True)
    strips.remove(strip)
    if hasattr(scene.render.image_settings, "media_type"):
        scene.render.image_settings.media_type = "IMAGE"
    scene.render.image_settings.file_format, scene.render.use_file_extension = "PNG", True
    return FOLDER / "film" / "film.mp4"


def clip() -> None:
    """Footage that only the compositor sees."""
    for number in range(1, 6):
        png(FOLDER / "clip" / f"shot{number:03d}.png", (0, 0.3, number / 5))
    scene: Any = bpy.context.scene
    tree, end = compositor.empty(scene)
    node, scale = tree.nodes.new("CompositorNodeMovieClip"), tree.nodes.new("CompositorNodeScale")
    node.clip = bpy.data.movieclips.load(str(FOLDER / "clip" / "shot001.png"))
    scale.inputs["X"].default_value = scale.inputs["Y"].default_value = 4
    tree.links.new(node.outputs["Image"], scale.inputs["Image"])
    tree.links.new(scale.outputs["Image"], end.inputs[0])


# Edits


def edit() -> None:
    """Pictures in a strip, one of them in a strip of strips, and a scene that is edited too."""
    scene = bpy.context.scene
    for number in range(1, 6):
        png(FOLDER / "cut" / f"c_{number}.png", (0, number / 5, 0.5))
    png(FOLDER / "title" / "title.png", (0.5, 0, 0))
    other = bpy.data.scenes.new("other")
    for where, file, channel in ((other, FOLDER / "title" / "title.png", 1), (scene, FOLDER / "cut" / "c_1.png", 2)):
        strip = strips_of(where).new_image(file.stem, str(file), channel=channel, frame_start=1)
        for number in range(2, 6):
            strip.elements.append(f"c_{number}.png" if where == scene else "title.png")
        strip.frame_final_duration = 5
    meta = strips_of(scene).new_meta("meta", channel=3, frame_start=1)
    strip.move_to_meta(meta)
    meta.frame_final_duration = 5
    meta.transform.scale_x, meta.transform.offset_x = 0.5, 20
    meta.blend_type = "ALPHA_OVER"
    nested = strips_of(scene).new_scene("scene", other, channel=1, frame_start=1)
    nested.scene_input = "SEQUENCER"
    other.render.resolution_x, other.render.resolution_y = 64, 36
    other.view_settings.view_transform = "Standard"


def strips_of(scene: Any) -> Any:
    editor = scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


# Letters, light


def letters() -> None:
    source = next(path for path in sorted(Path(bpy.utils.system_resource("DATAFILES", path="fonts")).iterdir()))
    (FOLDER / "fonts").mkdir()
    (FOLDER / "fonts" / source.name).write_bytes(source.read_bytes())
    text = bpy.data.curves.new("text", "FONT")
    text.body, text.font = "Wg\u0416", bpy.data.fonts.load(str(FOLDER / "fonts" / source.name))
    thing = added("text", text)
    thing.rotation_euler, thing.scale, thing.location = (math.pi / 2, 0, 0), (3, 3, 3), (-3, 0, -1)
    text.materials.append(glowing("ink", GREEN))


def lamp() -> None:
    """A lamp that shines to one side only."""
    angles = "0 45 90 135 180"
    profile = ["IESNA91", "TILT=NONE", "1 1000 1 5 1 1 2 0 0 0", "1 1 0", angles, "0", "900 700 20 5 1"]
    (FOLDER / "lamps").mkdir()
    (FOLDER / "lamps" / "lamp.ies").write_text("\r\n".join(profile) + "\r\n")
    bpy.data.objects.remove(bpy.data.objects["sun"])
    light = bpy.data.lights.new("lamp", "POINT")
    light.energy = 500
    if bpy.app.version < (5, 0):
        light.use_nodes = True
    node = light.node_tree.nodes.new("ShaderNodeTexIES")
    node.mode, node.filepath = "EXTERNAL", str(FOLDER / "lamps" / "lamp.ies")
    light.node_tree.links.new(node.outputs[0], light.node_tree.nodes["Emission"].inputs["Strength"])
    added("lamp", light).location = (0, -2, 1)
    bpy.ops.mesh.primitive_plane_add(size=9, rotation=(math.pi / 2, 0, 0))


# Caches


def moved() -> None:
    """Meshes that are moved by files, one of each kind."""
    for kind, x in (("MDD", -2), ("PC2", 2)):
        thing = grid(kind, count=2, size=2)
        thing.location.x = x
        points = [list(vertex.co) for vertex in thing.data.vertices]
        path = FOLDER / "moved" / f"m.{kind.lower()}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((mdd if kind == "MDD" else pc2)(points))
        modifier = thing.modifiers.new("cache", "MESH_CACHE")
        modifier.cache_format, modifier.filepath = kind, str(path)
        modifier.frame_start = 1


def brought() -> None:
    """Pictures of a sequence and meshes that are moved by files; the file's name is burnt in. It is compressed."""
    walk()
    moved()
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y, render.use_stamp, render.stamp_font_size = 640, 180, True, 8
    for name in ("date", "time", "render_time", "memory", "hostname"):
        if hasattr(render, f"use_stamp_{name}"):
            setattr(render, f"use_stamp_{name}", False)
    render.use_stamp_filename = True


def frames_of(points: list[list[float]]) -> list[list[float]]:
    """Higher and higher."""
    return [
        [value + frame * 0.3 * (axis == 2) for point in points for axis, value in enumerate(point)]
        for frame in range(5)
    ]


def mdd(points: list[list[float]]) -> bytes:
    header = struct.pack(">2i5f", 5, len(points), *(frame / 24 for frame in range(5)))
    return header + b"".join(struct.pack(f">{len(frame)}f", *frame) for frame in frames_of(points))


def pc2(points: list[list[float]]) -> bytes:
    header = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, len(points), 0, 1, 5)
    return header + b"".join(struct.pack(f"<{len(frame)}f", *frame) for frame in frames_of(points))


def sculpted() -> None:
    """Details of a mesh that are kept beside the file."""
    thing = grid(count=3)
    thing.modifiers.new("multires", "MULTIRES")
    for _ in range(3):
        bpy.ops.object.multires_subdivide(modifier="multires")
    thing.modifiers.new("wave", "CAST").factor = 0.8
    other = grid("shape", count=24)
    for vertex in other.data.vertices:
        vertex.co.z += 0.4 * math.sin(7 * vertex.co.x)
    thing.modifiers.remove(thing.modifiers["wave"])
    bpy.ops.object.select_all(action="DESELECT")
    other.select_set(True)
    thing.select_set(True)
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.multires_reshape(modifier="multires")
    bpy.data.objects.remove(other)
    (FOLDER / "details").mkdir()
    bpy.ops.object.multires_external_save(filepath=str(FOLDER / "details" / "d.btx"), modifier="multires")


def sea() -> None:
    thing = grid(count=2)
    modifier = thing.modifiers.new("sea", "OCEAN")
    modifier.geometry_mode, modifier.resolution, modifier.viewport_resolution = "GENERATE", 3, 3
    modifier.size, modifier.spatial_size, modifier.wave_scale = 0.05, 50, 4
    modifier.frame_start, modifier.frame_end = 1, 5
    modifier.filepath = str(FOLDER / "sea")
    for frame in (1, 5):
        modifier.time = frame
        modifier.keyframe_insert("time", frame=frame)
    bpy.ops.object.ocean_bake(modifier="sea")
    where = modifier.as_pointer()
    place = ctypes.string_at(where, 1400).find(bytes(FOLDER / "sea"))
    ctypes.memset(where + place + 1160, 1, 1)  # Blender in the background bakes it, but doesn't note that it did
    assert modifier.is_cached


def cloth(*, on_disk: bool = True) -> Any:
    thing = grid()
    modifier = thing.modifiers.new("cloth", "CLOTH")
    cache = modifier.point_cache
    cache.use_disk_cache, cache.frame_end, cache.name = on_disk, 5, "falling"
    modifier.settings.effector_weights.gravity = 8
    bpy.ops.ptcache.bake_all(bake=True)
    assert cache.is_baked
    modifier.settings.effector_weights.gravity = 0
    return thing


def remembered() -> None:
    """Particles that are not baked; the file holds the frames they were shown in, which Blender's command for relative
    paths would make it forget."""
    system = sparking()
    save()
    for frame in range(1, 6):
        bpy.context.scene.frame_set(frame)
    assert system.point_cache.info.startswith("5 frames in memory")


def unnamed_cloth() -> None:
    cloth().modifiers["cloth"].point_cache.name = ""


def outside_cloth() -> None:
    """Cached in a folder that somebody chose."""
    cache = cloth().modifiers["cloth"].point_cache
    save()
    (FOLDER / "chosen").mkdir()
    for file in (FOLDER / f"blendcache_{NAME}").iterdir():
        file.rename(FOLDER / "chosen" / file.name)
    cache.use_external, cache.filepath = True, str(FOLDER / "chosen")


def sparks() -> None:
    system = sparking()
    system.point_cache.use_disk_cache, system.point_cache.frame_end = True, 5
    bpy.ops.ptcache.bake_all(bake=True)
    assert system.point_cache.is_baked


def sparking() -> Any:
    thing = grid(z=1)
    system = thing.modifiers.new("sparks", "PARTICLE_SYSTEM").particle_system
    system.settings.count, system.settings.frame_start, system.settings.frame_end = 60, 1, 3
    system.settings.normal_factor, system.settings.render_type = 9, "OBJECT"
    bpy.ops.mesh.primitive_cube_add(size=4, location=(0, 99, 0))
    system.settings.instance_object = bpy.context.object
    bpy.context.object.data.materials.append(glowing("spark", RED))
    return system


def water() -> None:
    """A fluid, baked, with a mesh."""
    bpy.ops.mesh.primitive_cube_add(size=4)
    tank = bpy.context.object
    tank.data.materials.append(glowing("water", BLUE))
    modifier = tank.modifiers.new("water", "FLUID")
    modifier.fluid_type = "DOMAIN"
    domain = modifier.domain_settings
    domain.domain_type, domain.use_mesh, domain.mesh_scale = "LIQUID", True, 1
    domain.resolution_max, domain.cache_frame_end, domain.cache_type = 16, 5, "ALL"
    domain.cache_directory = str(FOLDER / "tank")
    bpy.ops.mesh.primitive_cube_add(size=1.5, location=(0, 0, 0.5))
    source = bpy.context.object.modifiers.new("source", "FLUID")
    source.fluid_type = "FLOW"
    source.flow_settings.flow_type = "LIQUID"
    bpy.context.object.hide_render = True
    bpy.ops.object.select_all(action="DESELECT")
    tank.select_set(True)
    bpy.context.view_layer.objects.active = tank
    bpy.ops.fluid.bake_all()
    assert domain.has_cache_baked_mesh


def zone(target: str = "DISK") -> None:
    """A simulation zone that moves the mesh a bit each frame, baked."""
    thing = grid()
    tree = bpy.data.node_groups.new("zone", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    kinds = ("NodeGroupInput", "NodeGroupOutput", "GeometryNodeSimulationInput", "GeometryNodeSimulationOutput")
    start, end, first, last = (tree.nodes.new(kind) for kind in kinds)
    first.pair_with_output(last)
    move = tree.nodes.new("GeometryNodeTransform")
    move.inputs["Translation"].default_value = (0.5, 0, 0)
    for output, entry in (
        (start.outputs[0], first.inputs["Geometry"]),
        (first.outputs["Geometry"], move.inputs["Geometry"]),
        (move.outputs["Geometry"], last.inputs["Geometry"]),
        (last.outputs["Geometry"], end.inputs[0]),
    ):
        tree.links.new(output, entry)
    modifier = thing.modifiers.new("zone", "NODES")
    modifier.node_group = tree
    bpy.context.view_layer.update()
    modifier.bake_target = target
    save()
    bake = modifier.bakes[0].bake_id
    bpy.ops.object.geometry_node_bake_single(session_uid=thing.session_uid, modifier_name="zone", bake_id=bake)


def packed_zone() -> None:
    zone("PACKED")


def imported() -> None:
    """A mesh that nodes read from a file, named in the node and from outside."""
    (FOLDER / "meshes").mkdir()
    for name, x in (("one", -2), ("two", 1)):
        corners = [(x, 0, -1), (x + 1, 0, -1), (x, 0, 1)]
        lines = [*("v {} {} {}".format(*corner) for corner in corners), "f 1 2 3"]
        (FOLDER / "meshes" / f"{name}.obj").write_text("\n".join(lines) + "\n")
    for name in ("one", "two"):
        tree = bpy.data.node_groups.new(name, "GeometryNodeTree")
        tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
        node, end = tree.nodes.new("GeometryNodeImportOBJ"), tree.nodes.new("NodeGroupOutput")
        realize = tree.nodes.new("GeometryNodeRealizeInstances")
        tree.links.new(node.outputs[0], realize.inputs[0])
        tree.links.new(realize.outputs[0], end.inputs[0])
        modifier = added(name, bpy.data.meshes.new(name)).modifiers.new("nodes", "NODES")
        path = str(FOLDER / "meshes" / f"{name}.obj")
        if name == "one":
            node.inputs["Path"].default_value = path
        else:
            socket = tree.interface.new_socket("Path", in_out="INPUT", socket_type="NodeSocketString")
            socket.subtype = "FILE_PATH"
            start = tree.nodes.new("NodeGroupInput")
            tree.links.new(start.outputs["Path"], node.inputs["Path"])
        modifier.node_group = tree
        if name == "two" and hasattr(modifier, "properties"):
            getattr(modifier.properties.inputs, socket.identifier).value = path
        elif name == "two":
            modifier[socket.identifier] = path


# Libraries


def linked(kind: str, name: str, *, path: Path) -> Any:
    libraries: Any = bpy.data.libraries
    with libraries.load(str(path), link=True, relative=True) as (_, wanted):
        setattr(wanted, kind, [name])
    return getattr(wanted, kind)[0]


def library(path: Path, texture: Path, *, seen_from: Path, color: tuple[float, ...] = GREEN) -> None:
    """A file of a plane `asset` with a texture, which it names as one should who looks from a folder."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = loaded(png(texture, color))
    shown(image)
    bpy.context.object.name = "asset"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    image.filepath = f"//{os.path.relpath(texture, seen_from)}"
    bpy.ops.wm.save_mainfile()


def published() -> None:
    """A library reached by a link; its texture is beside the link. Another texture of that name is beside the file."""
    publish, version = FOLDER / "publish", FOLDER / "versions" / "v003"
    png(version / "textures" / "t.png", RED)
    library(version / "char.blend", publish / "textures" / "t.png", seen_from=publish)
    (publish / "char.blend").symlink_to("../versions/v003/char.blend")
    begin()
    save()
    bpy.context.scene.collection.objects.link(linked("objects", "asset", path=publish / "char.blend"))


def published_folder() -> None:
    """A library in a folder that is a link, with textures above and in it."""
    real, link = FOLDER / "disk2" / "char" / "v3", FOLDER / "proj" / "char"
    png(FOLDER / "disk2" / "char" / "shared" / "t.png", RED)
    link.parent.mkdir()
    real.mkdir(parents=True)
    link.symlink_to("../disk2/char/v3")
    library(link / "char.blend", FOLDER / "proj" / "shared" / "t.png", seen_from=link)
    begin()
    save()
    bpy.context.scene.collection.objects.link(linked("objects", "asset", path=link / "char.blend"))


def twice() -> None:
    """A library that is reached by a link and by its own path: other textures are beside each."""
    one, two = FOLDER / "one", FOLDER / "two"
    png(two / "t.png", BLUE)
    library(one / "char.blend", one / "t.png", seen_from=one)
    (two / "char.blend").symlink_to("../one/char.blend")
    begin()
    save()
    for folder, x in ((one, -2), (two, 2)):
        instance = added(folder.name, linked("meshes", "Plane", path=folder / "char.blend"))
        instance.location.x, instance.rotation_euler.x = x, math.pi / 2


def drawer() -> None:
    """A library whose own cloth is baked on disk, and whose picture can't be packed."""
    global NAME
    name, NAME = NAME, "drawer-library"
    begin()
    save()
    thing = cloth()
    material = glowing("walk")
    for number in range(1, 6):
        png(FOLDER / "walk" / f"{number:04d}.png", (number / 5, 0.2, 0))
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = loaded(FOLDER / "walk" / "0001.png", "SEQUENCE")
    node.image_user.frame_duration, node.image_user.use_auto_refresh = 5, True
    material.node_tree.links.new(node.outputs["Color"], material.node_tree.nodes["Emission"].inputs["Color"])
    thing.data.materials.append(material)
    save()
    NAME = name
    begin()
    save()
    bpy.context.scene.collection.objects.link(linked("objects", "grid", path=FOLDER / "drawer-library.blend"))


def own_copy() -> None:
    """What is linked and yet in the file itself, with a picture beside the library."""
    library(FOLDER / "lib" / "char.blend", FOLDER / "lib" / "textures" / "t.png", seen_from=FOLDER / "lib")
    begin()
    save()
    data: Any = bpy.data
    thing = data.pack_linked_ids_hierarchy(linked("objects", "asset", path=FOLDER / "lib" / "char.blend"))
    bpy.context.scene.collection.objects.link(thing)


SCENES = {
    scene.__name__: scene
    for scene in (
        *(walk, tiles, eyes, film, reel, clip),
        *(edit, letters, lamp, brought),
        *(
            moved,
            sculpted,
            sea,
            remembered,
            cloth,
            unnamed_cloth,
            outside_cloth,
            sparks,
            water,
            zone,
            packed_zone,
            imported,
        ),
        *(published, published_folder, twice, drawer, own_copy),
    )
}

main()
