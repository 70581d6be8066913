# SPDX-License-Identifier: GPL-3.0-or-later
"""Timings: what a task's seconds went into, on their way through this worker."""

import json
import time
from collections.abc import Mapping


class Timings:
    """Seconds by name, in the order in which they come: `download` of its blend, `queue` (waiting here for a Blender),
    what the render child tells (messages.SPENT; over all frames), `store` (hashed, moved into its place), `upload`."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._mark = time.monotonic()

    def passed(self, name: str) -> float:
        """What has passed since something was noted went into `name`. Gives how much that was."""
        now = time.monotonic()
        seconds, self._mark = now - self._mark, now
        self._add(name, seconds)
        return seconds

    def rendered(self, spent: Mapping[str, float]) -> None:
        for name, seconds in spent.items():
            self._add(name, max(0.0, seconds))
        self._mark = time.monotonic()

    def stored(self, seconds: float) -> None:
        self._add("store", seconds)
        self._mark = time.monotonic()

    def in_json(self) -> str:
        """As the farm is told: `{"queue": 0.012, …}`."""
        return json.dumps({name: round(seconds, 4) for name, seconds in self._seconds.items()})

    def __str__(self) -> str:
        return ", ".join(f"{name} {seconds:.3f}" for name, seconds in self._seconds.items() if seconds >= 0.0005)

    def _add(self, name: str, seconds: float) -> None:
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds
