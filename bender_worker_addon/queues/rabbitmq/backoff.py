# SPDX-License-Identifier: GPL-3.0-or-later
"""Backoff: how long to wait before the next attempt to connect."""

import random

FIRST, LAST = 1.0, 30.0  # seconds to wait after the first failure, and at most
STABLE = 10.0  # seconds after which a session counts as a good one
JITTER = 0.2  # of the time to wait: or all workers of a farm would come back at once


class Backoff:
    """Twice as long after each failure; after a good session it begins anew."""

    def __init__(self) -> None:
        self._next = FIRST

    def after(self, lasted: float) -> float:
        """Seconds to wait after a session, or an attempt at one, that has lasted so many."""
        wait = FIRST if lasted > STABLE else self._next
        self._next = min(2 * wait, LAST)
        return wait * random.uniform(1 - JITTER, 1 + JITTER)
