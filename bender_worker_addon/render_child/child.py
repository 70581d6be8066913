# SPDX-License-Identifier: GPL-3.0-or-later
"""Child: takes commands from the channel and renders them, one after the other, until it is told to end.

The messages are described in `core/messages.py`. bpy is touched from the main thread only; commands are read and
finished pictures are checked on threads of their own, so that rendering waits for neither.
"""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any

from . import colors, devices, keeping, pictures, scenes, system, threads
from .channel import Channel
from .commands import Commands
from .progress import Progress

_TILES = "tiles"  # in the place of a format: the scene is changed for them, for good
_BEGINNING = 0.005  # seconds a frame of a scene that is kept takes until its engine is at work

_Rendered = tuple[float, set[tuple[int, int]], float]  # when it began, and what `scenes.render_frame` gives


def main() -> None:
    system.end_with_worker()
    system.print_anything()
    if "--low-priority" in sys.argv:
        system.lower_priority()
    channel = Channel.to_worker()
    devices, share = _option("--devices", "CPU").split(","), int(_option("--share", "-1"))
    renderers = int(_option("--renderers", "1"))
    child = Child(channel, devices=devices, share=share, renderers=renderers, previews=_option("--previews", ""))
    if "--ahead" in sys.argv:
        child.tell_devices()
    child.serve()
    channel.close()


def _option(name: str, default: str) -> str:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


@dataclass(slots=True)
class _Written:
    """A frame on the disk, still to be checked: it must be of one of the `sizes`. `spent`: seconds by what they went
    into."""

    attempt: int
    frame: int
    file: str
    sizes: set[tuple[int, int]]
    spent: dict[str, float] = field(default_factory=dict)


class Child:
    def __init__(self, channel: Channel, *, devices: list[str], share: int, renderers: int, previews: str) -> None:
        """`devices` and `share`: see devices.choose; so many `renderers` are the worker's; `previews`: of what
        somebody wants some, "all" or "tiles"."""
        self._channel = channel
        self._devices = devices
        self._share = share
        self._renderers = renderers
        self._has_told_devices = False
        self._previews_of = previews
        self._make_preview: Callable[[Path, str, Any], None] | None = None
        self._commands = Commands()
        self._progress = Progress()
        self._written: SimpleQueue[_Written | None] = SimpleQueue()
        self._idle = threading.Event()
        self._opened: tuple[str, str] | None = None
        self._ended: float | None = None

    def tell_devices(self) -> None:
        """What is there to render on, once. To look for cards takes its time, the first time."""
        if not self._has_told_devices:
            self._has_told_devices = True
            device, kind = devices.found(self._devices, self._share, renderers=self._renderers)
            self._channel.say("devices", device=device, kind=kind)

    def serve(self) -> None:
        threads.start(self._listen, name="listen")
        checker = threads.start(self._check_pictures, name="check")
        while (command := self._commands.next(before_waiting=self._idle.set)) is not None:
            self._idle.clear()
            self._carry_out(command)
        self._idle.set()
        self._written.put(None)
        checker.join()
        if self._commands.stopping:
            self._channel.say("stopped")

    def _carry_out(self, command: dict[str, Any]) -> None:
        attempt = command["attempt"]
        for frame, file in zip(command["frames"], command["files"], strict=True):
            if self._commands.stopping:
                return
            began = monotonic()
            self._channel.say("begin", attempt=attempt, frame=frame)
            try:
                loaded, sizes, wrote = self._render(command, frame, file)
            except scenes.RenderError as error:
                self._fail(attempt, frame, str(error), scene=error.scene)
                return
            self._print(f"Rendered: frame {frame} of attempt {attempt}")
            ended = monotonic()
            sync = self._progress.sampling_since
            spent = {
                "wait": 0.0 if self._ended is None else began - self._ended,
                "load": loaded - began,
                "sync": sync,
                "render": ended - loaded - sync - wrote,
                "write": wrote,
            }
            if self._make_preview is not None:
                self._make_preview(Path(file), command["format"], self._part_of_preview(command["region"]))
            self._ended = monotonic()
            self._written.put(_Written(attempt, frame, file, sizes, spent))

    def _render(self, command: dict[str, Any], frame: int, file: str) -> _Rendered:
        """Raises RenderError."""
        if command["tiles"]:
            return self._put_together(command, frame, file)
        if command["region"] is not None:
            return self._render_tile(command, frame, file)
        self._open(command, command["format"])
        loaded = monotonic()
        with self._progress.told_to(partial(self._tell_progress, command["attempt"], frame)):
            return loaded, *scenes.render_frame(frame, file, command["format"])

    def _render_tile(self, command: dict[str, Any], frame: int, file: str) -> _Rendered:
        from . import tiles

        if self._open(command, _TILES):
            tiles.prepare(scenes.scene())
        loaded = monotonic()
        with self._progress.told_to(partial(self._tell_progress, command["attempt"], frame)):
            return loaded, *tiles.render(frame, file, tiles.Region(*command["region"]))

    def _part_of_preview(self, region: Sequence[int] | None) -> Any:
        if region is None:
            return None
        from . import tiles

        return tiles.part_of_preview(scenes.scene(), tiles.Region(*region))

    def _put_together(self, command: dict[str, Any], frame: int, file: str) -> _Rendered:
        """Opens the blend for each of what it does with it, which changes it."""
        from . import joining

        parts, image_format = joining.tiles_of(command["tiles"]), command["format"]
        self._opened = None
        self._open(command, image_format)
        self._opened = None
        joining.check(scenes.scene(), parts)
        source = joining.denoised(scenes.scene(), parts, frame, Path(file).with_name("whole"))
        if source is not None:
            self._open(command, image_format)
            self._opened = None
        loaded = monotonic()
        with (
            self._progress.told_to(partial(self._tell_progress, command["attempt"], frame)),
            joining.instead_of_rendering(source or joining.Tiles(parts, scenes.scene())),
        ):
            return loaded, *scenes.render_frame(frame, file, image_format)

    def _open(self, command: dict[str, Any], image_format: str) -> bool:
        """Also for another format: going from one to another loses the blend's choice of colors and depth. Gives
        whether it was not open before."""
        blend = command["blend"]
        is_open = self._opened == (blend, image_format)
        if not is_open:
            self._opened = None
            self._print(f"Opening: {blend}")
            scenes.open_blend(blend)
            if words := colors.unlike(command["colors"]):
                self._print(f"Warning: {words}")
            is_wanted = self._previews_of == "all" or self._previews_of == image_format == _TILES
            self._make_preview = self._previews() if is_wanted else None
            self._print(f"Opened: {blend}")
            try:
                device = devices.choose(self._devices, self._share)
            except LookupError as error:
                raise scenes.RenderError(str(error)) from error
            self._opened = blend, image_format
            self._print(f"Device: {device or 'as the engine likes'}")
            self._channel.say("loaded", keep_not=keeping.reason_not_to_keep(), device=device)
            if device:  # now to look for others costs nothing
                self.tell_devices()
        return not is_open

    def _print(self, words: str) -> None:
        """Behind all that Blender has printed."""
        system.flush()
        print(words, flush=True)

    def _previews(self) -> Callable[[Path, str, Any], None]:
        from .previews import Previews

        return Previews(scenes.scene()).make

    def _tell_progress(self, attempt: int, frame: int, part: float, doing: str) -> None:
        self._channel.say("progress", attempt=attempt, frame=frame, part=part, doing=doing)

    def _fail(self, attempt: int, frame: int, reason: str, *, scene: bool) -> None:
        """What is printed first tells the worker that it has all that was printed before."""
        print(f"frame {frame} failed: {reason}", flush=True)
        self._channel.say("failed", attempt=attempt, frame=frame, reason=reason, scene=scene)

    def _listen(self) -> None:
        for message in self._channel.messages():
            match message["do"]:
                case "render":
                    self._commands.add(message)
                case "revoke":
                    if self._commands.revoke(message["attempt"]):
                        self._channel.say("revoked", attempt=message["attempt"])
                case "stop":
                    self._commands.stop()
                case "quit":
                    self._commands.end()
        os._exit(1)  # the worker is gone; Blender, in the middle of a render, would not end otherwise

    def _check_pictures(self) -> None:
        while (written := self._written.get()) is not None:
            # Decoding holds Python's lock, which the next frame needs until its engine is at work.
            self._idle.wait(_BEGINNING)
            began = monotonic()
            try:
                pictures.check_all(written.file, written.sizes)
            except pictures.BrokenPicture as error:
                self._fail(written.attempt, written.frame, str(error), scene=False)
            else:
                spent = written.spent | {"check": monotonic() - began}
                self._channel.say(
                    "frame", attempt=written.attempt, frame=written.frame, spent=spent, memory=system.resident_memory()
                )
