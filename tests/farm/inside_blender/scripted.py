# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene with a script that wants to be run when it is opened. Runs inside Blender and knows nothing of farms.

    blender -b --factory-startup --python scripted.py -- out.blend

The script, and a driver too, leave a file `executed` beside the blend if they are run.
"""

import sys
from pathlib import Path

import bpy


def main() -> None:
    out = Path(sys.argv[-1])
    leave_a_trace = f"__import__('pathlib').Path({str(out.with_name('executed'))!r}).touch()"
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 64, 36
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    text = bpy.data.texts.new("script.py")
    text.write(leave_a_trace)
    text.use_module = True
    driver = bpy.data.objects["Cube"].driver_add("location", 0).driver
    driver.expression = f"({leave_a_trace} or 0)"
    bpy.ops.wm.save_as_mainfile(filepath=str(out))
    out.with_name("executed").unlink(missing_ok=True)


main()
