# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions of Blender's windows: which of them can be seen, how wide they are, and having them drawn again."""

from collections.abc import Iterator

import bpy

TAB = "Bender"  # the add-on's, in the 3D View's sidebar
_LETTER = 5.8  # pixels of one, on average, at a scale of 1
_AROUND = 45  # pixels beside what is written in a panel, the tabs included


def sidebars() -> list[bpy.types.Region]:
    """The sidebars of 3D Views in which the add-on's tab can be seen."""
    return [
        region
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        for region in (area.regions if area.type == "VIEW_3D" else ())
        if region.type == "UI" and region.width > 1 and region.active_panel_category == TAB
    ]


def letters(context: bpy.types.Context) -> int:
    """How many of them a line of a panel has room for."""
    region = context.region
    if region is None:
        return 36
    return max(16, int((region.width / context.preferences.system.ui_scale - _AROUND) / _LETTER))


def redraw_sidebars() -> None:
    for region in sidebars():
        region.tag_redraw()


def redraw_preferences() -> None:
    for area in _areas("PREFERENCES"):
        area.tag_redraw()


def redraw_output_properties() -> None:
    for area in _areas("PROPERTIES"):
        if area.spaces.active.context == "OUTPUT":
            area.tag_redraw()


def redraw_status_bars() -> None:
    """No window tells which areas are its own; but its status bar is drawn again when a view layer was renamed."""
    bpy.msgbus.publish_rna(key=(bpy.types.ViewLayer, "name"))


def _areas(kind: str) -> Iterator[bpy.types.Area]:
    for window in bpy.context.window_manager.windows:
        yield from (area for area in window.screen.areas if area.type == kind)
