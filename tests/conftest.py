# SPDX-License-Identifier: GPL-3.0-or-later
"""The real parts that tests ask for: Blenders, the installed add-on, RabbitMQ. No test and no stand-in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.round_trip import all_come_back
from tools.blenders import blenders, bpy_wheel
from tools.build import package
from tools.check import testing
from tools.errors import ToolError
from tools.servers.rabbitmq import RabbitNode

VHOSTS_AT_ONCE = 20


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A Blender and the environment in which it has the add-on, installed from the zip and enabled."""

    blender: Path
    env: dict[str, str]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rabbitmq", metavar="X.Y", help="try the tests of long frames on RabbitMQ 4.0 or 4.3")


def pytest_make_parametrize_id(val: object) -> str | None:
    """A long value is not told in full: pytest puts a test's name into its environment, which Windows cuts."""
    return f"{val[:20]!r}..." if isinstance(val, str | bytes) and len(val) > 200 else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "blender" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("both_blenders")
        versions = testing.VERSIONS if both else testing.VERSIONS[:1]
        metafunc.parametrize("blender", versions, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def _every_blend_comes_back(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """All that tests have made by then: as a farm gets them, in pieces."""
    yield
    scratch = tmp_path_factory.mktemp("round-trip")
    all_come_back(tmp_path_factory.getbasetemp(), scratch)


@pytest.fixture(scope="session")
def blender(request: pytest.FixtureRequest) -> Path:
    """The Blender of the default version; for tests marked `both_blenders` each of the two in turn."""
    version: str = request.param
    try:
        return testing.blender_for(version)
    except ToolError as error:
        if version == blenders.DEFAULT:
            raise
        pytest.skip(f"Blender {version}: {error}")


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The add-on's zip, built from the working tree."""
    return package.build(testing.blender_for(blenders.DEFAULT), folder=tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def _installations(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Installed]:
    """One for each Blender, however often tests go from the one to the other."""

    @cache
    def installation(blender: Path) -> Installed:
        return Installed(blender=blender, env=package.install(blender, archive, tmp_path_factory.mktemp("user")))

    return installation


@pytest.fixture(scope="session")
def installed(blender: Path, _installations: Callable[[Path], Installed]) -> Installed:
    """The add-on, installed for a throw-away user of `blender`."""
    return _installations(blender)


@pytest.fixture(scope="session")
def rabbit() -> Iterator[RabbitNode]:
    """A running node, shared by all tests; each has a virtual host of its own in it: `amqp_url`."""
    with RabbitNode() as node:
        yield node


@pytest.fixture(scope="session")
def _vhosts(rabbit: RabbitNode) -> Iterator[str]:
    def made() -> Iterator[str]:
        for first in range(0, 100_000, VHOSTS_AT_ONCE):
            names = [f"test-{number}" for number in range(first, first + VHOSTS_AT_ONCE)]
            rabbit.add_vhosts(*names)
            yield from names

    return made()


@pytest.fixture
def vhost(_vhosts: Iterator[str]) -> str:
    """A virtual host that no other test has seen: no queues, no exchanges but RabbitMQ's own."""
    return next(_vhosts)


@pytest.fixture
def amqp_url(rabbit: RabbitNode, vhost: str) -> str:
    return rabbit.url_of(vhost)


@pytest.fixture(scope="session")
def bpy_wheel_python() -> Path:
    """A Python that can `import bpy` 4.2, the oldest Blender we promise."""
    try:
        return bpy_wheel.python()
    except ToolError as error:
        pytest.skip(f"bpy {bpy_wheel.VERSION}: {error}")
