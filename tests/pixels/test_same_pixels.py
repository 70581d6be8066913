# SPDX-License-Identifier: GPL-3.0-or-later
"""Every case of inside_blender/cases.py gives, from a farm, the pixels of `blender -b --factory-startup FILE -f N`."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.farm.conftest import FarmMaker
from tests.pixels.rendering import EXTENSIONS, Case, by_farm, differences, plainly

if TYPE_CHECKING:
    from tests.conftest import Installed

CASES = {
    "a_driver_reads_the_last_frame": Case([2, 5]),
    "the_frame_is_burnt_in": Case([7]),
    "settings_for_writing_files_are_its_own": Case([1]),
    "only_one_layer_is_rendered_in_the_window": Case([1]),
    "a_setting_of_the_render_is_keyed": Case([6, 2]),
    "what_was_saved_is_not_what_is_keyed": Case([8, 3]),
    "simplify_is_keyed": Case([1, 6, 2]),
    "simplify_is_keyed_and_data_are_kept": Case([1, 6]),
    "the_order_of_rotations_is_keyed": Case([7, 4, 2]),
    "an_aperture_is_keyed": Case([7, 2]),
    "layers_have_samples_of_their_own": Case([1, 7]),
    "pieces_of_an_explosion": Case([7, 4, 2]),
    "cameras_are_bound_to_markers": Case([3, 1]),
    "compositing_needs_no_camera": Case([1]),
    "an_edit_needs_no_camera": Case([1]),
    "a_cropped_region": Case([1]),
    "views_side_by_side": Case([1]),
    "a_single_view_of_two_side_by_side": Case([1]),
    "a_single_view": Case([1]),
    "a_single_view_as_openexr": Case([1], "OPEN_EXR"),
    "views_in_one_openexr": Case([1], "OPEN_EXR"),
    "a_bare_stream_of_jpeg_2000": Case([1], "JPEG2000"),
}


@pytest.fixture(scope="session")
def found(
    installed: "Installed",
    make_farm: FarmMaker,
    cases: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """For each frame that is not what it should be, what is wrong with it."""
    blender, folder = installed.blender, tmp_path_factory.mktemp("pixels")
    with make_farm(folder) as farm:
        with by_farm(farm, cases, CASES) as worker:
            plain = {
                (name, frame): plainly(
                    installed.blender, cases[name], frame, folder=folder / "plain" / f"{name} {frame}"
                )
                for name, case in CASES.items()
                for frame in case.frames
            }
        pairs, missing = {}, {}
        for (name, frame), picture in plain.items():
            stored = farm.frame(name, f"{frame:06}.{EXTENSIONS[CASES[name].image_format]}")
            if stored.exists():
                pairs[f"{name} {frame}"] = stored, picture
            else:
                missing[f"{name} {frame}"] = f"it was not rendered:\n{worker.log}"
    return missing | differences(blender, pairs, scratch=folder)


@pytest.mark.both_blenders
@pytest.mark.parametrize("name", CASES)
def test_a_farm_gives_the_pixels_of_a_fresh_blender(found: dict[str, str], name: str) -> None:
    frames = [f"{name} {frame}" for frame in CASES[name].frames]
    assert {frame: found[frame] for frame in frames if frame in found} == {}


def test_every_case_is_tried(cases: dict[str, Path]) -> None:
    assert sorted(cases) == sorted(CASES)
