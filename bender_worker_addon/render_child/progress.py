# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress: how far a frame is and what is being done, for those that take their time. What is not watched is not
slowed down."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

import bpy

from . import preparing, threads

_EVERY = 0.25  # seconds


class Progress:
    """Tells the part of a frame that is done, 0 to 1, from its first quarter of a second on, and what is done while
    that can't be told. Blender calls a handler some forty times a frame, which costs a short frame a tenth of its time,
    so there is none until then; but for the first frame, before which engines load what may take minutes, in silence.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rendering = threading.Event()
        self._frame = 0
        self._began = self._told = 0.0
        self._prepares: bool | None = None  # whether the engine was at work for its first sample when first heard of
        self._part: float | None = None  # that is done, once samples are counted
        self._doing = ""
        self._tell: Callable[[float, str], None]
        threads.start(self._watch, name="progress")

    @contextmanager
    def told_to(self, tell: Callable[[float, str], None]) -> Iterator[None]:
        """For the time of one frame. `sampling_since` then says how long the engine took until its first sample; 0 if
        that was before it was first heard of."""
        self._tell, self._began, self.sampling_since, self._prepares = tell, monotonic(), 0.0, None
        self._part, self._doing = None, ""
        self._frame += 1
        if self._frame == 1:
            bpy.app.handlers.render_stats.append(self._on_stats)
        self._rendering.set()
        try:
            yield
        finally:
            with self._lock:
                self._rendering.clear()
                if self._on_stats in bpy.app.handlers.render_stats:
                    bpy.app.handlers.render_stats.remove(self._on_stats)

    def _watch(self) -> None:
        while True:
            self._rendering.wait()
            frame = self._frame
            sleep(_EVERY)
            with self._lock:
                handlers = bpy.app.handlers.render_stats
                if self._rendering.is_set() and frame == self._frame and self._on_stats not in handlers:
                    handlers.append(self._on_stats)

    def _on_stats(self, statistics: object, *_: object) -> None:
        now = monotonic()
        part = preparing.part_done(str(statistics))
        if self._prepares is None:
            self._prepares = part is None
        if self._prepares and part is not None:
            self.sampling_since, self._prepares = now - self._began, False
        self._part = part if self._part is None else max(self._part, part or 0.0)
        doing = preparing.stage(str(statistics)) if self._part is None else ""
        if now - self._told > _EVERY or doing != self._doing:
            self._told, self._doing = now, doing
            self._tell(self._part or 0.0, doing)
