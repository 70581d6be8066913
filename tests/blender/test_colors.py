# SPDX-License-Identifier: GPL-3.0-or-later
"""Which OCIO configurations make other colours, in a real Blender. Renders nothing."""

import importlib
from pathlib import Path
from types import ModuleType

import bpy
import pytest

CONFIGURATION = "ocio_profile_version: 2\nsearch_path: {search}\ncolorspaces:\n{spaces}"
SPACE = "  - !<ColorSpace>\n    name: {name}\n    from_scene_reference: !<FileTransform> {{src: {table}}}\n"


@pytest.fixture(scope="module")
def colors() -> ModuleType:
    return importlib.import_module("bl_ext.user_default.bender_worker_addon.render_child.colors")


@pytest.fixture
def others(colors: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The fingerprints of some configurations, by name."""
    monkeypatch.delenv("OCIO", raising=False)
    found = {"stock": colors.fingerprint()}
    stock = Path(bpy.utils.system_resource("DATAFILES", path="colormanagement"))
    made = {
        "one": _made(tmp_path / "one"),
        "elsewhere": _made(tmp_path / "else where", search="\n  - nowhere\n  - deeper/tables", tables="deeper/tables"),
        "other_table": _made(tmp_path / "table", table=b"2 2 2\n"),
        "without_table": _made(tmp_path / "without", table=b""),
        "other_name": _made(tmp_path / "name", name="other"),
        "other_end_of_lines": _made(tmp_path / "lines", end="\r\n"),
        "remarked": _made(tmp_path / "remarked", remark="# made on Monday\n"),
        "copy_of_stock": _copy(stock, tmp_path / "copy"),
        "folder": tmp_path / "one",
        "archive": tmp_path / "all.ocioz",
    }
    made["archive"].write_bytes(b"PK")
    for name, place in made.items():
        monkeypatch.setenv("OCIO", str(place))
        found[name] = colors.fingerprint()
    return found


def test_the_same_is_the_same_wherever_it_is(others: dict[str, str]) -> None:
    same = {"one", "elsewhere", "other_end_of_lines", "remarked", "folder"}
    assert len({others[name] for name in same}) == 1
    assert others["stock"] == others["copy_of_stock"] == "blender"
    different = {name: others[name] for name in others.keys() - same - {"copy_of_stock"} | {"one"}}
    assert len(set(different.values())) == len(different)


def test_who_has_another_one_is_told(
    colors: ModuleType, others: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OCIO")
    assert colors.unlike("") == colors.unlike("blender") == ""
    assert colors.unlike(others["one"]) == (
        "it was sent with the colours of an OCIO configuration that this Blender has not"
    )
    own = str(tmp_path / "one" / "config.ocio")
    monkeypatch.setenv("OCIO", own)
    assert colors.unlike(others["elsewhere"]) == ""
    for told in ("blender", others["other_table"]):
        assert colors.unlike(told) == (
            f"it was sent with the colours of another OCIO configuration than this Blender's, {own}"
        )
    monkeypatch.setenv("OCIO", str(tmp_path / "name" / ".."))  # a folder without a configuration
    assert colors.fingerprint() == colors.unlike("blender") == ""


def _made(
    folder: Path,
    *,
    search: str = "tables",
    tables: str = "tables",
    table: bytes = b"1 1 1\n",
    name: str = "one",
    end: str = "\n",
    remark: str = "",
) -> Path:
    (folder / tables).mkdir(parents=True)
    if table:
        (folder / tables / "a.spi1d").write_bytes(table)
    text = remark + CONFIGURATION.format(search=search, spaces=SPACE.format(name=name, table="a.spi1d"))
    (folder / "config.ocio").write_bytes(text.replace("\n", end).encode())
    return folder / "config.ocio"


def _copy(stock: Path, folder: Path) -> Path:
    """With tables where they were."""
    folder.mkdir()
    text = (stock / "config.ocio").read_text(encoding="utf-8")
    searched = "".join(f"\n  - {stock / name}" for name in ("luts", "filmic"))
    head, found, rest = text.partition("search_path:")
    assert found
    (folder / "config.ocio").write_text(f"{head}search_path:{searched}\n{rest.partition(chr(10))[2]}", encoding="utf-8")
    return folder / "config.ocio"
