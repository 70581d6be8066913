# SPDX-License-Identifier: GPL-3.0-or-later
"""WorkerConfig: where each value comes from, and that a bad one is named with its source and its remedy."""

import dataclasses
import platform
from pathlib import Path

import pytest

from bender_worker_addon.core.errors import ConfigError
from bender_worker_addon.settings.config import redacted, settings
from bender_worker_addon.settings.resolve import Resolved, resolve
from bender_worker_addon.system.platform import WINDOWS

CONFIG_OF_BENDER_WORKER = """
bender_url = "http://0.0.0.0:8000"
id = "5d7a1bd2-8b5f-4c0e-9a35-0c2d4b3b6b9e"
blendpath = "/data/blends"
outpath = "/data/frames"
disklimit = 2
workload = 1
grace_period = 60
mode = "Independent"
heart_rate_seconds = 60
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def resolved(data_dir: Path, options: dict[str, str | None] | None = None, **environment: str) -> Resolved:
    return resolve(data_dir=data_dir, environment=environment, options=options or {})


def test_without_any_setting_all_is_in_a_folder_of_its_own(data_dir: Path) -> None:
    config = resolved(data_dir).config
    assert config.data_dir == data_dir
    assert config.farm_dir == data_dir / "farm"
    assert config.blendpath == data_dir / "farm" / "jobs"
    assert config.outpath == data_dir / "farm" / "frames"
    assert config.bender_url == "http://localhost:8000"
    unset = "default, since neither amqp_url nor bender_url is set"
    assert set(resolved(data_dir, {"id": "x"}).sources.values()) == {"default", "--id", unset}


def test_without_an_address_of_rabbitmq_tasks_come_from_this_machine(data_dir: Path) -> None:
    config = resolved(data_dir).config
    assert config.is_local
    assert config.addresses == ()


def test_with_an_address_of_rabbitmq_they_come_from_there(data_dir: Path) -> None:
    found = resolved(data_dir, BENDER_WORKER_AMQP_URL="amqp://farm/%2F")
    assert not found.config.is_local
    assert found.sources["queue"] == "default, since amqp_url is set"
    assert found.config.addresses == ("amqp://farm/%2F", "http://localhost:8000")
    assert found.config.blendpath == data_dir / "blends"
    assert found.config.outpath == data_dir / "frames"


def test_who_names_only_flaskbender_as_bender_workers_file_does_has_a_rabbitmq_on_this_machine(data_dir: Path) -> None:
    config = resolved(data_dir, BENDER_WORKER_BENDER_URL="http://farm:8000").config
    assert config.addresses == ("amqp://guest:guest@localhost:5672/%2F", "http://farm:8000")


def test_the_choice_of_a_queue_is_stronger_than_an_address(data_dir: Path) -> None:
    url = "amqp://farm/%2F"
    assert resolved(data_dir, BENDER_WORKER_AMQP_URL=url, BENDER_WORKER_QUEUE="local").config.is_local
    config = resolved(data_dir, BENDER_WORKER_QUEUE="rabbitmq").config
    assert config.addresses[0] == "amqp://guest:guest@localhost:5672/%2F"


def test_in_server_mode_jobs_and_frames_are_in_the_farms_folder_and_flaskbender_is_not_asked(data_dir: Path) -> None:
    environment = {"BENDER_WORKER_AMQP_URL": "amqp://farm/%2F", "BENDER_WORKER_MODE": "Server"}
    config = resolved(data_dir, {"farm_dir": str(data_dir / "shared")}, **environment).config
    assert config.blendpath == data_dir / "shared" / "jobs"
    assert config.outpath == data_dir / "shared" / "frames"
    assert config.addresses == ("amqp://farm/%2F",)


def test_the_folders_follow_the_data_folder_that_is_set(data_dir: Path, tmp_path: Path) -> None:
    config = resolved(data_dir, BENDER_WORKER_DATA_DIR=str(tmp_path / "else")).config
    assert config.outpath == tmp_path / "else" / "farm" / "frames"


def test_each_layer_lies_on_top_of_the_one_before(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("workload = 3\ndisklimit = 3\ngrace_period = 3\n")
    environment = {
        "BENDER_WORKER_CONFIG": str(file),
        "BENDER_WORKER_DISKLIMIT": "4",
        "BENDER_WORKER_GRACE_PERIOD": "4",
    }
    found = resolved(data_dir, {"grace_period": "5", "workload": None}, **environment)
    assert (found.config.workload, found.config.disklimit, found.config.grace_period) == (3, 4.0, 5.0)
    assert found.sources["workload"] == f"workload in {file}, line 1"
    assert found.sources["disklimit"] == "BENDER_WORKER_DISKLIMIT"
    assert found.sources["grace_period"] == "--grace-period"
    assert found.sources["heart_rate_seconds"] == "default"


def test_a_file_of_bender_worker_is_read(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(CONFIG_OF_BENDER_WORKER)
    config = resolved(data_dir, BENDER_WORKER_CONFIG=str(file)).config
    assert config.id == "5d7a1bd2-8b5f-4c0e-9a35-0c2d4b3b6b9e"
    assert (config.workload, config.disklimit, config.outpath) == (1, 2.0, Path("/data/frames").absolute())


def test_a_file_in_the_data_folder_is_read_without_being_named(data_dir: Path, tmp_path: Path) -> None:
    data_dir.mkdir()
    (data_dir / "config.toml").write_text(f"workload = 3\ndata_dir = '{tmp_path / 'else'}'\n")
    found = resolved(data_dir)
    assert found.file == data_dir / "config.toml"
    assert (found.config.workload, found.config.data_dir) == (3, tmp_path / "else")
    found = resolved(tmp_path / "unused", BENDER_WORKER_DATA_DIR=str(data_dir))
    assert (found.config.workload, found.config.data_dir) == (3, data_dir)


def test_what_a_file_holds_and_is_no_setting_is_told_with_its_line(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "config.toml").write_text("workload = 3\n\nwokload = 4\n[farm]\nworkload = 9\n")
    found = resolved(data_dir)
    assert found.config.workload == 3
    assert found.unknown == (
        f"wokload in {data_dir / 'config.toml'}, line 3",
        f"farm in {data_dir / 'config.toml'}",
    )


def test_an_empty_variable_is_not_set(data_dir: Path) -> None:
    assert resolved(data_dir, BENDER_WORKER_WORKLOAD="", BENDER_WORKER_CONFIG="").config.workload == 0


NO_HOME = [] if WINDOWS else [("outpath", "~nobody-of-that-name/frames", "folder")]  # there homes lie side by side


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("amqp_url", "http://localhost", "amqp://"),
        ("amqp_url", "amqp://user:secret@host:port/", "amqp://"),
        ("amqp_url", "secret", "amqp://"),
        ("bender_url", "localhost:8000", "http://"),
        ("bender_url", "http://", "http://"),
        ("bender_url", "http://user:secret@[::1", "http://"),
        ("workload", "-1", "at least 0"),
        ("workload", "2.5", "whole number"),
        ("workload", "many", "whole number"),
        ("disklimit", "-1", "at least 0 GB"),
        ("disklimit", "nan", "number"),
        ("grace_period", "inf", "number"),
        ("heart_rate_seconds", "0", "at least 1"),
        ("stall_timeout", "0", "at least 1"),
        ("mode", "Melted", "Independent"),
        ("keep_child", "perhaps", "true or false"),
        ("id", "a/b", "1 to 64"),
        ("id", "..", "1 to 64"),
        ("id", "x" * 65, "1 to 64"),
        ("id", "ä", "1 to 64"),
        *NO_HOME,
        ("blendpath", "a\0b", "folder"),
    ],
)
def test_a_bad_value_is_named_with_its_source_and_what_is_allowed(
    data_dir: Path, name: str, value: str, allowed: str
) -> None:
    variable = f"BENDER_WORKER_{name.upper()}"
    with pytest.raises(ConfigError) as caught:
        resolve(data_dir=data_dir, environment={variable: value}, options={})
    assert str(caught.value).startswith(variable)
    assert allowed in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_bad_value_on_the_command_line_is_named_by_its_option(data_dir: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--grace-period: found 'soon'"):
        resolved(data_dir, {"grace_period": "soon"})


def test_a_bad_value_in_a_file_is_named_by_the_file(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("workload = [1]")
    with pytest.raises(ConfigError, match=r"^workload in .*config\.toml, line 1: found '\[1\]', it should be a whole"):
        resolved(data_dir, BENDER_WORKER_CONFIG=str(file))


@pytest.mark.parametrize("content", [b"workload =", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(data_dir: Path, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.toml is not TOML"):
        resolved(data_dir, BENDER_WORKER_CONFIG=str(file))


def test_a_file_that_is_not_there_is_named(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        resolved(data_dir, BENDER_WORKER_CONFIG=str(tmp_path / "config.toml"))


@pytest.mark.parametrize("text", ["true", "True", "yes", "1"])
def test_yes_can_be_said_in_many_ways(data_dir: Path, text: str) -> None:
    assert resolved(data_dir, BENDER_WORKER_KEEP_CHILD=text).config.keep_child
    assert not resolved(data_dir, BENDER_WORKER_KEEP_CHILD="no").config.keep_child


def test_an_id_is_made_once_and_kept(data_dir: Path) -> None:
    first, second = resolved(data_dir), resolved(data_dir)
    assert first.config.id == second.config.id
    assert str(data_dir) in first.sources["id"]


def test_an_id_that_is_given_is_not_kept(data_dir: Path) -> None:
    assert resolved(data_dir, BENDER_WORKER_ID="render-7").config.id == "render-7"
    assert not data_dir.exists()


@pytest.mark.parametrize("content", [b"", b"../x\n", b"\xff\xfe\x00"])
def test_a_kept_id_that_is_none_is_named_with_its_file(data_dir: Path, content: bytes) -> None:
    data_dir.mkdir()
    (data_dir / "worker-id").write_bytes(content)
    with pytest.raises(ConfigError, match="worker-id"):
        resolved(data_dir)


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        resolved(tmp_path / "file" / "data")


def test_what_looks_like_a_setting_and_is_none_is_told(data_dir: Path) -> None:
    assert resolved(data_dir, BENDER_WORKER_WORKLAOD="3", BENDER_URL="x").unknown == ("BENDER_WORKER_WORKLAOD",)


def test_a_configuration_cannot_be_changed(data_dir: Path) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolved(data_dir).config.workload = 5  # type: ignore[misc]


def test_every_setting_says_what_it_is_for_and_has_a_name_of_its_own_in_its_section() -> None:
    assert all(setting.metadata["help"] for setting in settings())
    labels = [(setting.metadata["section"], setting.metadata["label"]) for setting in settings()]
    assert len(set(labels)) == len(labels)


def test_a_file_that_can_not_even_be_looked_at_is_told(data_dir: Path) -> None:
    with pytest.raises(ConfigError, match="a file that is there"):
        resolved(data_dir, BENDER_WORKER_CA_FILE=f"/{'x' * 300}")


def test_folders_become_absolute_and_know_home(data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    config = resolved(data_dir, BENDER_WORKER_OUTPATH="~/frames", BENDER_WORKER_BLENDPATH="here").config
    assert (config.outpath, config.blendpath) == (tmp_path / "frames", tmp_path / "here")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://user:p%40ss@host:5672/%2F", "amqp://host:5672/%2F"),
        ("amqps://u:p@w@host/vhost?cafile=x&secret=y", "amqps://host/vhost"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://token@[::1]:8000/farm", "http://[::1]:8000/farm"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert redacted(url) == shown


@pytest.mark.parametrize(
    "told, uploads",
    [
        ({}, True),
        ({"BENDER_WORKER_UPLOAD": "off"}, False),
        ({"BENDER_WORKER_UPLOAD": "copy"}, True),
        ({"BENDER_WORKER_UPLOAD": "move"}, True),
        ({"BENDER_WORKER_MODE": "Server"}, False),
        ({"BENDER_WORKER_QUEUE": "local"}, False),
        ({"BENDER_WORKER_QUEUE": "local", "BENDER_WORKER_UPLOAD": "move"}, False),
    ],
)
def test_with_the_file_of_bender_worker_frames_are_uploaded_as_by_it(
    data_dir: Path, told: dict[str, str], uploads: bool
) -> None:
    file = data_dir / "its.toml"
    data_dir.mkdir()
    file.write_text(CONFIG_OF_BENDER_WORKER)
    environment = {"BENDER_WORKER_CONFIG": str(file), **told}
    assert resolve(data_dir=data_dir, environment=environment, options={}).config.uploads is uploads


@pytest.mark.parametrize("chosen", ["cellar-1", "5d7a", ""])
def test_a_worker_is_called_by_the_id_that_was_chosen_or_else_by_its_machine(tmp_path: Path, chosen: str) -> None:
    environment = {"BENDER_WORKER_ID": chosen} if chosen else {}
    config = resolve(data_dir=tmp_path, environment=environment, options={}).config
    assert config.name == (chosen or platform.node())
