# SPDX-License-Identifier: GPL-3.0-or-later
"""Joining: a picture of which all tiles are rendered is finished as if Cycles had rendered it here just now: the tiles
are put in the place of what it would render, and all that comes behind that is done by Blender itself: compositing,
colours, the burnt-in stamp, the file.

What Cycles denoises it denoises when all samples are there. Blender's compositor does the same, with the same passes
and the same library: so it is asked to, and its picture is put in the place of the one with noise.
"""

import hashlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from . import scenes, tiles
from .openexr import multilayer_size, texts_of
from .tiles import Region

_ENGINE = "CYCLES"
_FLOAT = 4  # bytes
_COMBINED, _NOISY = "Combined", "Noisy Image"
_ALBEDO, _NORMAL = "Denoising Albedo", "Denoising Normal"
_GUIDES = {"RGB": (), "RGB_ALBEDO": (_ALBEDO,), "RGB_ALBEDO_NORMAL": (_ALBEDO, _NORMAL)}
_BLAMED = "a tile of the picture"  # by this the farm knows that one is to be rendered anew
_KEPT = ("cycles.", "cryptomatte/")  # what Cycles says of a picture in its file
_OF_A_TILE = "_time"  # the end of the names of what it says of a tile alone


@dataclass(frozen=True, slots=True)
class Tile:
    """`region`: what it is of the picture; the file may have more. `hash`: its Blake2b-512, in lower-case hex."""

    region: Region
    file: Path
    hash: str


def tiles_of(told: Sequence[Sequence[Any]]) -> list[Tile]:
    """As a command tells of them: edges, file and hash of each."""
    return [Tile(Region(*edges), Path(file), digest) for *edges, file, digest in told]


def check(scene: Any, parts: Sequence[Tile]) -> None:
    """Blender reads what is left of a file that is damaged or was cut off, and says nothing. Raises RenderError."""
    for tile in parts:
        wanted = tiles.with_margin(scene, tile.region).size
        try:
            with tile.file.open("rb") as file:
                found = hashlib.file_digest(file, hashlib.blake2b).hexdigest()
            size = multilayer_size(tile.file) if found == tile.hash else None
        except (OSError, ValueError) as error:
            raise scenes.RenderError(f"{_BLAMED} can't be read: {tile.file}: {error}") from error
        if found != tile.hash:
            raise scenes.RenderError(f"{_BLAMED} is not what was rendered: {tile.file}")
        if size != wanted:
            raise scenes.RenderError(f"{_BLAMED} is none of this one, it has another size: {tile.file}")


@dataclass(frozen=True, slots=True)
class Whole:
    """A picture in a file with all passes; `denoised`: its denoised pictures in files of their own, by view layer."""

    file: Path
    told: Mapping[str, str]
    denoised: Mapping[str, Path] = field(default_factory=dict)

    def begin(self) -> dict[str, Any]:
        """The denoised pictures, by view layer, as images of Blender."""
        return {layer: _image(file) for layer, file in self.denoised.items()}

    def fill(self, engine: Any, layer: str, denoised: Mapping[str, Any]) -> None:
        result = engine.begin_result(0, 0, engine.resolution_x, engine.resolution_y, layer=layer)
        result.load_from_file(str(self.file))
        passes = _passes(result)
        if _NOISY in passes:
            passes[_NOISY].rect.foreach_set(_pixels(passes[_COMBINED]))
        if layer in denoised:
            pixels = _room(len(denoised[layer].pixels))
            denoised[layer].pixels.foreach_get(pixels)
            passes[_COMBINED].rect.foreach_set(pixels)
        engine.end_result(result)


@dataclass(frozen=True, slots=True)
class Tiles:
    tiles: Sequence[Tile]
    scene: Any

    @property
    def told(self) -> dict[str, str]:
        told = texts_of(self.tiles[0].file, *_KEPT)
        return {name: text for name, text in told.items() if not name.endswith(_OF_A_TILE)}

    def begin(self) -> dict[str, Any]:
        return {}

    def fill(self, engine: Any, layer: str, _denoised: Mapping[str, Any]) -> None:
        """One tile at a time."""
        picture = tiles.picture(self.scene)
        for tile in self.tiles:
            region = tile.region
            rendered = tiles.with_margin(self.scene, region)
            result = engine.begin_result(0, 0, *rendered.size, layer=layer)
            result.load_from_file(str(tile.file))
            passes = {name: _cut(one, rendered, region) for name, one in _passes(result).items()}
            engine.end_result(result, cancel=True)
            place = region.left - picture.left, region.bottom - picture.bottom
            result = engine.begin_result(*place, *region.size, layer=layer)
            for name, one in _passes(result).items():
                one.rect.foreach_set(passes[name])
            engine.end_result(result)


Source = Whole | Tiles
"""Of what a picture can be made instead of rendering it."""


def denoised(scene: Any, parts: Sequence[Tile], frame: int, folder: Path) -> Whole | None:
    """Puts the tiles together in a file and denoises what the scene wants so; None if that is nothing. The scene has to
    be opened anew then. Raises RenderError."""
    layers = tiles.denoised_layers(scene)
    if not layers:
        return None
    guides = _GUIDES[scene.cycles.denoising_input_passes]
    wanted = scene.cycles.denoising_prefilter, scene.cycles.denoising_quality
    tiles.prepare(scene)
    scene.render.use_crop_to_border = True
    whole = folder / f"{frame:06d}.exr"
    joined = Tiles(parts, scene)
    with instead_of_rendering(joined):
        scenes.render_frame(frame, str(whole), tiles.FORMAT)
    files = {layer: folder / f"denoised-{number}.exr" for number, layer in enumerate(layers)}
    for layer, file in files.items():
        _denoise(whole, layer, guides, wanted, tiles.picture(scene).size, file)
    return Whole(whole, joined.told, files)


@contextmanager
def instead_of_rendering(source: Source) -> Iterator[None]:
    """Cycles renders nothing meanwhile: what it would render comes from there. Raises RenderError at its end if that
    could not be read: Blender itself goes on with a black picture."""
    engine: Any = next(
        one for one in bpy.types.RenderEngine.__subclasses__() if getattr(one, "bl_idname", "") == _ENGINE
    )
    errors: list[Exception] = []
    images = source.begin()

    def update(self: Any, data: Any, depsgraph: Any) -> None:
        pass

    def render(self: Any, depsgraph: Any) -> None:
        try:
            source.fill(self, depsgraph.view_layer.name, images)
            for name, text in source.told.items():
                self.get_result().stamp_data_add_field(name, text)
        except (RuntimeError, KeyError, OSError, ValueError, TypeError) as error:
            errors.append(error)

    def free(self: Any) -> None:
        pass

    own = {"update": update, "render": render, "__del__": free}
    theirs = {name: engine.__dict__[name] for name in own}
    for name, function in own.items():
        setattr(engine, name, function)
    try:
        yield
    finally:
        for name, function in theirs.items():
            setattr(engine, name, function)
        for image in images.values():
            bpy.data.images.remove(image)
    if errors:
        raise scenes.RenderError(f"the tiles of the picture can't be put together: {errors[0]}")


def _denoise(
    whole: Path, layer: str, guides: Sequence[str], wanted: tuple[str, str], size: tuple[int, int], target: Path
) -> None:
    """By a scene that does nothing else."""
    scene: Any = bpy.data.scenes.new("denoise")
    image = bpy.data.images.load(str(whole))
    try:
        tree, output = _tree(scene)
        source, denoise = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeDenoise")
        source.image = image
        if source.has_layers:
            source.layer = layer
        for name, to in ((_COMBINED, "Image"), *((guide, guide.rpartition(" ")[2]) for guide in guides)):
            tree.links.new(source.outputs[name], denoise.inputs[to])
        tree.links.new(denoise.outputs[0], output)
        _set(denoise, "use_hdr", "HDR", True)
        for name, value in zip(("prefilter", "quality"), wanted, strict=True):
            _set(denoise, name, name.title(), value)
        render = scene.render
        render.resolution_x, render.resolution_y = size
        render.resolution_percentage = 100
        render.use_compositing = True
        settings = render.image_settings
        settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
        render.filepath = str(target)
        render.use_file_extension = False
        bpy.ops.render.render(write_still=True, scene=scene.name)
    except RuntimeError as error:
        raise scenes.RenderError(f"the picture can't be denoised: {error}") from error
    finally:
        bpy.data.images.remove(image)
        bpy.data.scenes.remove(scene)
    if not target.is_file():
        raise scenes.RenderError("the picture can't be denoised: Blender wrote nothing; see its log")


def _tree(scene: Any) -> tuple[Any, Any]:
    """The scene's compositor, and what leads to its picture."""
    if hasattr(scene, "compositing_node_group"):
        groups: Any = bpy.data.node_groups
        tree = groups.new("denoise", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
        return tree, tree.nodes.new("NodeGroupOutput").inputs[0]
    scene.use_nodes = True
    scene.node_tree.nodes.clear()
    return scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite").inputs[0]


def _set(node: Any, name: str, socket: str, value: Any) -> None:
    """A choice that is a property of the node, or, since Blender 5, one of its inputs, named as people see it. Where
    there is none Blender chooses the best."""
    if hasattr(node, name):
        setattr(node, name, value)
    elif socket in node.inputs:
        node.inputs[socket].default_value = value.title() if isinstance(value, str) else value


def _passes(result: Any) -> dict[str, Any]:
    return {one.name: one for one in result.layers[0].passes}


def _image(file: Path) -> Any:
    image: Any = bpy.data.images.load(str(file))
    image.colorspace_settings.name = "Non-Color"  # its numbers are wanted as they are
    return image


def _room(numbers: int) -> "array[float]":
    return array("f", bytes(_FLOAT * numbers))


def _pixels(one: Any) -> "array[float]":
    pixels = _room(len(one.rect) * one.channels)
    one.rect.foreach_get(pixels)
    return pixels


def _cut(one: Any, rendered: Region, region: Region) -> "array[float]":
    """The pixels of a pass, of all that is rendered only the region's."""
    pixels = _pixels(one)
    if rendered == region:
        return pixels
    width, row = rendered.size[0] * one.channels, region.size[0] * one.channels
    first = (region.bottom - rendered.bottom) * width + (region.left - rendered.left) * one.channels
    cut = array("f")
    for start in range(first, first + region.size[1] * width, width):
        cut.extend(pixels[start : start + row])
    return cut
