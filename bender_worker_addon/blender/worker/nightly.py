# SPDX-License-Identifier: GPL-3.0-or-later
"""For the night: how she says until when this Blender renders and what the machine does then, and calls it off."""

import logging
from functools import partial

import bpy
from bpy.props import EnumProperty, StringProperty

from ...core.errors import WorkerError
from ...core.snapshot import State
from ...system import power
from ...system.power import Rest
from ...system.programs import run_to_end
from .. import in_force
from ..beside import Beside
from ..farm import summary
from ..farm.view import jobs_view
from ..farm.words import now
from ..paragraph import draw_paragraph
from ..regions import redraw_sidebars
from . import loop
from .night import Act, Night, next_time
from .session import session

log = logging.getLogger(__name__)

_IDLE = (State.WAITING, State.STOPPED, State.PROBLEM)
_TICK = 1.0  # seconds
_WIDTH, _LETTERS = 360, 56  # pixels of the dialog, and characters a line in it
_PATIENCE = 60.0  # seconds in which a machine has begun to rest

night: Night | None = None
_sleeping: Beside[None] | None = None


def words() -> str:
    """What is planned; empty if nothing is."""
    return "" if night is None else night.words(now())


def counts_down() -> bool:
    return night is not None and night.rests_at is not None


class BENDER_OT_night(bpy.types.Operator):
    """Render until the morning, or until all is done; then let this computer rest. It can be called off"""

    bl_idname = "bender.night"
    bl_label = "For the Night..."

    until: StringProperty(name="Until", description="A time of day; empty: until all is done", default="7:00")
    rest: EnumProperty(
        name="Then",
        items=[
            (Rest.NOTHING.name, "Stay On", "Nothing more is rendered"),
            (Rest.SLEEP.name, "Sleep", "This computer goes to sleep"),
            (Rest.SHUT_DOWN.name, "Shut Down", "This computer is shut down, unless a file has unsaved changes"),
        ],
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        reason = in_force.why_not_to_start(in_force.resolved())
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Render")

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "until", placeholder="all is done")
        layout.prop(self, "rest")
        rest = Rest[self.rest]
        if rest is not Rest.NOTHING and not power.command(rest):
            draw_paragraph(layout, f"Blender has no way to have this computer {rest.value}", width=_LETTERS, alert=True)
        elif rest is not Rest.NOTHING:
            draw_paragraph(layout, "A minute before, the status bar counts down: there you can cancel", width=_LETTERS)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        global night
        rest = Rest[self.rest]
        try:
            until = next_time(self.until, now())
        except WorkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if rest is not Rest.NOTHING and not power.command(rest):
            self.report({"ERROR"}, f"Blender has no way to have this computer {rest.value}")
            return {"CANCELLED"}
        night = Night(until, rest)
        loop.start()
        if not bpy.app.timers.is_registered(_watch):
            bpy.app.timers.register(_watch, first_interval=_TICK, persistent=True)
        return {"FINISHED"}


class BENDER_OT_night_cancel(bpy.types.Operator):
    """Render on as always, and leave this computer on"""

    bl_idname = "bender.night_cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return night is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        global night
        night = None
        redraw_sidebars()
        return {"FINISHED"}


def _watch() -> float | None:
    global night
    if night is None:
        return None
    rest = night.rest
    night, act = night.at(now(), is_left=_is_left(), works=session.running)
    match act:
        case Act.STOP if session.running:
            session.stop_after_task()
        case Act.STOP_NOW:
            session.stop_now()
        case Act.REST:
            _rest(rest)
    redraw_sidebars()
    return _TICK


def _is_left() -> bool:
    """In doubt, as while it connects, something is."""
    is_idle = not session.running or session.snapshot.state in _IDLE
    return not is_idle or jobs_view.is_new or jobs_view.busy or summary.jobs_left(jobs_view.own()) > 0


def _rest(rest: Rest) -> None:
    global _sleeping
    if rest is Rest.SHUT_DOWN and bpy.data.is_dirty:
        log.warning("this computer is not shut down: the file in Blender has unsaved changes")
        return
    _sleeping = Beside("bender-rest", partial(_run, power.command(rest), rest))


def _run(command: list[str], rest: Rest) -> None:
    try:
        code, said = run_to_end(command, timeout=_PATIENCE)
    except WorkerError as error:
        code, said = 1, str(error)
    if code:
        log.error("this computer can't %s: %s", rest.value, said.strip())


_register, _unregister = bpy.utils.register_classes_factory((BENDER_OT_night, BENDER_OT_night_cancel))


def register() -> None:
    _register()


def unregister() -> None:
    global night
    night = None
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)
    _unregister()
