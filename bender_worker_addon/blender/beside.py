# SPDX-License-Identifier: GPL-3.0-or-later
"""Beside: a call that may take its time, on a thread of its own. Blender's main thread looks in and never waits."""

import logging
import threading
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

from ..core.errors import WorkerError

log = logging.getLogger(__name__)

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

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until it is done, for at most so long, if that is given; gives whether it is."""
        self._thread.join(seconds)
        return self.done

    def result(self) -> T:
        """What the call gave, or the error it raised, once it is done."""
        if self._error is not None:
            raise self._error
        return self._value[0]

    def outcome(self) -> tuple[T | None, str]:
        """What the call gave, or what went wrong, for people; once it is done."""
        try:
            return self.result(), ""
        except Exception as error:  # noqa: BLE001  told, and logged where nobody foresaw it
            return None, in_words(error)

    def _run(self) -> None:
        try:
            self._value.append(self._call())
        except Exception as error:  # noqa: BLE001  raised again by `result`, where somebody can deal with it
            _let_go(error)
            self._error = error


def in_words(error: Exception) -> str:
    """What people are told of an error. One that nobody foresaw is logged with all that its makers need."""
    match error:
        case WorkerError():
            return str(error)
        case OSError():
            return f"{error.filename or 'a folder'} can't be used: {error.strerror or error}"
        case _:
            log.error("what nobody foresaw", exc_info=error)
            return f"an error in the add-on itself ({type(error).__name__}); please report it, with its log"


def _let_go(error: BaseException | None) -> None:
    """Frees what the calls held that the error has ended: with its traceback an open file or a lock would live on."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
