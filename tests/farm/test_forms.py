# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in which a headless worker is started, and what its command line says."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.farm.farmyard import Farm
from tools.build import package, wheels

FORMS = {
    "--addons with the short name": ("-b", "--addons", "bender_worker_addon", "--"),
    "--addons with the long name": ("-b", "--addons", package.MODULE, "--"),
    "--addons with factory settings": ("-b", "--factory-startup", "--addons", package.MODULE, "--"),
    "--command": ("--command", "bender_worker", "run"),
    "--command without run": ("--command", "bender_worker"),
}


@pytest.mark.both_blenders
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_it_renders_and_ends_with_0(farm: Farm, blend: Path, form: tuple[str, ...]) -> None:
    task = farm.task(farm.job(blend), 1)
    assert farm.worker("--max-tasks", "1", form=form).wait() == 0
    farm.wait_for("finish", task)
    assert farm.frames(task["parent_id"]) == ["000001.png"]


@pytest.mark.both_blenders
def test_a_plain_copy_among_the_addons_works_too(farm: Farm, blend: Path, tmp_path: Path) -> None:
    """Without the extension's wheels: pika and requests are where this Blender's Python finds them."""
    user = tmp_path / "user"
    addons = user / "scripts" / "addons"
    shutil.copytree(package.PACKAGE, addons / "bender_worker_addon", ignore=shutil.ignore_patterns("__pycache__"))
    packages = os.pathsep.join(map(str, wheels.verified()))
    task = farm.task(farm.job(blend), 1)
    worker = farm.worker(
        "--max-tasks",
        "1",
        form=("-b", "--python-use-system-env", "--addons", "bender_worker_addon", "--"),
        environment={**package.environment_of(user), "PYTHONPATH": packages},
    )
    assert worker.wait() == 0
    farm.wait_for("finish", task)


@pytest.mark.both_blenders
def test_without_being_asked_a_background_blender_starts_no_worker(farm: Farm, blend: Path) -> None:
    task = farm.task(farm.job(blend), 1)
    told = farm.blender_with("-b", "--python-expr", "print('nothing else')")
    assert told.returncode == 0
    assert "nothing else" in told.stdout
    assert "RabbitMQ" not in told.stdout + told.stderr
    assert farm.ready() == 1
    assert farm.steps(task) == []


@pytest.mark.both_blenders
def test_help_names_every_option_and_setting(farm: Farm) -> None:
    overview = farm.command("--help")
    run = farm.command("run", "-h")
    assert overview.returncode == run.returncode == 0
    assert "BENDER_WORKER_" in overview.stdout
    for word in ("run", "config", "Exit codes"):
        assert word in overview.stdout
    for option in ("--max-tasks", "--idle-exit", "--verbose", "--amqp-url", "--outpath", "--workload", "SIGTERM"):
        assert option in run.stdout


def test_config_shows_each_value_and_where_it_came_from_but_no_password(farm: Farm, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('workload = 3\nid = "from-the-file"\n')
    url = "amqp://artist:secret@farm.example/%2F"
    options = ("config", "--grace-period", "5")
    told = farm.command(*options, amqp_url=url, config=tmp_path / "config.toml", id="worker-7")
    assert told.returncode == 0
    assert "amqp_url = amqp://farm.example/%2F  (BENDER_WORKER_AMQP_URL)" in told.stdout
    assert "id = worker-7  (BENDER_WORKER_ID)" in told.stdout
    assert f"workload = 3  (workload in {tmp_path / 'config.toml'}, line 1)" in told.stdout
    assert "grace_period = 5.0  (--grace-period)" in told.stdout
    assert "heart_rate_seconds = 60.0  (default)" in told.stdout
    assert "secret" not in told.stdout + told.stderr


def test_scripts_are_told_one_value_or_all_and_nothing_else(farm: Farm, tmp_path: Path) -> None:
    bare = farm.command("get", "outpath")
    assert (bare.returncode, bare.stdout) == (0, f"{farm.outpath}\n")
    told = json.loads(farm.command("config", "--json", amqp_url="amqp://a:secret@farm/%2F").stdout)
    assert told["amqp_url"] == {"value": "amqp://farm/%2F", "source": "BENDER_WORKER_AMQP_URL"}
    assert told["keep_child"] == {"value": True, "source": "default"}


def test_the_log_is_plain_lines_with_a_time_on_stderr_and_no_password_is_in_it(farm: Farm) -> None:
    url = farm.url.replace("guest:guest", "guest:secret")
    told = farm.command("run", "--idle-exit", "0", "--verbose", amqp_url=url)
    line = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR) +\S")
    assert told.returncode == 0
    assert told.stderr.count("\n") > 3
    assert [text for text in told.stderr.splitlines() if not line.match(text)] == []
    assert "secret" not in told.stdout + told.stderr


BAD_SETTINGS = {
    "workload": "many",
    "grace_period": "-1",
    "amqp_url": "http://localhost",
    "bender_url": "localhost:8000",
    "id": "../7",
    "mode": "Sideways",
    "config": "/no/such/config.toml",
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_bad_setting_ends_with_2_and_one_line_that_names_it(farm: Farm, name: str) -> None:
    told = farm.command("run", **{name: BAD_SETTINGS[name]})
    complaints = [line for line in told.stderr.splitlines() if "bender_worker:" in line]
    assert told.returncode == 2
    assert len(complaints) == 1
    assert f"BENDER_WORKER_{name.upper()}" in complaints[0]
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("words", [("run", "--max-tasks", "0"), ("run", "--no-such-option"), ("dance",)], ids=" ".join)
def test_a_bad_command_line_ends_with_2(farm: Farm, words: tuple[str, ...]) -> None:
    told = farm.command(*words)
    assert told.returncode == 2
    assert "usage:" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_setting_that_does_not_exist_is_named(farm: Farm) -> None:
    worker = farm.worker("--idle-exit", "0", wokload=3)
    assert worker.wait() == 0
    assert "BENDER_WORKER_WOKLOAD is not a setting" in worker.log


def test_folders_that_cannot_be_made_end_with_one_line(farm: Farm, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = farm.command("run", data_dir=tmp_path / "file" / "data")
    assert told.returncode in (1, 2)
    assert str(tmp_path / "file" / "data") in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("name", ["blendpath", "outpath"])
def test_a_worker_that_could_not_store_anything_takes_no_task(farm: Farm, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    told = farm.command("run", **{name: tmp_path / "file" / "folder"})
    assert told.returncode == 1
    assert f"{tmp_path / 'file' / 'folder'} can't be written" in told.stderr
    assert "Traceback" not in told.stderr
