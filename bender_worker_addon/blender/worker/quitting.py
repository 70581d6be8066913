# SPDX-License-Identifier: GPL-3.0-or-later
"""Quitting: Blender is quit, and a Blender without a window goes on with the jobs; and how that one is ended again."""

from functools import partial

import bpy
from bpy.props import BoolProperty

from .. import in_force
from ..beside import Beside
from ..farm import summary
from ..farm.view import jobs_view
from ..paragraph import draw_paragraph
from . import heir
from .session import session

_WIDTH = 360  # pixels of the dialog
_LETTERS = 56  # characters a line in it


class BENDER_OT_quit_and_go_on(bpy.types.Operator):
    """Quit Blender and let another one, without a window, go on with the jobs until all are done"""

    bl_idname = "bender.quit_and_go_on"
    bl_label = "Quit and Go On Rendering..."

    save: BoolProperty(name="Save the File First", default=True)

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        reason = in_force.why_not_to_start(in_force.resolved())
        if jobs_view.busy:
            reason = "A job is being sent: wait until it is"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Quit")

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        left = summary.jobs_left(jobs_view.own())
        waiting = f"{left} {'job waits' if left == 1 else 'jobs wait'}. " if left else ""
        told = "A Blender without a window goes on rendering, and ends when there is nothing more to do"
        draw_paragraph(layout, f"{waiting}{told}", width=_LETTERS)
        if session.running and session.snapshot.task is not None:
            draw_paragraph(layout, "It begins the frame in hand anew", width=_LETTERS)
        if bpy.data.is_dirty and bpy.data.filepath:
            layout.prop(self, "save")
        elif bpy.data.is_dirty:
            draw_paragraph(
                layout, "This file was never saved: what you have changed is lost", width=_LETTERS, alert=True
            )

    def execute(self, _context: bpy.types.Context) -> set[str]:
        found = in_force.resolved()
        if isinstance(found, str):
            self.report({"ERROR"}, found)
            return {"CANCELLED"}
        if self.save and bpy.data.is_dirty and bpy.data.filepath:
            try:
                bpy.ops.wm.save_mainfile()
            except RuntimeError as error:
                self.report({"ERROR"}, f"The file can't be saved: {error}")
                return {"CANCELLED"}
        heir.follow_this_once(session.config if session.running and session.config else found.config)
        bpy.ops.wm.quit_blender()
        return {"FINISHED"}


class BENDER_OT_stop_other(bpy.types.Operator):
    """Let the Blender that renders beside this one finish its frame and stop"""

    bl_idname = "bender.stop_other"
    bl_label = "Stop It There"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        from ...worker import control

        found = in_force.resolved()
        if not isinstance(found, str):
            Beside("bender-stop-other", partial(control.stop, found.config.data_dir, now=False))
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((BENDER_OT_quit_and_go_on, BENDER_OT_stop_other))
