# SPDX-License-Identifier: GPL-3.0-or-later
"""A word of the command line in bpy as a Python module: `blender --command bender_worker ...`, `WORD ...` here, or all
of it: what stands before the word is passed over.

    python bender_command.py FOLDER_WITH_THE_PACKAGE WORD ...
"""

import sys

import bpy  # noqa: F401  must come first: it makes the other modules of Blender importable


def main() -> int:
    project, *words = sys.argv[1:]
    sys.path.insert(0, project)
    import bender_worker_addon
    from bender_worker_addon.blender import headless

    bender_worker_addon.register()
    try:
        return headless.main(words[2:] if words[:1] == ["--command"] else words)
    finally:
        bender_worker_addon.unregister()


sys.exit(main())
