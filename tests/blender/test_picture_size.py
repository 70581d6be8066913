# SPDX-License-Identifier: GPL-3.0-or-later
"""How large the picture of a cropped border will be, against what Blender writes."""

import importlib
from pathlib import Path
from types import ModuleType

import bpy
import imbuf
import pytest

pytestmark = pytest.mark.usefixtures("empty_file")


@pytest.fixture(scope="module")
def picture_size() -> ModuleType:
    return importlib.import_module("bl_ext.user_default.bender_worker_addon.render_child.picture_size")


@pytest.mark.parametrize(("width", "percentage"), [(100, 100), (1280, 100), (1920, 100), (2048, 50), (4096, 33)])
def test_a_border_at_any_whole_per_cent_is_cropped_as_blender_crops_it(
    width: int, percentage: int, picture_size: ModuleType, tmp_path: Path
) -> None:
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, 6, percentage
    render.use_border = render.use_crop_to_border = render.use_persistent_data = True
    render.image_settings.file_format, render.filepath = "BMP", str(tmp_path / "picture.bmp")
    wrong = {}
    for cents in range(1, 101):
        render.border_min_x, render.border_max_x = (cents - 10) / 100 if cents > 50 else 0, cents / 100
        bpy.ops.render.render(write_still=True)
        picture = imbuf.load(render.filepath)
        if picture_size.sizes(render) != {tuple(picture.size)}:
            wrong[cents] = picture_size.sizes(render), tuple(picture.size)
        picture.free()
    assert wrong == {}
