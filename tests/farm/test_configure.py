# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that ask, in a real terminal, and what they do where there is nobody to ask."""

import json
import stat
import tomllib
from pathlib import Path

import pytest

from bender_worker_addon.settings.config import settings
from tests.farm.farmyard import Farm
from tests.farm.ground import RUN
from tests.farm.terminal import Terminal
from tools.servers.farm import make_task

OLD = """\
# Our farm, since 2019
bender_url = "http://0.0.0.0:8000"
id = "5d7a1bd2-8b5f-4c0e-9a35-0c2d4b3b6b9e"
workload = 1
mode = "Independent"
log = "loud"
"""

FIRST = ("amqp_url", "bender_url", "id", "blendpath", "outpath", "disklimit", "workload", "mode", "upload")
OTHERS = [setting.name for setting in settings() if setting.name not in (*FIRST, "data_dir")]


def terminal(farm: Farm, *words: str, without: tuple[str, ...] = (), **settings: object) -> Terminal:
    env = farm.environment(**settings)
    for name in without:
        del env[f"BENDER_WORKER_{name.upper()}"]
    return Terminal([farm.blender, *RUN[:2], *words], env=env)


@pytest.mark.both_blenders
def test_what_is_answered_is_checked_and_written_and_the_rest_of_the_file_stays(farm: Farm, tmp_path: Path) -> None:
    file = tmp_path / "data" / "config.toml"
    file.parent.mkdir()
    file.write_text("# mine\nworkload = 4  # two cards\nfuture = [1, 2]\n")
    port = farm.rabbit.port
    with terminal(farm, "configure", without=("amqp_url", "upload")) as asked:
        asked.answer("amqp_url [amqp://localhost", f"amqp://127.0.0.1:{port}/{farm.vhost}")
        asked.answer("user [guest]:", "guest")
        asked.answer("password [guest]:", "wr0ng")
        asked.answer("id [", "../cellar")
        asked.answer("it should be", "cellar-1")
        asked.answer("blendpath [", "")
        asked.answer("workload [4]:", "none")
        asked.answer("a whole number of at least 0", "3")
        asked.answer("mode [Independent]", "")
        asked.answer("upload [auto]", "move")
        asked.answer("other", "y")
        for name in OTHERS:
            asked.answer(f"{name} [", "90" if name == "grace_period" else "")
        asked.answer("Write", "y")
        assert asked.wait() == 0
    assert "bender_url: BENDER_WORKER_BENDER_URL is set" in asked.text
    assert "RabbitMQ: RabbitMQ refused the user or the password" in asked.text
    assert "Flaskbender: good" in asked.text
    assert "wr0ng" not in asked.text
    text = file.read_text()
    assert text.startswith("# mine\nworkload = 3  # two cards\nfuture = [1, 2]\n")
    written = tomllib.loads(text)
    assert written["amqp_url"] == f"amqp://guest:wr0ng@127.0.0.1:{port}/{farm.vhost}"
    assert (written["id"], written["upload"], written["grace_period"]) == ("cellar-1", "move", 90.0)
    assert set(written) == {"workload", "future", "amqp_url", "id", "upload", "grace_period"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_scripts_configure_without_a_terminal(farm: Farm, tmp_path: Path) -> None:
    file = tmp_path / "made" / "worker.toml"
    assert farm.command("configure", config=file).returncode == 2
    told = farm.command("configure", "--yes", "--workload", "3", "--bender-url", "http://127.0.0.1:9", config=file)
    assert told.returncode == 0
    assert tomllib.loads(file.read_text()) == {"workload": 3, "bender_url": "http://127.0.0.1:9"}
    assert "flaskbender running there" in told.stderr
    assert f"workload = 3  (workload in {file}, line 2)" in farm.command("config", config=file).stdout
    bad = farm.command("configure", "--yes", "--workload", "no", config=file)
    assert bad.returncode == 2
    assert "--workload: found 'no'" in bad.stderr
    assert tomllib.loads(file.read_text())["workload"] == 3


def test_the_settings_of_bender_worker_are_taken_over_once(farm: Farm, tmp_path: Path) -> None:
    old = tmp_path / "config" / "bender-worker" / "config.toml"
    old.parent.mkdir(parents=True)
    old.write_text(OLD)
    file = tmp_path / "data" / "config.toml"
    env = farm.environment() | {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    del env["BENDER_WORKER_UPLOAD"]
    words: list[str | Path] = [farm.blender, *RUN[:2], "configure", "--id", "cellar-1"]
    with Terminal(words, env=env) as asked:
        for question in (
            f"Take over the settings of bender-worker in {old}?",
            "blendpath [",
            "upload [auto]",
            "other",
            "Write",
        ):
            asked.answer(question, "")
        assert asked.wait() == 0
    with Terminal(words, env=env) as asked:
        for question in ("blendpath [", "workload [1]", "mode [", "upload [auto]", "other", "Write"):
            asked.answer(question, "")
        assert asked.wait() == 0
    assert "Take over" not in asked.text
    assert tomllib.loads(file.read_text()) == {
        "bender_url": "http://0.0.0.0:8000",
        "id": "cellar-1",
        "workload": 1,
        "mode": "Independent",
    }
    assert old.read_text() == OLD


def test_clean_says_what_and_asks_and_twice_for_what_is_nowhere_else(farm: Farm, blend: Path) -> None:
    job = farm.job(blend)
    for upload, number in (("copy", 1), ("off", 2)):
        farm.publish(make_task(job, [number]))
        assert farm.worker("--max-tasks", "1", upload=upload).wait() == 0
    with terminal(farm, "clean") as asked:
        asked.answer("1 blends", "n")
        asked.answer("1 frames that flaskbender has too", "y")
        asked.answer("Type DELETE", "yes")
        assert asked.wait() == 0
    assert farm.frames(job) == ["000002.png"]
    assert farm.command("clean").returncode == 2
    told = farm.command("clean", "frames", "--force")
    assert told.stdout.endswith("kept\n")
    assert farm.frames(job) == ["000002.png"]
    kept = farm.folder / "data" / "blends" / f"{job}.blend"
    assert kept.exists()
    assert farm.command("clean", "--force", "--force").returncode == 0
    assert not kept.exists()
    assert farm.frames(job) == []


def test_doctor_finds_a_good_farm_good_and_says_what_to_do_about_a_bad_one(farm: Farm, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("workload = 3\n")
    (tmp_path / "config.toml").chmod(0o600)
    good = farm.command("doctor", config=tmp_path / "config.toml")
    assert good.returncode == 0, good.stdout
    assert "WRONG" not in good.stdout
    for line in ("good   RabbitMQ", "good   Flaskbender", "good   Background Blender", "workload = 3", "pika: 1."):
        assert line in good.stdout
    (tmp_path / "config.toml").write_text("wokload = 3\n")
    (tmp_path / "config.toml").chmod(0o644)
    bad = farm.command(
        "doctor",
        "--json",
        config=tmp_path / "config.toml",
        amqp_url=farm.url.replace("guest:guest", "guest:s3cret"),
        bender_url="http://farm.example.org",
        disklimit=1e6,
    )
    assert bad.returncode == 1
    assert "s3cret" not in bad.stdout + bad.stderr
    troubles = json.loads(bad.stdout)["troubles"]
    for name, words in {
        "RabbitMQ": "refused the user",
        "Settings": "wokload in",
        "Online access": "--online-mode",
        "Free disk": "disklimit",
        "Secrets": "chmod 600",
    }.items():
        assert words in troubles[name]
    assert troubles["Folder of frames"] == ""
