# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings box: what is found in a scene before it is sent, in the dialog, with the buttons that lead to it."""

from collections.abc import Sequence

import bpy
from bpy.props import StringProperty

from ..paragraph import draw_paragraph
from .draft import draft
from .finding import Finding, Group

_BESIDE_BUTTON = 0.75  # of a line, where a button stands beside it


def draw_group(layout: bpy.types.UILayout, group: Group, found: Sequence[Finding], *, width: int) -> None:
    """`width`: characters a line."""
    if not found:
        return
    box = layout.box()
    box.label(text=group.value)
    for finding in found:
        row = box.split(factor=_BESIDE_BUTTON) if finding.objects else box
        letters = int(width * _BESIDE_BUTTON) if finding.objects else width
        draw_paragraph(row, finding.words, width=letters, alert=group is Group.HOPELESS)
        if finding.objects:
            row.operator("bender.farm_select", icon="RESTRICT_SELECT_OFF").names = "\n".join(finding.objects)
    if any(finding.is_of_missing_files for finding in found):
        box.operator("bender.farm_find", icon="FILE_FOLDER")


class BENDER_OT_farm_select(bpy.types.Operator):
    """Select what this is about in the 3D View"""

    bl_idname = "bender.farm_select"
    bl_label = "Select Object"

    names: StringProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        found = [thing for name in self.names.split("\n") if (thing := context.view_layer.objects.get(name))]
        if not found:
            self.report({"WARNING"}, f"{self.names} can't be selected: it is in another scene or view layer")
            return {"CANCELLED"}
        for thing in context.selected_objects:
            thing.select_set(False)
        for thing in found:
            thing.select_set(True)
        context.view_layer.objects.active = found[0]
        return {"FINISHED"}


class BENDER_OT_farm_find(bpy.types.Operator):
    """Choose a folder in which Blender looks for the files that are missing. Then open this dialog again"""

    bl_idname = "bender.farm_find"
    bl_label = "Find Missing Files..."

    def execute(self, _context: bpy.types.Context) -> set[str]:
        draft.comes_back = True
        bpy.ops.file.find_missing_files("INVOKE_DEFAULT")
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((BENDER_OT_farm_select, BENDER_OT_farm_find))
