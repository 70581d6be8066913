# SPDX-License-Identifier: GPL-3.0-or-later
"""Quitting: Blender is quit, and a Blender without a window goes on with the jobs; and how that one is ended again.

Blender asks no add-on whether it may be quit. What can be had is its key for that, and a place in its menu below that.
"""

from functools import partial

import bpy
from bpy.props import BoolProperty

from ...core.snapshot import State
from .. import in_force
from ..beside import Beside
from ..farm import summary
from ..farm.view import jobs_view
from ..paragraph import draw_paragraph
from . import autostart, heir
from .session import session

_WIDTH = 360  # pixels of the dialog
_LETTERS = 56  # characters a line in it

_key: "tuple[bpy.types.KeyMap, bpy.types.KeyMapItem] | None" = None


class BENDER_OT_quit_and_go_on(bpy.types.Operator):
    """Quit Blender and let another one, without a window, go on with the jobs until all are done"""

    bl_idname = "bender.quit_and_go_on"
    bl_label = "Quit and Go On Rendering..."

    go_on: BoolProperty(
        name="Go On Rendering",
        description="A Blender without a window renders until there is nothing more to do, and ends then",
        default=True,
    )
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
        self.go_on = True
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, title="Quit Blender", confirm_text="Quit")

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        if waiting := summary.waiting(jobs_view.own()):
            draw_paragraph(layout, waiting, width=_LETTERS)
        layout.prop(self, "go_on")
        if not self.go_on:
            told = "Jobs wait until Blender is started again, and you press Start Rendering"
        elif session.running and session.snapshot.task is not None:
            told = "A Blender without a window renders until all is done. It begins the frame in hand anew"
        else:
            told = "A Blender without a window renders until all is done"
        draw_paragraph(layout, told, width=_LETTERS)
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
        if self.go_on:
            heir.follow_this_once(session.config if session.running and session.config else found.config)
        bpy.ops.wm.quit_blender()
        return {"FINISHED"}


class BENDER_OT_ask_and_quit(bpy.types.Operator):
    """Quit Blender; if jobs wait and nobody would go on with them, say so first"""

    bl_idname = "bender.ask_and_quit"
    bl_label = "Quit"
    bl_options = {"INTERNAL"}  # noqa: RUF012  Blender reads it so

    def invoke(self, _context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if not _would_be_left() or not bpy.ops.bender.quit_and_go_on.poll():
            return {"PASS_THROUGH"}  # to Blender's own
        bpy.ops.bender.quit_and_go_on("INVOKE_DEFAULT")
        return {"FINISHED"}


class BENDER_OT_stop_other(bpy.types.Operator):
    """Let the Blender that renders beside this one finish its frame and stop; if it does already, don't wait for that.
    Which of the two is no property: a button under the mouse keeps those that it had before it was drawn anew"""

    bl_idname = "bender.stop_other"
    bl_label = "Stop It There"

    @classmethod
    def description(cls, _context: bpy.types.Context, _properties: bpy.types.OperatorProperties) -> str:
        if other_is_finishing():
            return "Don't wait for its frame: that is begun anew later"
        return "Let the Blender that renders beside this one finish its frame and stop"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        from ...worker import control

        autostart.call_off()
        found = in_force.resolved()
        if not isinstance(found, str):
            Beside("bender-stop-other", partial(control.stop, found.config.data_dir, now=other_is_finishing()))
        return {"FINISHED"}


def other_is_finishing() -> bool:
    """Whether the Blender that renders beside this one was told to stop."""
    return jobs_view.shown.elsewhere == State.FINISHING.value


def _would_be_left() -> bool:
    """Whether jobs wait that nobody goes on with when this Blender is gone."""
    wanted = in_force.preferences()
    goes_on = wanted is not None and wanted.go_on_after_quit and session.running
    found = in_force.resolved()
    is_mine = not isinstance(found, str) and found.config.is_local
    return is_mine and not goes_on and not jobs_view.shown.elsewhere and summary.jobs_left(jobs_view.own()) > 0


def _draw_in_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    if _would_be_left():
        menu.layout.operator("bender.quit_and_go_on", icon="QUIT")


_register, _unregister = bpy.utils.register_classes_factory(
    (BENDER_OT_quit_and_go_on, BENDER_OT_ask_and_quit, BENDER_OT_stop_other)
)


def register() -> None:
    global _key
    _register()
    bpy.types.TOPBAR_MT_file.append(_draw_in_menu)
    keys = bpy.context.window_manager.keyconfigs.addon
    if keys is not None:  # without a window there are none
        map = keys.keymaps.new(name="Window")
        _key = map, map.keymap_items.new("bender.ask_and_quit", "Q", "PRESS", ctrl=True)


def unregister() -> None:
    global _key
    if _key is not None:
        map, item = _key
        map.keymap_items.remove(item)
        _key = None
    bpy.types.TOPBAR_MT_file.remove(_draw_in_menu)
    _unregister()
