# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers the add-on in bpy as a Python module and runs its worker.

    python bpy_worker.py FOLDER_WITH_THE_PACKAGE WHEELS --max-tasks 1

What stands behind the wheels are options of `run`.
"""

import os
import sys

import bpy  # noqa: F401  must come first: it makes the other modules of Blender importable


def main() -> int:
    project, wheels, *options = sys.argv[1:]
    sys.path[:0] = [project, *wheels.split(os.pathsep)]
    import bender_worker_addon
    from bender_worker_addon.blender import headless

    bender_worker_addon.register()
    try:
        return headless.main(["run", *options])
    finally:
        bender_worker_addon.unregister()


sys.exit(main())
