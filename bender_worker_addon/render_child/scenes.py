# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes: opening a blend and rendering its frames, as `blender -b FILE -f N` would."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import bpy

from . import keeping, tame

_NAMES_FRAMES = bpy.app.version >= (5, 0)  # the operator can be told which frames it is to render
_SETTINGS, _ENGINE = 4096, 32  # bytes of Blender's `RenderData` that hold the engine's name, and of that name


class RenderError(Exception):
    """A frame that could not be rendered. `scene`: by nobody, the scene itself is at fault."""

    def __init__(self, text: str, *, scene: bool = False) -> None:
        super().__init__(text)
        self.scene = scene


def open_blend(blend: str) -> None:
    """Opens a blend without running what scripts it holds, and leaves out of it what would write other files than its
    frames. Raises RenderError if Blender can't, or if there would be no picture without a script."""
    try:
        bpy.ops.wm.open_mainfile(filepath=blend, use_scripts=False)
    except RuntimeError as error:
        this = f"this Blender ({bpy.app.version_string})"
        raise RenderError(f"{this} can't open the blend: {_first_line(error)}") from error
    if absent := absent_engine(_scene().render):
        raise RenderError(f"this Blender ({bpy.app.version_string}) has no render engine {absent}")
    if tame.runs_python():
        words = "its lines are drawn by Python scripts (Freestyle), which are never run here"
        raise RenderError(f"{words}; use Freestyle's Parameter Editor", scene=True)
    for thing in tame.leave_out_other_files():
        print(f"Left out: {thing}", flush=True)
    for scene in bpy.data.scenes:  # the compositor and the sequencer may want others
        reason = keeping.reason_to_build_anew(scene)
        if reason:
            print(f"{scene.name} is built anew for each frame: {reason}", flush=True)
        scene.render.use_persistent_data = not reason


def render_frame(frame: int, file: str, image_format: str) -> tuple[tuple[int, int], float]:
    """Renders one frame of the open blend's scene into `file`; gives the width and height the picture must have, and
    the seconds it took to write it.

    `image_format` is an identifier of `ImageFormatSettings.file_format`. Raises RenderError.
    """
    scene = _scene()
    _set_format(scene, image_format)
    scene.render.use_file_extension = False
    scene.render.use_overwrite, scene.render.use_placeholder = True, False
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _moment_of(bpy.app.handlers.render_post) as rendered:
            _render(scene, frame, path)
    except RuntimeError as error:
        raise RenderError(f"frame {frame}: {_first_line(error)}", scene=scene.camera is None) from error
    wrote = monotonic() - rendered[-1] if rendered else 0.0
    if not path.exists():
        if scene.render.use_multiview:
            words = "the scene renders a picture for each of its views, a farm keeps one a frame; use Stereo 3D"
            raise RenderError(f"frame {frame}: {words}", scene=True)
        raise RenderError(f"frame {frame}: Blender rendered without an error, but wrote no picture; see its log")
    return _picture_size(scene.render), wrote


def _render(scene: bpy.types.Scene, frame: int, path: Path) -> None:
    """Renders as an animation of one frame, as `blender -f` does: going to the frame before, as for a still, would have
    Blender build the whole scene for a viewport that isn't there."""
    if _NAMES_FRAMES:
        scene.render.filepath = str(path.with_name("######" + path.suffix))
        bpy.ops.render.render(animation=True, frame_start=frame, frame_end=frame)  # type: ignore[call-arg]
    elif scene.render.use_stamp and scene.render.use_stamp_frame_range:  # the range must stay, it is in the picture
        scene.render.filepath = str(path)
        scene.frame_set(frame)
        bpy.ops.render.render(write_still=True)
    else:
        scene.render.filepath = str(path.with_name("######" + path.suffix))
        scene.frame_start = scene.frame_end = frame
        bpy.ops.render.render(animation=True)


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


def _scene() -> bpy.types.Scene:
    scene = bpy.context.scene
    if scene is None:
        raise RenderError("the blend holds no scene", scene=True)
    return scene


def absent_engine(render: bpy.types.RenderSettings) -> str:
    """The engine the blend asks for if this Blender lacks it, else "". Blender would render with EEVEE without a word,
    and that is also all that RNA shows; what was asked for stands only in Blender's memory."""
    shown = render.engine.encode() + b"\0"
    asked = ctypes.string_at(render.as_pointer(), _SETTINGS)
    if shown in asked:
        return ""
    render.engine = render.engine  # puts what is shown in the place of what was asked for
    place = ctypes.string_at(render.as_pointer(), _SETTINGS).find(shown)
    return "" if place < 0 else asked[place : place + _ENGINE].partition(b"\0")[0].decode("utf-8", "replace")


def _set_format(scene: bpy.types.Scene, image_format: str) -> None:
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):  # Blender 5 sorts its formats
        settings.media_type = "MULTI_LAYER_IMAGE" if image_format == "OPEN_EXR_MULTILAYER" else "IMAGE"
    try:
        settings.file_format = image_format  # type: ignore[assignment]  # an identifier from the farm
    except TypeError as error:
        raise RenderError(f"this Blender ({bpy.app.version_string}) can't write {image_format}") from error


def _picture_size(render: bpy.types.RenderSettings) -> tuple[int, int]:
    """Blender's own arithmetic, `BKE_render_resolution` and, for a cropped border, `render_init_from_main`."""
    width = render.resolution_x * render.resolution_percentage // 100
    height = render.resolution_y * render.resolution_percentage // 100
    if render.use_border and render.use_crop_to_border:
        width = int(render.border_max_x * width) - int(render.border_min_x * width)
        height = int(render.border_max_y * height) - int(render.border_min_y * height)
    stereo = render.image_settings.stereo_3d_format
    if render.use_multiview and render.image_settings.views_format == "STEREO_3D" and not stereo.use_squeezed_frame:
        width *= 2 if stereo.display_mode == "SIDEBYSIDE" else 1
        height *= 2 if stereo.display_mode == "TOPBOTTOM" else 1
    return width, height


def _first_line(error: RuntimeError) -> str:
    return str(error).removeprefix("Error: ").strip().partition("\n")[0]
