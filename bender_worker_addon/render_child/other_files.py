# SPDX-License-Identifier: GPL-3.0-or-later
"""Other files: what File Output nodes write besides the frame. It goes into a folder beside that, wherever it would
have gone, and from there to the worker; see `core/other_files.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from .pictures import folder_of
from .system import patiently

_NODE = "CompositorNodeOutputFile"
_HERE = "other"  # the folder of a frame in the making
_NOT_IN_NAMES = re.compile(r'[<>:"|?*\x00-\x1f](?![^{]*\})')  # on Windows; in a template of Blender 5 it may stand
_BEFORE_NAMES = re.compile(r"^[A-Za-z]:|\{blend_dir[^}]*\}")  # a drive, or the folder of the blend


class OtherFiles:
    """Of the nodes in the open blend. A node that can't be tamed is taken out."""

    def __init__(self) -> None:
        self._nodes = [_Node(tree, node) for tree in _trees() for node in tree.nodes if node.bl_idname == _NODE]
        self._folder: Path | None = None
        places = _Places()
        for node in self._nodes:
            node.tame(places)

    def begin(self, frame: Path) -> None:
        """Before `frame` is rendered. Prints what is left out."""
        folder = frame.with_name(_HERE)
        if self._nodes and folder != self._folder:
            self._nodes = [node for node in self._nodes if node.writes_into(folder)]
            self._folder = folder

    def end(self, frame: Path) -> None:
        """What was written lies in the frame's own folder now, if anything was."""
        folder = self._folder
        if folder is not None and folder.is_dir():
            patiently(lambda: folder.replace(folder_of(frame)))


class _Places:
    """Gives each folder that artists chose one of its own, by the same name if it can: that below the blend's folder,
    else the last of its names."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    def of(self, chosen: str, otherwise: str) -> str:
        names = _names(chosen) if chosen.startswith("//") else _names(chosen)[-1:]
        place = "/".join(names or _names(otherwise)[-1:]) or "files"
        number, free = 1, place
        while self._taken.setdefault(free.casefold(), chosen) != chosen:
            number += 1
            free = f"{place}-{number}"
        return free


class _Node:
    def __init__(self, tree: Any, node: Any) -> None:
        self._tree = tree
        self._node = node
        self._path = ""

    def tame(self, places: _Places) -> None:
        """Names in it lead to no other folder from now on."""
        node = self._node
        if hasattr(node, "directory"):  # Blender 5, which itself lets the names of its items lead nowhere
            self._path = places.of(node.directory, node.name) + "/"
            node.file_name = _tamed(node.file_name)
            for item in node.file_output_items:
                if ".." in item.name:
                    item.name = _tamed(item.name)
            return
        folder, name = node.base_path, ""
        if node.format.file_format == "OPEN_EXR_MULTILAYER":  # its path is a file's
            start = max(folder.rfind("/"), folder.rfind("\\")) + 1
            folder, name = folder[:start], "/".join(_names(folder[start:]))
        self._path = f"{places.of(folder, node.name)}/{name}"
        for slot in node.file_slots:
            if slot.path != (path := _tamed(slot.path)):
                slot.path = path

    def writes_into(self, folder: Path) -> bool:
        node, path = self._node, f"{folder}/"
        if hasattr(node, "directory"):
            path = path.replace("{", "{{").replace("}", "}}") + self._path
            node.directory = path
            wrote = bool(node.directory == path)
        else:
            path += self._path
            node.base_path = path
            wrote = bool(node.base_path == path)
        if not wrote:  # it is too long
            print(f"Left out: the node {node.name}, which writes files of its own, into {path}", flush=True)
            self._tree.nodes.remove(node)
        return wrote


def _trees() -> Iterator[Any]:
    """Blender 5 has those of scenes among the groups."""
    yield from filter(None, (getattr(scene, "node_tree", None) for scene in bpy.data.scenes))
    yield from bpy.data.node_groups


def _tamed(path: str) -> str:
    return "/".join(_names(path)) + "/" * path.endswith(("/", "\\"))


def _names(path: str) -> list[str]:
    """The names in a path, as they may stand on any system; what leads elsewhere is none."""
    names = re.split(r"[/\\]", _BEFORE_NAMES.sub("", path))
    names = [_NOT_IN_NAMES.sub("_", name).strip() for name in names]
    return [name for name in names if name.strip(".")]
