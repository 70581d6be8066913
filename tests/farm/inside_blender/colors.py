# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes an OCIO configuration that has a view and a colour space more than Blender's own; or, in a Blender that has
it, a file that uses them. Runs inside Blender and knows nothing of farms.

    blender -b --factory-startup --python colors.py -- config.ocio
    OCIO=config.ocio blender -b --factory-startup --python colors.py -- FILE.blend
"""

import re
import sys
from pathlib import Path
from typing import Any

import bpy

VIEW, SPACE = "Studio Look", "Studio Space"
_SPACE = f"  - !<ColorSpace>\n    name: {SPACE}\n    isdata: false\n\n"


def main() -> None:
    out = Path(sys.argv[-1])
    if out.suffix == ".ocio":
        out.write_text(with_view(Path(bpy.utils.system_resource("DATAFILES", path="colormanagement"))))
        return
    scene: Any = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x, scene.render.resolution_y = 32, 18
    scene.view_settings.view_transform = VIEW
    image: Any = bpy.data.images.new("painted", 8, 8)
    image.pack()
    image.colorspace_settings.name = SPACE
    tree = bpy.data.objects["Cube"].active_material.node_tree
    node: Any = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    bpy.ops.wm.save_as_mainfile(filepath=str(out))


def with_view(own: Path) -> str:
    text = (own / "config.ocio").read_text()
    text = re.sub(r"(displays:\n +[^\n]+:\n)", rf"\1    - !<View> {{name: {VIEW}, colorspace: Linear Rec.709}}\n", text)
    text = re.sub(r"^colorspaces:\n", f"colorspaces:\n{_SPACE}", text, flags=re.MULTILINE)
    text = text.replace("active_views: [", f"active_views: [{VIEW}, ")
    return text.replace("search_path: ", f"search_path: {own / 'luts'}:{own / 'filmic'}:", 1)


main()
