# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiling: into how many tiles the frames of a job are cut that is about to be sent: as suits the workers that are
there, and what the frames of the last job of its name took."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..core import tile
from ..core.job import one_line
from ..farm import workers
from ..farm.tile_cost import Cost, best_count
from .site import Site

_LONGEST = 80  # letters of what is told of one


@dataclass(frozen=True, slots=True)
class Known:
    """`here`: how many Blenders there are, `renderers`: how many of them render tiles of one picture side by side,
    `of_one_kind`: on one kind of device; `cost`: of a frame of the last job of that name, None if nothing of it is
    rendered. `makers`: how many there are by who they are, see `tile.makers`."""

    here: int
    renderers: int
    cost: Cost | None
    of_one_kind: int = 0
    makers: Mapping[str, int] = field(default_factory=dict)

    def best(
        self, *, frames: int, wanted: int = 0, one_kind: bool = False, picture: tile.Picture | None = None
    ) -> tuple[int, str]:
        """How many tiles each of so many frames is cut into, unless somebody has `wanted` so many; 1 if it is rendered
        as a whole, and why: that is the same whatever the `picture`."""
        if self.here and not self.renderers:
            why = "they are of an earlier version, or render into a shared folder"
            return 1, f"no worker that is here takes tiles: {why}"
        if one_kind and self.makers and not any(tile.parted(one)[1] for one in self.makers):
            return 1, "no worker that is here renders on one kind of device alone, as far as is known"
        if wanted:
            return wanted, ""
        renderers = self.of_one_kind if one_kind else self.renderers
        if renderers < 2:
            alike = " on one kind of device" if one_kind else ""
            return 1, f"no two workers are here to render side by side{alike}"
        count = best_count(renderers=renderers, frames=frames, cost=self.cost, picture=picture)
        return count, _why_not_all(frames, renderers) if count == 1 else ""

    def differs(self, *, one_kind: bool = False) -> str:
        """What is to be said where not all workers can render tiles of one picture, or round otherwise; else ""."""
        return "; ".join(filter(None, [self._versions_differ(), self._kinds_differ(one_kind)]))

    def _versions_differ(self) -> str:
        if len(versions := self._versions()) < 2:
            return ""
        words = "all tiles of a job are rendered by one version of Blender, that which wrote the blend if it is there"
        return f"{words}; workers have {_told(versions, 'an unknown one')}"

    def _kinds_differ(self, one_kind: bool) -> str:
        """Among those of one version, whichever that is."""
        kinds = Counter[str]()
        for version, count in self._versions().items():
            its = self._kinds(version)
            its[""] = count - its.total()
            kinds.update(+its if len(+its) > 1 else {})
        if not kinds:
            return ""
        there = _told(kinds, "several kinds, or what is not known")
        if one_kind:
            return f"all tiles of a job are rendered on one kind of device; workers render on {there}"
        return f"pixels may differ in their last bits from tile to tile: workers render on {there}"

    def _versions(self) -> Counter[str]:
        """How many tiles are rendered side by side, by the version of Blender."""
        return Counter({one: count for one, count in self.makers.items() if not tile.parted(one)[1]})

    def _kinds(self, version: str) -> Counter[str]:
        """The same by kind of device, of a version."""
        parted = [(*tile.parted(one), count) for one, count in self.makers.items()]
        return Counter({kind: count for blender, kind, count in parted if kind and blender == version})


def known(farm: Site, *, name: str, own: int) -> Known:
    """What decides of a job of that `name`. `own`: how many Blenders render for the farm on this machine without saying
    so, as from a queue of its own."""
    here, makers = workers.renderers(farm.workers())
    renderers = max(makers.values(), default=0)  # of one version: no other may make tiles of the same picture
    of_one_kind = max((count for one, count in makers.items() if tile.parted(one)[1]), default=0)
    return Known(here, renderers + own, _cost_of_last(farm, name), of_one_kind + own, makers)


def _cost_of_last(farm: Site, name: str) -> Cost | None:
    """Of the last job of that name of which anything is rendered."""
    last = next((job for job in farm.jobs() if job.name == name and job.done), None)
    return None if last is None else farm.details(last).cost


def _why_not_all(frames: int, renderers: int) -> str:
    why = "so many, or such short ones, are done sooner as a whole each"
    last = f"; up to {renderers} of the last are split, if the first ones show that to be worth it"
    return why + last if frames > renderers else why


def _told(found: Counter[str], unknown: str) -> str:
    return ", ".join(f"{one_line(one, most=_LONGEST) or unknown} ({count})" for one, count in found.most_common())
