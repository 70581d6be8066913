# SPDX-License-Identifier: GPL-3.0-or-later
"""Thumbnail: a small picture of a file in a layout, as an icon, which is no part of any file that is open."""

from pathlib import Path

import bpy
import bpy.utils.previews


class Thumbnail:
    """Of one file at a time: the one before is forgotten. To be used between `register` and `unregister`."""

    def __init__(self) -> None:
        self._previews: bpy.utils.previews.ImagePreviewCollection | None = None

    def register(self) -> None:
        self._previews = bpy.utils.previews.new()

    def unregister(self) -> None:
        bpy.utils.previews.remove(self._previews)
        self._previews = None

    def draw(self, layout: bpy.types.UILayout, file: Path) -> None:
        """Draws nothing of a file that can't be shown."""
        if icon := self._icon(file):
            layout.template_icon(icon_value=icon, scale=6.0)

    def _icon(self, file: Path) -> int:
        assert self._previews is not None
        name = str(file)
        if name not in self._previews:
            self._previews.clear()
            self._previews.load(name, name, "IMAGE")
        return int(self._previews[name].icon_id)
