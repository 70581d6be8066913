# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a scene of many small pictures, of each kind of file that Blender reads, with each alpha mode and in some color
spaces. Runs inside Blender and knows nothing of farms.

    blender -b --factory-startup --python picture_kinds.py -- FOLDER NAME

The render keeps 32 bits a channel and has no view transform: every difference shows.
"""

import math
import random
import struct
import sys
import zlib
from array import array
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import bpy

FOLDER, NAME = Path(sys.argv[-2]), sys.argv[-1]
SIDE = 4  # pixels of a picture, and of its place in the render
ALPHA_MODES = ("STRAIGHT", "PREMUL", "CHANNEL_PACKED", "NONE")
SPACES = ("sRGB", "Non-Color", "Linear Rec.709", "Filmic sRGB", "Linear Rec.2020")
WRITTEN = {
    "BMP": "bmp",
    "JPEG": "jpg",
    "TARGA": "tga",
    "TARGA_RAW": "tga",
    "DPX": "dpx",
    "OPEN_EXR": "exr",
    "HDR": "hdr",
    "TIFF": "tif",
    "WEBP": "webp",
    "IRIS": "rgb",
}  # JPEG 2000 and Cineon can't be read back by Debian's Blenders
random.seed(1)
PIXELS = [[random.random() for _ in range(4)] for _ in range(SIDE * SIDE)]
PIXELS[0][3], PIXELS[1][3] = 0, 1


def main() -> None:
    files = [*pngs(), *written_by_blender()]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = prepared()
    kinds = list(product(files, ALPHA_MODES, SPACES, ("Color", "Alpha")))
    columns = math.ceil(math.sqrt(len(kinds)))
    for number, (file, alpha_mode, space, output) in enumerate(kinds):
        image: Any = bpy.data.images.load(str(file))
        image.alpha_mode, image.colorspace_settings.name = alpha_mode, space
        show(image, output, number % columns, number // columns)
    scene.render.resolution_x = scene.render.resolution_y = columns * SIDE
    scene.camera.data.ortho_scale = columns
    scene.camera.location = (columns / 2, columns / 2, 1)
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / f"{NAME}.blend"))


def pngs() -> Iterator[Path]:
    """Of those that Blender doesn't write: with alpha and without color, with a palette, with transparent colors."""
    for depth, (name, kind, channels) in product((8, 16), (("g", 0, [0]), ("ga", 4, [0, 3]), ("rgb", 2, [0, 1, 2]))):
        yield png(f"{name}{depth}", depth, kind, [[pixel[channel] for channel in channels] for pixel in PIXELS])
        if kind == 2:
            yield png(f"rgba{depth}", depth, 6, PIXELS)
    palette = (b"PLTE", bytes([255, 0, 0, 0, 200, 0, 10, 20, 250, 77, 88, 99]))
    chosen = [[round(pixel[0] * 3) / 255] for pixel in PIXELS]
    yield png("palette", 8, 3, chosen, palette)
    yield png("clear-palette", 8, 3, chosen, palette, (b"tRNS", bytes([0, 128, 255, 60])))
    yield png("clear-grey", 8, 0, chosen, (b"tRNS", struct.pack(">H", 1)))
    yield png("gamma", 8, 2, [pixel[:3] for pixel in PIXELS], (b"gAMA", struct.pack(">I", 100000)))


def png(name: str, depth: int, kind: int, pixels: list[list[float]], *more: tuple[bytes, bytes]) -> Path:
    values = [[round(value * (2**depth - 1)).to_bytes(depth // 8, "big") for value in pixel] for pixel in pixels]
    rows = [b"\0" + b"".join(b"".join(pixel) for pixel in values[row : row + SIDE]) for row in range(0, SIDE**2, SIDE)]
    header = struct.pack(">IIBBBBB", SIDE, SIDE, depth, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    path = FOLDER / f"{name}.png"
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for code, data in chunks:
            file.write(struct.pack(">I", len(data)) + code + data + struct.pack(">I", zlib.crc32(code + data)))
    return path


def written_by_blender() -> Iterator[Path]:
    source: Any = bpy.data.images.new("source", SIDE, SIDE, alpha=True, float_buffer=True)
    source.alpha_mode = "STRAIGHT"
    source.pixels.foreach_set(array("f", [value for pixel in PIXELS for value in pixel]))
    settings: Any = bpy.context.scene.render.image_settings
    modes, depths = (settings.bl_rna.properties[name].enum_items for name in ("color_mode", "color_depth"))
    for image_format, extension in WRITTEN.items():
        settings.file_format = image_format
        for mode, depth in product([mode.identifier for mode in modes], [depth.identifier for depth in depths]):
            path = FOLDER / f"{image_format}-{mode}-{depth}.{extension}".lower()
            try:
                settings.color_mode, settings.color_depth = mode, depth
                source.save_render(str(path))
            except (TypeError, RuntimeError):  # there is no such thing
                continue
            yield path


def prepared() -> Any:
    """A scene in which a pixel is seen as it is."""
    scene: Any = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 1, False, False
    scene.cycles.device, scene.cycles.max_bounces = "CPU", 0
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BOX", 0.01
    scene.view_settings.view_transform = "Raw"
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_mode, scene.render.image_settings.color_depth = "RGBA", "32"
    data: Any = bpy.data.cameras.new("camera")
    data.type = "ORTHO"
    scene.camera = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(scene.camera)
    return scene


def show(image: Any, output: str, x: int, y: int) -> None:
    mesh: Any = bpy.data.meshes.new("place")
    mesh.from_pydata([(x, y, 0), (x + 1, y, 0), (x + 1, y + 1, 0), (x, y + 1, 0)], [], [(0, 1, 2, 3)])
    corners = mesh.uv_layers.new().data
    for corner, place in zip(corners, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        corner.uv = place
    material: Any = bpy.data.materials.new("place")
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    kinds = ("ShaderNodeTexImage", "ShaderNodeEmission", "ShaderNodeOutputMaterial")
    texture, emission, end = (tree.nodes.new(kind) for kind in kinds)
    texture.image, texture.interpolation = image, "Closest"
    tree.links.new(texture.outputs[output], emission.inputs["Color"])
    tree.links.new(emission.outputs[0], end.inputs["Surface"])
    mesh.materials.append(material)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("place", mesh))


main()
