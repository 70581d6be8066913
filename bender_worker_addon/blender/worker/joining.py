# SPDX-License-Identifier: GPL-3.0-or-later
"""Joining a farm from the preferences: the link that the farm has printed is pasted, the rest is done beside Blender's
main thread."""

from functools import partial
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from .. import in_force, online
from ..beside import Beside
from ..regions import redraw_preferences
from .connection_test import Verdict, connection_test
from .session import session

if TYPE_CHECKING:
    from ...settings.resolve import Resolved
    from ...sites.joining import Joined

_WIDTH = 480  # pixels of the dialog
_WATCH = 0.1  # seconds between two looks at how it goes


class Joining:
    """For Blender's main thread. `verdict`: what has come of the last farm that was to be joined, or that it is being
    joined; None before the first."""

    def __init__(self) -> None:
        self.verdict: Verdict | None = None
        self._joining: Beside[Joined] | None = None

    @property
    def running(self) -> bool:
        return self._joining is not None

    def start(self, link: str, before: "Resolved") -> None:
        from ...sites.joining import join

        self.verdict = Verdict(True, "Joining the farm...")
        self._joining = Beside("bender-join", partial(join, link, before))

    def look(self) -> None:
        """Takes in what has come of it, if it is done; then the farm is tested."""
        if self._joining is None or not self._joining.done:
            return
        joined, trouble = self._joining.outcome()
        self._joining = None
        now = in_force.resolved()
        if joined is None or isinstance(now, str):
            self.verdict = Verdict(False, trouble or str(now))
            return
        self.verdict = _verdict(joined, now)
        if self.verdict.is_good and joined.renders:
            connection_test.start(now.config)


def _verdict(joined: "Joined", now: "Resolved") -> Verdict:
    from ...sites.joining import NO_TASKS

    if overruled := joined.overruled(now):
        return Verdict(False, overruled)
    if not joined.renders:
        return Verdict(True, f"This machine has joined {joined.farm}, but {NO_TASKS}")
    then = (
        "stop the worker and start it again" if session.running else "press Start Rendering in the sidebar, tab Bender"
    )
    return Verdict(True, f"This machine has joined {joined.farm}. To render for it: {then}")


class BENDER_OT_worker_join(bpy.types.Operator):
    """Make this machine one of a farm's, by the link that the farm has printed"""

    bl_idname = "bender.worker_join"
    bl_label = "Join a Farm..."
    bl_options = {"INTERNAL"}  # noqa: RUF012  Blender reads it so; the link is a secret, and stands in no history then

    link: StringProperty(
        name="Link", description="http://HOST:8000/join/CODE, as `serve` has printed it", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return not joining.running

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        copied = context.window_manager.clipboard.strip()
        self.link = copied if _may_be_one(copied) else ""
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Join")

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "link")
        self.layout.label(text="The farm prints it: serve --new-join")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        from ...sites.joining import why_no_link

        link, found = self.link.strip(), in_force.resolved()
        wrong = why_no_link(link) or (found if isinstance(found, str) else "")
        if not wrong and not online.is_allowed(link):
            wrong = f"The farm is on the internet: {online.ADVICE}"
        if wrong or isinstance(found, str):
            self.report({"ERROR"}, wrong)
            return {"CANCELLED"}
        joining.start(link, found)
        bpy.app.timers.register(_watch, first_interval=_WATCH)
        return {"FINISHED"}


def _may_be_one(copied: str) -> bool:
    from ...sites.joining import why_no_link

    return len(copied) < 500 and not why_no_link(copied)


def _watch() -> float | None:
    joining.look()
    goes_on = joining.running or connection_test.running  # asked first: what ends after it is seen by the next redraw
    redraw_preferences()
    return _WATCH if goes_on else None


joining = Joining()


def register() -> None:
    bpy.utils.register_class(BENDER_OT_worker_join)


def unregister() -> None:
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)
    bpy.utils.unregister_class(BENDER_OT_worker_join)
