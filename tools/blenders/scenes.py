# SPDX-License-Identifier: GPL-3.0-or-later
"""Sample scenes for the demo, the bench and the tests, made by Blender itself. Says nothing of how they look.

The names, what each is for and its options are in `inside_blender/scenes.py`.
"""

from pathlib import Path

from tools.blenders.inside_blender import run_script
from tools.errors import ToolError


def make(blender: Path, name: str, out: Path, *, timeout: float = 120, **options: float) -> Path:
    """Has `blender` save the scene `name` as `out` and gives `out` back. Raises ToolError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    run_script("scenes.py", blender, name, out.absolute(), options, timeout=timeout)
    if not out.is_file():
        raise ToolError(f"The scene {name} was not saved as {out}.")
    return out
