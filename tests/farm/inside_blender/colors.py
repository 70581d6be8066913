# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes an OCIO configuration that has a view more than Blender's own; or, in a Blender that has it, a file that uses
that view. Runs inside Blender and knows nothing of farms.

    blender -b --factory-startup --python colors.py -- config.ocio
    OCIO=config.ocio blender -b --factory-startup --python colors.py -- FILE.blend
"""

import re
import sys
from pathlib import Path
from typing import Any

import bpy

VIEW = "Studio Look"


def main() -> None:
    out = Path(sys.argv[-1])
    if out.suffix == ".ocio":
        out.write_text(with_view(Path(bpy.utils.system_resource("DATAFILES", path="colormanagement"))))
        return
    scene: Any = bpy.context.scene
    scene.view_settings.view_transform = VIEW
    bpy.ops.wm.save_as_mainfile(filepath=str(out))


def with_view(own: Path) -> str:
    text = (own / "config.ocio").read_text()
    text = re.sub(r"(displays:\n +[^\n]+:\n)", rf"\1    - !<View> {{name: {VIEW}, colorspace: Linear Rec.709}}\n", text)
    text = text.replace("active_views: [", f"active_views: [{VIEW}, ")
    return text.replace("search_path: ", f"search_path: {own / 'luts'}:{own / 'filmic'}:", 1)


main()
