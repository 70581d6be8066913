# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist's machine, a worker's and the farm's, with nothing shared on a disk: joined, sent, rendered, fetched by the
command line of a real Blender. And the same words where all three are one machine."""

import hashlib
import json
import re
import shutil
import stat
import subprocess
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.farm import pictures
from tests.farm.conftest import SceneMaker
from tests.farm.local_yard import IDLE, LocalYard, answer
from tests.farm.process import DEADLINE, WorkerProcess
from tests.farm.serving import Farm
from tests.farm.terminal import Terminal

if TYPE_CHECKING:
    from tests.conftest import Installed


class Desk:
    """A machine with a Blender and a folder of its own, and nobody's settings."""

    def __init__(self, installed: "Installed", folder: Path, **settings: str) -> None:
        self.folder = folder
        self.env = {name: value for name, value in installed.env.items() if not name.startswith("BENDER_")}
        for name, value in {"data_dir": str(folder), **settings}.items():
            self.env[f"BENDER_WORKER_{name.upper()}"] = value
        self.blender = installed.blender
        self._running: list[WorkerProcess] = []

    def line(self, *words: str | Path) -> list[str]:
        return [str(self.blender), "--command", "bender_worker", *map(str, words)]

    def told(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        told = subprocess.run(
            self.line(*words), env=self.env, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
        assert "Traceback" not in told.stdout + told.stderr, told.stderr
        return told

    def does(self, *words: str | Path) -> str:
        """What it says, having done it well."""
        told = self.told(*words)
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    def complains(self, *words: str | Path) -> str:
        told = self.told(*words)
        assert told.returncode == 1, told.stdout + told.stderr
        return told.stderr

    def start(self, *words: str | Path) -> WorkerProcess:
        self._running.append(WorkerProcess(self.line(*words), env=self.env))
        return self._running[-1]

    def close(self) -> None:
        for process in self._running:
            process.end()

    @property
    def token(self) -> str:
        """The one it got when it joined."""
        text = (self.folder / "config.toml").read_text()
        return text.partition("http://worker:")[2].partition("@")[0]


@pytest.fixture
def served(tmp_path: Path, amqp_url: str) -> Iterator[Farm]:
    made = Farm(tmp_path / "farm-machine", amqp_url)
    yield made
    made.close()


@pytest.fixture
def artist(installed: "Installed", tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(installed, tmp_path / "artist")
    yield desk
    desk.close()


@pytest.fixture
def worker(installed: "Installed", tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(installed, tmp_path / "worker", id="worker-b", disklimit="0", heart_rate_seconds="1")
    yield desk
    desk.close()


def objects(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def files(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_joined_sent_rendered_elsewhere_and_fetched_with_nothing_shared_on_a_disk(
    served: Farm, artist: Desk, worker: Desk, scene: SceneMaker, tmp_path: Path
) -> None:
    blend = scene("trivial", width=128, height=72, samples=1)  # that can be cut in two
    for desk in (artist, worker):
        said = desk.does("join", served.join, "--yes")
        assert "This machine has joined the farm" in said
        assert desk.token
        assert desk.token not in said
        assert stat.S_IMODE((desk.folder / "config.toml").stat().st_mode) == 0o600
    assert "No jobs yet" in artist.does("list")
    (sent,) = objects(artist.does("submit", blend, "--frames", "1-3", "--split", "auto", "--json"))
    job: str = sent["job"]
    (listed,) = objects(artist.does("list", "--json"))
    assert (listed["id"], listed["status"], listed["frames"]) == (job, "Queued", {"Waiting": 3})
    assert f"Paused job {job}" in artist.does("pause", job)
    assert "Paused" in artist.does("list")
    artist.does("resume", job[:8])
    assert f"Job {job} has priority -5 now" in artist.does("priority", job, "-5")
    (shown,) = objects(artist.does("show", job, "--json"))
    assert (shown["priority"], shown["paused"], shown["frame_lists"]) == (-5, False, {"Waiting": "1-3"})

    fetched = tmp_path / "fetched"
    fetching = artist.start("fetch", job, "--to", fetched, "--watch")
    rendering = worker.start("run", "--max-tasks", "3")
    assert rendering.wait() == 0, rendering.log
    assert fetching.wait() == 0, fetching.log
    assert "3 of 3 frames" in fetching.log
    assert files(fetched) == files(served.folder / "farm" / "frames" / job)
    assert sorted(files(fetched)) == [f"{number:06d}.png" for number in (1, 2, 3)]
    assert [one["id"] for one in objects(artist.does("workers", "--json"))] == ["worker-b"]
    assert served.data_json(job)["data"]["tail"] == "0,0,128,72"  # with more machines, and longer frames

    film = Path(objects(artist.does("video", job, "--json"))[0]["video"])
    assert film.is_relative_to(artist.folder)
    assert film.read_bytes()[4:8] == b"ftyp"
    assert files(Path(shown["folder"])) == files(fetched)
    assert "with its frames" in artist.does("delete", job, "--frames")
    assert "No jobs yet" in artist.does("list")
    assert not (served.folder / "farm" / "frames" / job).exists()
    assert f"there is no job {job}" in artist.complains("fetch", job)


def test_what_file_output_nodes_write_is_sent_to_the_farm_and_fetched_from_it(
    served: Farm, artist: Desk, worker: Desk, tmp_path: Path
) -> None:
    pictures.run_script(artist.blender, "passes.py", tmp_path / "made")
    for desk in (artist, worker):
        desk.does("join", served.join, "--yes")
    (sent,) = objects(artist.does("submit", tmp_path / "made" / "project" / "passes.blend", "--frames", "1", "--json"))
    rendering = worker.start("run", "--max-tasks", "1")
    assert rendering.wait() == 0, rendering.log
    assert "9 other files of passes are in" in artist.does("fetch", sent["job"], "--to", tmp_path / "fetched")
    here, there = tmp_path / "fetched", served.folder / "farm" / "frames" / sent["job"]
    found = {path.relative_to(here).as_posix(): path for path in here.rglob("*") if path.is_file()}
    assert len(found) == 10
    assert {"000001.png", "passes/near/Image0001.png", "layers/all_0001.exr"} < set(found)
    for name, path in found.items():
        assert path.read_bytes() == (there / name).read_bytes()
    assert not list(worker.folder.rglob("*.exr"))


@pytest.mark.both_blenders
def test_what_a_blend_needs_besides_travels_with_it_and_the_picture_is_the_same(
    served: Farm, installed: "Installed", tmp_path: Path
) -> None:
    pictures.run_script(installed.blender, "packing.py", tmp_path, Path("brought"))
    joined = served.ask("POST", "/join/" + served.join.rpartition("/")[2], {"name": "both"})
    settings = {name: joined[name] for name in ("amqp_url", "bender_url")} | {"disklimit": "0"}
    artist, worker = (Desk(installed, tmp_path / name, id=name, **settings) for name in ("artist", "worker"))
    (sent,) = objects(artist.does("submit", tmp_path / "brought" / "brought.blend", "--frames", "3", "--json"))
    job, made = sent["job"], (tmp_path / "brought").rename(tmp_path / "away")
    told = "the file's path is burnt into the pictures; on the farm its folder is another one"
    assert sent["concerns"] == [{"words": told, "hopeless": False}]
    at_the_farm = next((served.folder / "farm" / "jobs" / job).glob("*.blend"))
    beginnings = [path.read_bytes()[:7] for path in (made / "brought.blend", at_the_farm)]
    assert (beginnings[0][:4], beginnings[1]) == (b"\x28\xb5\x2f\xfd", b"BLENDER")  # so that its pieces stay the same
    rendering = worker.start("run", "--max-tasks", "1")
    assert rendering.wait() == 0, rendering.log
    there = worker.folder / "blends" / job
    beside = {path.name for path in there.rglob("*") if path.is_file()}
    assert beside == {"brought.blend", "luggage.json", "m.mdd", "m.pc2", *(f"walk.v2.{n:04}.png" for n in range(1, 6))}
    with pytest.raises(urllib.error.HTTPError, match="409"):  # who knows of no such files gets no blend
        served.content(f"/job/worker/blend/{job}")
    for path in (made / "brought.blend", made / "walk", made / "moved"):  # where it was rendered, as it was made
        shutil.move(shutil.copy(path, tmp_path) if path.is_file() else path, there / path.name)
    [plain] = pictures.plainly_rendered(installed.blender, there / "brought.blend", [3], folder=tmp_path / "plain")
    frame = served.folder / "farm" / "frames" / job / "000003.png"
    [found] = pictures.compare(installed.blender, [(frame, plain)], scratch=tmp_path)
    assert found.different == 0
    worker.close()


@pytest.mark.both_blenders
def test_two_machines_render_the_tiles_of_a_picture_and_it_is_the_whole_picture_value_by_value(
    served: Farm, installed: "Installed", tmp_path: Path
) -> None:
    blend = tmp_path / "still.blend"
    pictures.run_script(installed.blender, "still.py", blend)
    (tmp_path / "plain").mkdir()
    [plain] = pictures.plainly_rendered(installed.blender, blend, [2], folder=tmp_path / "plain")
    names = ("artist", "one", "two")
    joined = {name: served.ask("POST", "/join/" + served.join.rpartition("/")[2], {"name": name}) for name in names}
    artist, *workers = (
        Desk(
            installed, tmp_path / name, id=name, disklimit="0", **{key: told[key] for key in ("amqp_url", "bender_url")}
        )
        for name, told in joined.items()
    )
    said = artist.does("submit", blend, "--frames", "2", "--split", "3", "--one-kind", "--job", "still")
    assert "1 frames each in 3 tiles" in said
    running = [
        worker.start("run", "--max-tasks", "2", "--renderers", "1") for worker in workers
    ]  # one of them finishes
    for process in running:
        assert process.wait() == 0, process.log
        assert "_MULTILAYER" in process.log
    logs = [path.read_text() for path in tmp_path.glob("*/logs/*")]
    assert logs
    assert not any("There is no preview" in log for log in logs)
    frame = served.folder / "farm" / "frames" / "still" / "000002.png"
    [found] = pictures.compare(installed.blender, [(frame, plain)], scratch=tmp_path)
    assert found.different == 0
    (shown,) = objects(artist.does("show", "still", "--json"))
    assert (shown["status"], shown["frames"], shown["tiles"]) == ("Finished", {"Finished": 1}, [])
    assert re.fullmatch(r"[45]\.[^,]+, CPU \(.+\) on Linux", served.status("still")["blender"])
    assert not list(tmp_path.glob("*/blends/**/*.exr"))
    assert not list((served.folder / "farm" / "jobs").rglob("*.exr"))


def test_what_goes_wrong_between_two_machines_is_told_in_a_sentence(served: Farm, artist: Desk, blend: Path) -> None:
    assert "this join code doesn't count (any more)" in artist.complains("join", f"{served.base}/join/guess", "--yes")
    assert not (artist.folder / "config.toml").exists()
    assert artist.told("join", "farm:8000/join/x").returncode == 2
    artist.does("join", served.join, "--yes")
    with Terminal(artist.line("submit", blend, "--frames", "1"), env=artist.env) as terminal:
        assert terminal.wait() == 0, terminal.text
    assert re.search(r"Sending trivial[\w-]+ \[[#-]{30}\] [0-9.]+ of [0-9.]+ MB", terminal.text)
    config = artist.folder / "config.toml"
    config.write_text(config.read_text().replace(artist.token, "another-token"))
    told = artist.complains("list")
    assert "doesn't know this machine (any more): join it again" in told
    assert "another-token" not in told
    served.server.kill()
    for words in (("list",), ("submit", blend), ("fetch", "x"), ("workers",)):
        told = artist.complains(*words)
        assert "can't be reached: Connection refused" in told
        assert "another-token" not in told


def test_on_one_machine_the_same_words_do_the_same(yard: LocalYard, blend: Path, tmp_path: Path) -> None:
    job = yard.submit(blend, "--frames", "1,2")
    assert "Paused job" in yard.command("pause", job).stdout
    assert "Paused" in yard.command("list").stdout
    idle = yard.worker(*IDLE)
    assert idle.wait() == 0, idle.log
    assert yard.show(job)["frame_lists"] == {"Waiting": "1-2"}
    assert "Resumed job" in yard.command("resume", job).stdout
    assert "has priority 7 now" in yard.command("priority", job, "7").stdout
    assert yard.command("priority", job, "lots").returncode == 2
    assert "is called beach now" in yard.command("rename", job, " beach ").stdout
    assert yard.command("retry", job, "--frames", "1..2").stdout == f"None of these frames of job {job} has failed.\n"
    worker = yard.worker("--max-tasks", "2", id="worker-a")
    assert worker.wait() == 0, worker.log
    fetched = yard.command("fetch", job, "--to", tmp_path / "fetched", "--watch", "--json")
    assert answer(fetched) == {"job": job, "folder": str(tmp_path / "fetched"), "frames": 2, "wrong": []}
    folder = yard.frame(job, "")
    assert files(tmp_path / "fetched") == files(folder)
    assert "worker-a" in [one["id"] for one in objects(yard.command("workers", "--json").stdout)]
    assert "worker-a" in yard.command("workers").stdout
    assert "Deleted job" in yard.command("delete", job).stdout
    assert "No jobs yet" in yard.command("list").stdout
    assert sorted(files(folder)) == ["000001.png", "000002.png"]


def test_over_tls_with_a_certificate_of_its_own_all_is_as_without(
    artist: Desk, worker: Desk, blend: Path, amqp_url: str, tmp_path: Path
) -> None:
    certificate = _self_signed(tmp_path / "tls")
    farm = Farm(tmp_path / "farm", amqp_url, "--cert", str(certificate), "--key", str(certificate.with_suffix(".key")))
    try:
        assert farm.join.startswith("https://127.0.0.1:")
        assert "self-signed certificate" in artist.complains("join", farm.join, "--yes")
        assert not (artist.folder / "config.toml").exists()
        for desk in (artist, worker):
            assert "has joined the farm" in desk.does("join", farm.join, "--yes", "--ca-file", certificate)
            assert f'ca_file = "{certificate}"' in (desk.folder / "config.toml").read_text()
        (sent,) = objects(artist.does("submit", blend, "--frames", "1,2", "--json"))
        rendering = worker.start("run", "--max-tasks", "2")
        assert rendering.wait() == 0, rendering.log
        artist.does("fetch", sent["job"], "--to", tmp_path / "fetched", "--watch")
        assert files(tmp_path / "fetched") == files(farm.folder / "farm" / "frames" / sent["job"])
        (artist.folder / "config.toml").write_text(re.sub("ca_file.*", "", (artist.folder / "config.toml").read_text()))
        assert "self-signed certificate" in artist.complains("list")
    finally:
        farm.close()


def _self_signed(folder: Path) -> Path:
    """The certificate; its key is beside it."""
    if not shutil.which("openssl"):
        pytest.skip("certificates are made by the program openssl, which is not there")
    folder.mkdir()
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=our farm"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "farm.key", "-out", "farm.pem"]
    command = ["openssl", "req", "-x509", *new, *names]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=DEADLINE)
    return folder / "farm.pem"
