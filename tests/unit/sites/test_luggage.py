# SPDX-License-Identifier: GPL-3.0-or-later
"""What a blend needs besides is sent to a real server once, comes to a worker whole, and goes with its job."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from bender_worker_addon.core import retry
from bender_worker_addon.core.errors import FarmError, Remedy
from bender_worker_addon.core.luggage import FOLDER, LIST
from bender_worker_addon.core.transfers import BlendFailed, BlendReady
from bender_worker_addon.farm.contents import Contents
from bender_worker_addon.farm.new_job import NewJob
from bender_worker_addon.sites import client as site_client
from bender_worker_addon.sites.client import Client as SiteClient
from bender_worker_addon.sites.site import Progress, Site
from bender_worker_addon.worker.blends import download, files
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
from bender_worker_addon.worker.blends.http_client import Answer
from tests.unit.server.conftest import Client
from tests.unit.sites.conftest import Machine
from tests.unit.sites.test_local import new_job
from tests.unit.support import blend

WALK = {f"{FOLDER}/1/walk.{number:04}.png": os.urandom(1000 + number) for number in range(3)}
CACHE = {f"{FOLDER}/2/data/fluid_0001.vdb": os.urandom(300_000), f"{FOLDER}/2/empty": b""}


def send(site: Site, job: NewJob, luggage: dict[str, bytes]) -> None:
    with site.room_for(job.id) as room:
        (room / job.blend).write_bytes(blend())
        for name, content in luggage.items():
            path = room.joinpath(*name.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        site.send(job)


def job_of(number: int) -> NewJob:
    return replace(new_job(), id=f"job-{number}", blend="Bob's shot.blend")


def in_folder(folder: Path) -> dict[str, bytes]:
    found = [path for path in (folder / FOLDER).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where files were sent to."""
    paths: list[str] = []
    real = SiteClient.put

    def noted(self: SiteClient, path: str, *arguments: object) -> None:
        paths.append(path)
        real(self, path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SiteClient, "put", noted)
    return paths


def test_it_is_kept_with_the_job_sent_once_and_gone_with_the_last_job_that_has_it(
    remote: Site, client: Client, put: list[str]
) -> None:
    send(remote, job_of(1), WALK | CACHE)
    jobs = client.folder / "jobs"
    assert in_folder(jobs / "job-1") == WALK | CACHE
    assert len([path for path in put if path.startswith("/api/files/")]) == 5
    put.clear()
    send(remote, job_of(2), CACHE | {f"{FOLDER}/1/other.png": WALK[f"{FOLDER}/1/walk.0001.png"]})
    assert [path for path in put if path.startswith("/api/files/")] == []
    assert in_folder(jobs / "job-2").keys() == CACHE.keys() | {f"{FOLDER}/1/other.png"}
    remote.delete("job-1", frames=True)
    assert len(list((jobs / ".files").iterdir())) == 3
    assert in_folder(jobs / "job-2")[f"{FOLDER}/1/other.png"] == WALK[f"{FOLDER}/1/walk.0001.png"]
    remote.delete("job-2", frames=True)
    assert list((jobs / ".files").iterdir()) == []


def test_what_has_arrived_before_it_broke_off_is_not_sent_again(
    remote: Site, client: Client, put: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SiteClient.put

    def breaks(self: SiteClient, path: str, *arguments: object) -> None:
        if len(put) == 3:
            raise FarmError("the artist's machine was switched off")
        real(self, path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SiteClient, "put", breaks)
    with pytest.raises(FarmError, match="switched off"):
        send(remote, job_of(1), WALK | CACHE)
    monkeypatch.setattr(SiteClient, "put", real)
    before = set(put)
    put.clear()
    Contents(client.folder / "jobs").remove_unused()  # as a server that is started anew
    send(remote, job_of(2), WALK | CACHE)
    assert len(before) == 3
    assert not before & set(put)
    assert in_folder(client.folder / "jobs" / "job-2") == WALK | CACHE


def test_a_large_file_that_breaks_off_goes_on_where_it_was(
    remote: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = {f"{FOLDER}/1/film.mp4": os.urandom(20 << 20)}
    real, sent = site_client._pieces, [0]

    def breaks(file: Path, size: int, told: Progress, begun: int = 0) -> Iterator[bytes]:
        for piece in real(file, size, told, begun):
            if sent[0] >= 18 << 20 and not begun and "film" in file.name:
                raise FarmError("the line is cut")
            sent[0] += len(piece)
            yield piece

    monkeypatch.setattr(site_client, "_pieces", breaks)
    with pytest.raises(FarmError, match="the line is cut"):
        send(remote, job_of(1), film)
    (digest,) = {hashlib.blake2b(content, digest_size=32).hexdigest() for content in film.values()}
    part = Contents(client.folder / "jobs").begun(digest)
    while not part.exists():
        time.sleep(0.01)
    here = part.stat().st_size
    assert 1 << 20 < here <= sent[0]
    sent[0] = 0
    send(remote, job_of(1), film)
    assert sent[0] < (20 << 20) - here + (1 << 20)  # the blend is among it
    assert in_folder(client.folder / "jobs" / "job-1") == film
    assert not part.exists()


def test_of_a_beginning_that_is_none_or_gone_all_is_sent(remote: Site, client: Client) -> None:
    content = os.urandom(17 << 20)
    digest = hashlib.blake2b(content, digest_size=32).hexdigest()
    contents = Contents(client.folder / "jobs")
    contents.begun(digest).parent.mkdir(parents=True)
    contents.begun(digest).write_bytes(b"something else")
    send(remote, job_of(1), {f"{FOLDER}/1/film.mp4": content})
    assert contents.place(digest).read_bytes() == content
    for told, status in (("bytes 3-9/10", 409), ("bytes x-9/10", 400)):
        headers = {"Content-Range": told}
        assert client.ask("PUT", f"/api/files/{'a' * 64}", data=b"1234567", headers=headers).status_code == status
    contents.begun("a" * 64).write_bytes(b"12")
    headers = {"Content-Range": "bytes 3-9/10"}
    assert client.ask("PUT", f"/api/files/{'a' * 64}", data=b"1234567", headers=headers).status_code == 409
    assert {path.name for path in contents.place(digest).parent.iterdir()} == {digest}


def test_on_a_disk_that_knows_no_other_names_of_a_file_it_is_copied(
    remote: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    send(remote, job_of(1), WALK)
    assert in_folder(client.folder / "jobs" / "job-1") == WALK
    assert list((client.folder / "jobs" / ".files").iterdir()) == []


def test_a_file_that_changes_while_it_is_sent_is_told(remote: Site) -> None:
    with remote.room_for("job-1") as room:
        (room / "Bob's shot.blend").write_bytes(blend())
        film = room / FOLDER / "1" / "film.mp4"
        film.parent.mkdir(parents=True)
        film.write_bytes(b"a" * 100_000)
        real = remote._client.ask  # type: ignore[attr-defined]

        def changing(*arguments: object) -> object:
            answer = real(*arguments)
            film.write_bytes(b"b" * 100_000)
            return answer

        remote._client.ask = changing  # type: ignore[attr-defined]
        with pytest.raises(FarmError, match=r"film.mp4 has changed while it was sent: send the job again"):
            remote.send(job_of(1))
        remote._client.ask = real  # type: ignore[attr-defined]
    assert remote.jobs() == []


@pytest.mark.parametrize("name", ["../evil", f"{FOLDER}/../../evil", f"{FOLDER}/a\\b"])
def test_a_list_that_leads_elsewhere_is_refused_by_the_server(client: Client, name: str) -> None:
    client.put("job-1")
    content = json.dumps({name: {"filesize": 0, "hash": hashlib.blake2b(digest_size=32).hexdigest()}}).encode()
    headers = {"X-Blake2b": hashlib.blake2b(content).hexdigest()}
    assert client.ask("PUT", f"/api/jobs/job-1/files/{LIST}", data=content, headers=headers).status_code == 201
    refused = client.tell("job-1")
    assert refused.status_code == 400
    assert "can be no file of a job" in refused.json()["error"]
    assert not list(client.folder.parent.rglob("evil"))


def test_what_is_not_its_hash_is_not_taken(client: Client) -> None:
    assert client.ask("PUT", f"/api/files/{'a' * 64}", data=b"something else").status_code == 400
    assert client.ask("PUT", "/api/files/..%2f..%2fkey", data=b"").status_code in (400, 404)
    assert client.ask("POST", "/api/files", data=json.dumps({"files": {"a" * 64: 3}})).json() == {"missing": ["a" * 64]}
    assert client.ask("POST", "/api/files", data=json.dumps({"files": {"../key": 3}})).status_code == 400


# On its way to a worker


def test_it_comes_with_the_blend_by_its_own_name_and_only_what_is_missing_comes_again(
    remote: Site, client: Client, machine: Machine, tmp_path: Path
) -> None:
    send(remote, job_of(1), WALK | CACHE)
    blends, url = tmp_path / "blends", machine.url
    usual, place = blends / "job-1.blend", blends / "job-1"
    came = Flaskbender(url).fetch_blend("job-1", usual)
    size = len(blend()) + sum(map(len, (WALK | CACHE).values()))
    assert came == BlendReady("job-1", size, place / "Bob's shot.blend")
    assert in_folder(place) == WALK | CACHE
    assert [path.name for path in blends.iterdir()] == ["job-1"]
    assert files.look("job-1", blends) == came
    assert files.find(blends, ["job-1", "job-2"]).sizes == {"job-1": size}
    kept = place / FOLDER / "2" / "data" / "fluid_0001.vdb"
    inode = kept.stat().st_ino
    (place / FOLDER / "1" / "walk.0001.png").unlink()
    (place / FOLDER / "1" / "walk.0002.png").write_bytes(b"another")
    with pytest.raises(OSError, match=r"walk.000"):
        files.look("job-1", blends)
    assert Flaskbender(url).fetch_blend("job-1", usual) == came
    assert in_folder(place) == WALK | CACHE
    assert kept.stat().st_ino == inode
    files.delete("job-1", blends)
    assert list(blends.iterdir()) == []


def test_what_is_not_what_was_sent_is_not_believed(
    remote: Site, client: Client, machine: Machine, tmp_path: Path
) -> None:
    send(remote, job_of(1), WALK)
    changed = client.folder / "jobs" / "job-1" / FOLDER / "1" / "walk.0001.png"
    changed.write_bytes(os.urandom(changed.stat().st_size))
    came = Flaskbender(machine.url).fetch_blend("job-1", tmp_path / "blends" / "job-1.blend")
    assert isinstance(came, BlendFailed)
    assert came.error.remedy is Remedy.RETRY
    assert "walk.0001.png is not what was sent with the job" in str(came.error)
    assert not (tmp_path / "blends" / "job-1").exists()
    part = tmp_path / "blends" / ".job-1.part"  # what has come needn't come again
    assert part.is_dir()
    assert files.find(tmp_path / "blends", []).begun == {"job-1"}


def test_what_breaks_off_on_its_way_to_a_worker_goes_on_with_the_next_try(
    remote: Site, client: Client, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = {f"{FOLDER}/1/film.mp4": os.urandom(3 << 20)}
    send(remote, job_of(1), film)
    asked: list[str] = []
    real_read, real_ask = download._read, Flaskbender._ask

    def read(answer: Answer) -> bytes:
        if len(asked) == 1 and answer.length is not None and read_before:
            raise download.Cut("the line is cut")
        read_before.append(1)
        return real_read(answer)

    def ask(self: Flaskbender, url: str, headers: dict[str, str], body: object) -> AbstractContextManager[Answer]:
        asked.append(headers.get("Range", ""))
        return real_ask(self, url, headers, body)

    read_before: list[int] = []
    monkeypatch.setattr(download, "_read", read)
    monkeypatch.setattr(Flaskbender, "_ask", ask)
    monkeypatch.setattr(retry.RESUMES.__class__, "again_in", lambda *_, **__: None)
    blends = tmp_path / "blends"
    came = Flaskbender(machine.url).fetch_blend("job-1", blends / "job-1.blend")
    assert isinstance(came, BlendFailed)
    assert came.error.remedy is Remedy.WAIT
    (part,) = (blends / ".job-1.part" / FOLDER / "1").iterdir()
    here = part.stat().st_size
    assert 0 < here < 3 << 20
    came = Flaskbender(machine.url).fetch_blend("job-1", blends / "job-1.blend")
    assert isinstance(came, BlendReady)
    assert asked[1] == f"bytes={here}-"
    assert in_folder(blends / "job-1") == film
    files.delete("job-1", blends)
    fetch_again = blends / ".job-1.part" / FOLDER / "1"
    fetch_again.mkdir(parents=True)
    (fetch_again / part.name).write_bytes(b"something else")
    came = Flaskbender(machine.url).fetch_blend("job-1", blends / "job-1.blend")
    assert isinstance(came, BlendFailed)
    assert came.error.remedy is Remedy.RETRY
    assert isinstance(Flaskbender(machine.url).fetch_blend("job-1", blends / "job-1.blend"), BlendReady)
    assert in_folder(blends / "job-1") == film


def test_what_has_come_of_one_that_is_given_up_goes(remote: Site, machine: Machine, tmp_path: Path) -> None:
    part = tmp_path / "blends" / ".job-1.part" / FOLDER / "1"
    part.mkdir(parents=True)
    (part / "film.mp4").write_bytes(b"a")
    files.give_up("job-1", tmp_path / "blends")
    assert list((tmp_path / "blends").iterdir()) == []


def test_what_does_not_fit_on_the_disk_is_for_another_worker(
    remote: Site, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(remote, job_of(1), CACHE)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=200_000))
    came = Flaskbender(machine.url).fetch_blend("job-1", tmp_path / "blends" / "job-1.blend")
    assert isinstance(came, BlendFailed)
    assert came.error.remedy is Remedy.ELSEWHERE
    assert "more than are free" in str(came.error)
    assert list((tmp_path / "blends").iterdir()) == []


def test_its_blend_is_not_for_those_who_would_render_it_without(remote: Site, client: Client) -> None:
    send(remote, job_of(1), WALK)
    send(remote, job_of(2), {})
    refused = client.ask("GET", "/job/worker/blend/job-1")
    assert refused.status_code == 409
    assert "use a newer worker" in refused.json()["error"]
    assert client.ask("GET", "/job/worker/blend/job-2").content == blend()
    for name in ("data.json", "..%2fdata.json", f"{FOLDER}/../data.json", f"{FOLDER}/1/nothing", "Bob's shot.blend"):
        assert client.ask("GET", f"/job/worker/files/job-1/{name}").status_code == 404
