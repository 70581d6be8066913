# SPDX-License-Identifier: GPL-3.0-or-later
"""Previews: small JPEGs of frames, as their scene shows them. Made by Blender between two frames, of which only the
main thread is capable: so only as many as cost a fiftieth of the time, but one of every tenth frame."""

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import bpy
import imbuf

if TYPE_CHECKING:
    from .tiles import Region

_WIDTH = 480  # pixels
_QUALITY = 75
_OF_THE_TIME = 1 / 50
_EVERY = 10  # frames: of one of them there is one, however quick they are
_NAME = "preview"
_LINEAR = frozenset({"OPEN_EXR", "OPEN_EXR_MULTILAYER", "HDR"})  # others are written as they are to be seen
_SEEN_AS = ("view_transform", "look", "exposure", "gamma")


class Previews:
    """Of one blend, from its opening to that of the next."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._settings = bpy.data.scenes.new(_NAME)
        self._settings.render.image_settings.file_format = "JPEG"
        self._settings.render.image_settings.quality = _QUALITY
        self._image: Any = None
        self._next_at = 0.0
        self._passed = 0

    def make(self, frame: Path, image_format: str, part: "tuple[Region, float] | None" = None) -> None:
        """Makes that of a frame, beside it, if it is time for one; of a tile only this `part`, as small as the whole
        picture would be. None if Blender can't."""
        began = monotonic()
        self._passed += 1
        if began < self._next_at and self._passed < _EVERY:
            return
        self._passed = 0
        try:
            self._make(frame, place(frame), image_format, whole=part is None)
            if part is not None:
                _cut(place(frame), *part)
        except (RuntimeError, OSError, TypeError, ValueError) as error:
            print(f"There is no preview of {frame.name}: {error}", flush=True)
        ended = monotonic()
        self._next_at = ended + (ended - began) / _OF_THE_TIME

    def _make(self, frame: Path, target: Path, image_format: str, *, whole: bool) -> None:
        self._load(frame)
        width, height = self._image.size
        if width > _WIDTH and whole:
            self._image.scale(_WIDTH, max(1, round(height * _WIDTH / width)))
        self._see_as(image_format)
        self._image.save_render(str(target), scene=self._settings)
        if not width and whole:  # of layers or views: they can't be scaled before they are seen
            _shrink(target)

    def _load(self, frame: Path) -> None:
        """The same image again: a new one each time would make Cycles build its scene anew."""
        if self._image is None:
            self._image = bpy.data.images.load(str(frame))
        else:
            self._image.filepath = str(frame)
            self._image.reload()

    def _see_as(self, image_format: str) -> None:
        view: Any = self._settings.view_settings
        display: Any = self._settings.display_settings
        display.display_device = self._scene.display_settings.display_device
        if image_format in _LINEAR:
            for name in _SEEN_AS:
                setattr(view, name, getattr(self._scene.view_settings, name))
        else:
            view.view_transform, view.look, view.exposure, view.gamma = "Standard", "None", 0.0, 1.0


def place(frame: Path) -> Path:
    return frame.with_name(f"preview-{frame.stem}.jpg")


def _cut(file: Path, part: "Region", pixel: float) -> None:
    picture = imbuf.load(str(file))
    try:
        picture.crop((part.left, part.bottom), (part.right - 1, part.top - 1))
        scale = min(1.0, _WIDTH * pixel)
        width, height = (max(1, round(side * scale)) for side in part.size)
        picture.resize((width, height))
        imbuf.write(picture, filepath=str(file))
    finally:
        picture.free()


def _shrink(file: Path) -> None:
    picture = imbuf.load(str(file))
    try:
        width, height = picture.size
        if width > _WIDTH:
            picture.resize((_WIDTH, max(1, round(height * _WIDTH / width))))
            imbuf.write(picture, filepath=str(file))
    finally:
        picture.free()
