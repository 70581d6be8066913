# SPDX-License-Identifier: GPL-3.0-or-later
"""Draft: what is typed in the dialog that sends. It stands there again after it could not be sent."""

from collections.abc import Mapping
from typing import Any

import bpy

from .view import jobs_view


class Draft:
    """For Blender's main thread. Values by the names of the dialog's properties."""

    def __init__(self) -> None:
        self.comes_back = False  # the dialog is closed by what she looks for, and opened when it is found
        self._given: dict[str, Any] = {}
        self._typed: dict[str, Any] = {}
        self._blend = ""  # the file for which that was typed
        self._is_unsent = False

    @property
    def is_of_this_file(self) -> bool:
        """Whether what was typed last was for the file that is open."""
        return bool(self._typed) and self._blend == bpy.data.filepath

    def begin_with(self, values: Mapping[str, Any]) -> None:
        """These stand there when the dialog opens next, and not what the scene says."""
        self._given = dict(values)

    def opened(self) -> dict[str, Any]:
        """What stands there at first."""
        given = self._given or self._left()
        self._given, self._is_unsent, self.comes_back = {}, False, False
        return given

    def keep(self, values: Mapping[str, Any], *, unsent: bool) -> None:
        self._typed, self._blend, self._is_unsent = dict(values), bpy.data.filepath, unsent

    def _left(self) -> dict[str, Any]:
        """What could not be sent of this file; scenes and cameras that are gone are left out."""
        if not self.is_of_this_file or not (self._is_unsent or jobs_view.failed):
            return {}
        typed = self._typed
        scene: Any = bpy.data.scenes.get(typed["scene"])
        there = {"scene": scene is not None, "camera": scene is not None and typed["camera"] in scene.objects}
        there["layers"] = scene is not None and set(typed["layers"]) <= set(scene.view_layers.keys())
        return {name: value for name, value in typed.items() if there.get(name, True)}


draft = Draft()
