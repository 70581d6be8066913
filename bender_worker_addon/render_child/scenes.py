# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes: opening a blend and rendering its frames, as `blender -b FILE -f N` would."""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import bpy

from . import tame
from .keeping import Kept, keep
from .lacking import lacking
from .one_frame import OneFrame
from .other_files import OtherFiles
from .picture_size import sizes
from .pictures import Size
from .system import patiently


@dataclass(frozen=True, slots=True)
class _Open:
    """The blend that is open: Blender has one at a time."""

    scene: bpy.types.Scene
    kept: Sequence[Kept]
    one_frame: OneFrame
    other_files: OtherFiles


_open: _Open | None = None
_SETTINGS, _ENGINE = 4096, 32  # bytes of Blender's `RenderData` that hold the engine's name, and of that name


class RenderError(Exception):
    """A frame that could not be rendered. `scene`: by nobody, the scene itself is at fault."""

    def __init__(self, text: str, *, scene: bool = False) -> None:
        super().__init__(text)
        self.scene = scene


def open_blend(blend: str) -> None:
    """Opens a blend without running what scripts it holds, and lets what would write files of its own write none, or
    beside its frames. Raises RenderError if Blender can't, or if there would be no picture without a script."""
    global _open
    _open = None
    try:
        with tame.caches_left_out() as left_out:
            bpy.ops.wm.open_mainfile(filepath=blend, use_scripts=False)
    except RuntimeError as error:
        this = f"this Blender ({bpy.app.version_string})"
        raise RenderError(f"{this} can't open the blend: {_in_words(error)}") from error
    scene = bpy.context.scene
    if scene is None:
        raise RenderError("the blend holds no scene", scene=True)
    if absent := absent_engine(scene.render):
        raise RenderError(f"this Blender ({bpy.app.version_string}) has no render engine {absent}")
    if tame.runs_python():
        words = "its lines are drawn by Python scripts (Freestyle), which are never run here"
        raise RenderError(f"{words}; use Freestyle's Parameter Editor", scene=True)
    for thing in left_out:
        print(f"Left out: {thing}", flush=True)
    if bpy.data.version[:2] > bpy.app.version[:2]:
        words = ".".join(map(str, bpy.data.version[:2]))
        print(f"Warning: it was saved by Blender {words}, this one is {bpy.app.version_string}: what is new is lost")
    for words in lacking(scene):
        print(f"Warning: {words}", flush=True)
    _write_one_picture(scene.render)
    _open = _Open(scene, keep(), OneFrame(scene), OtherFiles())


def _write_one_picture(render: Any) -> None:
    """Of each frame, whatever else is saved of it or not."""
    render.image_settings.use_preview = False  # beside OpenEXR files
    if hasattr(render, "save_output"):
        render.save_output = True


def scene() -> bpy.types.Scene:
    """That of the open blend."""
    assert _open is not None
    return _open.scene


def render_frame(
    frame: int, file: str, image_format: str, meanwhile: AbstractContextManager[None] | None = None
) -> tuple[set[Size], float]:
    """Renders one frame of the open blend's scene into `file`; gives the sizes one of which the picture must have, and
    the seconds it took to write it. What the scene writes besides goes into `pictures.folder_of` it. `meanwhile` lasts
    for as long as Blender renders.

    `image_format` is an identifier of `ImageFormatSettings.file_format`. Raises RenderError.
    """
    assert _open is not None
    scene = _open.scene
    _set_format(scene, image_format)
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    _open.other_files.begin(path)
    for kept in _open.kept:
        kept.free()
    try:
        with _moment_of(bpy.app.handlers.render_post) as rendered, meanwhile or nullcontext():
            written = _open.one_frame.render(frame, path)
    except RuntimeError as error:
        words = _in_words(error)
        raise RenderError(f"frame {frame}: {words}", scene="no camera" in words.lower()) from error
    wrote = monotonic() - rendered[-1] if rendered else 0.0
    if written is None:
        if scene.render.use_multiview:
            words = "the scene renders a picture for each of its views, a farm keeps one a frame; use Stereo 3D"
            raise RenderError(f"frame {frame}: {words}", scene=True)
        raise RenderError(f"frame {frame}: Blender rendered without an error, but wrote no picture; see its log")
    patiently(lambda: written.replace(path))
    _open.other_files.end(path)
    return sizes(scene.render), wrote


@contextmanager
def _moment_of(handlers: list[Callable[..., None]]) -> Iterator[list[float]]:
    """When those handlers are called, while it lasts."""
    moments: list[float] = []

    def note(*_: object) -> None:
        moments.append(monotonic())

    handlers.append(note)
    try:
        yield moments
    finally:
        handlers.remove(note)


def absent_engine(render: bpy.types.RenderSettings) -> str:
    """The engine the blend asks for if this Blender lacks it, else "". Blender would render with EEVEE without a word,
    and that is also all that RNA shows; what was asked for stands only in Blender's memory."""
    shown = render.engine.encode() + b"\0"
    asked = ctypes.string_at(render.as_pointer(), _SETTINGS)
    if shown in asked:
        return ""
    render.engine = render.engine  # puts what is shown in the place of what was asked for
    place = ctypes.string_at(render.as_pointer(), _SETTINGS).find(shown)
    if place < 0:
        return ""
    name = asked[place : place + _ENGINE]
    ctypes.memmove(render.as_pointer() + place, name, len(name))  # so that it is saved as it was
    return name.partition(b"\0")[0].decode("utf-8", "replace")


def _set_format(scene: bpy.types.Scene, image_format: str) -> None:
    settings = scene.render.image_settings
    if settings.file_format == image_format:
        return  # setting it could change others
    if hasattr(settings, "media_type"):  # Blender 5 sorts its formats
        settings.media_type = "MULTI_LAYER_IMAGE" if image_format == "OPEN_EXR_MULTILAYER" else "IMAGE"
    try:
        settings.file_format = image_format  # type: ignore[assignment]  # an identifier from the farm
    except TypeError as error:
        raise RenderError(f"this Blender ({bpy.app.version_string}) can't write {image_format}") from error


def _in_words(error: RuntimeError) -> str:
    """All that Blender reported; it begins each report with "Error: " and may go on for lines."""
    lines = [line.strip().removeprefix("Error: ") for line in str(error).splitlines()]
    return " ".join(dict.fromkeys(filter(None, lines)))
