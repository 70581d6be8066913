# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: farms with real parts, and blends made by a real Blender. No tests."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.farm import pictures
from tests.farm.farmyard import Farm
from tests.farm.local_yard import LocalYard
from tools.blenders import blenders, scenes
from tools.check import testing
from tools.servers.rabbitmq import RabbitNode

if TYPE_CHECKING:
    from tests.conftest import Installed

logging.getLogger("pika").setLevel(logging.CRITICAL)  # pages of it, when a broker is away on purpose

FarmMaker = Callable[[Path], Farm]
SceneMaker = Callable[..., Path]


@pytest.fixture(scope="session")
def make_farm(rabbit: RabbitNode, _vhosts: Iterator[str], installed: "Installed") -> FarmMaker:
    """Makes a farm that keeps its things in a folder, to be entered with `with`: for tests that share one."""

    def make(folder: Path) -> Farm:
        vhost = next(_vhosts)
        return Farm(rabbit=rabbit, vhost=vhost, blender=installed.blender, env=installed.env, folder=folder)

    return make


@pytest.fixture
def farm(make_farm: FarmMaker, tmp_path: Path) -> Iterator[Farm]:
    with make_farm(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> SceneMaker:
    """Gives a blend with the named scene, made once by the older Blender: both can open it."""
    folder = tmp_path_factory.mktemp("scenes")
    made: dict[str, Path] = {}

    def make(name: str, **options: float) -> Path:
        key = "-".join([name, *(f"{option}{value:g}" for option, value in options.items())])
        if key not in made:
            made[key] = scenes.make(testing.blender_for(blenders.DEFAULT), name, folder / f"{key}.blend", **options)
        return made[key]

    return make


@pytest.fixture(scope="session")
def blend(scene: SceneMaker) -> Path:
    """A scene that takes next to no time."""
    return scene("trivial", width=64, height=36, samples=1)


@pytest.fixture
def yard(installed: "Installed", tmp_path: Path) -> Iterator[LocalYard]:
    """A farm on this machine."""
    with LocalYard(blender=installed.blender, env=installed.env, folder=tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a texture, a library and a library's library."""
    folder = tmp_path_factory.mktemp("linked")
    pictures.run_script(testing.blender_for(blenders.DEFAULT), "linked.py", folder)
    return folder / "main.blend"
