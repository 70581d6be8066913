# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiles: a rectangle of a picture, rendered by itself as the engine made it: linear, with all passes, not denoised, not
composited. Of Cycles only, whose pixels know nothing of their neighbours but for adaptive sampling: there a tile has a
margin, which is cut off again when the picture is put together.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import bpy

from . import scenes, scope
from .picture_size import region_of
from .pictures import Size

FORMAT = "OPEN_EXR_MULTILAYER"
_ADAPTIVE = 8  # pixels. Whether one is sampled on is also its neighbours' matter, which dies out by a factor 5 a pixel
_OVERSCAN = 4  # pixels, of adaptive sampling: so far it looks over the edge of a cell
_CELL_STEP, _LARGEST_CELL = 128, 8192  # pixels
_VOLUME = 5  # pixels, after 1, 2, 4, 8 … samples: so far Cycles blurs what it has learned of volumes
_BORDER = ("use_border", "use_crop_to_border", "border_min_x", "border_max_x", "border_min_y", "border_max_y")


class Region(NamedTuple):
    """In pixels of the whole resolution, from below left; `right` and `top` are outside."""

    left: int
    bottom: int
    right: int
    top: int

    @property
    def size(self) -> tuple[int, int]:
        return self.right - self.left, self.top - self.bottom


def picture(scene: bpy.types.Scene) -> Region:
    """What the scene renders: all of it, or what its own border leaves."""
    return Region(*region_of(scene.render))


def cell(scene: Any) -> int:
    """The pixels, in each direction, after which Cycles, from below left, begins a picture anew as it is too large for
    it; 0 if it isn't, or nobody could see that. Source: tile.cpp and session.cpp of Cycles."""
    if not (scene.cycles.use_auto_tile and margin(scene)):
        return 0
    size = max(scene.cycles.tile_size, 8)
    size = min(size if size <= _CELL_STEP else -(-size // _CELL_STEP) * _CELL_STEP, _LARGEST_CELL)
    width, height = picture(scene).size
    return 0 if width * height <= size * size and max(width, height) <= _LARGEST_CELL else size


def margin(scene: Any) -> int:
    """In pixels: how far what is beyond a region's edge can show in it."""
    layers = [layer for layer in scene.view_layers if layer.use]
    found = _ADAPTIVE if scene.cycles.use_adaptive_sampling else 0
    if any(hasattr(layer.cycles, "use_pass_volume_scatter") for layer in layers) and scope.has_volumes():
        samples = max(scene.cycles.samples, *(layer.samples for layer in layers))
        found += _VOLUME * (samples - 1).bit_length()
    return found


def with_margin(scene: Any, region: Region) -> Region:
    """What is rendered to have this region as it is in the whole picture."""
    more = margin(scene)
    seen = _cell_of(scene, region) or picture(scene)
    return Region(
        max(region.left - more, seen.left),
        max(region.bottom - more, seen.bottom),
        min(region.right + more, seen.right),
        min(region.top + more, seen.top),
    )


def _cell_of(scene: Any, region: Region) -> Region | None:
    """All that Cycles looks at when it renders the cell that has this region in it; None where no cell has."""
    if not (size := cell(scene)):
        return None
    whole, over = picture(scene), _OVERSCAN if scene.cycles.use_adaptive_sampling else 0
    left = region.left - (region.left - whole.left) % size
    bottom = region.bottom - (region.bottom - whole.bottom) % size
    if region.right > left + size or region.top > bottom + size:
        return None
    return Region(
        max(left - over, whole.left),
        max(bottom - over, whole.bottom),
        min(left + size + over, whole.right),
        min(bottom + size + over, whole.top),
    )


def part_of_preview(scene: Any, region: Region) -> tuple[Region, float]:
    """What of the picture of a tile is the region itself, and what part of the whole picture's width one of its pixels
    is."""
    rendered = with_margin(scene, region)
    left, bottom = rendered.left, rendered.bottom
    own = Region(region.left - left, region.bottom - bottom, region.right - left, region.top - bottom)
    return own, 1 / picture(scene).size[0]


def denoised_layers(scene: Any) -> list[str]:
    """The view layers whose pictures Cycles would denoise."""
    if not scene.cycles.use_denoising:
        return []
    return [layer.name for layer in scene.view_layers if layer.use and layer.cycles.use_denoising]


def prepare(scene: Any) -> None:
    """Lets the scene write what its engine makes, and with that what denoising looks at. For good: it is opened anew
    for all else."""
    render = scene.render
    for name in denoised_layers(scene):
        scene.view_layers[name].cycles.denoising_store_passes = True
    scene.cycles.use_denoising = False
    render.use_compositing = render.use_sequencer = render.use_stamp = False
    settings = render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format = FORMAT
    settings.color_depth = "32"
    settings.exr_codec = "ZIP"


def render(frame: int, file: str, region: Region) -> tuple[set[Size], float]:
    """Renders a region, with the margin it needs, of the open blend's scene; as `scenes.render_frame` does. Raises
    RenderError."""
    scene = scenes.scene()
    rendered = with_margin(scene, region)
    with _at_once(scene, is_one_cell=_cell_of(scene, region) is not None):
        _, wrote = scenes.render_frame(frame, file, FORMAT, _only(scene, rendered))
    return {rendered.size}, wrote


@contextmanager
def _at_once(scene: Any, *, is_one_cell: bool) -> Iterator[None]:
    """Cycles begins nothing anew within a cell, though that is larger than one with what it sees of its neighbours."""
    before = scene.cycles.use_auto_tile
    scene.cycles.use_auto_tile = before and not is_one_cell
    try:
        yield
    finally:
        scene.cycles.use_auto_tile = before


@contextmanager
def _only(scene: Any, region: Region) -> Iterator[None]:
    """Renders of the scene made meanwhile are of this region. Nobody sees that: as soon as Blender has read it, and
    before it evaluates the frame, the scene is as it was."""
    render = scene.render
    before = {name: getattr(render, name) for name in _BORDER}

    def put_back(*_: object) -> None:
        for name, value in before.items():
            setattr(render, name, value)

    width, height = (side * render.resolution_percentage // 100 for side in (render.resolution_x, render.resolution_y))
    render.use_border = render.use_crop_to_border = True
    # Half a pixel on, so that no rounding makes it another one.
    render.border_min_x, render.border_max_x = _part(region.left, width), _part(region.right, width)
    render.border_min_y, render.border_max_y = _part(region.bottom, height), _part(region.top, height)
    bpy.app.handlers.frame_change_pre.append(put_back)
    try:
        yield
    finally:
        bpy.app.handlers.frame_change_pre.remove(put_back)
        put_back()


def _part(edge: int, pixels: int) -> float:
    return edge / pixels if edge in (0, pixels) else (edge + 0.5) / pixels
