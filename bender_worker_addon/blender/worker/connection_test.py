# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection test: whether broker, flaskbender and folders can be used, found out beside Blender's main thread."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ...settings.config import WorkerConfig


@dataclass(frozen=True, slots=True)
class Verdict:
    is_good: bool
    words: str


_RUNNING = Verdict(True, "being tested...")


class ConnectionTest:
    """The last test of a farm. Its threads write their verdicts, the preferences read them."""

    def __init__(self) -> None:
        self._verdicts: dict[str, Verdict] = {}

    @property
    def running(self) -> bool:
        return _RUNNING in self._verdicts.values()

    def verdicts(self) -> list[tuple[str, Verdict]]:
        return list(self._verdicts.items())

    def start(self, config: WorkerConfig) -> None:
        """Begins to test everything at once; `verdicts` has what is known so far."""
        from ...worker import checkup

        tests = checkup.of_settings(config)
        self._verdicts = dict.fromkeys(tests, _RUNNING)
        for name, test in tests.items():
            threading.Thread(target=self._run, args=(self._verdicts, name, test), daemon=True).start()

    def _run(self, verdicts: dict[str, Verdict], name: str, test: Callable[[], str]) -> None:
        trouble = test()
        verdicts[name] = Verdict(False, trouble) if trouble else Verdict(True, "good")


connection_test = ConnectionTest()
