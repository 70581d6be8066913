# SPDX-License-Identifier: GPL-3.0-or-later
"""Video: a film of a job's frames, by Blender's own encoder. Empties the open file, so only for a Blender that nobody
works in."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import FarmError
from ...system.files import move, remove

_LINEAR = (".exr", ".hdr")  # pictures that are not yet as a scene shows them


def are_linear(frames: Sequence[Path]) -> bool:
    return frames[0].suffix in _LINEAR


def make(frames: Sequence[Path], out: Path, *, fps: float, scene_of: Path | None = None) -> None:
    """Makes an MP4 (H.264) of pictures, one after the other, as `out`; what is there is replaced. Linear ones are shown
    as the scene in the blend `scene_of` shows them, or as a new scene would. Raises FarmError."""
    if not bpy.app.ffmpeg.supported:
        raise FarmError("this Blender was built without FFmpeg, which makes videos; use one from blender.org")
    part = out.with_name(f".part-{out.name}")
    try:
        with tempfile.TemporaryDirectory(prefix=f"{part.name}-", dir=out.parent) as scratch:
            shown = _as_seen(frames, scene_of, Path(scratch)) if are_linear(frames) else frames
            bpy.ops.wm.read_factory_settings(use_empty=True)
            _show(bpy.context.scene, shown)
            _write_to(bpy.context.scene, part, fps=fps)
            bpy.ops.render.render(animation=True)
        if not part.is_file() or not part.stat().st_size:
            raise FarmError(f"Blender wrote no video of {frames[0].parent}")
        move(part, out)
    except (RuntimeError, OSError) as error:
        raise FarmError(f"no video could be made of {frames[0].parent}: {error}") from error
    finally:
        remove(part)


def _as_seen(frames: Sequence[Path], blend: Path | None, folder: Path) -> list[Path]:
    """Saves each as the artist sees it; of one with layers, the first."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if blend is not None:
        bpy.ops.wm.open_mainfile(filepath=str(blend), load_ui=False, use_scripts=False)
    scene: Any = bpy.context.scene
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):  # Blender 5 sorts its formats
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGB", "8"
    settings.color_management = "FOLLOW_SCENE"
    shown = [folder / f"{frame.stem}.png" for frame in frames]
    for frame, target in zip(frames, shown, strict=True):
        picture = bpy.data.images.load(str(frame))
        picture.save_render(str(target), scene=scene)
        bpy.data.images.remove(picture)
    return shown


def _show(scene: bpy.types.Scene, frames: Sequence[Path]) -> None:
    """Puts the pictures one after the other into the sequencer. The encoder wants even sizes."""
    picture = bpy.data.images.load(str(frames[0]))
    scene.render.resolution_x, scene.render.resolution_y = (size + size % 2 for size in picture.size)
    scene.render.resolution_percentage = 100
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_image("frames", str(frames[0]), channel=1, frame_start=1, fit_method="ORIGINAL")
    for frame in frames[1:]:
        strip.elements.append(frame.name)
    strip.frame_final_duration = len(frames)
    scene.frame_start, scene.frame_end = 1, len(frames)


def _write_to(scene: bpy.types.Scene, out: Path, *, fps: float) -> None:
    render = scene.render
    render.fps = max(1, round(fps))
    render.fps_base = render.fps / fps
    render.filepath, render.use_file_extension = str(out), False
    scene.view_settings.view_transform = "Standard"  # the pictures are as they should look already
    if hasattr(render.image_settings, "media_type"):  # Blender 5 sorts its formats
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
    render.ffmpeg.constant_rate_factor, render.ffmpeg.audio_codec = "HIGH", "NONE"
