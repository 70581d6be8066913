# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: a desktop, a farm, and an artist's Blender that is set up for it. No tests.

Pictures of what was seen lie in `test-output/window/<Blender's version>/<module>/` after a run.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.farm.farmyard import Farm
from tests.window.desk import SESSION, Desk
from tools.blenders import blenders, scenes
from tools.check import testing
from tools.check.desktop import Desktop
from tools.check.window import Window, settle
from tools.errors import ToolError
from tools.places import PROJECT
from tools.servers.rabbitmq import RabbitNode

if TYPE_CHECKING:
    from tests.conftest import Installed

PICTURES = PROJECT / "test-output" / "window"
SceneMaker = Callable[..., Path]
OpenWindow = Callable[..., AbstractContextManager[Desk]]


@pytest.fixture(scope="session")
def desktop() -> Iterator[Desktop]:
    try:
        made = Desktop()
    except ToolError as error:
        pytest.skip(f"a desktop: {error}")
    with made:
        yield made


@pytest.fixture(scope="session")
def open_window(
    desktop: Desktop,
    installed: "Installed",
    rabbit: RabbitNode,
    _vhosts: Iterator[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> OpenWindow:
    """Opens a Blender of a user who has the add-on, beside a farm of its own; to be entered with `with`.

    `words` are more of its command line. It is a new user's unless a `user`, the folder of an earlier one, is given.
    With `environment` that of the worker is set too, which has the farm's addresses.
    """
    version = "{}.{}".format(*blenders.version_of(installed.blender))

    @contextmanager
    def opened(
        name: str, *words: Path, user: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> Iterator[Desk]:
        folder = tmp_path_factory.mktemp(name)
        env = {**installed.env, "BLENDER_USER_RESOURCES": str(user or folder / "user")}
        if user is None:
            shutil.copytree(installed.env["BLENDER_USER_RESOURCES"], folder / "user")
            settle(installed.blender, env, folder / "temporary")
        pictures = PICTURES / version / name
        shutil.rmtree(pictures, ignore_errors=True)
        farm = Farm(rabbit=rabbit, vhost=next(_vhosts), blender=installed.blender, env=env, folder=folder)
        with farm:
            farm.declare_work()
            seen = env if environment is None else farm.environment() | dict(environment)
            with Window(desktop, installed.blender, *words, env=seen, folder=pictures) as window:
                yield Desk(window, farm)

    return opened


@pytest.fixture(scope="module")
def shared_desk(open_window: OpenWindow, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """One Blender for all tests of a module, its preferences filled in by hand."""
    with open_window(request.node.name.rpartition("/")[2].removesuffix(".py")) as desk:
        fill_in(desk)
        yield desk


@pytest.fixture
def desk(shared_desk: Desk) -> Iterator[Desk]:
    """The module's Blender, at rest, the Bender tab open."""
    shared_desk.window.open_sidebar("Bender")
    yield shared_desk
    if shared_desk.window.ask("regions('PREFERENCES', 'WINDOW')"):
        shared_desk.close_preferences()
    if shared_desk.window.ask(f"{SESSION}.running"):
        shared_desk.stop_now()
    shared_desk.farm.take("work")


@pytest.fixture(scope="session")
def make_scene(tmp_path_factory: pytest.TempPathFactory) -> SceneMaker:
    """Has the named scene saved by the older Blender: both can open it."""
    folder = tmp_path_factory.mktemp("scenes")

    def make(name: str, **options: float) -> Path:
        out = folder / "-".join([name, *map(str, options.values())]) / "scene.blend"
        return scenes.make(testing.blender_for(blenders.DEFAULT), name, out, **options)

    return make


@pytest.fixture(scope="session")
def telling_blend(make_scene: SceneMaker) -> Path:
    """A scene whose frames take a few seconds each. (Cycles without a window tells of its samples every 18 s.)"""
    return make_scene("trivial", width=320, height=180, samples=300)


@pytest.fixture(scope="session")
def slow_blend(make_scene: SceneMaker) -> Path:
    """A scene whose frames take eight seconds each, whatever the machine."""
    return make_scene("slow", seconds=8)


@pytest.fixture(scope="session")
def endless_blend(make_scene: SceneMaker) -> Path:
    """A scene whose frames are not done before a test has ended."""
    return make_scene("slow", seconds=150)


def fill_in(desk: Desk) -> None:
    """What an artist does first: type where the farm is."""
    desk.open_preferences()
    desk.unfold_preferences()
    desk.set_addresses(desk.farm.url, desk.farm.server.url)
    desk.set_folders(desk.farm.folder / "data", desk.farm.outpath)
    desk.window.screenshot("preferences")
    desk.close_preferences()
