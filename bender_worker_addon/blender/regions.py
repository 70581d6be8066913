# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions of Blender's windows: which of them can be seen, and having them drawn again."""

import bpy


def sidebars(tab: str) -> list[bpy.types.Region]:
    """The sidebars of 3D Views in which this tab can be seen."""
    return [
        region
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        for region in (area.regions if area.type == "VIEW_3D" else ())
        if region.type == "UI" and region.width > 1 and region.active_panel_category == tab
    ]


def redraw_sidebars(tab: str) -> None:
    for region in sidebars(tab):
        region.tag_redraw()


def redraw_preferences() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
