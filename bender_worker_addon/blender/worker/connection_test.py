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
        self.config: WorkerConfig | None = None
        self._tests: dict[str, Beside[Verdict]] = {}

    @property
    def running(self) -> bool:
        return not all(test.done for test in self._tests.values())

    def verdicts(self) -> list[tuple[str, Verdict]]:
        return [(name, test.result() if test.done else _RUNNING) for name, test in self._tests.items()]

    def start(self, config: WorkerConfig) -> None:
        """Begins to test everything at once; `verdicts` has what is known so far."""
        from ...worker import checkup

        self.config = config
        tests = checkup.of_settings(config)
        self._tests = {name: Beside("bender-test", partial(_verdict, test)) for name, test in tests.items()}
        self._tests["Room"] = Beside("bender-test", partial(_room, config))


def _verdict(test: Callable[[], str]) -> Verdict:
    try:
        trouble = test()
    except Exception as error:  # noqa: BLE001  told, and logged where nobody foresaw it
        trouble = in_words(error)
    return Verdict(False, trouble) if trouble else Verdict(True, "good")


def _room(config: WorkerConfig) -> Verdict:
    """Where jobs are, and whether there is room for their frames."""
    from ...system.disks import free_gigabytes

    try:
        free = free_gigabytes(config.outpath)
    except OSError as error:
        return Verdict(False, in_words(error))
    if free < config.disklimit:
        asked = f"{free:.0f} GB are free, you asked to keep {config.disklimit:g}: nothing is rendered"
        return Verdict(False, f"{asked}; free some space, or keep less free")
    where = f"; no farm is needed, jobs are kept in {config.farm_dir}" if config.is_local else ""
    return Verdict(True, f"{free:.0f} GB are free{where}")


connection_test = ConnectionTest()
