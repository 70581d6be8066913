# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection test: whether broker, flaskbender and folders can be used, found out beside Blender's main thread."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ...settings.config import WorkerConfig
from ..beside import Beside, in_words


@dataclass(frozen=True, slots=True)
class Verdict:
    is_good: bool
    words: str


_RUNNING = Verdict(True, "being tested...")


class ConnectionTest:
    """The last test of a farm."""

    def __init__(self) -> None:
        self._tests: dict[str, Beside[Verdict]] = {}

    @property
    def running(self) -> bool:
        return not all(test.done for test in self._tests.values())

    def verdicts(self) -> list[tuple[str, Verdict]]:
        return [(name, test.result() if test.done else _RUNNING) for name, test in self._tests.items()]

    def start(self, config: WorkerConfig) -> None:
        """Begins to test everything at once; `verdicts` has what is known so far."""
        from ...worker import checkup

        tests = checkup.of_settings(config)
        self._tests = {name: Beside("bender-test", partial(_verdict, test)) for name, test in tests.items()}


def _verdict(test: Callable[[], str]) -> Verdict:
    try:
        trouble = test()
    except Exception as error:  # noqa: BLE001  told, and logged where nobody foresaw it
        trouble = in_words(error)
    return Verdict(False, trouble) if trouble else Verdict(True, "good")


connection_test = ConnectionTest()
