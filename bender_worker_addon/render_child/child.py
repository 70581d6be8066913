# SPDX-License-Identifier: GPL-3.0-or-later
"""Child: takes orders from the channel and renders them, one after the other, until it is told to end.

The messages are described in the worker's `messages.py`. bpy is touched from the main thread only; orders are read and
finished pictures are checked on threads of their own, so that rendering waits for neither.
"""

import os
import sys
import threading
from functools import partial
from queue import SimpleQueue
from typing import Any

from . import last_resort, pictures, priority, scenes
from .channel import Channel


def main() -> None:
    last_resort.end_with_worker()
    if "--low-priority" in sys.argv:
        priority.lower()
    channel = Channel.to_worker()
    Child(channel).serve()
    channel.close()


class Child:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._orders: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._stopping = threading.Event()
        self._written: SimpleQueue[tuple[int, int, str, tuple[int, int]] | None] = SimpleQueue()
        self._checker = threading.Thread(target=self._check_pictures, name="check")
        self._blend: str | None = None

    def serve(self) -> None:
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        self._checker.start()
        while (order := self._orders.get())["do"] == "render":
            self._carry_out(order)
            if self._stopping.is_set():
                break
        self._written.put(None)
        self._checker.join()
        if self._stopping.is_set():
            self._channel.say("stopped")

    def _carry_out(self, order: dict[str, Any]) -> None:
        run = order["run"]
        for frame, file in zip(order["frames"], order["files"], strict=True):
            if self._stopping.is_set():
                return
            self._channel.say("begin", run=run, frame=frame)
            try:
                self._open(order["blend"])
                with scenes.progress(partial(self._progress, run, frame)):
                    size = scenes.render_frame(frame, file, order["format"])
            except scenes.RenderError as error:
                self._fail(run, frame, str(error), scene=error.scene)
                return
            self._written.put((run, frame, file, size))

    def _open(self, blend: str) -> None:
        if self._blend != blend:
            self._blend = None
            scenes.open_blend(blend)
            self._blend = blend
            self._channel.say("loaded", keep_not=scenes.reason_not_to_keep())

    def _progress(self, run: int, frame: int, part: float) -> None:
        self._channel.say("progress", run=run, frame=frame, part=part)

    def _fail(self, run: int, frame: int, reason: str, *, scene: bool) -> None:
        self._channel.say("failed", run=run, frame=frame, reason=reason, scene=scene)

    def _listen(self) -> None:
        for order in self._channel.messages():
            if order["do"] == "stop":
                self._stopping.set()
            self._orders.put(order)
        os._exit(1)  # the worker is gone; Blender, in the middle of a render, would not end otherwise

    def _check_pictures(self) -> None:
        while (written := self._written.get()) is not None:
            run, frame, file, size = written
            try:
                pictures.check(file, size)
            except pictures.BrokenPicture as error:
                self._fail(run, frame, str(error), scene=False)
            else:
                self._channel.say("frame", run=run, frame=frame)
