# SPDX-License-Identifier: GPL-3.0-or-later
"""Beside: a call that may take its time, on a thread of its own. Blender's main thread looks in and never waits."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """Runs `call`, which must not touch bpy, from now on. A daemon: it never keeps Blender from closing."""

    def __init__(self, name: str, call: Callable[[], T]) -> None:
        self._call = call
        self._value: list[T] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Waits until it is done, for at most so long; gives whether it is."""
        self._thread.join(seconds)
        return self.done

    def result(self) -> T:
        """What the call gave, or the error it raised, once it is done."""
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _run(self) -> None:
        try:
            self._value.append(self._call())
        except Exception as error:  # noqa: BLE001  raised again by `result`, where somebody can deal with it
            self._error = error
