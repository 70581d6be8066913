# SPDX-License-Identifier: GPL-3.0-or-later
"""Ending: how a system, or who sits before it, asks a program to end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = [signal.SIGTERM, signal.SIGINT]
if hasattr(signal, "SIGBREAK"):  # Ctrl-Break, and what Windows has for a polite request to end
    SIGNALS.append(signal.SIGBREAK)


@contextmanager
def when_asked_to_end(do: Callable[[], object]) -> Iterator[None]:
    """While it lasts, on the main thread, this is done whenever it is asked for."""
    before = {number: signal.signal(number, lambda *_: do()) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():  # None: it was set in C, as Blender does
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
