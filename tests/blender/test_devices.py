# SPDX-License-Identifier: GPL-3.0-or-later
"""Who renders on what, in a real Blender: how devices are parted among children, and what a machine without a card
comes to. Renders nothing."""

import importlib
from types import ModuleType

import bpy
import pytest

TWO_CARDS = [("CUDA", "one"), ("CUDA", "other"), ("CPU", None)]

pytestmark = pytest.mark.usefixtures("empty_file")


@pytest.fixture(scope="module")
def devices() -> ModuleType:
    return importlib.import_module("bl_ext.user_default.bender_worker_addon.render_child.devices")


def test_a_child_that_is_alone_renders_on_all_cards(devices: ModuleType) -> None:
    assert devices.part(TWO_CARDS, -1) == TWO_CARDS[:2]


def test_a_child_that_is_alone_leaves_the_cards_out_where_the_processor_stands_first(devices: ModuleType) -> None:
    assert devices.part([("CPU", None), ("CUDA", "one")], -1) == [("CPU", None)]


def test_of_several_children_each_renders_on_one_device_the_processor_behind_the_cards(devices: ModuleType) -> None:
    parts = [devices.part(TWO_CARDS, share) for share in range(4)]
    assert parts == [[("CUDA", "one")], [("CUDA", "other")], [("CPU", None)], [("CUDA", "one")]]


def test_without_leave_to_use_the_processor_all_children_render_on_the_card(devices: ModuleType) -> None:
    assert [devices.part([("HIP", "one")], share) for share in range(2)] == [[("HIP", "one")]] * 2


@pytest.mark.parametrize("share", [-1, 0, 1])
def test_without_a_card_every_child_renders_on_the_processor(share: int, devices: ModuleType) -> None:
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.device = "CYCLES", "GPU"
    assert devices.choose(["OPTIX", "CUDA", "HIP", "METAL", "ONEAPI", "CPU"], share) == "CPU"
    assert scene.cycles.device == "CPU"


def test_without_a_card_and_without_the_processor_there_is_nothing_to_render_on(devices: ModuleType) -> None:
    bpy.context.scene.render.engine = "CYCLES"
    with pytest.raises(LookupError, match="none of OPTIX, CUDA is here"):
        devices.choose(["OPTIX", "CUDA"], 1)


def test_an_engine_that_asks_for_no_device_gets_none(devices: ModuleType) -> None:
    bpy.context.scene.render.engine = "BLENDER_WORKBENCH"
    assert devices.choose(["CUDA"], -1) == ""
