# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages: small scenes on which properties are changed. Each function makes one in an empty file and gives what is to
be changed on it. Runs inside Blender.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import bpy

Stage = Callable[[], Sequence[Any]]
STAGES: dict[str, Stage] = {}
CURVE_TYPES = ("BEZIER", "POLY", "NURBS")


def stage(make: Stage) -> Stage:
    STAGES[make.__name__] = make
    return make


def base() -> Any:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 10
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = 48, 32
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling, cycles.max_bounces = 2, False, False, 3
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "MULTI_LAYER_IMAGE"
    render.image_settings.file_format, render.image_settings.color_depth = "OPEN_EXR_MULTILAYER", "32"
    layer = scene.view_layers[0]
    for name in ("normal", "object_index", "material_index", "diffuse_color", "emit", "mist", "uv"):
        setattr(layer, f"use_pass_{name}", True)
    scene.world = bpy.data.worlds.new("world")
    nodes_of(scene.world)
    scene.world.cycles.sampling_method, scene.world.cycles.sample_map_resolution = "MANUAL", 64  # in no time
    bpy.ops.object.light_add(type="SUN", rotation=(0.6, 0.3, 0))
    bpy.ops.object.camera_add(location=(0, -7, 1.5), rotation=(1.35, 0, 0))
    scene.camera = bpy.context.object
    bpy.ops.mesh.primitive_plane_add(size=30, location=(0, 0, -1.2))
    return scene


def nodes_of(thing: Any) -> Any:
    if bpy.app.version < (5, 0):
        thing.use_nodes = True
    return thing.node_tree


def material(name: str = "material") -> Any:
    made = bpy.data.materials.new(name)
    nodes_of(made)
    return made


def made_object() -> Any:
    made = bpy.context.object
    if hasattr(made.data, "materials"):
        made.data.materials.append(material())
    return made


def cube(**options: Any) -> Any:
    bpy.ops.mesh.primitive_cube_add(**{"rotation": (0.2, 0.3, 0.4)} | options)
    return made_object()


def added(name: str, data: Any) -> Any:
    thing = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    return thing


# The scene


@stage
def scene() -> list[Any]:
    made = base()
    made.render.use_simplify = True
    made.render.simplify_subdivision_render, made.render.simplify_child_particles_render = 1, 0.5
    cube().modifiers.new("finer", "SUBSURF").render_levels = 2
    hairy(location=(2, 0, 0))
    glass = cube(location=(-2, 0, 0)).active_material.node_tree.nodes["Principled BSDF"]
    glass.inputs["Transmission Weight"].default_value, glass.inputs["Roughness"].default_value = 1, 0.1
    return [made]


@stage
def scene_with_depth_of_field_and_volume() -> list[Any]:
    made = base()
    made.camera.data.dof.use_dof = True
    made.camera.data.dof.focus_distance, made.camera.data.dof.aperture_fstop = 3, 0.1
    thick = cube(location=(1, 0, 0)).active_material.node_tree
    volume = thick.nodes.new("ShaderNodeVolumePrincipled")
    thick.links.new(volume.outputs[0], thick.nodes["Material Output"].inputs["Volume"])
    cube(location=(-1, 0, 0))
    return [made, made.camera.data]


@stage
def scene_with_passes() -> list[Any]:
    made = base()
    thing = cube()
    thing.pass_index = 1
    thing.is_shadow_catcher = False
    return list(made.view_layers)


@stage
def scene_as_it_is_shown() -> list[Any]:
    """Color management, which OpenEXR is not put through."""
    made = base()
    if hasattr(made.render.image_settings, "media_type"):
        made.render.image_settings.media_type = "IMAGE"
    made.render.image_settings.file_format = "PNG"
    cube()
    return [made.view_settings, made.display_settings, made.render]


def compositor_node(kind: str) -> list[Any]:
    scene = base()
    cube()
    if bpy.app.version < (5, 0):
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite").inputs[0]
    else:
        tree = scene.compositing_node_group = bpy.data.node_groups.new("composed", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        output = tree.nodes.new("NodeGroupOutput").inputs[0]
    layers = tree.nodes.new("CompositorNodeRLayers")
    node = tree.nodes.new(kind)
    for socket in [socket for socket in node.inputs if socket.type == "RGBA" and socket.enabled][:1]:
        tree.links.new(layers.outputs["Image"], socket)
    tree.links.new(first(node.outputs), output)
    return [node]


@stage
def grease_pencil() -> list[Any]:
    base()
    bpy.ops.object.grease_pencil_add(type="MONKEY")
    thing = bpy.context.object
    return [thing.data, thing, *thing.data.materials]


@stage
def node_group() -> list[Any]:
    scene = base()
    inner: Any = bpy.data.node_groups.new("inner", "ShaderNodeTree")
    inner.interface.new_socket("Color", in_out="OUTPUT", socket_type="NodeSocketColor")
    made, mix = inner.nodes.new("NodeGroupOutput"), inner.nodes.new("ShaderNodeMixRGB")
    value = inner.nodes.new("ShaderNodeValue")
    inner.links.new(value.outputs[0], mix.inputs[0])
    inner.links.new(mix.outputs[0], made.inputs[0])
    mix.inputs[2].default_value = (1, 0, 0, 1)
    for tree, into in (
        (cube().active_material.node_tree, ("Principled BSDF", "Base Color")),
        (scene.world.node_tree, ("Background", "Color")),
    ):
        group = tree.nodes.new("ShaderNodeGroup")
        group.node_tree = inner
        tree.links.new(group.outputs[0], tree.nodes[into[0]].inputs[into[1]])
    return [mix, value]


def hairy(**options: Any) -> Any:
    thing = cube(**options)
    thing.modifiers.new("hair", "PARTICLE_SYSTEM")
    settings = thing.particle_systems[0].settings
    settings.type, settings.count, settings.hair_length = "HAIR", 12, 1
    settings.child_type, settings.rendered_child_count = "SIMPLE", 3
    return thing


# Objects and what they are made of


@stage
def object_mesh() -> list[Any]:
    base()
    thing = cube()
    tree = thing.active_material.node_tree
    info = tree.nodes.new("ShaderNodeObjectInfo")
    tree.links.new(info.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    thing["mine"] = 0.2
    return [thing, thing.active_material, thing.data]


@stage
def object_parent() -> list[Any]:
    base()
    parent = added("parent", None)
    parent.rotation_euler.z = 0.3
    for mode in ("QUATERNION", "AXIS_ANGLE"):
        turned = added(mode, None)
        turned.rotation_mode, turned.parent = mode, parent
        cube(location=(1, 0, 0)).parent = turned
    cube().parent = parent
    return [*parent.children, parent]


@stage
def object_instancer() -> list[Any]:
    base()
    thing = cube(size=0.4, location=(0, 0, 1))
    collection = bpy.data.collections.new("many")
    collection.objects.link(thing)
    empty = added("instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", collection
    bpy.ops.mesh.primitive_plane_add(size=2, location=(1.5, 0, 0))
    faces = made_object()
    faces.instance_type = "FACES"
    cube(size=0.3).parent = faces
    return [empty, faces, collection, thing]


def of_data(make: Callable[[], Any]) -> list[Any]:
    base()
    make()
    thing = made_object()
    return [thing.data, thing]


def curve(kind: str) -> Any:
    data = bpy.data.curves.new(kind, "CURVE")
    data.dimensions, data.bevel_depth, data.extrude = "3D", 0.2, 0.1
    spline = data.splines.new(kind)
    points = spline.bezier_points if kind == "BEZIER" else spline.points
    points.add(4 - len(points))
    for number, point in enumerate(points):
        point.co = (number - 1.5, 0, number % 2) if kind == "BEZIER" else (number - 1.5, 0, number % 2, 1)
        if kind == "BEZIER":
            point.handle_left_type = point.handle_right_type = "AUTO"
    return added(kind, data)


for kind in CURVE_TYPES:
    STAGES[f"data_curve_{kind}"] = partial(of_data, partial(curve, kind))
for name, make in {
    "text": lambda: bpy.ops.object.text_add(location=(-1, 0, 0), rotation=(1.4, 0, 0)),
    "surface": lambda: bpy.ops.surface.primitive_nurbs_surface_sphere_add(),
    "meta": lambda: bpy.ops.object.metaball_add(radius=1.5),
}.items():
    STAGES[f"data_{name}"] = partial(of_data, make)


@stage
def data_shape_keys() -> list[Any]:
    base()
    thing = cube()
    for name in ("Basis", "one", "two"):
        block = thing.shape_key_add(name=name)
    for number, point in enumerate(block.data):
        point.co.z += number / 5
    for point in thing.data.shape_keys.key_blocks["one"].data:
        point.co.x *= 2
    absolute = cube(location=(2, 0, 0))
    for name in ("Basis", "one"):
        block = absolute.shape_key_add(name=name)
    for point in block.data:
        point.co.x *= 2
    absolute.data.shape_keys.use_relative = False
    return [thing.data.shape_keys, absolute.data.shape_keys]


@stage
def data_lattice() -> list[Any]:
    base()
    bpy.ops.object.add(type="LATTICE")
    lattice = bpy.context.object
    cube().modifiers.new("bent", "LATTICE").object = lattice
    for name in ("Basis", "one"):
        lattice.shape_key_add(name=name)
    lattice.data.shape_keys.key_blocks["one"].data[0].co.x += 1
    return [lattice, lattice.data, lattice.data.shape_keys]


@stage
def data_curves_hair() -> list[Any]:
    base()
    data: Any = bpy.data.hair_curves.new("hair")
    data.add_curves([4] * 10)
    for number, point in enumerate(data.points):
        point.position = (number // 4 / 4 - 1, 0, number % 4 / 3)
    added("hair", data)
    thing = made_object()
    return [thing.data, thing]


def light(kind: str) -> list[Any]:
    scene = base()
    cube()
    bpy.ops.object.light_add(type=kind, location=(1, -2, 2), rotation=(0.6, 0.3, 0))
    thing = bpy.context.object
    thing.data.energy = 3 if kind == "SUN" else 200
    scene.world.node_tree.nodes["Background"].inputs[1].default_value = 0.1
    nodes_of(thing.data)
    return [thing.data, thing]


for kind in ("POINT", "SUN", "SPOT", "AREA"):
    STAGES[f"light_{kind}"] = partial(light, kind)


def camera(kind: str) -> list[Any]:
    scene = base()
    cube()
    cube(location=(1, 3, 0))
    data = scene.camera.data
    data.type, data.dof.use_dof, data.dof.focus_distance = kind, True, 4
    data.dof.aperture_fstop = 0.1
    return [data, scene.camera]


for kind in ("PERSP", "ORTHO", "PANO"):
    STAGES[f"camera_{kind}"] = partial(camera, kind)


# Poses


def rig() -> tuple[Any, Any]:
    bpy.ops.object.armature_add(location=(0, 0, -1))
    arm = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    first = arm.data.edit_bones[0]
    second = arm.data.edit_bones.new("second")
    second.head, second.tail, second.parent = first.tail, (0, 0.2, 2), first
    bpy.ops.object.mode_set(mode="OBJECT")
    body = cube()
    body.modifiers.new("arm", "ARMATURE").object = arm
    for number, name in enumerate(("Bone", "second")):
        body.vertex_groups.new(name=name).add(range(4 * number, 4 * number + 4), 1, "REPLACE")
    return arm, body


@stage
def pose() -> list[Any]:
    base()
    arm, _ = rig()
    turned = arm.pose.bones["second"]
    turned.rotation_mode = "XYZ"
    turned["mine"] = 0.5
    hand = cube(size=0.4, location=(0, 0, 0))
    hand.parent, hand.parent_type, hand.parent_bone = arm, "BONE", "second"
    arm.data.bones["second"].bbone_segments = 3
    return [arm, arm.pose, arm.data]


@stage
def pose_with_kinematics() -> list[Any]:
    base()
    arm, _ = rig()
    target = added("target", None)
    target.location = (1, 0, 1)
    chain = arm.pose.bones["second"].constraints.new("IK")
    chain.target, chain.chain_count = target, 2
    return [arm.pose, target]


# Constraints and modifiers


def property_kinds(owner: str) -> list[str]:
    """What may be given to `new` of modifiers or constraints."""
    structure = getattr(bpy.types, owner).bl_rna
    return [item.identifier for item in structure.properties["type"].enum_items]


def constraint(kind: str) -> list[Any]:
    base()
    target = cube(location=(1, 1, 0.5), rotation=(0.4, 0.6, 0))
    path = curve("BEZIER")
    path.location = (0, 0, 1)
    thing = cube(size=1)
    made = thing.constraints.new(kind)
    if hasattr(made, "targets"):
        arm, _ = rig()
        only = made.targets.new()
        only.target, only.subtarget = arm, "Bone"
    elif hasattr(made, "target"):
        made.target = path if kind == "FOLLOW_PATH" else target
    if kind == "ACTION":
        made.action = bpy.data.actions.new("action")
    path.data.use_path, path.data.path_duration = True, 20
    return [made, target, path.data]


for kind in property_kinds("Constraint"):
    STAGES[f"constraint_{kind}"] = partial(constraint, kind)
NEED_MORE = {
    "MESH_SEQUENCE_CACHE",
    "CLOTH",
    "DYNAMIC_PAINT",
    "EXPLODE",
    "FLUID",
    "PARTICLE_SYSTEM",
    "SOFT_BODY",
    "SURFACE",
}


def modifier(kind: str) -> list[Any]:
    base()
    target = cube(location=(0.5, -0.3, 0.5), size=1)
    if kind.startswith(("GREASE", "LINEART")):
        bpy.ops.object.grease_pencil_add(type="MONKEY")
        thing = bpy.context.object
    else:
        bpy.ops.mesh.primitive_grid_add(x_subdivisions=6, y_subdivisions=6, size=3, rotation=(0.9, 0, 0.2))
        thing = made_object()
        thing.vertex_groups.new(name="all").add(range(20), 0.7, "REPLACE")
    made = thing.modifiers.new("modifier", kind)
    for name in ("object", "target", "object_from", "auxiliary_target", "offset_object", "mirror_object", "origin"):
        if hasattr(made, name):
            setattr(made, name, target)
    if hasattr(made, "texture"):
        made.texture = bpy.data.textures.new("texture", "CLOUDS")
    if hasattr(made, "vertex_group") and kind != "ARMATURE":
        made.vertex_group = "all"
    if kind == "NODES":
        made.node_group = moving_nodes()
    return [made, target, *([made.texture] if hasattr(made, "texture") else [])]


for kind in property_kinds("Modifier"):
    if kind not in NEED_MORE:
        STAGES[f"modifier_{kind}"] = partial(modifier, kind)


def moving_nodes() -> Any:
    tree: Any = bpy.data.node_groups.new("nodes", "GeometryNodeTree")
    for name, way, what in (("in", "INPUT", "Geometry"), ("by", "INPUT", "Vector"), ("out", "OUTPUT", "Geometry")):
        tree.interface.new_socket(name, in_out=way, socket_type=f"NodeSocket{what}")
    given, made, move = (
        tree.nodes.new(kind) for kind in ("NodeGroupInput", "NodeGroupOutput", "GeometryNodeTransform")
    )
    tree.links.new(given.outputs[0], move.inputs["Geometry"])
    tree.links.new(given.outputs[1], move.inputs["Translation"])
    tree.links.new(move.outputs[0], made.inputs[0])
    return tree


def texture(kind: str) -> list[Any]:
    base()
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=12, y_subdivisions=12, size=3, rotation=(0.9, 0, 0.2))
    made = made_object().modifiers.new("modifier", "DISPLACE")
    made.texture, made.texture_coords = bpy.data.textures.new("texture", kind), "LOCAL"
    made.texture.use_color_ramp = True
    return [made.texture]


for kind in property_kinds("Texture"):
    STAGES[f"texture_{kind}"] = partial(texture, kind)


# Hair


@stage
def particles_hair() -> list[Any]:
    base()
    thing = hairy()
    return [thing.particle_systems[0], thing.particle_systems[0].settings]


# Nodes


def node_types(*prefixes: str) -> Iterator[str]:
    for name in sorted(dir(bpy.types)):
        if name.startswith(prefixes) and not name.endswith(("NodeBase", "Node", "Tree")):
            yield name


def first(sockets: Any) -> Any:
    return next((socket for socket in sockets if socket.enabled), None)


def shader_node(place: str, kind: str) -> list[Any]:
    """A node of one kind in a material, the world or a light, so that it makes what is seen."""
    scene = base()
    thing = cube()
    if place == "light":
        bpy.ops.object.light_add(type="AREA", location=(0, -2, 2), rotation=(0.7, 0, 0))
        owner = bpy.context.object.data
        owner.energy = 200
    else:
        owner = scene.world if place == "world" else thing.active_material
    tree = nodes_of(owner)
    output = next(node for node in tree.nodes if node.bl_idname.startswith("ShaderNodeOutput"))
    node = tree.nodes.new(kind)
    for name in ("image", "object"):
        if hasattr(node, name):
            setattr(node, name, picture() if name == "image" else thing)
    made = first(node.outputs)
    into = output.inputs["Surface"]
    if made.type != "SHADER":
        emission = tree.nodes.new("ShaderNodeEmission" if place != "world" else "ShaderNodeBackground")
        tree.links.new(made, emission.inputs[0])
        made = emission.outputs[0]
    elif "Volume" in kind:
        into = output.inputs["Volume"]
    if kind.endswith("Displacement"):
        made, into = first(node.outputs), output.inputs["Displacement"]
        owner.displacement_method = "BOTH"
    tree.links.new(made, into)
    return [node]


def picture() -> Any:
    if "picture" not in bpy.data.images:
        made = bpy.data.images.new("picture", 8, 8)
        made.generated_type = "COLOR_GRID"
    return bpy.data.images["picture"]


for kind in node_types("ShaderNode"):
    if "Output" not in kind and "Group" not in kind and kind != "ShaderNodeTree":
        for place in ("material", "world", "light"):
            STAGES[f"node_{place}_{kind}"] = partial(shader_node, place, kind)


def geometry_node(kind: str) -> list[Any]:
    """A node of one kind in a modifier: geometry goes through it, or its value moves geometry."""
    base()
    target = cube(location=(0, 0, 1.5), size=0.3)
    thing = cube()
    tree = moving_nodes()
    thing.modifiers.new("nodes", "NODES").node_group = tree
    given, made = tree.nodes[:2]
    node = tree.nodes.new(kind)
    for socket in node.inputs:
        if socket.type == "OBJECT":
            socket.default_value = target
        elif socket.type == "MATERIAL":
            socket.default_value = thing.active_material
    for number in range(2):
        into = [socket for socket in node.inputs if socket.type == "GEOMETRY" and socket.enabled]
        if number < len(into):
            tree.links.new(given.outputs[0], into[number])
    out = first(node.outputs)
    if out.type == "GEOMETRY":
        tree.links.new(out, made.inputs[0])
    else:
        by = tree.nodes.new("GeometryNodeSetPosition")
        tree.links.new(given.outputs[0], by.inputs[0])
        tree.links.new(out, by.inputs["Offset"])
        tree.links.new(by.outputs[0], made.inputs[0])
    return [node, target]


NO_NODES = (
    "GeometryNodeTree",
    "GeometryNodeGroup",
    "GeometryNodeSimulation",
    "GeometryNodeRepeat",
    "GeometryNodeForeach",
    "GeometryNodeTool",
    "GeometryNodeBake",
    "GeometryNodeCustomGroup",
    "GeometryNodeViewer",
    "FunctionNode",
)
for kind in node_types("GeometryNode"):
    if not kind.startswith(NO_NODES):
        STAGES[f"node_geometry_{kind}"] = partial(geometry_node, kind)
for kind in node_types(
    "FunctionNode",
    "ShaderNodeMath",
    "ShaderNodeMix",
    "ShaderNodeVectorMath",
    "ShaderNodeMapRange",
    "ShaderNodeTexNoise",
    "ShaderNodeValToRGB",
    "ShaderNodeClamp",
):
    if kind not in ("FunctionNode", "ShaderNodeMixShader"):
        STAGES[f"node_geometry_{kind}"] = partial(geometry_node, kind)

for kind in node_types("CompositorNode"):
    if "Output" not in kind and not kind.startswith(("CompositorNodeGroup", "CompositorNodeCustom")):
        STAGES[f"node_compositor_{kind}"] = partial(compositor_node, kind)
