# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving stages: what changes from frame to frame without being keyed itself, by time, by a simulation that is baked,
or since something else moves. Each function makes one in an empty file. Runs inside Blender.
"""

import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import bpy
import stages  # type: ignore[import-not-found]

MOVING: dict[str, Callable[[], object]] = {}
LAST = 10


def moving(make: Callable[[], object]) -> Callable[[], object]:
    MOVING[make.__name__] = make
    return make


def move(thing: Any, *, by: tuple[float, float, float] = (1.5, 0, 0.8)) -> Any:
    start = thing.location.copy()
    for frame, place in ((1, start), (LAST, tuple(a + b for a, b in zip(start, by, strict=True)))):
        thing.location = place
        thing.keyframe_insert("location", frame=frame)
    return thing


def grid(**options: Any) -> Any:
    bpy.ops.mesh.primitive_grid_add(
        **{"x_subdivisions": 8, "y_subdivisions": 8, "size": 3, "rotation": (0.9, 0, 0.2)} | options
    )
    return stages.made_object()


def saved() -> Path:
    """A file must be somewhere before it can keep what is baked beside it."""
    path = Path(bpy.app.tempdir) / "stage.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path.parent


# By time


@moving
def driver_by_frame() -> None:
    stages.base()
    stages.cube().driver_add("location", 0).driver.expression = "frame / 5"


@moving
def animated_seed() -> None:
    stages.base().cycles.use_animated_seed = True
    stages.cube()


@moving
def camera_markers() -> None:
    scene = stages.base()
    stages.cube()
    bpy.ops.object.camera_add(location=(2, -9, 1), rotation=(1.4, 0, 0.2))
    for frame, camera in ((1, scene.camera), (4, bpy.context.object), (6, scene.camera)):
        scene.timeline_markers.new(camera.name, frame=frame).camera = camera


@moving
def hidden_for_a_time() -> None:
    """From one frame that is rendered to another, in the middle of the shutter's time."""
    stages.base()
    thing = move(stages.cube(), by=(4, 0, 2))
    for frame, hidden in ((1, False), (2, True), (4, False)):
        thing.hide_render = hidden
        thing.keyframe_insert("hide_render", frame=frame)


@moving
def strips_of_nla() -> None:
    stages.base()
    thing = move(stages.cube())
    action = thing.animation_data.action
    thing.animation_data.action = None
    strip = thing.animation_data.nla_tracks.new().strips.new("strip", 1, action)
    strip.scale, strip.use_animated_influence = 1.5, True
    for frame, influence in ((1, 0), (LAST, 1)):
        strip.influence = influence
        strip.keyframe_insert("influence", frame=frame)


@moving
def wave() -> None:
    stages.base()
    made = grid().modifiers.new("it", "WAVE")
    made.height, made.time_offset = 1, -20


@moving
def build() -> None:
    stages.base()
    made = grid().modifiers.new("it", "BUILD")
    made.frame_start, made.frame_duration = 0, LAST


@moving
def mesh_cache() -> None:
    stages.base()
    thing = grid()
    points = [tuple(vertex.co) for vertex in thing.data.vertices]
    content = struct.pack(">ii", LAST, len(points)) + struct.pack(f">{LAST}f", *(n / 24 for n in range(LAST)))
    for number in range(LAST):
        content += b"".join(struct.pack(">3f", x, y, z + number * x / 5) for x, y, z in points)
    path = saved() / "points.mdd"
    path.write_bytes(content)
    made = thing.modifiers.new("it", "MESH_CACHE")
    made.cache_format, made.filepath = "MDD", str(path)


def nodes_by_time(into: Callable[[Any, Any], None]) -> None:
    stages.base()
    tree = stages.moving_nodes()
    stages.cube().modifiers.new("nodes", "NODES").node_group = tree
    into(tree, tree.nodes.new("GeometryNodeInputSceneTime"))


@moving
def nodes_that_move() -> None:
    nodes_by_time(lambda tree, time: tree.links.new(time.outputs["Seconds"], tree.nodes[2].inputs["Translation"]))


@moving
def nodes_that_make_more() -> None:
    def into(tree: Any, time: Any) -> None:
        line = tree.nodes.new("GeometryNodeMeshGrid")
        tree.links.new(time.outputs["Frame"], line.inputs["Vertices X"])
        tree.links.new(line.outputs[0], tree.nodes[1].inputs[0])

    nodes_by_time(into)


@moving
def nodes_that_instance() -> None:
    def into(tree: Any, time: Any) -> None:
        points, one, on = (tree.nodes.new(f"GeometryNode{kind}") for kind in ("Points", "MeshCube", "InstanceOnPoints"))
        one.inputs["Size"].default_value = (0.3, 0.3, 0.3)
        tree.links.new(time.outputs["Frame"], points.inputs["Count"])
        places = tree.nodes.new("FunctionNodeRandomValue")
        places.data_type = "FLOAT_VECTOR"
        tree.links.new(places.outputs[0], points.inputs["Position"])
        tree.links.new(points.outputs[0], on.inputs["Points"])
        tree.links.new(one.outputs[0], on.inputs["Instance"])
        tree.links.new(on.outputs[0], tree.nodes[1].inputs[0])

    nodes_by_time(into)


@moving
def nodes_that_set_the_material() -> None:
    def into(tree: Any, time: Any) -> None:
        node = tree.nodes.new("GeometryNodeSetMaterialIndex")
        tree.links.new(tree.nodes[0].outputs[0], node.inputs[0])
        tree.links.new(time.outputs["Seconds"], node.inputs["Material Index"])
        tree.links.new(node.outputs[0], tree.nodes[1].inputs[0])
        tree.nodes[2].inputs["Translation"].default_value = (0, 0, 0)

    nodes_by_time(into)
    bpy.context.scene.render.fps = 3
    thing = bpy.data.objects["Cube"]
    for color in ((1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1)):
        made = stages.material()
        made.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = color
        thing.data.materials.append(made)


def sequence() -> Any:
    """An image for each frame."""
    folder = saved()
    for frame in range(1, LAST + 1):
        image = bpy.data.images.new("one", 8, 8)
        image.generated_color = (frame / LAST, 1 - frame / LAST, frame % 2, 1)
        image.filepath_raw, image.file_format = str(folder / f"{frame:04}.png"), "PNG"
        image.save()
        bpy.data.images.remove(image)
    image = bpy.data.images.load(str(folder / "0001.png"))
    image.source = "SEQUENCE"
    return image


def play(user: Any) -> None:
    user.frame_duration, user.use_auto_refresh = LAST, True


@moving
def image_sequence() -> None:
    stages.base()
    tree = stages.cube().active_material.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = sequence()
    play(node.image_user)
    tree.links.new(node.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])


@moving
def image_sequence_in_the_world() -> None:
    tree = stages.base().world.node_tree
    stages.cube()
    node = tree.nodes.new("ShaderNodeTexEnvironment")
    node.image = sequence()
    play(node.image_user)
    tree.links.new(node.outputs[0], tree.nodes["Background"].inputs[0])


@moving
def image_sequence_that_displaces() -> None:
    stages.base()
    made = grid().modifiers.new("it", "DISPLACE")
    made.texture = bpy.data.textures.new("it", "IMAGE")
    made.texture.image = sequence()
    play(made.texture.image_user)


@moving
def noise_that_displaces() -> None:
    stages.base()
    grid().modifiers.new("it", "DISPLACE").texture = bpy.data.textures.new("it", "NOISE")
    move(stages.cube())


# Since something else moves


@moving
def focus_on_what_moves() -> None:
    scene = stages.base()
    stages.cube()
    dof = scene.camera.data.dof
    dof.use_dof, dof.aperture_fstop = True, 0.2
    dof.focus_object = move(stages.added("focus", None), by=(0, 8, 0))


@moving
def texture_by_what_moves() -> None:
    stages.base()
    tree = stages.cube().active_material.node_tree
    place, noise = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeTexNoise")
    place.object = move(stages.added("place", None))
    tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
    tree.links.new(noise.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])


@moving
def world_by_what_moves() -> None:
    tree = stages.base().world.node_tree
    stages.cube()
    place, noise = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeTexNoise")
    place.object = move(stages.added("place", None))
    tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
    tree.links.new(noise.outputs[0], tree.nodes["Background"].inputs[0])


def key_added(owner: Any) -> None:
    for frame, value in ((1, 0.0), (LAST, 2.0)):
        owner["mine"] = value
        owner.keyframe_insert('["mine"]', frame=frame)


def added_to(kind: str) -> None:
    """A property that people have added to something drives an object."""
    scene = stages.base()
    thing = stages.cube()
    arm, _ = stages.rig()
    owner = {
        "Armature": arm.data,
        "Camera": scene.camera.data,
        "Key": thing.shape_key_add() and thing.data.shape_keys,
        "Material": thing.active_material,
        "Mesh": thing.data,
        "Object": arm,
        "PoseBone": arm.pose.bones[0],
        "Scene": scene,
        "Light": bpy.data.lights[0],
        "World": scene.world,
    }[kind]
    key_added(owner)
    driver = thing.driver_add("location", 0).driver
    driver.type = "AVERAGE"
    target = driver.variables.new().targets[0]
    if kind != "Object":
        target.id_type = next(
            item.identifier
            for item in target.bl_rna.properties["id_type"].enum_items
            if item.identifier == owner.id_data.id_type
        )
    target.id = owner.id_data
    target.data_path = f'{owner.path_from_id()}["mine"]' if kind == "PoseBone" else '["mine"]'


for kind in (*("Armature", "Camera", "Key", "Material", "Mesh", "Object", "PoseBone", "Scene", "Light", "World"),):
    MOVING[f"added_to_{kind}"] = partial(added_to, kind)


@moving
def added_to_NodesModifier() -> None:
    stages.base()
    made = stages.cube().modifiers.new("nodes", "NODES")
    made.node_group = stages.moving_nodes()
    name = made.node_group.interface.items_tree["by"].identifier
    for frame, value in ((1, 0.0), (LAST, 2.0)):
        if bpy.app.version < (5, 2):
            made[name][0] = value
            made.keyframe_insert(f'["{name}"]', frame=frame)
        else:
            socket = getattr(made.properties.inputs, name)
            socket.value[0] = value
            socket.keyframe_insert("value", frame=frame)


@moving
def attribute_of_the_scene() -> None:
    scene = stages.base()
    key_added(scene)
    shine_by(stages.cube(), "VIEW_LAYER")


@moving
def attribute_of_the_object() -> None:
    stages.base()
    thing = stages.cube()
    key_added(thing)
    shine_by(thing, "OBJECT")


def shine_by(thing: Any, kind: str) -> None:
    tree = thing.active_material.node_tree
    node, shader = tree.nodes.new("ShaderNodeAttribute"), tree.nodes["Principled BSDF"]
    node.attribute_type, node.attribute_name = kind, "mine"
    tree.links.new(node.outputs["Fac"], shader.inputs["Emission Strength"])
    shader.inputs["Emission Color"].default_value = (1, 0, 0, 1)


@moving
def camera_past_what_is_diced_for_it() -> None:
    """Adaptive subdivision, finer where the camera is near."""
    scene = stages.base()
    if hasattr(scene.cycles, "feature_set"):
        scene.cycles.feature_set = "EXPERIMENTAL"
    thing = grid()
    made = thing.modifiers.new("finer", "SUBSURF")
    for owner, name in ((thing.cycles, "use_adaptive_subdivision"), (made, "use_adaptive_subdivision")):
        if hasattr(owner, name):
            setattr(owner, name, True)
    tree, noise = thing.active_material.node_tree, None
    noise = tree.nodes.new("ShaderNodeTexNoise")
    bump = tree.nodes.new("ShaderNodeDisplacement")
    tree.links.new(noise.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs[0], tree.nodes["Material Output"].inputs["Displacement"])
    thing.active_material.displacement_method = "DISPLACEMENT"
    move(scene.camera, by=(0, 4, 0))


def under(kind: str) -> None:
    """A modifier over a mesh that changes, with an object that moves."""
    made, target, *_ = stages.modifier(kind)
    thing = made.id_data
    move(target)
    if thing.type != "MESH":
        move(thing)
        return
    for name in ("Basis", "one"):
        block = thing.shape_key_add(name=name)
    for number, point in enumerate(block.data):
        point.co.z += number % 5 / 4
    for frame, value in ((1, 0), (LAST, 1)):
        block.value = value
        block.keyframe_insert("value", frame=frame)


for kind in stages.property_kinds("Modifier"):
    if kind not in stages.NEED_MORE:
        MOVING[f"under_{kind}"] = partial(under, kind)


@moving
def smoke_like_volume() -> None:
    stages.base()
    thing = move(stages.cube())
    tree = thing.active_material.node_tree
    made = tree.nodes.new("ShaderNodeVolumePrincipled")
    tree.links.new(made.outputs[0], tree.nodes["Material Output"].inputs["Volume"])
    tree.links.remove(tree.nodes["Material Output"].inputs["Surface"].links[0])


@moving
def shadow_catcher() -> None:
    stages.base()
    bpy.data.objects["Plane"].is_shadow_catcher = True
    bpy.context.scene.render.film_transparent = True
    move(stages.cube())


@moving
def instanced_collection() -> None:
    stages.base()
    collection = bpy.data.collections.new("many")
    collection.objects.link(move(stages.cube(size=0.5)))
    empty = stages.added("instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", collection
    empty.location.x = -1
    move(empty)


@moving
def instances_on_faces() -> None:
    stages.base()
    faces = grid(x_subdivisions=2, y_subdivisions=2)
    faces.instance_type, faces.use_instance_faces_scale = "FACES", True
    stages.cube(size=0.3).parent = faces
    move(faces)
    wave_of = faces.modifiers.new("it", "WAVE")
    wave_of.height, wave_of.time_offset = 1, -20


def layers(change: Callable[[Any], object]) -> None:
    scene = stages.base()
    move(stages.cube(location=(-1, 0, 0)))
    some = bpy.data.collections.new("some")
    scene.collection.children.link(some)
    thing = move(stages.cube(location=(1, 0, 0), size=1))
    some.objects.link(thing)
    scene.collection.objects.unlink(thing)
    second = scene.view_layers.new("second")
    for prop in second.bl_rna.properties:
        if prop.identifier.startswith("use_") and not prop.is_readonly:
            setattr(second, prop.identifier, getattr(scene.view_layers[0], prop.identifier))
    change(second)


MOVING["layers_that_are_alike"] = partial(layers, lambda _: None)
MOVING["layers_with_other_collections"] = partial(
    layers, lambda layer: setattr(layer.layer_collection.children["some"], "exclude", True)
)
MOVING["layers_with_a_holdout"] = partial(
    layers, lambda layer: setattr(layer.layer_collection.children["some"], "holdout", True)
)
MOVING["layers_with_other_passes"] = partial(layers, lambda layer: setattr(layer, "use_pass_position", True))
MOVING["layers_with_other_samples"] = partial(layers, lambda layer: setattr(layer, "samples", 3))
MOVING["layers_without_a_sky"] = partial(layers, lambda layer: setattr(layer, "use_sky", False))
MOVING["layers_with_a_material"] = partial(
    layers, lambda layer: setattr(layer, "material_override", stages.material("override"))
)


@moving
def layers_with_cryptomatte() -> None:
    def change(_: object) -> None:
        bpy.context.scene.cycles.samples = 1
        for layer in bpy.context.scene.view_layers:
            layer.use_pass_cryptomatte_object = layer.use_pass_cryptomatte_material = True

    layers(change)


@moving
def lines_of_freestyle() -> None:
    scene = stages.base()
    scene.render.use_freestyle = scene.view_layers[0].use_freestyle = True
    scene.view_layers[0].freestyle_settings.linesets.new("lines")
    move(stages.cube())


@moving
def drawing_of_grease_pencil() -> None:
    stages.base()
    bpy.ops.object.grease_pencil_add(type="MONKEY", location=(0, 0, 0))
    move(bpy.context.object)
    move(stages.cube())


# Simulations that are baked


def baked(make: Callable[[], Any]) -> None:
    scene = stages.base()
    saved()
    scene.frame_end = LAST
    make()
    for thing in bpy.data.objects:
        for modifier in thing.modifiers:
            if cache := getattr(modifier, "point_cache", None):
                cache.frame_end = LAST
            if getattr(modifier, "canvas_settings", None):
                for surface in modifier.canvas_settings.canvas_surfaces:
                    surface.frame_end = surface.point_cache.frame_end = LAST
        for system in thing.particle_systems:
            system.point_cache.frame_end = LAST
    if scene.rigidbody_world:
        scene.rigidbody_world.point_cache.frame_end = LAST
    bpy.ops.ptcache.bake_all(bake=True)


def emitter() -> Any:
    small = stages.cube(size=0.3, location=(0, 50, 0))
    thing = grid()
    thing.modifiers.new("particles", "PARTICLE_SYSTEM")
    settings = thing.particle_systems[0].settings
    settings.count, settings.frame_start, settings.frame_end, settings.lifetime = 40, -10, LAST, 8
    settings.render_type, settings.instance_object, settings.particle_size = "OBJECT", small, 0.8
    return thing


def falling() -> None:
    stages.cube(location=(0, 0, 2))
    bpy.ops.rigidbody.object_add(type="ACTIVE")
    bpy.context.scene.rigidbody_world.time_scale = 4


def painted() -> None:
    brush = stages.cube(size=1)
    brush.modifiers.new("paint", "DYNAMIC_PAINT")
    bpy.ops.dpaint.type_toggle(type="BRUSH")
    move(brush)
    canvas = grid(x_subdivisions=20, y_subdivisions=20, rotation=(0, 0, 0), size=5)
    canvas.modifiers.new("paint", "DYNAMIC_PAINT")
    bpy.ops.dpaint.type_toggle(type="CANVAS")
    surface = canvas.modifiers[0].canvas_settings.canvas_surfaces[0]
    surface.surface_type = "DISPLACE"


MOVING["baked_cloth"] = partial(baked, lambda: grid(location=(0, 0, 1)).modifiers.new("it", "CLOTH"))
MOVING["baked_soft_body"] = partial(baked, lambda: grid(location=(0, 0, 1)).modifiers.new("it", "SOFT_BODY"))
MOVING["baked_particles"] = partial(baked, emitter)
MOVING["baked_explosion"] = partial(baked, lambda: emitter().modifiers.new("it", "EXPLODE"))
MOVING["baked_bodies"] = partial(baked, falling)
MOVING["baked_paint"] = partial(baked, painted)


def fluid(kind: str) -> None:
    if (4, 3) <= bpy.app.version < (5, 0):
        raise NotImplementedError("Debian's 4.3 does not survive a fluid")
    stages.base()
    tank = stages.cube(size=4, rotation=(0, 0, 0))
    tank.modifiers.new("fluid", "FLUID").fluid_type = "DOMAIN"
    domain = tank.modifiers[0].domain_settings
    domain.domain_type, domain.resolution_max, domain.cache_frame_end = kind, 12, LAST
    domain.cache_type, domain.cache_directory, domain.use_mesh = "ALL", str(saved() / kind), kind == "LIQUID"
    source = stages.cube(size=1.5)
    source.hide_render = True
    source.modifiers.new("fluid", "FLUID").fluid_type = "FLOW"
    flow = source.modifiers[0].flow_settings
    flow.flow_type, flow.flow_behavior = ("SMOKE", "INFLOW") if kind == "GAS" else ("LIQUID", "GEOMETRY")
    if kind == "GAS":
        tree = tank.active_material.node_tree
        volume, output = tree.nodes.new("ShaderNodeVolumePrincipled"), tree.nodes["Material Output"]
        volume.inputs["Density"].default_value = 5
        tree.links.remove(output.inputs["Surface"].links[0])
        tree.links.new(volume.outputs[0], output.inputs["Volume"])
    with bpy.context.temp_override(object=tank, active_object=tank):
        bpy.ops.fluid.bake_all()


MOVING["baked_smoke"] = partial(fluid, "GAS")
MOVING["baked_liquid"] = partial(fluid, "LIQUID")


@moving
def baked_zone() -> None:
    stages.base()
    saved()
    thing = stages.cube()
    tree = stages.moving_nodes()
    given, made, by = tree.nodes
    into, out_of = (tree.nodes.new(f"GeometryNodeSimulation{end}") for end in ("Input", "Output"))
    into.pair_with_output(out_of)
    by.inputs["Translation"].default_value = (0.2, 0, 0)
    for link in list(tree.links):
        tree.links.remove(link)
    for source, target in (
        (given.outputs[0], into.inputs["Geometry"]),
        (into.outputs["Geometry"], by.inputs["Geometry"]),
        (by.outputs[0], out_of.inputs["Geometry"]),
        (out_of.outputs["Geometry"], made.inputs[0]),
    ):
        tree.links.new(source, target)
    modifier = thing.modifiers.new("nodes", "NODES")
    modifier.node_group = tree
    bpy.context.view_layer.update()
    modifier.bake_target = "PACKED"
    bpy.ops.wm.save_mainfile()
    bpy.ops.object.geometry_node_bake_single(
        session_uid=thing.session_uid, modifier_name="nodes", bake_id=modifier.bakes[0].bake_id
    )
