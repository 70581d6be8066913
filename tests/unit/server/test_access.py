# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may what: nothing without a key, guesses are slowed down, join codes get tokens, tokens can be revoked."""

import base64
import re
import stat
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.farm.database import Database
from bender_worker_addon.server import access
from bender_worker_addon.server.serve import Server
from bender_worker_addon.server.web import guard
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.system.platform import WINDOWS
from tests.unit.server.conftest import Client
from tests.unit.support import DEADLINE

PATHS = [
    ("GET", "/api/jobs"),
    ("GET", "/api/session"),
    ("PUT", "/api/session"),
    ("POST", "/api/jobs"),
    ("DELETE", "/api/jobs/job-1"),
    ("GET", "/job/worker/blend/job-1"),
    ("GET", "/job/worker/status/job-1"),
    ("POST", "/job/job-1/task"),
    ("PUT", "/api/jobs/job-1/files/x.blend"),
]


@pytest.mark.parametrize("method, path", PATHS)
def test_without_a_key_there_is_nothing(client: Client, method: str, path: str) -> None:
    for key in ("", "wrong"):
        answer = client.ask(method, path, key=key)
        assert answer.status_code == 401
        assert "key" in answer.json()["error"]


def test_no_route_is_open_but_those_that_are_meant_to_be(client: Client) -> None:
    starlette: Any = client.server._web.config.app
    closed = 0
    for route in starlette.routes:
        path = re.sub(r"\{[^}]*\}", "1", route.path)
        if guard._is_open(path):
            continue
        for method in route.methods:
            assert client.ask(method, path, key="").status_code == 401, (method, path)
            assert client.ask(method, path, key="wrong").status_code in (401, 429), (method, path)
            closed += 1
    assert closed > 30


def test_guessing_tells_nothing_after_a_while_and_shuts_nobody_out_who_has_a_key(client: Client) -> None:
    codes = [client.ask("GET", "/api/jobs", key=f"guess-{number}").status_code for number in range(25)]
    assert codes[:20] == [401] * 20
    assert set(codes[20:]) == {429}
    assert client.ask("GET", "/api/jobs").status_code == 200


def test_join_codes_are_no_easier_to_guess(client: Client) -> None:
    codes = [client.ask("POST", f"/join/guess-{number}", key="").status_code for number in range(25)]
    assert codes[:20] == [404] * 20
    assert set(codes[20:]) == {429}


def test_a_machine_that_joins_gets_a_token_that_counts_until_it_is_revoked(client: Client) -> None:
    path = urlsplit(client.server.links.join).path
    answer = client.ask("POST", path, key="", data='{"name": "render-7"}')
    assert answer.status_code == 200, answer.text
    settings = answer.json()
    url = urlsplit(settings["bender_url"])
    assert url.username == "worker"
    assert f"http://{url.hostname}:{url.port}" == client.base
    client.send()
    basic = base64.b64encode(f"worker:{url.password}".encode()).decode()
    status = f"{client.base}/job/worker/status/job-1"
    allowed = {"Authorization": f"Basic {basic}"}
    assert requests.get(status, headers=allowed, timeout=DEADLINE).status_code == 200
    with closing(Database(client.folder)) as database:
        assert access.revoke(database, access.WORKER, "render-7") == 1
    assert requests.get(status, headers=allowed, timeout=DEADLINE).status_code == 401


def test_a_page_of_somebody_else_can_change_nothing(client: Client) -> None:
    client.send()
    cookies = {f"bender_farm_{client.base.rpartition(':')[2]}": client.server.links.key}
    url = f"{client.base}/api/jobs/job-1/cancel"
    foreign = requests.post(url, cookies=cookies, headers={"Origin": "http://evil.example"}, timeout=DEADLINE)
    assert foreign.status_code == 403
    own = requests.post(url, cookies=cookies, headers={"Origin": client.base}, timeout=DEADLINE)
    assert own.status_code == 200


def test_secrets_are_kept_from_others_and_tokens_only_as_hashes(client: Client) -> None:
    key = client.folder / "key"
    if not WINDOWS:  # there it is not told by a mode; see test_system_calls.py
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    code = client.server.links.join.rpartition("/")[2]
    assert code.encode() not in (client.folder / "farm.sqlite").read_bytes()
    assert code.encode() not in (client.folder / "farm.sqlite-wal").read_bytes()


def test_a_second_server_of_a_farm_says_that_there_is_one(client: Client) -> None:
    farm = client.folder
    config = WorkerConfig(queue="local", farm_dir=farm, blendpath=farm / "jobs", outpath=farm / "frames", id="farm")
    with pytest.raises(FarmError, match="runs already"):
        Server(config, host="127.0.0.1", port=0)
    assert client.ask("GET", "/api/jobs").status_code == 200


def test_people_make_list_and_revoke_join_codes(client: Client) -> None:
    (first,) = client.ask("GET", "/api/join-codes").json()
    made = client.ask("POST", "/api/join-codes", json={"name": "for\nthe lab"}, headers={"Host": "farm.lan:80"})
    assert made.status_code == 201, made.text
    link = urlsplit(made.json()["join"])
    assert link.netloc == "farm.lan:80"
    listed = client.ask("GET", "/api/join-codes").json()
    assert [(code["id"], code["name"]) for code in listed] == [
        (made.json()["id"], "for the lab"),
        (first["id"], first["name"]),
    ]
    assert not [code for code in listed if link.path.rpartition("/")[2] in str(code)]
    assert client.ask("POST", link.path, key="").status_code == 200
    assert client.ask("DELETE", f"/api/join-codes/{made.json()['id']}").status_code == 200
    assert client.ask("POST", link.path, key="").status_code == 404
    assert client.ask("DELETE", f"/api/join-codes/{made.json()['id']}").status_code == 404
    assert client.ask("GET", "/api/join-codes").json() == [first]


@pytest.mark.parametrize("which", ["worker", "name", "id"])
def test_people_list_machines_and_revoke_their_tokens(client: Client, which: str) -> None:
    path = urlsplit(client.server.links.join).path
    told = [{"name": "render-7", "id": "5d7a"}, {"name": "desk", "id": "77"}]
    keys = [urlsplit(client.ask("POST", path, key="", json=one).json()["bender_url"]).password for one in told]
    listed = {one["name"]: one for one in client.ask("GET", "/api/tokens").json()}
    assert listed["render-7"]["worker"] == "5d7a"
    assert client.ask("DELETE", f"/api/workers/{listed['render-7'][which]}/token").json() == {"revoked": 1}
    assert [client.ask("GET", "/api/jobs", key=key).status_code for key in keys] == [401, 200]
    assert client.ask("DELETE", "/api/workers/render-7/token").status_code == 404


OF_PEOPLE = [
    ("GET", "/api/join-codes"),
    ("POST", "/api/join-codes"),
    ("DELETE", "/api/join-codes/x"),
    ("GET", "/api/tokens"),
    ("DELETE", "/api/workers/x/token"),
]


@pytest.mark.parametrize("method, path", OF_PEOPLE)
def test_a_machine_that_has_joined_lets_nobody_in_and_throws_nobody_out(client: Client, method: str, path: str) -> None:
    joined = client.ask("POST", urlsplit(client.server.links.join).path, key="", json={"name": "x", "id": "x"})
    token = urlsplit(joined.json()["bender_url"]).password
    assert client.ask("GET", "/api/jobs", key=token).status_code == 200
    answer = client.ask(method, path, key=token)
    assert (answer.status_code, "takes the farm's key" in answer.json()["error"]) == (403, True)
    assert len(client.ask("GET", "/api/tokens").json()) == 1


def test_what_is_asked_in_a_body_without_end_is_refused(client: Client) -> None:
    path = urlsplit(client.server.links.join).path
    assert client.ask("POST", path, key="", data=b"x" * 5000).status_code == 413
    assert client.ask("POST", path, key="", data=b"[" * 4000).status_code == 400


def test_a_start_makes_the_line_of_the_start_before_it_void_and_no_other(client: Client) -> None:
    made = client.ask("POST", "/api/join-codes").json()
    before = client.server.links.join
    client.server.close()
    farm = client.folder
    config = WorkerConfig(queue="local", farm_dir=farm, blendpath=farm / "jobs", outpath=farm / "frames", id="farm")
    with closing(Server(config, host="127.0.0.1", port=0)) as server:
        again = Client(server, farm)
        joins = (before, made["join"], server.links.join)
        assert [again.ask("POST", urlsplit(link).path, key="").status_code for link in joins] == [404, 200, 200]


def test_a_certificate_that_can_not_be_used_is_told_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    config = WorkerConfig(queue="local", farm_dir=tmp_path / "farm", id="farm")
    for cert in (tmp_path / "absent.pem", tmp_path / "cert.pem"):
        with pytest.raises(FarmError, match="--cert and --key can't be used"):
            Server(config, host="127.0.0.1", port=0, cert=cert, key=cert)
