# SPDX-License-Identifier: GPL-3.0-or-later
"""Video: a film of a job's frames, by Blender's own encoder. Empties the open file, so only for a Blender that nobody
works in."""

from collections.abc import Sequence
from pathlib import Path

import bpy

from ...core.errors import FarmError


def make(frames: Sequence[Path], out: Path, *, fps: int) -> None:
    """Makes an MP4 (H.264) of pictures, one after the other, as `out`; what is there is replaced. Raises FarmError."""
    if not bpy.app.ffmpeg.supported:
        raise FarmError("this Blender was built without FFmpeg, which makes videos; use one from blender.org")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    part = out.with_name(f".part-{out.name}")
    try:
        _show(scene, frames)
        _write_to(scene, part, fps=fps)
        bpy.ops.render.render(animation=True)
        if not part.is_file() or not part.stat().st_size:
            raise FarmError(f"Blender wrote no video of {frames[0].parent}")
        part.replace(out)
    except (RuntimeError, OSError) as error:
        raise FarmError(f"no video could be made of {frames[0].parent}: {error}") from error
    finally:
        part.unlink(missing_ok=True)


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


def _write_to(scene: bpy.types.Scene, out: Path, *, fps: int) -> None:
    render = scene.render
    render.fps, render.fps_base = fps, 1
    render.filepath, render.use_file_extension = str(out), False
    scene.view_settings.view_transform = "Standard"  # the pictures are as they should look already
    if hasattr(render.image_settings, "media_type"):  # Blender 5 sorts its formats
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
    render.ffmpeg.constant_rate_factor, render.ffmpeg.audio_codec = "HIGH", "NONE"
