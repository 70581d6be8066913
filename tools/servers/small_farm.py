# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole farm on this machine: RabbitMQ, the blends, the bookkeeper, and workers. Gone when it is left.

with SmallFarm() as farm:
    farm.server.add("job-a", blend)
    publish_tasks(farm.node.url, [make_task("job-a", [1])])
    worker = farm.start_worker(blender, env, "--max-tasks", "1", folder=folder, outpath=frames, log=log)
    for report in farm.follow(worker, patience=60):
        ...
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tools.errors import ToolError
from tools.servers.blend_server import BlendServer
from tools.servers.farm import Bookkeeper, Report
from tools.servers.rabbitmq import RabbitNode
from tools.servers.worker import Worker


class SmallFarm:
    """All its parts stand from `with` to its end; so do the workers it starts. `reads`: see Bookkeeper's `only`."""

    def __init__(self, *, reads: str = "#") -> None:
        self._reads = reads
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self.node = self._stack.enter_context(RabbitNode())
            self._stack.callback(self.node.kill)  # nothing of it is kept, so its own shutdown needs no waiting for
            self.server = self._stack.enter_context(BlendServer())
            self.bookkeeper = self._stack.enter_context(Bookkeeper(self.node.url, only=self._reads))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_worker(
        self, blender: Path, env: Mapping[str, str], *options: str, folder: Path, outpath: Path, log: Path
    ) -> Worker:
        """Starts a headless worker in the Blender that has the add-on with `env`; `folder` is for its own data."""
        inherited = {name: value for name, value in env.items() if not name.startswith("BENDER_WORKER_")}
        worker = Worker(blender, options, env=inherited | self.settings(folder=folder, outpath=outpath), log=log)
        self._stack.callback(worker.end)
        return worker

    def settings(self, *, folder: Path, outpath: Path) -> dict[str, str]:
        """The environment that makes a worker one of this farm."""
        return {
            "BENDER_WORKER_AMQP_URL": self.node.url,
            "BENDER_WORKER_BENDER_URL": self.server.url,
            "BENDER_WORKER_DATA_DIR": str(folder),
            "BENDER_WORKER_OUTPATH": str(outpath),
            "BENDER_WORKER_UPLOAD": "off",
        }

    def follow(self, worker: Worker, *, patience: float) -> Iterator[Report]:
        """Every report until the worker has ended. Raises ToolError if it says nothing for `patience` seconds."""
        heard = time.monotonic()

        def is_over() -> bool:
            return worker.ended() or time.monotonic() > heard + patience

        for report in self.bookkeeper.follow(is_over):
            if report.step != "heart":
                heard = report.time
            yield report
        if not worker.ended():
            raise ToolError(f"The worker reported nothing for {patience:g} s. {worker.last_words()}")
