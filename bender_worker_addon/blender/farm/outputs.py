# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs: the File Output nodes of the open file. On a worker they write into the job's folder, see
`core/other_files.py`; their files are to be called as here."""

from pathlib import Path
from typing import Any

import bpy


def name_after(blend: Path, *, library: Path) -> None:
    """From Blender 5 on files can be called after the blend, and are unless told otherwise: after `blend`, or after the
    `library` that is open. On the farm that has another name."""
    for node in _nodes():
        for attribute in ("directory", "file_name"):
            path = getattr(node, attribute)
            named = path.replace("{blend_name}", _plain(blend)).replace("{blend_name_lib}", _plain(library))
            if named != path:
                setattr(node, attribute, named)


def _nodes() -> list[Any]:
    trees = [tree for tree in bpy.data.node_groups if tree.library is None]
    return [node for tree in trees for node in tree.nodes if hasattr(node, "file_output_items")]


def _plain(path: Path) -> str:
    return (path.stem or "untitled").replace("{", "{{").replace("}", "}}")
