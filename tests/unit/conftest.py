# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the worker's tests: a worker with its farm around it. No Blender, no RabbitMQ."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings

from bender_worker_addon.core import retry
from bender_worker_addon.core.retry import Retry
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.worker import worker as worker_module
from tests.unit.local_site import Site
from tests.unit.support import Farm, StandInBroker, WatchedLocalQueue, child_command
from tools.servers.blend_server import BlendServer

settings.register_profile("worker", max_examples=40, deadline=None, database=None)
settings.load_profile("worker")


class StartFarm(Protocol):
    def __call__(
        self,
        *,
        child: list[str] | None = None,
        max_tasks: int | None = None,
        idle_exit: float | None = None,
        **settings: Any,
    ) -> Farm: ...


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("both_queues"):
        metafunc.parametrize("queue", ["stand-in", "local"])


@pytest.fixture
def queue() -> str:
    """Where a worker's tasks come from; tests marked `both_queues` are run with each."""
    return "stand-in"


@pytest.fixture
def start_farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, queue: str) -> Iterator[StartFarm]:
    """Starts a worker on `tmp_path`; what it renders is done by the stand-in child `renders`. A second call starts
    another one when the first was closed: its next run."""
    brokers: list[StandInBroker | WatchedLocalQueue] = []

    def chosen(config: WorkerConfig, *, inbox: Any, blender: str) -> StandInBroker | WatchedLocalQueue:
        if queue == "local":
            brokers.append(WatchedLocalQueue(tmp_path / "farm", inbox=inbox))
        else:
            brokers.append(StandInBroker(url=config.amqp_url, worker_id=config.id, inbox=inbox))
        return brokers[-1]

    monkeypatch.setattr("bender_worker_addon.worker.assembly.task_queue", chosen)
    with ExitStack() as at_the_end:
        http = at_the_end.enter_context(BlendServer())

        def start(
            *,
            child: list[str] | None = None,
            max_tasks: int | None = None,
            idle_exit: float | None = None,
            **settings: Any,
        ) -> Farm:
            folders = {"data_dir": tmp_path, "blendpath": tmp_path / "blends", "outpath": tmp_path / "frames"}
            config = WorkerConfig(
                **{"bender_url": http.url, "id": "w1", "disklimit": 0.0, "upload": "off", **folders, **settings}
            )
            command = child or child_command("renders")
            worker = worker_module.Worker(config, child_command=command, max_tasks=max_tasks, idle_exit=idle_exit)
            at_the_end.callback(worker.close)
            farm = Farm(worker, brokers[-1], http, tmp_path)
            worker.start()
            return farm

        yield start


@pytest.fixture
def farm(start_farm: StartFarm) -> Farm:
    """A worker with the settings as they are, but for its folders."""
    return start_farm()


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blends are asked for again at once."""
    monkeypatch.setattr(retry, "DOWNLOADS", Retry(tries=4, first=0.01, longest=0.05))


@pytest.fixture
def quick_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads are tried again at once."""
    monkeypatch.setattr(retry, "UPLOADS", Retry(tries=4, first=0.01, longest=0.05))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A farm's folder on this machine."""
    made = Site(tmp_path / "farm")
    yield made
    made.close()
