# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a frame is and how long the engine took to begin with it, in a real Blender and Cycles."""

import importlib
from types import ModuleType

import bpy
import pytest

pytestmark = pytest.mark.usefixtures("empty_file")


@pytest.fixture(scope="module")
def progress() -> ModuleType:
    return importlib.import_module("bl_ext.user_default.bender_worker_addon.render_child.progress")


def _cycles(*, seconds: float) -> None:
    """As many samples as can be had in that time, one at least."""
    bpy.context.scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    bpy.context.scene.render.engine = "CYCLES"
    bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y = 64, 64
    cycles = bpy.context.scene.cycles
    cycles.samples, cycles.time_limit = (1_000_000, seconds) if seconds else (1, 0.0)
    cycles.use_adaptive_sampling, cycles.use_denoising = False, False


def _rendered(progress: ModuleType) -> tuple[float, list[float], list[str]]:
    """Seconds until the first sample, as far as that was seen, and what was told: parts, and what is done before."""
    told = list[tuple[float, str]]()
    watch = progress.Progress()
    watch._frame = 1  # its first is watched from the beginning
    with watch.told_to(lambda part, doing: told.append((part, doing))):
        bpy.ops.render.render()
    return watch.sampling_since, [part for part, _ in told], [doing for _, doing in told]


def test_a_long_frame_of_a_scene_that_is_soon_ready_spends_nothing_on_that(progress: ModuleType) -> None:
    bpy.ops.mesh.primitive_cube_add(location=(0, 0, -3))
    _cycles(seconds=0)
    bpy.ops.render.render()  # the engine's own start is nothing of the scene's
    _cycles(seconds=1)
    seconds, told, _ = _rendered(progress)
    assert seconds == 0.0
    assert told
    assert told == sorted(told)
    assert 0.0 < told[-1] <= 1.0


def test_what_the_engine_makes_of_a_scene_before_the_first_sample_is_told(progress: ModuleType) -> None:
    bpy.ops.mesh.primitive_cube_add(location=(0, 0, -3))
    bpy.context.object.modifiers.new("subdivision", "SUBSURF").render_levels = 9
    _cycles(seconds=0)
    seconds, told, done = _rendered(progress)
    assert seconds > 0.25
    assert told[0] == 0.0
    assert "Preparing the scene" in done


def test_a_first_frame_tells_at_once_that_kernels_are_loaded(progress: ModuleType) -> None:
    """However short: on a graphics card that may take minutes, in which Cycles says nothing more."""
    _cycles(seconds=0)
    done = list[str]()
    watch = progress.Progress()
    for _ in range(2):
        with watch.told_to(lambda _, doing: done.append(doing)):
            bpy.ops.render.render()
    assert done.count("Loading render kernels (may take a few minutes)") == 1
    assert watch._on_stats not in bpy.app.handlers.render_stats
