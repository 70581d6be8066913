# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm over HTTP, as one who sends jobs sees it: a real server, whose own site is asked whether it agrees."""

import json
import logging
import random
import shutil
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.farm.database import SERVED
from bender_worker_addon.farm.new_job import NewJob
from bender_worker_addon.server import access
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.settings.tls import Tls
from bender_worker_addon.sites.client import Client as HttpClient
from bender_worker_addon.sites.client import Refused
from bender_worker_addon.sites.local import LocalSite
from bender_worker_addon.sites.remote import RemoteSite
from bender_worker_addon.sites.shared import SharedSite
from bender_worker_addon.sites.site import Site, is_there, site, state_of
from tests.unit.server.conftest import Client
from tests.unit.sites.between import Breaking, Cut, Liar, as_json
from tests.unit.sites.conftest import Machine
from tests.unit.sites.test_local import new_job, sent
from tests.unit.support import blend, large_blend
from tools.servers.proxy import Proxy
from tools.servers.raw_server import RawServer


@pytest.fixture
def local(client: Client) -> LocalSite:
    """The same farm, as its own machine sees it."""
    farm = client.folder
    return LocalSite(WorkerConfig(queue="local", farm_dir=farm, blendpath=farm / "jobs", outpath=farm / "frames"))


def test_a_job_is_sent_and_looked_after_with_the_same_words(remote: Site, local: LocalSite, client: Client) -> None:
    assert isinstance(remote, RemoteSite)
    with local:
        assert remote.jobs() == []
        sent(remote, replace(new_job(priority=3), preflight=["not packed:\n\x1b x.png", "", "no camera"]))
        (job,) = remote.jobs()
        assert remote.jobs() == local.jobs()
        assert (job.id, job.name, job.status, job.total, job.priority) == ("job-1", "shot", "Queued", 10, 3)
        assert (client.folder / "jobs" / "job-1" / "scene.blend").read_bytes() == blend()
        here, there = remote.details(job), local.details(job)
        for name in ("job", "frames", "failures", "fps", "image_format", "pace", "preflight"):
            assert getattr(here, name) == getattr(there, name), name
        assert here.preflight == ["not packed: x.png", "no camera"]
        assert here.name_of(7) == "000007.png"
        assert not here.here
        remote.pause("job-1")
        assert [state_of(job) for job in remote.jobs()] == ["Paused"]
        remote.resume("job-1")
        remote.set_priority("job-1", -7)
        assert [(state_of(job), job.priority) for job in remote.jobs()] == [("Queued", -7)]
        remote.set_name("job-1", " beach,\n\x1b take 2 ")
        assert [job.name for job in remote.jobs()] == [job.name for job in local.jobs()] == ["beach, take 2"]
        remote.cancel("job-1")
        assert [job.status for job in local.jobs()] == ["Canceled"]
        assert (remote.retry("job-1", {1, 2}), remote.retry("job-1", {11})) == (1, 0)
        assert remote.retry("job-1") == 2
        assert remote.find("jo").id == "job-1"
        assert remote.jobs() == local.jobs()
        frame = client.frame("000001.png")
        frame.parent.mkdir(parents=True)
        frame.touch()
        remote.delete("job-1", frames=False)
        assert (remote.jobs(), local.jobs(), frame.exists()) == ([], [], True)
        sent(remote, new_job())
        remote.delete("job-1", frames=True)
        assert not frame.exists()


def test_a_blend_that_the_farm_has_lost_before_its_job_was_told_is_sent_again(
    remote: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a server does when it is started anew."""
    announce, rooms = RemoteSite._announce, client.folder / "jobs"

    def lost_at_first(self: RemoteSite, job: NewJob) -> None:
        monkeypatch.setattr(RemoteSite, "_announce", announce)
        shutil.rmtree(rooms / f".new-{job.id}")
        announce(self, job)

    monkeypatch.setattr(RemoteSite, "_announce", lost_at_first)
    sent(remote, new_job())
    assert (rooms / "job-1" / "scene.blend").read_bytes() == blend()
    assert [job.id for job in remote.jobs()] == ["job-1"]


def test_of_many_who_send_the_same_job_one_does_and_takes_it_from_nobody(client: Client) -> None:
    """As somebody does whose connection is cut again and again."""
    client.put("job-1")
    with ThreadPoolExecutor(8) as many:
        codes = list(many.map(lambda _: client.tell("job-1").status_code, range(8)))
    assert codes.count(201) == 1
    assert set(codes) <= {201, 409, 412}
    assert sorted(path.name for path in (client.folder / "jobs").iterdir()) == ["job-1"]
    assert sorted(path.name for path in (client.folder / "jobs" / "job-1").iterdir()) == ["data.json", "scene.blend"]


def test_what_the_farm_will_not_do_is_told_in_its_own_words(remote: Site) -> None:
    sent(remote, new_job())
    with pytest.raises(FarmError, match=r"^there is a job job-1 already; give this one another id$"):
        sent(remote, new_job())
    for change in (remote.pause, remote.resume, remote.cancel, remote.retry, remote.frames):
        with pytest.raises(FarmError, match=r"^there is no job job-9$"):
            change("job-9")
    with pytest.raises(FarmError, match="priority is a whole number from -1000 to 1000"):
        remote.set_priority("job-1", 5000)


def test_a_job_whose_blend_is_not_there_is_none(remote: Site, client: Client) -> None:
    with remote.room_for("job-1") as folder:
        (folder / "other.blend").write_bytes(blend())
        with pytest.raises(FarmError, match="the blend of job job-1 is not here"):
            remote.send(new_job())
        assert folder.exists()
    assert not folder.exists()
    assert not (client.folder / "jobs" / "job-1").exists()


def test_a_machine_that_counts_no_more_is_told_to_join_again(
    remote: Site, machine: Machine, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    access.revoke(client.server._farm.database, access.WORKER)
    with caplog.at_level(logging.DEBUG), pytest.raises(FarmError, match=r"doesn't know this machine .*join it again"):
        remote.jobs()
    with pytest.raises(FarmError) as told, remote.room_for("job-1"):
        raise AssertionError("nothing is packed for a farm that would not take it")
    assert machine.token not in caplog.text + str(told.value) + repr(told.value.__cause__)


def test_a_farm_that_is_not_there_is_told_without_its_password(machine: Machine) -> None:
    with Liar(b"") as somebody:
        pass
    with machine.site(port=somebody.port) as farm, pytest.raises(FarmError) as told:
        farm.jobs()
    assert str(told.value) == f"the farm at http://127.0.0.1:{somebody.port} can't be reached: Connection refused"


JOB = {"id": "job-1", "name": "shot", "created": "", "status": "Queued", "priority": 0, "frames": {"Waiting": 3}}

OK = b"HTTP/1.1 200 OK\r\nX-Bender-Farm: 1\r\n"
NONSENSE = {
    "nothing": (b"", "the connection broke off"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "can't be reached: it speaks no HTTP"),
    "cut short": (OK + b"Content-Length: 900\r\n\r\n[", "the connection broke off"),
    "a wrong chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "can't be reached"),
    "a long line": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "can't be reached"),
    "a page": (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "no farm of `serve`.*sign-in or maintenance"),
    "no page": (b"HTTP/1.1 404 NOT FOUND\r\nContent-Length: 6\r\n\r\n<html>", r"no farm of `serve` \(404 NOT FOUND\)"),
    "another address": (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", r"\(302 Found\)"),
    "busy": (b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", r"can't answer now \(503\)"),
    "what steers a terminal": (as_json({"error": "\x1b[2J gone\nbye"}, "409 x"), "^\ufffd\\[2J gone\ufffdbye$"),
    "an error that is no sentence": (as_json({"error": {"a": 1}}, "409 x"), r"no farm of `serve` \(409 x\)"),
    "deep": (OK + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000, "no JSON"),
    "no list": (as_json({}), "can't be understood"),
    "a job that is none": (as_json([7]), "can't be understood"),
    "an id that is a path": (as_json([{**JOB, "id": "../../x"}]), "can't be understood"),
    "a count that is none": (as_json([{**JOB, "frames": {"Waiting": "3"}}]), "can't be understood"),
    "a number beyond all": (as_json([{**JOB, "priority": 10**400}]), "can't be understood"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_whatever_is_answered_is_told_in_a_sentence(machine: Machine, name: str) -> None:
    answer, words = NONSENSE[name]
    with Liar(answer) as liar, machine.site(port=liar.port) as farm, pytest.raises(FarmError, match=words) as told:
        farm.jobs()
    assert machine.token not in str(told.value)
    assert "\n" not in str(told.value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*JOB, "seen", "hello"]), inner),
    max_leaves=12,
)
ASKED: list[Callable[[Site], object]] = [
    lambda farm: farm.jobs(),
    lambda farm: farm.workers(),
    lambda farm: farm.frames("job-1"),
    lambda farm: farm.retry("job-1"),
]


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=ANYTHING | ANYTHING.map(lambda one: [{**JOB, "number": 1, "seen": 1, "hello": one}]) | st.binary())
def test_whatever_json_is_answered_gives_what_was_asked_for_or_a_sentence(machine: Machine, told: Any) -> None:
    answer = told if isinstance(told, bytes) else as_json(told)
    with Liar(answer) as liar:
        for ask in ASKED:
            with machine.site(port=liar.port) as farm:
                try:
                    json.dumps(ask(farm), default=str)
                except FarmError as error:
                    assert str(error).isprintable()


def test_a_refusal_is_heard_while_a_blend_is_sent_and_the_rest_stays_here(machine: Machine, tmp_path: Path) -> None:
    """The connection, on which the server still waits for the rest, is not used for what is asked next."""
    large = large_blend(tmp_path / "large.blend", 1 << 30)
    with RawServer(as_json({"error": "the disk is full"}, "409 x"), deaf=True) as deaf:
        client = HttpClient(deaf.url, Tls())
        for calls in (1, 2):
            with pytest.raises(Refused, match="the disk is full"):
                client.put("/blend", large, {}, lambda done, of: None)
            assert deaf.calls == calls


def test_a_blend_that_breaks_off_is_sent_again(machine: Machine, client: Client) -> None:
    whole = blend() + bytes(500_000)
    with Breaking(machine.port, [Cut(up=100_000), Cut(up=400_000)]) as between:
        with machine.site(port=between.port) as farm, farm.room_for("job-1") as folder:
            (folder / "scene.blend").write_bytes(whole)
            seen: list[tuple[int, int]] = []
            farm.send(new_job(), lambda done, of: seen.append((done, of)))
        assert between.connections >= 3
    assert (client.folder / "jobs" / "job-1" / "scene.blend").read_bytes() == whole
    assert seen[-1] == (len(whole), len(whole))


def test_a_job_whose_answer_was_lost_is_sent_once(machine: Machine, client: Client) -> None:
    """Each request that changes something has a connection of its own: the third is the one that makes it a job."""
    with Breaking(machine.port, [Cut(), Cut(), Cut(down=0)]) as between, machine.site(port=between.port) as farm:
        sent(farm, new_job())
        assert between.connections >= 4
    assert [job["id"] for job in client.ask("GET", "/api/jobs").json()] == ["job-1"]


def test_one_connection_does_for_all_that_is_asked(machine: Machine) -> None:
    with Breaking(machine.port, []) as between, machine.site(port=between.port) as farm:
        for _ in range(5):
            farm.jobs()
        assert between.connections == 1


def test_a_connection_that_the_server_has_closed_meanwhile_is_no_trouble(machine: Machine) -> None:
    with Proxy(machine.port) as between, machine.site(port=between.port) as farm:
        sent(farm, new_job())
        for _ in range(3):
            assert len(farm.jobs()) == 1
            between.cut()
            farm.pause("job-1")
            between.cut()


def test_a_blend_is_sent_in_constant_memory(machine: Machine, client: Client) -> None:
    """Of both sides: they share this process."""
    size = 32 << 20
    with machine.site() as farm, farm.room_for("job-1") as folder:
        with large_blend(folder / "scene.blend", size).open("r+b") as file:
            file.seek(1 << 10)
            file.write(random.Random(0).randbytes(size - (2 << 10)))  # no piece of it is as another
        tracemalloc.start()
        try:
            farm.send(new_job())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (client.folder / "jobs" / "job-1" / "scene.blend").stat().st_size == size
    assert peak < 16 << 20


def test_workers_are_those_that_were_heard(remote: Site, client: Client) -> None:
    from bender_worker_addon.farm import workers

    with client.server._farm.database.changing() as connection:
        workers.has_been_heard(
            connection, "one", json.dumps({"name": "a\x1b", "deep": [[[[[[[[[["x"]]]]]]]]]]}).encode()
        )
        workers.has_been_heard(connection, "two")
    one, two = remote.workers()
    assert (one.id, two.id, two.hello) == ("one", "two", {})
    assert one.hello["name"] == "a\ufffd"
    assert "x" not in json.dumps(one.hello["deep"])


def test_which_kind_of_farm_it_is_the_settings_say(tmp_path: Path) -> None:
    def config(**settings: str) -> WorkerConfig:
        environment = {f"BENDER_WORKER_{name.upper()}": value for name, value in settings.items()}
        return resolve(data_dir=tmp_path, environment=environment, options={}).config

    def kind(found: WorkerConfig) -> type[Site]:
        with site(found) as farm:
            return type(farm)

    assert kind(config()) is LocalSite
    joined = config(bender_url="http://worker:token@farm:8000")
    assert (kind(joined), is_there(joined)) == (RemoteSite, True)
    assert not is_there(config(bender_url="http://farm:8000"))
    shared = config(amqp_url="amqp://farm/%2F", mode="Server")
    assert kind(shared) is SharedSite
    (tmp_path / "farm" / SERVED).touch()
    assert kind(shared) is RemoteSite
    assert kind(config(queue="local")) is LocalSite


def test_without_a_server_that_keeps_its_books_a_farm_on_a_shared_disk_says_what_it_cannot(tmp_path: Path) -> None:
    environment = {"BENDER_WORKER_AMQP_URL": "amqp://farm/%2F", "BENDER_WORKER_MODE": "Server"}
    with site(resolve(data_dir=tmp_path, environment=environment, options={}).config) as farm:
        changes: list[Callable[[], object]] = [
            lambda: farm.pause("job-1"),
            lambda: farm.resume("job-1"),
            lambda: farm.set_priority("job-1", 1),
            lambda: farm.delete("job-1", frames=True),
            farm.workers,
        ]
        for change in changes:
            with pytest.raises(FarmError, match="see `serve`"):
                change()
