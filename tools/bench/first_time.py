# SPDX-License-Identifier: GPL-3.0-or-later
"""The first time that blends travel, in pieces and as a whole, in turn: seconds, those of processors, and memory."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bender_worker_addon.system.files import discard_folder
from tools.bench import transfer
from tools.bench.transfer import Took
from tools.servers.served_farm import ServedFarm

WAYS = ("whole", "pieces")
_TO, _FROM = "to the farm", "to a worker"
_PATIENCE = 300.0  # seconds

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Trip:
    """What it took who sends or fetches, and the farm's server."""

    here: Took
    there: Took


def rows(farm: ServedFarm, scenes: Mapping[str, Path], *, up: str, down: str, repeat: int) -> Iterator[Row]:
    """`up` and `down`: the farm's address for who sends and who fetches."""
    memory: dict[str, dict[str, int]] = {}
    for name, scene in scenes.items():
        trips = _sent(farm, scene, up, repeat)
        farm.submit(scene, job=f"first-{scene.stem}", frames="1")
        list(farm.follow(patience=_PATIENCE))
        fetched = _fetched(farm, scene, down, repeat)
        for where, found in ((_TO, trips), (_FROM, fetched)):
            yield f"{name} {where} for the first time", "; ".join(_in_words(way, found[way]) for way in WAYS)
        memory[name] = {
            "who sends": max(trip.here.memory for trip in trips["pieces"]),
            "the server": max(trip.there.memory for trip in trips["pieces"] + fetched["pieces"]),
            "a worker": max(trip.here.memory for trip in fetched["pieces"]),
        }
    for who in ("who sends", "the server", "a worker"):
        yield f"memory of {who}, at most", ", ".join(f"{name}: {memory[name][who] / 1e6:.0f} MB" for name in scenes)


def _sent(farm: ServedFarm, scene: Path, url: str, repeat: int) -> dict[str, list[_Trip]]:
    """What has come is forgotten each time."""
    trips: dict[str, list[_Trip]] = {way: [] for way in WAYS}
    for number in range(repeat):
        for way in _in_turn(number):
            job = f"{way}-{number}"
            trips[way].append(_trip(farm, f"send-{way}", url, scene, job))
            discard_folder(farm.jobs / f".new-{job}")
    return trips


def _fetched(farm: ServedFarm, scene: Path, url: str, repeat: int) -> dict[str, list[_Trip]]:
    trips: dict[str, list[_Trip]] = {way: [] for way in WAYS}
    for number in range(repeat):
        for way in _in_turn(number):
            folder = scene.with_suffix("") / f"{way}-{number}"
            trips[way].append(_trip(farm, f"fetch-{way}", url, folder / scene.name, f"first-{scene.stem}"))
            discard_folder(folder)
    return trips


def _in_turn(number: int) -> tuple[str, ...]:
    """Who is first has what the other left on the disk's hands."""
    return WAYS if number % 2 else WAYS[::-1]


def _trip(farm: ServedFarm, way: str, url: str, file: Path, job: str) -> _Trip:
    os.sync()  # what was written before is nobody's burden
    transfer.forget_memory_of(farm.process)
    before = transfer.processor_of(farm.process)
    here = transfer.measured(way, url, file, job)
    used = transfer.processor_of(farm.process) - before
    return _Trip(here, Took(here.seconds, used, transfer.memory_of(farm.process)))


def _in_words(way: str, trips: list[_Trip]) -> str:
    seconds = median(trip.here.seconds for trip in trips)
    here = median(trip.here.processor for trip in trips)
    there = median(trip.there.processor for trip in trips)
    return f"{way} {seconds:.2f} s (of processors {here:.2f} here, {there:.2f} the server)"
