# SPDX-License-Identifier: GPL-3.0-or-later
"""The walls of the house: who may import whom, and that importing the add-on costs nothing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bender_worker_addon
from tests.unit.support import DEADLINE

PACKAGE = Path(bender_worker_addon.__file__).parent
HOUSE = ("core", "system", "pieces", "settings", "farm", "queues", "worker", "sites", "server", "blender")
"""The folders from the lowest up: each may import those before it, never one behind it."""
WINGS = ("state", "blends", "frames", "children", "life")
"""The same of the folders in `worker/`; what lies beside them there stands on them all."""
NEIGHBOURS = {"sites": {"worker"}, "worker": {"sites"}, "server": {"worker"}}
"""Folders that stand side by side: they don't know each other."""
CHILD, BLENDER = PACKAGE / "render_child", PACKAGE / "blender"
BPY = {"bpy", "imbuf", "mathutils", "addon_utils"}
OUTSIDE = {
    "pika": [PACKAGE / "queues" / "rabbitmq"],
    "urllib3": [PACKAGE / "worker" / "blends" / "http_client.py"],
    "requests": [PACKAGE / "worker" / "blends" / "http_client.py"],
    "starlette": [PACKAGE / "server"],
    "uvicorn": [PACKAGE / "server"],
    "h11": [PACKAGE / "server" / "web" / "connections.py"],
    "multipart": [PACKAGE / "server"],
    "tomlkit": [PACKAGE / "settings"],
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


def names_in(module: Path) -> Iterator[str]:
    """The names of all that is asked of something else, as `rename` in `path.rename(other)`."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr


def replaced_files(module: Path) -> Iterator[ast.Call]:
    """Calls as of Path.replace, which takes one thing; that of a text takes two, and others name theirs."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(attr="replace"), args=[_], keywords=[]):
                yield node


def top(name: str) -> str:
    return name.partition(".")[0]


def ours(name: str) -> tuple[str, ...]:
    """The parts of a name of ours below the package; none for another's."""
    parts = name.split(".")
    return tuple(parts[1:]) if parts[0] == PACKAGE.name else ()


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_arrows_go_down_only(module: Path) -> None:
    here = module.relative_to(PACKAGE).parts
    known = {parts[0] for name in imports(module) if (parts := ours(name)) and parts[0] != "__package__"}
    if len(here) == 1:
        return  # the add-on's own beginning, above all
    folder = here[0]
    if folder == CHILD.name:
        assert known <= {CHILD.name}
        return
    below = set(HOUSE[: HOUSE.index(folder) + 1]) - NEIGHBOURS.get(folder, set())
    assert known <= (below | {CHILD.name} if folder == BLENDER.name else below)


@pytest.mark.parametrize("module", modules(PACKAGE / "worker"), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_arrows_go_down_only_among_the_wings_of_the_worker(module: Path) -> None:
    here = module.relative_to(PACKAGE / "worker").parts
    known = {parts[1] for name in imports(module) if (parts := ours(name)) and parts[0] == "worker"}
    if len(here) > 1:
        assert known <= set(WINGS[: WINGS.index(here[0]) + 1])


def test_every_folder_has_its_place() -> None:
    def folders(of: Path) -> set[str]:
        return {path.parent.name for path in of.glob("*/__init__.py")}

    assert folders(PACKAGE) == {*HOUSE, CHILD.name}
    assert folders(PACKAGE / "worker") == set(WINGS)


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_only_what_runs_in_blender_knows_blender(module: Path) -> None:
    if not (module.is_relative_to(CHILD) or module.is_relative_to(BLENDER)):
        assert not BPY & {top(name) for name in imports(module)}


@pytest.mark.parametrize("module", modules(PACKAGE / "core"), ids=lambda path: path.name)
def test_the_core_touches_nothing(module: Path) -> None:
    """Plain data: it opens no socket and no database, makes no folder and no thread."""
    assert not {"socket", "sqlite3", "shutil", "tempfile", "threading"} & set(map(top, imports(module)))


@pytest.mark.parametrize("name", OUTSIDE)
def test_one_place_knows_an_outside_dependency(name: str) -> None:
    knowing = [path for path in modules() if name in map(top, imports(path))]
    assert knowing
    assert not [path for path in knowing if not any(map(path.is_relative_to, OUTSIDE[name]))]


def test_nothing_else_from_outside_is_used() -> None:
    known = {"bender_worker_addon", "render_child", "bpy", "imbuf", "bpy_extras", "gpu", "blf", "_cycles", *OUTSIDE}
    allowed = known | sys.stdlib_module_names
    assert not {top(name) for path in modules() for name in imports(path)} - allowed


@pytest.mark.parametrize("module", modules(CHILD), ids=lambda path: path.name)
def test_a_child_knows_nobody(module: Path) -> None:
    for name in imports(module):
        assert top(name) in sys.stdlib_module_names | {"bpy", "_cycles", "imbuf", "render_child"} or name.startswith(
            "bender_worker_addon.render_child"
        )


@pytest.mark.parametrize("module", modules(BLENDER), ids=lambda path: path.name)
def test_what_runs_in_blender_knows_no_wire(module: Path) -> None:
    assert not {"pika", "requests"} & set(map(top, imports(module)))


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
    # children, what takes its time beside a window, a farm's RabbitMQ and its Blender, Blender's player, what keeps
    # macOS awake, and what is run to its end
    beside = {"background.py", "viewing.py", "sleepless.py", "programs.py"}
    assert calls == {"process.py", "node.py", "backstage.py", *beside}


def test_only_what_speaks_to_the_system_asks_which_one_it_is() -> None:
    """The others ask `system/platform.py`; a child, which knows nobody, has one such place too."""
    asking = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("os", "name"), ("sys", "platform"), ("platform", "system")}
    }
    inside = "durable", "error_words", "memory", "pipes", "platform", "private", "sleepless", "suspend", "tether"
    assert asking == {*(f"system/{name}.py" for name in inside), "render_child/system.py"}


def test_a_function_of_the_system_is_never_called_without_its_types() -> None:
    """There is one place where they are had, and one for a child, which knows nobody."""
    loading = {"CDLL", "WinDLL", "OleDLL", "PyDLL", "windll", "cdll", "oledll", "pydll", "pythonapi"}
    having = {path.relative_to(PACKAGE).as_posix() for path in modules() if loading & set(names_in(path))}
    assert having == {"system/native.py", "render_child/system.py"}


def test_files_are_moved_and_removed_with_patience() -> None:
    """Another program may have one open; what does it by itself fails on Windows."""
    doing = {"unlink", "rename", "renames", "rmtree", "removedirs"}
    found = {path.relative_to(PACKAGE).as_posix() for path in modules() if doing & set(names_in(path))}
    assert found == {"system/files.py", "render_child/one_frame.py"}
    assert "patiently(earlier.unlink)" in (CHILD / "one_frame.py").read_text(encoding="utf-8")
    replacing = {path.name: path for path in modules() if path.name != "files.py" and list(replaced_files(path))}
    patient = {"scenes.py": "written.replace(path)", "other_files.py": "folder.replace(folder_of(frame))"}
    assert set(replacing) == {*patient, "log.py"}  # the log is renamed by the library, or goes on as it is
    for name, words in patient.items():
        assert f"patiently(lambda: {words})" in replacing[name].read_text(encoding="utf-8")


def test_a_child_s_threads_are_started_in_one_place() -> None:
    """There they are watched over."""
    starting = [path.name for path in modules(CHILD) if "threading.Thread" in path.read_text(encoding="utf-8")]
    assert starting == ["threads.py"]


def test_the_systems_clock_is_for_stamps_only() -> None:
    """It may jump: what is waited for or measured goes by time.monotonic. These stamp reports and what is kept, look
    how old that is, and set people's clocks and guesses by such stamps."""
    stamping = {"task.py", "reports.py", "journal.py", "books.py", "workers.py", "news.py", "outlook.py", "words.py"}
    stamping |= {"serve.py", "contents.py", "outbox.py"}
    clocks = {("time", "time"), ("datetime", "now"), ("datetime", "utcnow"), ("time", "localtime")}
    found = {
        path.name
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in clocks
    }
    assert found <= stamping


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_begins_with_its_licence_and_says_what_it_is(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert text.startswith('# SPDX-License-Identifier: GPL-3.0-or-later\n"""')
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
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
    assert not {*OUTSIDE, "sqlite3", "logging"} & set(loaded)


def test_a_worker_loads_what_speaks_to_the_farm_only_where_it_has_to() -> None:
    """Blender's start does not wait for it, and a farm on one machine goes without."""
    program = "import sys, bender_worker_addon.worker.worker; print(*sorted(sys.modules))"
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=DEADLINE, check=True)
    assert not {"pika", "requests", "urllib3", "tomlkit"} & set(run.stdout.split())
