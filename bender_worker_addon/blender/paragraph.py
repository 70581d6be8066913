# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in a layout. Blender's labels don't wrap, they are cut."""

import textwrap

import bpy

_ICON = 5  # characters that an icon takes the place of


def draw_paragraph(layout: bpy.types.UILayout, text: str, *, width: int, alert: bool = False) -> None:
    """Draws `text` in lines of at most `width` characters; with `alert` as a warning, in red and with an icon."""
    column = layout.column(align=True)
    column.alert = alert
    icons = ["ERROR" if alert else "NONE"]
    for line in textwrap.wrap(text[:1].upper() + text[1:], width - _ICON if alert else width):
        column.label(text=line, icon=icons.pop() if icons else "BLANK1" if alert else "NONE")
