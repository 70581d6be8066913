# SPDX-License-Identifier: GPL-3.0-or-later
"""Who renders on what, in a real Blender: how devices are parted among children, and what a machine without a card
comes to. Renders nothing."""

import importlib
import re
from types import ModuleType, SimpleNamespace

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
    wanted = ["OPTIX", "CUDA", "HIP", "METAL", "ONEAPI", "CPU"]
    used = devices.choose(wanted, share)
    assert re.fullmatch(r"CPU \(.*\w.*\)", used)
    assert scene.cycles.device == "CPU"
    assert devices.found(wanted, share, renderers=1 + (share >= 0)) == (used, used)


def test_without_a_card_and_without_the_processor_there_is_nothing_to_render_on(devices: ModuleType) -> None:
    bpy.context.scene.render.engine = "CYCLES"
    with pytest.raises(LookupError, match="none of OPTIX, CUDA is here"):
        devices.choose(["OPTIX", "CUDA"], 1)
    assert devices.found(["OPTIX", "CUDA"], 1, renderers=2) == ("", "")


def test_an_engine_that_asks_for_no_device_gets_none(devices: ModuleType) -> None:
    bpy.context.scene.render.engine = "BLENDER_WORKBENCH"
    assert devices.choose(["CUDA"], -1) == ""


@pytest.mark.parametrize(
    ("cards", "renderers", "kind"),
    [
        (["RTX 3090", "RTX 3090"], 1, "CUDA (RTX 3090)"),
        (["RTX 3090 (Display)", "RTX 3090"], 2, "CUDA (RTX 3090)"),
        (["RTX 3090", "RTX 4090"], 1, ""),
        (["RTX 3090", "RTX 4090"], 2, ""),
        (["RTX 3090"], 2, ""),  # the processor renders, too
        (["RTX 3090"], 1, "CUDA (RTX 3090)"),
    ],
)
def test_a_worker_has_one_kind_of_device_if_all_its_children_render_on_that(
    devices: ModuleType, monkeypatch: pytest.MonkeyPatch, cards: list[str], renderers: int, kind: str
) -> None:
    found = [SimpleNamespace(name=name) for name in cards]
    monkeypatch.setattr(devices, "_cards", lambda kind: found if kind == "CUDA" else [])
    assert devices.found(["OPTIX", "CUDA", "CPU"], -1 if renderers == 1 else 0, renderers=renderers)[1] == kind


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("AMD EPYC 7B13 64-Core Processor                ", "AMD EPYC 7B13"),
        ("AMD EPYC", "AMD EPYC"),
        ("AMD Ryzen 7 5800H with Radeon Graphics", "AMD Ryzen 7 5800H"),
        ("Intel Core i7-8700K CPU @ 3.70GHz", "Intel Core i7-8700K"),
        ("12th Gen Intel Core i7-12700K", "12th Gen Intel Core i7-12700K"),
        ("Intel Xeon CPU @ 2.20GHz", "Intel Xeon @ 2.20GHz"),
        ("Intel Xeon Processor (Skylake, IBRS)", "Intel Xeon (Skylake, IBRS)"),
        ("Apple M2 Pro", "Apple M2 Pro"),
        ("NVIDIA GeForce RTX 3090 (Display)", "NVIDIA GeForce RTX 3090"),
    ],
)
def test_a_device_is_called_by_what_tells_it_from_others(devices: ModuleType, name: str, short: str) -> None:
    assert devices.short(name) == short
