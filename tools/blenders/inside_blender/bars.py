# SPDX-License-Identifier: GPL-3.0-or-later
"""A stacked bar for each of several things, as a picture. Runs inside Blender, which draws and letters it as a flat
scene, and knows nothing of the farm.

    blender -b --factory-startup --python bars.py -- '"A title"' '{"one": {"load": 1, "render": 2}}' '"ms"' '"out.png"'

Each bar has the same length; how much it stands for is written behind it.
"""

import json
import sys
from typing import Any, Literal

import bpy

WIDTH, ROW = 1200, 46  # pixels
NAMES, BARS, BAR = 150, 880, 30  # where bars begin, how long they are, and how high
WIDE_ENOUGH = 46  # for a figure within a bar
GROUND, INK, PAPER = "#ffffff", "#24292f", "#ffffff"
COLORS = ("#0072b2", "#e69f00", "#7b4fa3", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#8c8c8c", "#b8a800", "#444444")

Align = Literal["LEFT", "CENTER", "RIGHT"]


def main() -> None:
    title, things, unit, out = map(json.loads, sys.argv[sys.argv.index("--") + 1 :])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    parts = list(dict.fromkeys(part for amounts in things.values() for part in amounts))
    colors = dict(zip(parts, COLORS, strict=False))
    height = ROW * (len(things) + 2) + 10
    write(title, NAMES, height - 0.5 * ROW, size=20)
    legend(colors, height - 1.35 * ROW)
    for row, (name, amounts) in enumerate(things.items()):
        bar(name, amounts, unit, colors, height - ROW * (row + 2.5))
    render(height, out)


def legend(colors: dict[str, str], y: float) -> None:
    x = float(NAMES)
    for part, color in colors.items():
        box(x, y, 16, 16, color)
        x += 22
        x += write(part, x, y, size=16) + 24


def bar(name: str, amounts: dict[str, float], unit: str, colors: dict[str, str], y: float) -> None:
    whole = sum(amounts.values())
    write(name, NAMES - 14, y, size=18, align="RIGHT")
    x = float(NAMES)
    for part, amount in amounts.items():
        length = BARS * amount / whole
        box(x, y, length, BAR, colors[part])
        if length > WIDE_ENOUGH:
            write(in_words(amount), x + length / 2, y, size=16, color=PAPER, align="CENTER")
        x += length
    write(f"{in_words(whole)} {unit}", NAMES + BARS + 14, y, size=18)


def in_words(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:.1f}"


def box(x: float, y: float, width: float, height: float, color: str) -> None:
    """From `x` on, its middle at `y`."""
    if width <= 0:
        return
    mesh = bpy.data.meshes.new("box")
    low, high = y - height / 2, y + height / 2
    mesh.from_pydata([(x, low, 0), (x + width, low, 0), (x + width, high, 0), (x, high, 0)], [], [(0, 1, 2, 3)])
    mesh.materials.append(flat(color))
    bpy.context.collection.objects.link(bpy.data.objects.new("box", mesh))


def write(text: str, x: float, y: float, *, size: float, color: str = INK, align: Align = "LEFT") -> float:
    """Gives the width of what was written."""
    curve: Any = bpy.data.curves.new("text", "FONT")
    curve.body, curve.size, curve.align_x = text, size * 1.15, align
    curve.materials.append(flat(color))
    lettering = bpy.data.objects.new("text", curve)
    lettering.location = (x, y - 0.36 * size, 1)
    bpy.context.collection.objects.link(lettering)
    bpy.context.view_layer.update()
    return lettering.dimensions.x


def flat(color: str) -> Any:
    """Of this color (`#rrggbb`), whatever the light."""
    if color in bpy.data.materials:
        return bpy.data.materials[color]
    material: Any = bpy.data.materials.new(color)
    if bpy.app.version < (5, 0):  # from then on a material is never without
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    glow, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    glow.inputs["Color"].default_value = linear(color)
    tree.links.new(glow.outputs["Emission"], output.inputs["Surface"])
    return material


def linear(color: str) -> tuple[float, float, float, float]:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue, 1


def render(height: float, out: str) -> None:
    scene: Any = bpy.context.scene
    view = bpy.data.cameras.new("view")
    view.type, view.ortho_scale = "ORTHO", max(WIDTH, height)
    camera = bpy.data.objects.new("view", view)
    camera.location = (WIDTH / 2, height / 2, 50)
    scene.collection.objects.link(camera)
    box(-WIDTH, height / 2, 3 * WIDTH, 3 * height, GROUND)
    bpy.context.collection.objects[-1].location.z = -1
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, int(height)
    scene.render.engine, scene.view_settings.view_transform = "CYCLES", "Standard"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = 32, False, 0
    scene.render.image_settings.color_mode = "RGB"
    scene.render.filepath = out
    bpy.ops.render.render(write_still=True)


main()
