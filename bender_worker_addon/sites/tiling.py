# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiling: into how many tiles the frames of a job are cut that is about to be sent: as suits the workers that are
there, and what the frames of the last job of its name took."""

from dataclasses import dataclass

from ..core import tile
from ..core.job import one_line
from ..farm import workers
from ..farm.tile_cost import Cost, best_count
from .site import Site


@dataclass(frozen=True, slots=True)
class Known:
    """`here`: how many Blenders there are, `renderers`: how many of them render tiles of one picture side by side;
    `cost`: of a frame of the last job of that name, None if nothing of it is rendered."""

    here: int
    renderers: int
    cost: Cost | None

    def best(self, *, frames: int, wanted: int = 0) -> tuple[int, str]:
        """How many tiles each of so many frames is cut into, unless somebody has `wanted` so many; 1 if it is rendered
        as a whole, and why."""
        if self.here and not self.renderers:
            why = "they are of an earlier version, or render into a shared folder"
            return 1, f"no worker that is here takes tiles: {why}"
        if wanted:
            return wanted, ""
        if self.renderers < 2:
            return 1, "no two workers are here to render side by side"
        count = best_count(renderers=self.renderers, frames=frames, cost=self.cost)
        return count, self._why_not_all(frames) if count == 1 else ""

    def _why_not_all(self, frames: int) -> str:
        why = "so many, or such short ones, are done sooner as a whole each"
        last = f"; the last {self.renderers} are split all the same, if the first ones show that to be worth it"
        return why + last if frames > self.renderers else why


def known(farm: Site, *, name: str, own: int) -> Known:
    """What decides of a job of that `name`. `own`: how many Blenders render for the farm on this machine without saying
    so, as from a queue of its own."""
    here, by_blender = _renderers(farm)
    renderers = max(by_blender.values(), default=0)  # of one version: no other may make tiles of the same picture
    return Known(here, renderers + own, _cost_of_last(farm, name))


def best(farm: Site, *, name: str, frames: int, wanted: int = 0, own: int = 0) -> tuple[int, str]:
    """As `Known.best`, of a job of that `name`."""
    return known(farm, name=name, own=own).best(frames=frames, wanted=wanted)


def _cost_of_last(farm: Site, name: str) -> Cost | None:
    """Of the last job of that name of which anything is rendered."""
    last = next((job for job in farm.jobs() if job.name == name and job.done), None)
    return None if last is None else farm.details(last).cost


def what_differs(farm: Site) -> str:
    """What is to be said where not all workers can render tiles of one picture, else ""."""
    _, by_blender = _renderers(farm)
    if len(by_blender) < 2:
        return ""
    told = {one_line(blender, most=40) or "an unknown one": count for blender, count in by_blender.items()}
    there = ", ".join(f"{blender} ({count})" for blender, count in told.items())
    words = "all tiles of a job are rendered by one version of Blender, by that which wrote the blend if it is there"
    return f"{words}; workers have {there}"


def _renderers(farm: Site) -> tuple[int, dict[str, int]]:
    """How many Blenders are here, and how many of them render tiles, by their version."""
    here, by_makers = workers.renderers(farm.workers())
    return here, {makers: count for makers, count in by_makers.items() if not tile.parted(makers)[1]}
