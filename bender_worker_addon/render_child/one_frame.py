# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame: rendered by Blender's operator as `blender -b FILE -f N` does it, which differs in what the operator reads
and in what it leaves behind. Neither a picture nor the next frame can tell the two apart.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from .animation import animated_paths
from .system import patiently

_IDLE = "idle"
_NAMES_FRAMES = bpy.app.version >= (5, 0)  # the operator can be told which frames it is to render
_HAS_TEMPLATES = bpy.app.version >= (5, 0)  # braces in a path stand for something


class OneFrame:
    """Renders frames of `scene`, which stays as it is now."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._idle = bpy.data.scenes.new(_IDLE)
        self._settings = {path: _value(scene, path) for path in animated_paths(scene) if path.startswith("render.")}

    def render(self, frame: int, path: Path) -> Path | None:
        """Renders a frame into `path`, or whatever else it came to be called; gives that, None if there is no picture
        or more than one. Raises RuntimeError with Blender's reports.

        The context's scene is one that is idle: after a render Blender goes to its current frame, which would cost as
        much as a viewport does, and would write what is animated there over what was saved in the file.
        """
        for earlier in _pictures(path):
            patiently(earlier.unlink)
        render, filepath = self._scene.render, self._scene.render.filepath
        self._idle.frame_current = self._scene.frame_current
        render.filepath = _plain(path.with_name("######" + path.suffix))
        try:
            with _frames(self._scene, frame) as frames, bpy.context.temp_override(scene=self._idle):
                # `layer`: the wish for a single one is for renders from a window.
                bpy.ops.render.render(animation=True, scene=self._scene.name, layer="", **frames)
        finally:
            render.filepath = filepath
            self._put_back()
        written = _pictures(path)
        return written[0] if len(written) == 1 else None

    def _put_back(self) -> None:
        """Blender leaves the frame's values in the scene, and takes some settings of the next frame from there."""
        for path, value in self._settings.items():
            if _value(self._scene, path) != value:
                owner, _, name = path.rpartition(".")
                setattr(self._scene.path_resolve(owner), name, value)


def _value(scene: Any, path: str) -> Any:
    try:
        value = scene.path_resolve(path)
    except ValueError:  # there is no such property
        return None
    return value if isinstance(value, (str, int, float)) else tuple(value)


def _pictures(path: Path) -> list[Path]:
    """Those of a frame, which Blender may give the name of a view, or another extension."""
    return list(path.parent.glob(f"{path.stem}[!0-9]*"))


@contextmanager
def _frames(scene: bpy.types.Scene, frame: int) -> Iterator[dict[str, Any]]:
    """The operator's options for one frame. Where there are none it takes the scene's range: that is put back as soon
    as it has, before drivers and stamps read it."""
    if _NAMES_FRAMES:
        yield {"frame_start": frame, "frame_end": frame}
        return
    start, end = scene.frame_start, scene.frame_end

    def put_back(*_: object) -> None:
        scene.frame_start, scene.frame_end = start, end

    bpy.app.handlers.render_init.append(put_back)
    scene.frame_start = scene.frame_end = frame
    try:
        yield {}
    finally:
        bpy.app.handlers.render_init.remove(put_back)
        put_back()


def _plain(path: Path) -> str:
    text = str(path)
    return text.replace("{", "{{").replace("}", "}}") if _HAS_TEMPLATES else text
