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
        best, told = tiling.best(farm, name="shot", frames=1, own=own)
    assert best == count
    assert why in told
    assert bool(why) == bool(told)


def test_short_ones_are_not_cut_unless_somebody_wants_them_so() -> None:
    known = Known(here=2, renderers=2, cost=Cost(render=0.1, each=0.1))
    as_wholes = "so many, or such short ones, are done sooner as a whole each"
    last = "; the last 2 are split all the same, if the first ones show that to be worth it"
    assert known.best(frames=2) == (1, as_wholes)
    assert known.best(frames=10) == (1, as_wholes + last)
    assert known.best(frames=10, wanted=6) == (6, "")
