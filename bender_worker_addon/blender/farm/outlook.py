# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlook: about how long a job will take that is not sent yet: as the last of its name did, or one frame that is
rendered to find it out. Looked up beside Blender's main thread, while the dialog shows what is known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import IntProperty, StringProperty

from ...core.errors import FarmError
from ...system.files import discard_folder
from .. import versions
from ..beside import Beside
from . import memory, words
from .background import Background
from .view import answer_in, complaint_in, environment_of

if TYPE_CHECKING:
    from pathlib import Path

    from ...settings.config import WorkerConfig
    from ...sites import tiling

_LOOK = 0.2  # seconds between two looks at what is known
_AT_ONCE = 0.3  # seconds that the dialog may wait for what is known of the last job
_SHORTEST = 0.1  # seconds that are told of a frame
_LONGEST = 3600.0  # seconds that one frame may take

popup: Any = None  # the region of the dialog, while it is open
current: "Outlook | None" = None


@dataclass(frozen=True, slots=True)
class _Known:
    """`seconds`: of a frame of the last job that was called so; 0.0 if nothing of it is rendered. `tiling`: None where
    there are no tiles."""

    seconds: float
    tiling: "tiling.Known | None"


class Outlook:
    """For Blender's main thread. The last one made is the `current` one."""

    def __init__(self, config: "WorkerConfig", name: str) -> None:
        global current
        current = self
        self._config = config
        self._last = Beside("bender-last-job", lambda: _known(config, name))
        self._tried: Beside[float] | None = None
        self._last.wait(_AT_ONCE)

    @property
    def may_be_tried(self) -> bool:
        return self._tried is None or self._tried.done

    def in_words(self, frames: int) -> str:
        """About how long so many take."""
        if self._tried is not None and not self._tried.done:
            return "One frame is being rendered here..."
        if self._tried is not None:
            seconds, trouble = self._tried.outcome()
            return trouble if seconds is None else _about(seconds, frames, "one frame took {} here")
        if (last := self._of_last()) is None or not last.seconds:
            return "How long it takes is not known yet"
        return _about(last.seconds, frames, "the last job of this name took {} a frame")

    def why_whole(self, frames: int, *, one_kind: bool) -> str:
        """Why each of so many is better rendered as a whole; "" if it isn't, or that is not known."""
        known = self._of_tiling()
        return "" if known is None else known.best(frames=frames, one_kind=one_kind)[1]

    def differs(self, *, one_kind: bool) -> str:
        """What is to be said of the machines that would render tiles of a picture together, if it is known."""
        known = self._of_tiling()
        return "" if known is None else known.differs(one_kind=one_kind)

    def _of_tiling(self) -> "tiling.Known | None":
        last = self._of_last()
        return None if last is None else last.tiling

    def _of_last(self) -> "_Known | None":
        return self._last.outcome()[0] if self._last.done else None

    def try_one(self, copy: "Path", unsaved: "Path", frame: int, choices: list[str]) -> None:
        """Renders a frame of this copy, in a folder of its own that goes with it, as it is with these choices."""
        words = ["submit", str(copy), f"--unsaved={unsaved}", "--json", f"--estimate={frame}", *choices]
        background = Background(versions.own_command(), environment=environment_of(self._config))
        self._tried = Beside("bender-estimate", lambda: _seconds_of_one(background, words, copy.parent))
        if not bpy.app.timers.is_registered(_watch):
            bpy.app.timers.register(_watch, first_interval=_LOOK)


class BENDER_OT_farm_estimate(bpy.types.Operator):
    """Render one frame of it in the background on this computer, to see how long it takes"""

    bl_idname = "bender.farm_estimate"
    bl_label = "Render One Frame to Estimate"

    frame: IntProperty(options={"HIDDEN"})
    choices: StringProperty(options={"HIDDEN"})

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if current is None or not current.may_be_tried:
            return {"CANCELLED"}
        try:
            copy, unsaved = memory.saved_copy()
        except (RuntimeError, OSError) as error:
            self.report({"ERROR"}, f"A copy can't be saved: {error}")
            return {"CANCELLED"}
        current.try_one(copy, unsaved, self.frame, [word for word in self.choices.split("\n") if word])
        _refresh()
        return {"FINISHED"}


def _watch() -> float | None:
    """Has the dialog drawn anew, which it never is by itself."""
    if current is None or popup is None:
        return None
    if not current.may_be_tried:
        return _LOOK
    _refresh()
    return None


def _refresh() -> None:
    if popup is not None:
        popup.tag_refresh_ui()
        popup.tag_redraw()


def _about(seconds: float, frames: int, why: str) -> str:
    told = words.short(max(seconds, _SHORTEST))
    return f"About {words.duration(max(seconds * frames, 1.0))}: {why.format(told)}"


def _known(config: "WorkerConfig", name: str) -> _Known | None:
    from ...sites import tiling
    from ...sites.site import is_remote, is_there, site

    if not is_there(config):
        return None
    with site(config) as farm:
        job = next((job for job in farm.jobs() if job.name == name and job.done), None)
        pace = None if job is None else farm.details(job).pace
        own = config.renderers if config.is_local else 0
        known = tiling.known(farm, name=name, own=own) if own or is_remote(config) else None
    return _Known(0.0 if pace is None else pace.seconds, known)


def _seconds_of_one(background: Background, words: list[str], folder: "Path") -> float:
    try:
        code, said = background.to_end(words, timeout=_LONGEST, told=lambda _: None)
    finally:
        discard_folder(folder)
    seconds = answer_in(said).get("seconds")
    if code or not isinstance(seconds, float):
        raise FarmError(f"No frame could be rendered to estimate it: {complaint_in(said)}")
    return seconds


def register() -> None:
    bpy.utils.register_class(BENDER_OT_farm_estimate)


def unregister() -> None:
    global current, popup
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)
    current = popup = None
    bpy.utils.unregister_class(BENDER_OT_farm_estimate)
