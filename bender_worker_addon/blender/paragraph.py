# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in a layout. Blender's labels don't wrap, they are cut."""

import textwrap

import bpy

NARROW = 28  # characters a line, with which words have no room beside anything
_ICON = 5  # characters that an icon takes the place of


def side_by_side(layout: bpy.types.UILayout, *, width: int) -> bpy.types.UILayout:
    """For buttons: one below the other where their words would be cut side by side."""
    return layout.column(align=True) if width < NARROW else layout.row(align=True)


def draw_line(layout: bpy.types.UILayout, text: str, *, width: int, icon: str) -> None:
    """Draws a line with an icon before it; what it has no room for goes into more of them."""
    column = layout.column(align=True)
    for line in textwrap.wrap(text, width - _ICON):
        column.label(text=line, icon=icon)
        icon = "BLANK1"


def draw_paragraph(
    layout: bpy.types.UILayout, text: str, *, width: int, alert: bool = False, most: int | None = None
) -> None:
    """Draws `text` in lines of at most `width` characters, and at most so many of them if `most` is given; with `alert`
    as a warning, in red and with an icon."""
    column = layout.column(align=True)
    column.alert = alert
    icons = ["ERROR" if alert else "NONE"]
    told = text[:1].upper() + text[1:]
    for line in textwrap.wrap(told, width - _ICON if alert else width, max_lines=most, placeholder=" ..."):
        column.label(text=line, icon=icons.pop() if icons else "BLANK1" if alert else "NONE")
