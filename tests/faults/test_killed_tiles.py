# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture in tiles, and workers that are killed at a step of a tile's life or of the picture's: another takes over,
later the killed one comes back with what its journal knows, and nothing is lost, nor left. These are some of the steps;
`build.py chaos --tiles` goes through all there are."""

from pathlib import Path

from tests.chaos import tiles
from tests.farm.programs import dying_server
from tests.farm.serving import Farm
from tests.faults.bare_worker import PICTURE, TILE

SOME = [(TILE, "given"), (TILE, "upload"), (PICTURE, "gathering"), (PICTURE, "given")]


def test_the_steps_at_which_a_server_can_be_killed_are_those_it_has() -> None:
    """None is tried here: who moves what a step is called by should hear of it all the same."""
    assert [
        step for step, (owner, name, _) in dying_server.STEPS.items() if not callable(getattr(owner, name, None))
    ] == []


def test_whichever_step_ends_a_worker_nothing_is_lost(tmp_path: Path, amqp_url: str) -> None:
    farm = Farm(tmp_path, amqp_url)
    try:
        tiles.check(farm, tiles.kill_workers(farm, SOME))
    finally:
        farm.close()
