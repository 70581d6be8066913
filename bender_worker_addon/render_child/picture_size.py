# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture size: of the file that Blender will write, which it tells nobody. Its own arithmetic, on the same numbers."""

import struct

import bpy

from .pictures import Size


def sizes(render: bpy.types.RenderSettings) -> set[Size]:
    """Widths and heights one of which the picture will have: two if its views may come to stand side by side, which
    depends on how many there are and on the Blender."""
    width, height = one = _of_one_view(render)
    if not render.use_multiview or render.image_settings.views_format != "STEREO_3D":
        return {one}
    stereo = render.image_settings.stereo_3d_format
    if not stereo.use_squeezed_frame:
        width *= 2 if stereo.display_mode == "SIDEBYSIDE" else 1
        height *= 2 if stereo.display_mode == "TOPBOTTOM" else 1
    return {one, (width, height)}


def _of_one_view(render: bpy.types.RenderSettings) -> Size:
    """`BKE_render_resolution` and, for a cropped border, `render_init_from_main`."""
    if not render.use_crop_to_border:
        return _resolution(render)
    left, bottom, right, top = region_of(render)
    return right - left, top - bottom


def region_of(render: bpy.types.RenderSettings) -> tuple[int, int, int, int]:
    """What is rendered of the whole resolution, in pixels from below left: left, bottom, right and top, of which the
    last two are outside."""
    width, height = _resolution(render)
    if not render.use_border:
        return 0, 0, width, height
    return (
        _edge(render.border_min_x, width),
        _edge(render.border_min_y, height),
        _edge(render.border_max_x, width),
        _edge(render.border_max_y, height),
    )


def _resolution(render: bpy.types.RenderSettings) -> Size:
    return (
        render.resolution_x * render.resolution_percentage // 100,
        render.resolution_y * render.resolution_percentage // 100,
    )


def _edge(part: float, pixels: int) -> int:
    """A product in single precision: 0.7 of 100 are 70, not 69."""
    (product,) = struct.unpack("f", struct.pack("f", part * pixels))
    return int(product)
