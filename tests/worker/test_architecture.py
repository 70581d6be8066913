# SPDX-License-Identifier: GPL-3.0-or-later
"""The walls of the house: who may import whom, and that importing the add-on costs nothing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bender_worker_addon
from bender_worker_addon.worker.config import settings
from tests.worker.support import DEADLINE

PACKAGE = Path(bender_worker_addon.__file__).parent
WORKER, CHILD, BLENDER, QUEUES, FARM = (
    PACKAGE / name for name in ("worker", "render_child", "blender", "queues", "farm")
)
CHOICE = "bender_worker_addon.queues.choice"  # of a queue: all that a worker knows of those besides RabbitMQ
OUTSIDE = {
    "pika": [WORKER / "broker"],
    "urllib3": [WORKER / "download.py"],
    "requests": [WORKER / "flaskbender.py", WORKER / "download.py"],
}


def modules(folder: Path = PACKAGE) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(module: Path) -> Iterator[str]:
    """The full names of all that a module imports, anywhere in it."""
    here = module.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: -node.level]) if node.level else ""
            origin = ".".join(filter(None, (base, node.module)))
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _of(*packages: str) -> tuple[str, ...]:
    return tuple(f"bender_worker_addon.{package}." for package in packages)


def top(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("module", modules(WORKER), ids=lambda path: path.name)
def test_the_worker_knows_neither_blender_nor_its_neighbours(module: Path) -> None:
    found = set(imports(module))
    assert not {"bpy", "imbuf", "mathutils", "addon_utils"} & {top(name) for name in found}
    neighbours = _of("blender", "render_child", "queues", "farm")
    assert not [name for name in found if name.startswith(neighbours) and not name.startswith(CHOICE)]


@pytest.mark.parametrize("module", [*modules(QUEUES), *modules(FARM)], ids=lambda path: path.name)
def test_queues_and_the_farms_side_know_no_blender(module: Path) -> None:
    found = set(imports(module))
    assert not {"bpy", "imbuf", "mathutils", "addon_utils"} & {top(name) for name in found}
    neighbours = _of("blender", "render_child", *(["queues"] if module.parent == FARM else []))
    assert not [name for name in found if name.startswith(neighbours)]


@pytest.mark.parametrize("name", OUTSIDE)
def test_one_place_knows_an_outside_dependency(name: str) -> None:
    knowing = [path for path in modules() if name in map(top, imports(path))]
    assert knowing
    assert not [path for path in knowing if not any(map(path.is_relative_to, OUTSIDE[name]))]


def test_nothing_else_from_outside_is_used() -> None:
    ours = {"bender_worker_addon", "render_child", "bpy", "imbuf", "bpy_extras", "gpu", "blf", *OUTSIDE}
    allowed = ours | sys.stdlib_module_names
    assert not {top(name) for path in modules() for name in imports(path)} - allowed


@pytest.mark.parametrize("module", modules(CHILD), ids=lambda path: path.name)
def test_a_child_knows_nobody(module: Path) -> None:
    for name in imports(module):
        assert top(name) in sys.stdlib_module_names | {"bpy", "imbuf", "render_child"} or name.startswith(
            "bender_worker_addon.render_child"
        )


@pytest.mark.parametrize("module", modules(BLENDER), ids=lambda path: path.name)
def test_what_runs_in_blender_knows_no_wire(module: Path) -> None:
    assert not {"pika", "requests"} & set(map(top, imports(module)))


def test_the_preferences_have_every_setting() -> None:
    """Without one of them nothing at all would start; so it is found out here, before any Blender is."""
    names = {setting.name for setting in settings()}
    tree = ast.parse((BLENDER / "preferences.py").read_text(encoding="utf-8"))
    declared = {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    drawn = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert names - declared == names - drawn == set()


def test_processes_are_started_in_one_place() -> None:
    calls = {
        path.name
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in {"Popen", "run", "check_output", "call", "system"}
        and isinstance(node.value, ast.Name)
        and node.value.id in {"subprocess", "os"}
    }
    assert calls == {"renderer.py"}


def test_the_systems_clock_is_for_stamps_only() -> None:
    """It may jump: what is waited for or measured goes by time.monotonic. These stamp reports and what is kept."""
    stamping = {"task.py", "reports.py", "journal.py", "books.py"}
    clocks = {("time", "time"), ("datetime", "now"), ("datetime", "utcnow"), ("time", "localtime")}
    found = {
        path.name
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in clocks
    }
    assert found <= stamping


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_begins_with_its_licence_and_says_what_it_is(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert text.startswith('# SPDX-License-Identifier: GPL-3.0-or-later\n"""')
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_our_own_is_imported_relatively(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level:
            assert top(node.module or "") != "bender_worker_addon"


def test_importing_the_add_on_loads_nothing_of_it() -> None:
    program = "import sys, bender_worker_addon; print(*sorted(sys.modules))"
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=DEADLINE, check=True)
    loaded = run.stdout.split()
    assert "bender_worker_addon" in loaded
    assert not [name for name in loaded if name.startswith("bender_worker_addon.")]
    assert not {"pika", "requests", "urllib3", "sqlite3", "logging"} & set(loaded)


def test_a_worker_loads_what_speaks_to_the_farm_only_where_it_has_to() -> None:
    """Blender's start does not wait for it, and a farm on one machine goes without."""
    program = "import sys, bender_worker_addon.worker.worker; print(*sorted(sys.modules))"
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=DEADLINE, check=True)
    assert not {"pika", "requests", "urllib3"} & set(run.stdout.split())


def test_every_setting_is_among_the_preferences_and_shown_there_once() -> None:
    tree = ast.parse((PACKAGE / "blender" / "preferences.py").read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    properties = {
        node.target.id
        for node in classes[0].body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    groups = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_literal(node.value)
    }
    shown = [
        name for group in ("_FARM", "_CERTIFICATES", "_STORAGE", "_RENDERING", "_SHARED") for name in groups[group]
    ]
    names = [setting.name for setting in settings()]
    assert properties.issuperset(names)
    assert sorted(shown) == sorted(names)


def _is_literal(value: ast.expr) -> bool:
    return isinstance(value, ast.Tuple) and all(isinstance(element, ast.Constant) for element in value.elts)
