# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether pictures are cut: where two render side by side, and that ends sooner."""

from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.farm.tile_cost import Cost
from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.sites import tiling
from bender_worker_addon.sites.local import LocalSite
from bender_worker_addon.sites.tiling import Known
from tools.servers.filled_books import add_worker


@pytest.mark.parametrize(
    ("own", "machines", "count", "why"),
    [
        (0, {}, 1, "no two workers are here"),
        (1, {}, 1, "no two workers are here"),
        (2, {}, 8, ""),
        (0, {"one": {"tiles": True}, "two": {"tiles": True, "renderers": 2}}, 12, ""),
        (1, {"one": {"tiles": True}}, 8, ""),
        (0, {"old": {}}, 1, "earlier version"),
    ],
)
def test_they_are_cut_for_all_that_render_side_by_side(
    tmp_path: Path, own: int, machines: dict[str, dict[str, Any]], count: int, why: str
) -> None:
    options = {"queue": "local", "farm_dir": str(tmp_path)}
    config = resolve(data_dir=tmp_path, preferences={}, environment={}, options=options).config
    with LocalSite(config) as farm:
        for name, hello in machines.items():
            add_worker(tmp_path, name, beat=60, state="Waiting", **hello)
        best, told = tiling.known(farm, name="shot", own=own).best(frames=1)
    assert best == count
    assert why in told
    assert bool(why) == bool(told)


def test_short_ones_are_not_cut_unless_somebody_wants_them_so() -> None:
    known = Known(here=2, renderers=2, cost=Cost(render=0.1, each=0.1))
    as_wholes = "so many, or such short ones, are done sooner as a whole each"
    last = "; up to 2 of the last are split, if the first ones show that to be worth it"
    assert known.best(frames=2) == (1, as_wholes)
    assert known.best(frames=10) == (1, as_wholes + last)
    assert known.best(frames=10, wanted=6) == (6, "")


A, B = "CPU (AMD EPYC 7B13) on Linux", "OPTIX (RTX 3090) on Windows"


def known_of(folder: Path, *machines: dict[str, Any]) -> Known:
    config = resolve(data_dir=folder, preferences={}, environment={}, options={"farm_dir": str(folder)}).config
    with LocalSite(config) as farm:
        for number, hello in enumerate(machines):
            add_worker(folder, f"m{number}", beat=60, state="Waiting", tiles=True, **hello)
        return tiling.known(farm, name="shot", own=0)


@pytest.mark.parametrize(
    ("machines", "told", "told_of_one_kind"),
    [
        ([], "", ""),
        ([{"blender": "5.2.2", "kind": A}] * 2, "", ""),
        ([{"blender": "5.2.2"}] * 2, "", ""),
        ([{"blender": "5.2.2"}, {"blender": "4.3.2", "renderers": 2}], "have 4.3.2 (2), 5.2.2 (1)", "4.3.2 (2)"),
        (
            [{"blender": "5.2.2", "kind": B}, *[{"blender": "5.2.2", "kind": A}] * 2],
            f"pixels may differ in their last bits from tile to tile: workers render on {A} (2), {B} (1)",
            f"all tiles of a job are rendered on one kind of device; workers render on {A} (2), {B} (1)",
        ),
        ([{"blender": "5.2.2", "kind": A}, {"blender": "5.2.2"}], "or what is not known (1)", "not known (1)"),
        ([{"blender": "5.2.2", "kind": A}, {"blender": "4.3.2", "kind": B}], "have 5.2.2 (1), 4.3.2 (1)", "(1)"),
    ],
)
def test_what_differs_between_machines_is_told(
    tmp_path: Path, machines: list[dict[str, Any]], told: str, told_of_one_kind: str
) -> None:
    known = known_of(tmp_path, *machines)
    for words, one_kind in ((told, False), (told_of_one_kind, True)):
        found = known.differs(one_kind=one_kind)
        assert words in found
        assert bool(words) == bool(found)


def test_of_one_kind_they_are_cut_for_those_that_are(tmp_path: Path) -> None:
    known = known_of(tmp_path, *[{"blender": "5.2.2", "kind": kind} for kind in (A, A, A, B)])
    assert (known.best(frames=1)[0], known.best(frames=1, one_kind=True)[0]) == (16, 12)


def test_where_nobody_is_of_one_kind_each_picture_is_rendered_by_one(tmp_path: Path) -> None:
    known = known_of(tmp_path, {"blender": "5.2.2"}, {"blender": "5.2.2"})
    assert known.best(frames=1, wanted=4) == (4, "")
    count, why = known.best(frames=1, wanted=4, one_kind=True)
    assert count == 1
    assert "renders on one kind of device alone" in why
