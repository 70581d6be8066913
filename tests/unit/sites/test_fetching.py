# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that are brought to another machine: proven, not brought twice, gone on with where it broke off."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.farm.frame_files import FrameFile
from bender_worker_addon.farm.tasks import merge
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.sites.fetching import Fetching
from bender_worker_addon.sites.local import LocalSite
from bender_worker_addon.sites.site import Site
from tests.unit.server.conftest import Client
from tests.unit.sites.between import Breaking, Cut, Liar, as_json
from tests.unit.sites.conftest import Machine
from tests.unit.sites.test_local import new_job, sent
from tests.unit.support import PNG


def rendered(client: Client, *numbers: int, size: int = 5000) -> dict[str, bytes]:
    """Workers have rendered these frames of job-1, a task each, and told of them; gives what they hold."""
    made = {}
    for task in client.tasks():
        for number, told in task["command"]["Blender"]["frame"].items():
            if int(number) in numbers:
                made[f"{int(number):06d}.png"] = content = PNG + os.urandom(size)
                told |= {"filesize": len(content), "hash": hashlib.blake2b(content).hexdigest(), "uploaded": True}
                assert client.upload("job-1", task["id"], f"{int(number):06d}.png", content).status_code == 201
                database = client.server._farm.database
                with database.changing() as connection:
                    merge(connection, json.dumps({**task, "status": "Finished"}).encode())
    return made


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def whole(farm: Site, folder: Path) -> Fetching:
    fetching = Fetching(farm, "job-1", folder)
    fetching.run()
    return fetching


def test_frames_come_as_they_are_there(remote: Site, client: Client, tmp_path: Path) -> None:
    sent(remote, new_job(frames=range(1, 4), chunk=1))
    folder = tmp_path / "frames"
    fetching = whole(remote, folder)
    assert not folder.exists()
    first = rendered(client, 1, 3)
    fetching.run()
    assert (held(folder), len(fetching.whole), fetching.wrong) == (first, 2, set())
    last = rendered(client, 2)
    seen: list[tuple[int, int]] = []
    fetching.run(lambda done, of: seen.append((done, of)))
    assert held(folder) == first | last
    assert seen[-1] == (3 * 5008, 3 * 5008)


def test_on_the_farms_own_machine_they_are_copied(remote: Site, client: Client, tmp_path: Path) -> None:
    sent(remote, new_job(frames=range(1, 3), chunk=1))
    made = rendered(client, 1, 2)
    farm = client.folder
    config = WorkerConfig(queue="local", farm_dir=farm, blendpath=farm / "jobs", outpath=farm / "frames")
    with LocalSite(config) as local:
        whole(local, tmp_path / "frames")
        details = local.details(local.find("job-1"))
        assert (held(tmp_path / "frames"), held(details.folder), details.here) == (made, made, True)
        whole(local, details.folder)  # where they are already
        assert held(details.folder) == made


def test_what_is_there_whole_is_not_brought_again_and_what_is_not_is(
    remote: Site, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(remote, new_job(frames=range(1, 4), chunk=1))
    made = rendered(client, 1, 2, 3)
    whole(remote, tmp_path / "frames")
    (tmp_path / "frames" / "000002.png").write_bytes(bytes(5008))  # as long as it should be
    (tmp_path / "frames" / "000003.png").write_bytes(b"cut")
    brought = []
    bring = remote.bring

    def note_and_bring(job: str, frame: FrameFile, place: Path) -> None:
        brought.append(frame.number)
        bring(job, frame, place)

    monkeypatch.setattr(remote, "bring", note_and_bring)
    assert len(whole(remote, tmp_path / "frames").whole) == 3
    assert held(tmp_path / "frames") == made
    assert brought == [2, 3]


def test_a_frame_goes_on_where_it_broke_off_whoever_began_it(
    remote: Site, machine: Machine, client: Client, tmp_path: Path
) -> None:
    sent(remote, new_job(frames=range(1, 2), chunk=1))
    made = rendered(client, 1, size=3_000_000)
    (content,) = made.values()
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / ".000001.png.part").write_bytes(content[:1_000_000])
    came = [Cut(down=1_200_000), Cut(down=600_000), Cut(down=900_000)]  # together less than the whole
    with Breaking(machine.port, came) as between, machine.site(port=between.port) as farm:
        whole(farm, tmp_path / "frames")
        assert between.connections == 3
    assert held(tmp_path / "frames") == made


@pytest.mark.parametrize("begun", [b"of another frame", bytes(6000)])
def test_what_began_as_something_else_is_begun_anew(remote: Site, client: Client, tmp_path: Path, begun: bytes) -> None:
    sent(remote, new_job(frames=range(1, 2), chunk=1))
    made = rendered(client, 1)
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / ".000001.png.part").write_bytes(begun)
    whole(remote, tmp_path / "frames")
    assert held(tmp_path / "frames") == made


def test_a_frame_that_is_not_what_the_books_say_is_told_and_not_kept(
    remote: Site, client: Client, tmp_path: Path
) -> None:
    sent(remote, new_job(frames=range(1, 3), chunk=1))
    made = rendered(client, 1, 2)
    client.frame("000001.png").write_bytes(bytes(5008))  # the disk has failed
    fetching = whole(remote, tmp_path / "frames")
    assert [frame.number for frame in fetching.wrong] == [1]
    assert held(tmp_path / "frames") == {"000002.png": made["000002.png"]}


def test_a_frame_rendered_anew_is_brought_anew(remote: Site, client: Client, tmp_path: Path) -> None:
    sent(remote, new_job(frames=range(1, 2), chunk=1))
    rendered(client, 1)
    fetching = whole(remote, tmp_path / "frames")
    client.frame("000001.png").unlink()  # the farm keeps the first that it has
    again = rendered(client, 1)
    fetching.run()
    assert (held(tmp_path / "frames"), len(fetching.whole)) == (again, 1)


FRAME = {"number": 1, "name": "000001.png", "size": 1, "hash": "0" * 128}


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../000001.png"},
        {"name": "000002.png"},
        {"name": "/etc/passwd"},
        {"name": None},
        {"size": -1},
        {"size": "1"},
        {"number": -1},
        {"hash": "x"},
        {"hash": None},
    ],
)
def test_what_is_no_frame_is_never_written(machine: Machine, tmp_path: Path, changed: dict[str, Any]) -> None:
    refused = pytest.raises(FarmError, match="can't be understood")
    with Liar(as_json([{**FRAME, **changed}])) as liar, machine.site(port=liar.port) as farm, refused:
        whole(farm, tmp_path / "frames")
    assert not (tmp_path / "frames").exists()


def test_a_server_that_never_ends_fills_no_disk(machine: Machine, client: Client, tmp_path: Path) -> None:
    from bender_worker_addon.sites.answers import frame

    endless = b"HTTP/1.1 200 OK\r\nX-Bender-Farm: 1\r\n\r\n" + bytes(1_000_000)
    with Liar(endless) as liar, machine.site(port=liar.port) as farm:
        farm.bring("job-1", frame({**FRAME, "size": 1000}), tmp_path / "part")
    assert (tmp_path / "part").stat().st_size == 1000


def test_a_folder_that_cannot_be_written_is_told(remote: Site, client: Client, tmp_path: Path) -> None:
    sent(remote, new_job(frames=range(1, 2), chunk=1))
    rendered(client, 1)
    (tmp_path / "file").touch()
    with pytest.raises(FarmError, match=r"file can't be written \(.+\); see whether"):
        whole(remote, tmp_path / "file")
    (tmp_path / "frames" / ".000001.png.part").mkdir(parents=True)
    with pytest.raises(
        FarmError, match=r"000001.png.part can't be written: (Is a directory|Permission denied)|can't be written"
    ):
        whole(remote, tmp_path / "frames")


def test_a_frame_of_which_only_the_books_know_is_not_there(remote: Site, client: Client, tmp_path: Path) -> None:
    """It is with its worker still, or somebody has moved it away."""
    sent(remote, new_job(frames=range(1, 3), chunk=1))
    rendered(client, 1, 2)
    client.frame("000002.png").unlink()
    assert [file.name for file in remote.frames("job-1")] == ["000001.png"]
    assert remote.find("job-1").status == "Finished"
