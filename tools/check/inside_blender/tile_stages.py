# SPDX-License-Identifier: GPL-3.0-or-later
"""Tile stages: small scenes in which much is to be seen, that a picture in tiles could show otherwise. Each function
makes one in an empty file and gives what is to be changed in it, all below a root or `only` some. Runs inside Blender.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import bpy
import stages  # type: ignore[import-not-found]

from tools.blenders.inside_blender import compositor

Stage = Callable[[], Sequence[Any]]
STAGES: dict[str, Stage] = {}
NOT_TRIED = re.compile(
    "rna_type|name|name_full|id_type|session_uid|original|users|use_fake_user|use_extra_user|tag|library.*|asset_data"
    "|override_library|preview|animation_data|ffmpeg|bake|bake_.*|use_bake_.*|eevee|active_.*|layer_collection|objects"
    "|depsgraph|freestyle_settings|session_uid|is_.*|show_.*|preview_.*|use_preview_.*|threads.*|display_.*|passepartout.*"
    "|sequencer_gl_preview|use_lock_interface|debug_use_c.*|debug_use_(optix|hip|metal).*|device|composition_guide_color"
    "|empty_.*|lock_.*|track_axis|up_axis|color|hide_.*|select.*"
)  # of no picture, or told to each child


def stage(make: Stage) -> Stage:
    STAGES[make.__name__] = make
    return make


def only(root: Any, *names: str) -> tuple[str, ...]:
    """Of what is below it: what begins with such a name, there what begins with such a one, …"""
    return repr(root), *names


def all_data() -> Iterator[Any]:
    for collection in bpy.data.bl_rna.properties:
        if collection.type == "COLLECTION":
            yield from getattr(bpy.data, collection.identifier)


def base() -> Any:
    scene = stages.base()
    scene.render.resolution_x, scene.render.resolution_y = 117, 87
    scene.render.image_settings.exr_codec = "NONE"
    scene.cycles.samples, scene.cycles.volume_bounces = 16, 2
    return scene


def every_pass(scene: Any) -> None:
    """All that Blender and Cycles know of, whatever they are called."""
    for layer in scene.view_layers:
        for owner in (layer, layer.cycles):
            for prop in owner.bl_rna.properties:
                name = prop.identifier
                is_pass = name.startswith(("use_pass_", "pass_debug_")) or name == "denoising_store_passes"
                if prop.type == "BOOLEAN" and is_pass and hasattr(owner, name):
                    setattr(owner, name, True)


def things_to_see(scene: Any) -> None:
    lights = scene.view_layers[0].lightgroups
    for number, kind in enumerate(("glossy", "glass", "sss", "emission", "volume", "image")):
        bpy.ops.mesh.primitive_uv_sphere_add(
            segments=16, ring_count=8, radius=0.8, location=((number - 2.5) * 1.3, number % 2, number % 3 - 0.5)
        )
        ball: Any = bpy.context.object
        ball.pass_index = number + 1
        ball.name = kind
        if number % 2:
            bpy.ops.object.shade_smooth()
        made = stages.material(kind)
        made.pass_index = 10 - number
        ball.data.materials.append(made)
        tree, surface = made.node_tree, made.node_tree.nodes["Principled BSDF"]
        surface.inputs["Base Color"].default_value = (0.2 + number / 8, 1 - number / 6, 0.3, 1)
        surface.inputs["Roughness"].default_value = 0.1 + number / 10
        if kind == "glossy":
            surface.inputs["Metallic"].default_value = 1
        elif kind == "glass":
            surface.inputs["Transmission Weight"].default_value = 1
            surface.inputs["Roughness"].default_value = 0.6
        elif kind == "sss":
            surface.inputs["Subsurface Weight"].default_value = 1
        elif kind == "emission":
            surface.inputs["Emission Color"].default_value = (1, 0.6, 0.2, 1)
            surface.inputs["Emission Strength"].default_value = 3
            ball.lightgroup = lights.add().name
        elif kind == "volume":
            volume = tree.nodes.new("ShaderNodeVolumePrincipled")
            volume.inputs["Density"].default_value = 2
            volume.inputs["Emission Strength"].default_value = 0.2
            tree.links.new(volume.outputs[0], tree.nodes["Material Output"].inputs["Volume"])
            tree.links.remove(tree.nodes["Material Output"].inputs["Surface"].links[0])
        elif kind == "image":
            picture = bpy.data.images.new("grid", 256, 256)
            picture.generated_type = "COLOR_GRID"
            texture = tree.nodes.new("ShaderNodeTexImage")
            texture.image = picture
            tree.links.new(texture.outputs[0], surface.inputs["Base Color"])
        ball.keyframe_insert("location", frame=1)
        ball.location.z += 0.5
        ball.keyframe_insert("location", frame=4)
    bpy.ops.object.light_add(type="AREA", location=(2, -3, 4), rotation=(0.5, 0.3, 0))
    bpy.ops.object.light_add(type="POINT", location=(-3, -2, 2))
    bpy.ops.mesh.primitive_plane_add(size=2, location=(0, -2, -0.9))
    bpy.context.object.is_shadow_catcher = True
    hang_aovs(scene)


def hang_aovs(scene: Any) -> None:
    for kind in ("COLOR", "VALUE"):
        aov = scene.view_layers[0].aovs.add()
        aov.name, aov.type = kind.title(), kind
        for ball in bpy.data.objects:
            if ball.type == "MESH" and ball.active_material is not None:
                tree = ball.active_material.node_tree
                node = tree.nodes.new("ShaderNodeOutputAOV")
                if hasattr(node, "aov_name"):
                    node.aov_name = aov.name
                else:
                    node.name = aov.name
                noise = tree.nodes.new("ShaderNodeTexNoise")
                number = int(kind == "VALUE")
                tree.links.new(noise.outputs["Color" if kind == "COLOR" else 0], node.inputs[number])


def as_picture(scene: Any) -> None:
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "PNG"


@stage
def everything() -> list[Any]:
    """All passes of several layers, sampled as needed, in motion."""
    scene = base()
    things_to_see(scene)
    scene.render.use_motion_blur = True
    scene.cycles.use_adaptive_sampling, scene.cycles.adaptive_threshold, scene.cycles.samples = True, 0.05, 20
    scene.cycles.adaptive_min_samples = 4
    second = scene.view_layers.new("second")
    second.material_override = bpy.data.materials["glossy"]
    second.samples = 7
    scene.view_layers.new("off").use = False
    every_pass(scene)
    return [only(scene, "cycles"), only(scene.render, "(?!image_settings|use_stamp|stamp_).*"), *scene.view_layers[:2]]


@stage
def vectors() -> list[Any]:
    """What has none with motion blur; many things in a pixel."""
    scene = base()
    things_to_see(scene)
    for number in range(80):
        bpy.ops.mesh.primitive_cube_add(size=0.008, location=(number % 10 / 90 - 1, -3, number // 10 / 90))
        cube = bpy.context.object
        cube.data.materials.append(stages.material(f"cube {number}"))
        parent = bpy.data.objects.new(f"asset {number}", None)
        scene.collection.objects.link(parent)
        cube.parent = parent
    scene.cycles.samples = 8
    every_pass(scene)
    return []


@stage
def picture() -> list[Any]:
    """What is done to a picture when it is rendered."""
    scene = base()
    things_to_see(scene)
    as_picture(scene)
    scene.cycles.samples = 4
    render, layer = scene.render, scene.view_layers[0]
    layer.use_pass_cryptomatte_object = layer.use_pass_z = True
    render.use_stamp = True
    render.use_stamp_render_time = render.use_stamp_memory = False
    render.dither_intensity = 1
    tree, end = compositor.empty(scene)
    layers = tree.nodes.new("CompositorNodeRLayers")
    glare, blur = tree.nodes.new("CompositorNodeGlare"), tree.nodes.new("CompositorNodeBlur")
    matte, lens = tree.nodes.new("CompositorNodeCryptomatteV2"), tree.nodes.new("CompositorNodeLensdist")
    files = tree.nodes.new("CompositorNodeOutputFile")
    if hasattr(files, "directory"):
        files.directory, files.file_name = "//files/", ""
        files.format.media_type = "IMAGE"
        files.format.file_format = "PNG"
        files.file_output_items.new("RGBA", "depth")
    else:
        files.base_path = "//files/"
    matte.matte_id = "glass,sss"
    tree.links.new(layers.outputs["Image"], glare.inputs[0])
    tree.links.new(glare.outputs[0], lens.inputs[0])
    tree.links.new(lens.outputs[0], blur.inputs[0])
    tree.links.new(blur.outputs[0], matte.inputs[0])
    tree.links.new(matte.outputs[0], end.inputs[0])
    tree.links.new(layers.outputs["Depth"], files.inputs[0])
    return [only(render, "(?!simplify|motion|border|line_|hair).*"), scene.view_settings, scene.display_settings]


@stage
def subdivided() -> list[Any]:
    """As finely as the camera sees it; more coarsely where it doesn't."""
    scene = base()
    scene.cycles.samples = 4
    if hasattr(scene.cycles, "feature_set"):
        scene.cycles.feature_set = "EXPERIMENTAL"
    scene.cycles.dicing_rate = 2
    for x in (-4, -1.4, 1.4, 4):
        bpy.ops.mesh.primitive_uv_sphere_add(segments=8, ring_count=6, location=(x, 0, 0))
        ball: Any = bpy.context.object
        modifier = ball.modifiers.new("finer", "SUBSURF")
        owner = modifier if hasattr(modifier, "use_adaptive_subdivision") else ball.cycles
        owner.use_adaptive_subdivision = True
        made = stages.material("rough")
        made.displacement_method = "BOTH"
        tree = made.node_tree
        bump, noise = tree.nodes.new("ShaderNodeDisplacement"), tree.nodes.new("ShaderNodeTexNoise")
        noise.inputs["Scale"].default_value = 8
        tree.links.new(noise.outputs[0], bump.inputs["Height"])
        tree.links.new(bump.outputs[0], tree.nodes["Material Output"].inputs["Displacement"])
        made.node_tree.nodes["Principled BSDF"].inputs["Metallic"].default_value = 1
        made.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0
        ball.data.materials.append(made)
    bpy.ops.object.camera_add(location=(0, -9, 3), rotation=(1.2, 0, 0))
    scene.render.use_motion_blur = True
    return [only(scene, "cycles", "dicing_.*|max_subdivisions|offscreen.*"), scene.camera.data]


@stage
def hairy() -> list[Any]:
    scene = base()
    scene.cycles.samples = 4
    stages.hairy(location=(0, 0, 0))
    return [only(scene, "cycles_curves")]


@stage
def by_the_window() -> list[Any]:
    """Shaders that ask where in the picture, or how large a pixel is."""
    scene = base()
    scene.cycles.samples = 4
    for x, (kind, output) in enumerate((("TexCoord", "Window"), ("TexCoord", "Camera"), ("CameraData", "View Vector"))):
        bpy.ops.mesh.primitive_uv_sphere_add(segments=16, ring_count=8, location=((x - 1) * 2, 0, 0))
        made = stages.material(output)
        tree = made.node_tree
        node = tree.nodes.new(f"ShaderNode{kind}" if kind == "TexCoord" else "ShaderNodeCameraData")
        tree.links.new(node.outputs[output], tree.nodes["Principled BSDF"].inputs["Base Color"])
        bpy.context.object.data.materials.append(made)
    bpy.ops.mesh.primitive_cube_add(location=(0, 0, 1.6), rotation=(0.2, 0.3, 0.4))
    made = stages.material("wire")
    tree = made.node_tree
    wire, bevel = tree.nodes.new("ShaderNodeWireframe"), tree.nodes.new("ShaderNodeBevel")
    wire.use_pixel_size = True
    wire.inputs[0].default_value = 3
    tree.links.new(wire.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    tree.links.new(bevel.outputs[0], tree.nodes["Principled BSDF"].inputs["Normal"])
    bpy.context.object.data.materials.append(made)
    tree = scene.world.node_tree
    where = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(where.outputs["Window"], tree.nodes["Background"].inputs["Color"])
    picture = bpy.data.images.new("grid", 512, 512)
    picture.generated_type = "COLOR_GRID"
    return [scene.camera.data]


@stage
def all_around() -> list[Any]:
    """A panorama."""
    scene = base()
    scene.cycles.samples = 4
    things_to_see(scene)
    camera: Any = scene.camera.data
    camera.type = "PANO"
    kind = camera if hasattr(camera, "panorama_type") else camera.cycles
    kind.panorama_type = "FISHEYE_EQUISOLID"
    return [camera]


@stage
def bordered() -> list[Any]:
    scene = base()
    scene.cycles.samples = 4
    things_to_see(scene)
    render = scene.render
    render.use_border = True
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.05, 0.91, 0.03, 0.97
    return [only(render, "border_.*|use_border|use_crop_to_border|resolution_.*|pixel_aspect_.*|use_multiview")]


@stage
def blurred_lens() -> list[Any]:
    scene = base()
    scene.cycles.samples = 4
    things_to_see(scene)
    scene.render.use_motion_blur = True
    scene.cycles.rolling_shutter_type = "TOP"
    camera: Any = scene.camera.data
    camera.shift_x, camera.shift_y = 0.1, -0.05
    camera.dof.use_dof, camera.dof.aperture_fstop, camera.dof.focus_distance = True, 0.2, 6
    return [camera]


@stage
def large_for_cycles() -> list[Any]:
    """Cycles cuts it itself."""
    scene = base()
    things_to_see(scene)
    bpy.data.objects.remove(bpy.data.objects["volume"])
    scene.cycles.use_auto_tile, scene.cycles.tile_size = True, 32
    return []


@stage
def large_and_sampled_as_needed() -> list[Any]:
    scene = base()
    things_to_see(scene)
    scene.cycles.use_auto_tile, scene.cycles.tile_size = True, 64
    scene.cycles.use_adaptive_sampling, scene.cycles.adaptive_threshold, scene.cycles.samples = True, 0.05, 64
    return []


@stage
def drawn() -> list[Any]:
    """By Grease Pencil, over what Cycles renders."""
    scene = base()
    scene.cycles.samples = 4
    for name in ("grease_pencil_add", "gpencil_add"):
        try:
            getattr(bpy.ops.object, name)(type="MONKEY", rotation=(1.5, 0, 0))
        except (AttributeError, RuntimeError):
            continue
        break
    return []


@stage
def hazy() -> list[Any]:
    """Volumes all over, light linked, caustics."""
    scene = base()
    things_to_see(scene)
    scene.cycles.samples = 4
    scene.cycles.use_light_tree = False  # with it 4.3 renders a world's volume otherwise each time
    tree = scene.world.node_tree
    haze = tree.nodes.new("ShaderNodeVolumeScatter")
    haze.inputs["Density"].default_value = 0.03
    tree.links.new(haze.outputs[0], next(node for node in tree.nodes if node.type == "OUTPUT_WORLD").inputs["Volume"])
    sun = next(thing for thing in bpy.data.objects if thing.type == "LIGHT")
    ball = bpy.data.objects["glass"]
    every_pass(scene)
    return [scene.world, sun, sun.data, ball, ball.active_material]


@stage
def denoised() -> list[Any]:
    """By those Blenders that can."""
    scene = base()
    things_to_see(scene)
    for thing in [thing for thing in bpy.data.objects if thing.is_shadow_catcher]:
        bpy.data.objects.remove(thing)
    scene.cycles.samples, scene.cycles.use_denoising = 4, True
    second = scene.view_layers.new("second")
    second.material_override = bpy.data.materials["glossy"]
    names = "denois.*|film_.*|samples|use_adaptive_sampling|pixel_filter_type|filter_width|use_guiding"
    of_render = "film_transparent|use_border|use_crop_to_border|use_motion_blur|resolution_percentage"
    layers = [only(layer, "cycles") for layer in scene.view_layers]
    return [only(scene, "cycles", names), only(scene.render, of_render), *layers]
