# SPDX-License-Identifier: GPL-3.0-or-later
"""Saves a file again, set to write WebP, and tells what formats there are. Runs inside Blender and knows nothing of
farms.

    blender -b --factory-startup --python in_format.py -- FILE.blend OUT.blend formats.json
"""

import json
import sys
from pathlib import Path
from typing import Any

import bpy


def main() -> None:
    blend, out, formats = sys.argv[-3:]
    bpy.ops.wm.open_mainfile(filepath=blend)
    scene: Any = bpy.context.scene
    settings = scene.render.image_settings
    known = settings.bl_rna.properties["file_format"].enum_items
    Path(formats).write_text(json.dumps([one.identifier for one in known]))
    settings.file_format = "WEBP"
    bpy.ops.wm.save_as_mainfile(filepath=out)


main()
