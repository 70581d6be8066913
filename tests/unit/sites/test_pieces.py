# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends in pieces from one end to the other: an artist's machine, a real server, a worker's. What was sent before
costs only its changes, whatever breaks off, lies, is killed or is deleted meanwhile."""

import functools
import hashlib
import random
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.errors import FarmError, Remedy
from bender_worker_addon.core.transfers import BlendFailed, BlendReady
from bender_worker_addon.pieces import shelf
from bender_worker_addon.pieces.manifest import Manifest
from bender_worker_addon.pieces.shelf import Place, Shelf
from bender_worker_addon.server.blends import Blends
from bender_worker_addon.server.web import pieces as pieces_of_the_web
from bender_worker_addon.server.web import wire
from bender_worker_addon.sites import pieces as sending
from bender_worker_addon.sites.site import Site
from bender_worker_addon.system.files import discard_folder
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
from tests.unit.server.conftest import Client
from tests.unit.sites.between import Breaking, Cut
from tests.unit.sites.conftest import Machine
from tests.unit.sites.test_local import new_job
from tests.unit.support import PACKINGS

SIZE = 3_000_000  # bytes, about


@functools.cache
def scene(*, moved: int = 0) -> bytes:
    """A blend as Blender 5 lays it out; in each version `moved` something small is another."""
    chance = random.Random(1)
    rows = [b"BLENDER17-01v0502"]
    for number in range(2000):
        data = chance.randbytes(300_000 if number % 250 == 0 else 300)
        if number == 700:
            data = struct.pack("<i", moved) + data[4:]
        rows += [struct.pack("<4siQqq", b"DATA", 0, 4096 + 64 * number, len(data), 1), data]
    return b"".join((*rows, struct.pack("<4siQqq", b"ENDB", 0, 0, 0, 0)))


def send(farm: Site, job: str, content: bytes) -> None:
    with farm.room_for(job) as folder:
        (folder / "scene.blend").write_bytes(content)
        farm.send(new_job(job))


def at_the_farm(client: Client, job: str) -> Path:
    return client.folder / "jobs" / job / "scene.blend"


@pytest.fixture
def counted(machine: Machine) -> Iterator[Breaking]:
    with Breaking(machine.port, []) as between:
        yield between


def fetch(machine: Machine, between: Breaking | None, job: str) -> Path:
    """As the worker of that machine does."""
    config = machine.config(port=0 if between is None else between.port)
    target = machine.folder / "blends" / f"{job}.blend"
    event = Flaskbender(config.bender_url).fetch_blend(job, target)
    place = machine.folder / "blends" / job / "scene.blend"
    assert event == BlendReady(job, place.stat().st_size, place), event
    return place


def test_what_was_sent_before_costs_only_its_changes(machine: Machine, client: Client, counted: Breaking) -> None:
    with machine.site(port=counted.port) as farm:
        costs = []
        for version in range(3):
            before = counted.up
            send(farm, f"job-{version}", scene(moved=version))
            costs.append(counted.up - before)
            assert at_the_farm(client, f"job-{version}").read_bytes() == scene(moved=version)
    assert costs[0] > SIZE * 0.95
    assert max(costs[1:]) < SIZE * 0.03
    for version in range(3):
        before = counted.down
        assert fetch(machine, counted, f"job-{version}").read_bytes() == scene(moved=version)
        costs.append(counted.down - before)
    assert costs[3] > SIZE * 0.95
    assert max(costs[4:]) < SIZE * 0.03
    strays = [path.name for path in (client.folder / "jobs").rglob("*") if ".part" in path.name]
    assert strays == []


def test_what_breaks_off_goes_on(machine: Machine, client: Client) -> None:
    cuts = [Cut(), *(Cut(up=900_000, down=900_000) for _ in range(9))]
    with Breaking(machine.port, cuts) as between, machine.site(port=between.port) as farm:
        send(farm, "job-1", scene())
        assert between.connections > 5
        assert between.up < SIZE * 1.3
    assert at_the_farm(client, "job-1").read_bytes() == scene()
    with Breaking(machine.port, cuts) as between:
        assert fetch(machine, between, "job-1").read_bytes() == scene()
        assert between.connections > 4
        assert between.down < SIZE * 1.3


def test_two_who_send_at_once_both_do(machine: Machine, client: Client) -> None:
    """The same scene as two jobs, and two scenes as the same job, of which one comes too late."""

    def send_one(job: str, moved: int) -> str:
        try:
            with machine.site() as farm:
                send(farm, job, scene(moved=moved))
        except FarmError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as senders:
        told = list(senders.map(send_one, ("one", "two", "same", "same"), (0, 0, 1, 2)))
    assert told[:2] == ["", ""]
    assert "" in told[2:]
    assert [at_the_farm(client, job).read_bytes() for job in ("one", "two")] == [scene(), scene()]
    assert at_the_farm(client, "same").read_bytes() in (scene(moved=1), scene(moved=2))


def test_a_server_that_is_started_anew_goes_on_where_the_blend_was(
    machine: Machine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_PAUSES", (0.5,) * 60)
    half = Cut(up=SIZE // 2)
    with Breaking(machine.port, [Cut(), Cut(), half]) as between, machine.site(port=between.port) as farm:
        ended = threading.Event()

        def restart() -> None:
            while between.up < SIZE // 2:
                ended.wait(0.05)
            client.restart()

        with ThreadPoolExecutor(1) as other:
            restarted = other.submit(restart)
            send(farm, "job-1", scene())
            restarted.result()
        assert between.up < SIZE * 1.3
    assert at_the_farm(client, "job-1").read_bytes() == scene()


def test_a_server_of_an_earlier_version_gets_the_whole(
    machine: Machine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    starlette: Any = client.server._web.config.app
    earlier = [route for route in starlette.routes if "/pieces" not in getattr(route, "path", "")]
    monkeypatch.setattr(starlette.router, "routes", earlier)
    monkeypatch.setattr(wire, "in_pieces", _no_pieces)
    with machine.site() as farm:
        send(farm, "job-1", scene())
    assert at_the_farm(client, "job-1").read_bytes() == scene()
    target = fetch(machine, None, "job-1")
    assert target.read_bytes() == scene()
    assert shelf.kept(target) is None


async def _no_pieces(*_: object) -> None:
    """What an earlier version says of them."""


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_blend_that_came_as_a_whole_goes_in_pieces(
    packing: str, machine: Machine, client: Client, counted: Breaking
) -> None:
    """Compressed ones come so: what is sent is saved uncompressed. They stay what they are, byte for byte; in what gzip
    makes one change changes all that follows."""
    blends = {f"job-{moved}": PACKINGS[packing](scene(moved=moved)) for moved in (1, 2)}
    for job, content in blends.items():
        digest = hashlib.blake2b(content).hexdigest()
        client.ask("PUT", f"/api/jobs/{job}/files/scene.blend", data=content, headers={"X-Blake2b": digest})
        assert client.tell(job).status_code == 201
    costs = []
    for job, content in blends.items():
        before = counted.down
        assert fetch(machine, counted, job).read_bytes() == content
        costs.append(counted.down - before)
    assert costs[0] > SIZE * 0.9
    assert costs[1] < SIZE * {"plain": 0.03, "zstd": 0.2, "gzip": 1}[packing]


@pytest.mark.parametrize("what", ["of the farm", "of the worker"])
def test_a_blend_that_is_damaged_or_deleted_harms_no_other(what: str, machine: Machine, client: Client) -> None:
    """Its pieces are believed for their hashes alone."""
    with machine.site() as farm:
        send(farm, "job-1", scene())
        kept = at_the_farm(client, "job-1") if what == "of the farm" else fetch(machine, None, "job-1")
        kept.write_bytes(bytes(reversed(kept.read_bytes())))
        send(farm, "job-2", scene(moved=1))
        assert at_the_farm(client, "job-2").read_bytes() == scene(moved=1)
        assert fetch(machine, None, "job-2").read_bytes() == scene(moved=1)
        kept.unlink()
        discard_folder(machine.folder / "blends" / "job-2")
        assert fetch(machine, None, "job-2").read_bytes() == scene(moved=1)
        farm.delete("job-1", frames=True)
        farm.delete("job-2", frames=True)
        send(farm, "job-3", scene(moved=2))
    assert at_the_farm(client, "job-3").read_bytes() == scene(moved=2)


def test_a_blend_is_deleted_while_its_pieces_are_taken(
    machine: Machine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine.site() as farm:
        send(farm, "job-1", scene())
        find = Shelf.find

        def found_and_gone(self: Shelf, wanted: set[bytes]) -> dict[bytes, Place]:
            found = find(self, wanted)
            client.ask("DELETE", "/api/jobs/job-1", json={})
            return found

        monkeypatch.setattr(Shelf, "find", found_and_gone)
        send(farm, "job-2", scene(moved=1))
    assert at_the_farm(client, "job-2").read_bytes() == scene(moved=1)


def test_a_liar_gets_nothing_in(machine: Machine, client: Client) -> None:
    """What is sent as pieces that it is not, by an artist's machine or by a farm, never becomes a blend."""
    manifest = Manifest.of(_file(machine.folder / "true.blend", scene()))
    path = f"/api/jobs/job-1/files/scene.blend/pieces/{manifest.id}"
    told = client.ask("PUT", path, data=manifest.to_bytes()).json()
    assert sum(count for _, count in told["lacking"]) == len(manifest)
    lengths = enumerate(manifest.lengths)
    lie = b"".join(struct.pack("<III", 1, length, number) + bytes(length) for number, length in lengths)
    assert client.ask("POST", path, data=lie).status_code == 400
    assert client.ask("PUT", path, data=manifest.to_bytes()).json() == told
    assert client.tell("job-1").status_code == 412
    for wrong in (b"", b"no manifest", manifest.to_bytes()[:-1]):
        assert client.ask("PUT", path, data=wrong).status_code == 400
    for wrong in (b"x" * 100, struct.pack("<III", 1, 1, len(manifest)) + b"x", struct.pack("<III", 1, 1, 0) + b"x"):
        assert client.ask("POST", path, data=wrong).status_code == 400
    assert client.ask("POST", f"/api/jobs/other/files/scene.blend/pieces/{manifest.id}", data=b"").status_code == 409
    assert client.ask("PUT", "/api/jobs/job-1/files/..%5Cx/pieces/" + manifest.id, data=b"").status_code == 400
    assert client.ask("PUT", "/api/jobs/job-1/files/scene.blend/pieces/..%2Fx", data=b"").status_code in (400, 404, 405)


def test_a_farm_that_sends_other_pieces_is_asked_for_the_whole(
    machine: Machine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine.site() as farm:
        send(farm, "job-1", scene())
    other = Manifest.of(_file(machine.folder / "other.blend", scene(moved=7)))
    shelf.keep(at_the_farm(client, "job-1"), other)
    assert fetch(machine, None, "job-1").read_bytes() == scene()


def test_workers_may_have_pieces_of_what_they_may_read_and_strangers_of_nothing(
    machine: Machine, client: Client
) -> None:
    with machine.site() as farm:
        send(farm, "job-1", scene())
    manifest = Manifest.of(at_the_farm(client, "job-1"))
    asked = {"of": manifest.id, "pieces": [[0, 1]]}
    for key, status in (("", 401), ("wrong", 401), (machine.token, 200)):
        assert client.ask("POST", "/job/worker/blend/job-1/pieces", key=key, json=asked).status_code == status
        path = f"/api/jobs/job-2/files/scene.blend/pieces/{manifest.id}"
        assert client.ask("PUT", path, key=key, data=manifest.to_bytes()).status_code == status
    for wrong in ([[0, 0]], [[1, 1], [0, 1]], [[0, len(manifest) + 1]], [[True, 1]], "x", [[-1, 2]], [[0]]):
        refused = client.ask("POST", "/job/worker/blend/job-1/pieces", json={**asked, "pieces": wrong})
        assert refused.status_code == 400
    assert client.ask("POST", "/job/worker/blend/nobody/pieces", json=asked).status_code == 404
    other = client.ask("POST", "/job/worker/blend/job-1/pieces", json={**asked, "of": "0" * 64})
    assert other.status_code == 409


def test_without_its_farm_a_worker_keeps_what_has_come(machine: Machine, client: Client) -> None:
    with machine.site() as farm:
        send(farm, "job-1", scene())
    target = machine.folder / "blends" / "job-1.blend"
    with Breaking(machine.port, [Cut(), Cut(), Cut(down=SIZE // 2), *(Cut(down=0) for _ in range(9))]) as between:
        event = Flaskbender(machine.config(port=between.port).bender_url).fetch_blend("job-1", target)
    assert isinstance(event, BlendFailed)
    assert event.error.remedy is Remedy.WAIT
    with Breaking(machine.port, []) as between:
        assert fetch(machine, between, "job-1").read_bytes() == scene()
        assert between.down < SIZE * 0.6


def test_who_waits_for_long_is_given_signs_of_life_and_told_what_went_wrong(
    machine: Machine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce = Blends.announce

    def slow(self: Blends, *arguments: Any) -> list[int]:
        time.sleep(0.5)
        if full:
            raise OSError(28, "No space left on device")
        return announce(self, *arguments)

    full = False
    monkeypatch.setattr(Blends, "announce", slow)
    monkeypatch.setattr(pieces_of_the_web, "_SIGN_OF_LIFE", 0.1)
    manifest = Manifest.of(_file(machine.folder / "true.blend", scene()))
    path = f"/api/jobs/job-1/files/scene.blend/pieces/{manifest.id}"
    assert client.ask("PUT", path, data=manifest.to_bytes()).text.startswith("  ")
    with machine.site() as farm:
        send(farm, "job-1", scene())
        full = True
        with pytest.raises(FarmError, match="No space left"):
            send(farm, "job-2", scene(moved=1))


def _file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
