# SPDX-License-Identifier: GPL-3.0-or-later
"""The page: static files that anybody may have, and a cookie for who shows the key."""

import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import resources
from itertools import islice

import pytest
import requests

from bender_worker_addon.server import web
from tests.unit.server.conftest import Client
from tests.unit.support import DEADLINE
from tools.servers.filled_books import add_worker

FILES = sorted(entry.name for entry in resources.files(web).joinpath("page").iterdir())


def test_the_page_needs_no_key_and_may_do_nothing_but_ask_its_own_server(client: Client) -> None:
    answer = client.ask("GET", "/", key="")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|<style|\bstyle=", answer.text)


@pytest.mark.parametrize("name", FILES)
def test_every_file_comes_packed_and_once(client: Client, name: str) -> None:
    answer = client.ask("GET", f"/page/{name}", key="")
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    again = client.ask("GET", f"/page/{name}", key="", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = client.ask("GET", f"/page/{name}", key="", headers={"Accept-Encoding": "identity"})
    assert plain.content == resources.files(web).joinpath("page", name).read_bytes() == answer.content


def test_all_modules_are_fetched_at_once_and_not_when_one_is_found_to_need_another() -> None:
    index = resources.files(web).joinpath("page", "index.html").read_text(encoding="utf-8")
    modules = re.findall(r'(?:modulepreload" href|module" src)="/page/(\S+)"', index)
    assert sorted(modules) == [name for name in FILES if name.endswith(".js")]


def test_all_of_it_is_less_than_100_kb() -> None:
    page = resources.files(web).joinpath("page")
    assert sum(len(gzip.compress(page.joinpath(name).read_bytes())) for name in FILES) < 100_000


@pytest.mark.parametrize("name", FILES)
def test_nothing_in_it_comes_from_elsewhere_or_is_html_out_of_text(name: str) -> None:
    text = resources.files(web).joinpath("page", name).read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)


@pytest.mark.parametrize("path", ["/page/nothing.js", "/page/../guard.py", "/page/%2e%2e%2fguard.py", "/page/"])
def test_nothing_else_is_given(client: Client, path: str) -> None:
    assert client.ask("GET", path, key=client.server.links.key).status_code == 404


def test_who_shows_the_key_gets_a_cookie_that_no_script_can_read(client: Client) -> None:
    answer = client.ask("PUT", "/api/session")
    assert answer.status_code == 200
    attributes = answer.headers["set-cookie"].lower()
    assert "httponly" in attributes
    assert "samesite=strict" in attributes
    jobs = requests.get(f"{client.base}/api/jobs", cookies=answer.cookies, timeout=DEADLINE)
    assert jobs.json() == []
    gone = requests.delete(f"{client.base}/api/session", cookies=answer.cookies, timeout=DEADLINE)
    assert "max-age=0" in gone.headers["set-cookie"].lower()


def test_a_machines_token_opens_no_page(client: Client) -> None:
    code = client.server.links.join.rpartition("/")[2]
    told = client.ask("POST", f"/join/{code}", key="", json={"name": "render-7"}).json()
    token = told["bender_url"].partition("worker:")[2].partition("@")[0]
    answer = client.ask("PUT", "/api/session", key=token)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "accept, challenge", [("application/json", "Bearer"), ("text/html,*/*", "Basic"), (None, "Basic")]
)
def test_only_who_has_typed_an_address_is_asked_for_a_password(
    client: Client, accept: str | None, challenge: str
) -> None:
    """Over the page, which asks for the key itself, a browser's own window would stand in the way."""
    headers = {} if accept is None else {"Accept": accept}
    answer = client.ask("GET", "/api/jobs", key="", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith(challenge)


def test_who_listens_is_told_of_machines_and_of_the_clock(client: Client) -> None:
    headers = {"Authorization": f"Bearer {client.server.links.key}"}
    with requests.get(f"{client.base}/api/events", headers=headers, stream=True, timeout=DEADLINE) as answer:
        lines = answer.iter_lines(decode_unicode=True)
        names = [line.removeprefix("event: ") for line in islice(lines, 9) if "event:" in line]
    assert names == ["clock", "jobs", "workers"]


def test_many_who_come_at_once_are_all_told_all(client: Client) -> None:
    for number in range(20):
        add_worker(client.folder, f"machine-{number}")
    headers = {"Authorization": f"Bearer {client.server.links.key}"}

    def workers_told(_: int) -> int:
        with requests.get(f"{client.base}/api/events", headers=headers, stream=True, timeout=DEADLINE) as answer:
            lines = answer.iter_lines(decode_unicode=True)
            next(line for line in lines if line == "event: workers")
            return len(json.loads(next(lines).removeprefix("data: ")))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(workers_told, range(16))) == [20] * 16


def test_who_listens_holds_up_no_server_that_ends(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    headers = {"Authorization": f"Bearer {client.server.links.key}"}
    with requests.get(f"{client.base}/api/events", headers=headers, stream=True, timeout=DEADLINE) as answer:
        lines = answer.iter_lines(decode_unicode=True)
        assert next(lines) == "event: clock"
        client.server.close()
        with suppress(requests.exceptions.ChunkedEncodingError):  # what it takes long to end is cut off
            assert all("Traceback" not in line for line in lines)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
