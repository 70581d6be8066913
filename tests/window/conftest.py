# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: a desktop, a farm, and an artist's Blender that is set up for it. No tests.

A test that fails costs itself alone: its Blender is thrown away, and the next has another.
Pictures of what was seen lie in `test-output/window/<Blender's version>/<module>/` after a run.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
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
TIMEOUT = 900  # seconds for a test: on a busy machine everything that is drawn and read takes its time
SceneMaker = Callable[..., Path]
OpenWindow = Callable[..., AbstractContextManager[Desk]]

_failure = pytest.StashKey[BaseException]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and call.excinfo is not None:
        item.stash[_failure] = call.excinfo.value
    return report


class SharedDesk:
    """One Blender for several tests, until one of them fails; the next gets another."""

    def __init__(self, open_desk: Callable[[], AbstractContextManager[Desk]]) -> None:
        self._open_desk = open_desk
        self._stack = ExitStack()
        self._desk: Desk | None = None

    def lend(self) -> Desk:
        if self._desk is None:
            self._desk = self._stack.enter_context(self._open_desk())
        return self._desk

    def throw_away(self, why: BaseException | None = None) -> None:
        """Ends Blender and its farm; with a reason, as after a failure."""
        self._desk = None
        self._stack.__exit__(type(why) if why else None, why, None)

    @contextmanager
    def thrown_away_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.throw_away(error)
            raise


@pytest.fixture(scope="session")
def _settled_users(tmp_path_factory: pytest.TempPathFactory) -> Callable[["Installed"], Path]:
    """One for each Blender: the folder of a user who has the add-on and preferences that suit eyes, to be copied."""
    users: dict[Path, Path] = {}

    def settled_user(installed: "Installed") -> Path:
        if installed.blender not in users:
            folder = tmp_path_factory.mktemp("settled")
            user = shutil.copytree(installed.env["BLENDER_USER_RESOURCES"], folder / "user")
            env = {**installed.env, "BLENDER_USER_RESOURCES": str(user)}
            settle(installed.blender, env, folder / "temporary")
            users[installed.blender] = user
        return users[installed.blender]

    return settled_user


@pytest.fixture(scope="session")
def open_window(
    installed: "Installed",
    _settled_users: Callable[["Installed"], Path],
    rabbit: RabbitNode,
    _vhosts: Iterator[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> OpenWindow:
    """Opens a Blender of a user who has the add-on, on a desktop and beside a farm of its own; to be entered with
    `with`.

    `words` are more of its command line. It is a new user's unless a `user`, the folder of an earlier one, is given,
    and beside a new farm unless a `farm` is, which is in use. With `environment` that of the worker is set too, which
    has the farm's addresses.
    """
    try:
        Desktop()
    except ToolError as error:
        pytest.skip(f"a desktop: {error}")
    version = "{}.{}".format(*blenders.version_of(installed.blender))

    @contextmanager
    def opened(
        name: str,
        *words: Path,
        user: Path | None = None,
        farm: Farm | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Desk]:
        folder = tmp_path_factory.mktemp(name)
        env = {**installed.env, "BLENDER_USER_RESOURCES": str(user or folder / "user")}
        if user is None:
            shutil.copytree(_settled_users(installed), folder / "user")
        pictures = PICTURES / version / name
        shutil.rmtree(pictures, ignore_errors=True)
        with ExitStack() as stack:
            desktop = stack.enter_context(Desktop())
            if farm is None:
                own = Farm(rabbit=rabbit, vhost=next(_vhosts), blender=installed.blender, env=env, folder=folder)
                farm = stack.enter_context(own)
                farm.declare_work()
            seen = env if environment is None else farm.environment() | dict(environment)
            with Window(desktop, installed.blender, *words, env=seen, folder=pictures) as window:
                yield Desk(window, farm)

    return opened


@pytest.fixture(scope="session")
def opening(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a desktop whose program for opening things notes what it was asked to open, that for telling
    people something what it told, and that which puts a machine to sleep that it did."""
    folder = tmp_path_factory.mktemp("opening")
    for name, note in (("xdg-open", "asked"), ("notify-send", "told"), ("systemctl", "slept")):
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$@" >> {folder / note}\n')
        program.chmod(0o755)
    return {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def opened(opening: dict[str, str]) -> Path:
    """What the desktop was asked to open, a line each; not there before it was."""
    asked = Path(opening["PATH"].partition(os.pathsep)[0]).with_name("asked")
    asked.unlink(missing_ok=True)
    return asked


@pytest.fixture(scope="module")
def typed() -> bool:
    """Whether the artist types where the farm is; else her studio has set it in the environment."""
    return False


@pytest.fixture(scope="module")
def shared_desk(
    open_window: OpenWindow, typed: bool, opening: dict[str, str], request: pytest.FixtureRequest
) -> Iterator[SharedDesk]:
    """One Blender for all tests of a module, which knows its farm."""
    module = request.node.name.rpartition("/")[2].removesuffix(".py")
    names = (f"{module}-{number}" if number > 1 else module for number in itertools.count(1))

    @contextmanager
    def open_desk() -> Iterator[Desk]:
        with open_window(next(names), environment=None if typed else opening) as desk:
            if typed:
                fill_in(desk)
            yield desk

    shared = SharedDesk(open_desk)
    yield shared
    shared.throw_away()


@pytest.fixture
def desk(shared_desk: SharedDesk, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """The module's Blender, at rest, the Bender tab open."""
    with shared_desk.thrown_away_on_failure():
        desk = shared_desk.lend()
        desk.window.open_sidebar("Bender")
    yield desk
    if failure := request.node.stash.get(_failure, None):
        shared_desk.throw_away(failure)
        return
    with shared_desk.thrown_away_on_failure():
        if desk.window.ask("regions('PREFERENCES', 'WINDOW')"):
            desk.close_preferences()
        if desk.window.ask(f"{SESSION}.running"):
            desk.stop_now()
        desk.farm.take("work")


@pytest.fixture(scope="session")
def make_scene(tmp_path_factory: pytest.TempPathFactory) -> SceneMaker:
    """Has the named scene saved by the older Blender: both can open it."""
    folder = tmp_path_factory.mktemp("scenes")

    def make(name: str, **options: float) -> Path:
        out = folder / "-".join([name, *map(str, options.values())]) / "scene.blend"
        return scenes.make(testing.blender_for(blenders.DEFAULT), name, out, **options)

    return make


@pytest.fixture(scope="session")
def quick_blend(make_scene: SceneMaker) -> Path:
    """A scene whose frames take half a second each, whatever the machine."""
    return make_scene("slow", seconds=0.5)


@pytest.fixture(scope="session")
def slow_blend(make_scene: SceneMaker) -> Path:
    """A scene whose frames take four seconds each, whatever the machine; longer than until they are held."""
    return make_scene("slow", seconds=4)


@pytest.fixture(scope="session")
def endless_blend(make_scene: SceneMaker) -> Path:
    """A scene whose frames are not done before a test has ended."""
    return make_scene("slow", seconds=3600)


def fill_in(desk: Desk) -> None:
    """What an artist does first: type where the farm is."""
    desk.open_preferences()
    desk.unfold_preferences()
    desk.set_addresses(desk.farm.url, desk.farm.server.url)
    desk.set_folders(desk.farm.folder / "data", desk.farm.outpath)
    desk.window.screenshot("preferences")
    desk.close_preferences()
