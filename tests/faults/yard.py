# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm whose workers have no Blender: real RabbitMQ, real HTTP, real worker processes, a stand-in child."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.farm.farmyard import Farm
from tests.farm.process import WorkerProcess
from tests.worker.support import blend, opened
from tools.rabbitmq import RabbitNode

PROGRAM = Path(__file__).resolve().parent / "bare_worker.py"


class BareFarm(Farm):
    """A Farm as those of tests/farm; its blends say what the stand-in child `renders` does with them."""

    def __init__(self, *, rabbit: RabbitNode, vhost: str, folder: Path) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        super().__init__(rabbit=rabbit, vhost=vhost, blender=Path(sys.executable), env=environment, folder=folder)

    def worker(self, *options: str, **settings: Any) -> WorkerProcess:
        """Starts one; it has the id and the folder of data `one` unless it is set."""
        name = str(settings.setdefault("id", "one"))
        settings.setdefault("data_dir", self.folder / name)
        settings.setdefault("form", (str(PROGRAM),))
        return super().worker(*options, **settings)

    def scene(self, **scene: Any) -> str:
        """Registers a job, gives its id; `scene` is for the stand-in child."""
        return self.job(blend(record=self._record, **scene))

    def gate(self) -> Path:
        """Something for a frame to `wait` at until it is `opened`."""
        path = self.folder / f"gate-{len(list(self.folder.glob('gate-*')))}"
        os.mkfifo(path)
        return path

    def stop(self, worker: WorkerProcess) -> None:
        """As it should be done: one that is killed leaves its scratch folder for its next run to clear away."""
        worker.wait_for_line("frames go to")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0

    def delete_work(self) -> None:
        """As an administrator might, by mistake."""
        with self._connection() as connection:
            connection.channel().queue_delete("work")

    def renders(self) -> int:
        """How many frames were rendered, those that came to nothing included."""
        return len(self._record.read_text().splitlines()) if self._record.exists() else 0

    @property
    def _record(self) -> Path:
        return self.folder / "renders.txt"


__all__ = ["BareFarm", "opened"]
