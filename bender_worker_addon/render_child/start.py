# SPDX-License-Identifier: GPL-3.0-or-later
"""What a child's Blender is given with `--python`: finds its package, which no import system knows there."""

import sys
from pathlib import Path

import bpy  # noqa: F401  as a Python module it must come first: it brings imbuf

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from render_child import child  # type: ignore[import-not-found]

child.main()
