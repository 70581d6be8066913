# SPDX-License-Identifier: GPL-3.0-or-later
"""config.toml: changed without losing a comment or a setting, written whole and for its owner alone."""

import stat
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.errors import ConfigError
from bender_worker_addon.settings import file as config_file
from bender_worker_addon.settings import legacy
from bender_worker_addon.settings.file import ConfigFile
from tests.unit.support import linked

WRITTEN_BY_HAND = """\
# The farm in the cellar
bender_url = "http://cellar:8000"   # not the old one!
'workload'= 3# two cards
future = { keep = "me" }

# for people
[notes]
workload = "not a setting"
"""


def parsed(text: str) -> ConfigFile:
    return ConfigFile(Path("config.toml"), text, tomllib.loads(text))


def test_comments_order_and_what_is_unknown_stay() -> None:
    text = parsed(WRITTEN_BY_HAND).changed({"workload": 4, "bender_url": "http://attic", "grace_period": 2.5})
    assert text == WRITTEN_BY_HAND.replace("3#", "4#").replace('"http://cellar:8000"', '"http://attic"').replace(
        '"me" }\n', '"me" }\ngrace_period = 2.5\n'
    )


@pytest.mark.parametrize("before", ["", "a = 1", "a = 1\n", "a = 1\r\n", "# only words\n", "[table]\na = 1\n", "\n\n"])
def test_a_setting_is_added_to_whatever_is_there(before: str) -> None:
    text = parsed(before).changed({"workload": 4, "keep_child": False})
    assert tomllib.loads(text) == {**tomllib.loads(before), "workload": 4, "keep_child": False}
    assert text.startswith(before.partition("[")[0].rstrip("\r\n"))
    assert ("\r" in before) == ("\r" in text) == (text.count("\r\n") == 3)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_can_be_written_and_changed(first: str, second: str) -> None:
    text = parsed("a = 1  # a\n").changed({"outpath": first})
    assert tomllib.loads(text)["outpath"] == first
    text = parsed(text).changed({"outpath": second})
    assert tomllib.loads(text) == {"a": 1, "outpath": second}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("workload = [\n 1\n]  # cards\n", "workload = 4  # cards\n"),
        ('workload = """\n1"""\nid = "x"\n', 'workload = 4\nid = "x"\n'),
        ('note = """\nworkload = 1\n"""\n', 'note = """\nworkload = 1\n"""\nworkload = 4\n'),
    ],
)
def test_a_setting_is_changed_however_it_was_written(before: str, after: str) -> None:
    assert parsed(before).changed({"workload": 4}) == after


@pytest.mark.parametrize("odd", ["[workload]\ncards = 1\n", "future = [\n[1],\n]\n"])
def test_what_cannot_be_changed_without_harm_is_left_to_people(odd: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml.*by hand"):
        parsed(odd).changed({"workload": 4})


def test_a_path_of_windows_stays_legible() -> None:
    text = parsed("").changed({"outpath": r"C:\frames", "blendpath": "C:\\it's"})
    assert text == "outpath = 'C:\\frames'\nblendpath = \"C:\\\\it's\"\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_it_is_written_for_its_owner_alone_and_through_a_link(tmp_path: Path) -> None:
    kept, link = tmp_path / "kept.toml", tmp_path / "data" / "config.toml"
    link.parent.mkdir()
    kept.write_text("workload = 1\n")
    kept.chmod(0o644)
    linked(link, kept)
    config_file.write(link, "workload = 2\n")
    assert link.is_symlink()
    assert kept.read_text() == "workload = 2\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["kept.toml"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="can't be written"):
        config_file.write(tmp_path / "file" / "config.toml", "")


def test_a_file_that_windows_notepad_has_saved_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes("\ufeffworkload = 2\r\n".encode())
    assert config_file.read(tmp_path / "config.toml").values == {"workload": 2}


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"a = 1\nworkload =\n", "line 2"), (b"a = 1\n\xff = 1\n", "line 2"), (b"a = 1\na = 2\n", "line 2")],
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, content: bytes, line: str) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"config\.toml is not TOML: .*{line}"):
        config_file.read(tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("LINUX", ".config/bender-worker"),
        ("LINUX", ".config/Bender-Worker"),
        ("MACOS", "Library/Application Support/Bender-Worker"),
        ("WINDOWS", "AppData/Roaming/David Huss/Bender-Worker"),
    ],
)
def test_the_file_of_bender_worker_is_found_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, folder: str
) -> None:
    for name in ("MACOS", "WINDOWS"):
        monkeypatch.setattr(legacy, name, name == platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert legacy.its_config_file({}) is None
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "config.toml").write_text('bender_url = "http://farm"\nworkload = 1\nlog = "loud"\n')
    found = legacy.its_config_file({})
    assert found == tmp_path / folder / "config.toml"
    assert legacy.taken_over(found) == {"bender_url": "http://farm", "workload": "1"}


def test_only_settings_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('mode = "Independent"\n')
    assert legacy.taken_over(tmp_path / "config.toml") == {"mode": "Independent"}
    (tmp_path / "config.toml").write_text('mode = "Server"\n')
    assert legacy.taken_over(tmp_path / "config.toml") == {"mode": "Server"}
    with pytest.raises(ConfigError, match="can't be read"):
        legacy.taken_over(tmp_path / "else.toml")


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (
            '[rabbitmq]\nurl = "amqp://bender:s3cret@rabbit.farm.lan/farm"\n',
            "amqp://bender:s3cret@rabbit.farm.lan/farm",
        ),
        ('servername = "x"\n[rabbitmq]\nurl = "amqp://localhost//"\n', "amqp://localhost/%2F"),
        ('[rabbitmq]\nurl = "http://localhost"\n', None),
        ("[rabbitmq]\nurl = 7\n", None),
        ('rabbitmq = "x"\n', None),
        ("no TOML", None),
        ("", None),
    ],
)
def test_the_rabbitmq_of_benders_farm_is_taken_over_with_its_worker(
    tmp_path: Path, text: str, taken: str | None
) -> None:
    (tmp_path / "config.toml").write_text("workload = 1\n")
    farm_file = tmp_path / "farm.toml"
    assert legacy.taken_over(tmp_path / "config.toml", farm_file) == {"workload": "1"}
    farm_file.write_text(text)
    expected = {"workload": "1"} | ({} if taken is None else {"amqp_url": taken})
    assert legacy.taken_over(tmp_path / "config.toml", farm_file) == expected
