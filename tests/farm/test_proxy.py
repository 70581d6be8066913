# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm behind a proxy that speaks TLS, nginx, set up as docs/farm.md says."""

import os
import re
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.farm.ground import eventually
from tests.farm.serving import PATIENCE, Farm
from tools.debian import fetch_package
from tools.errors import ToolError
from tools.leash import Leashed
from tools.places import PROJECT

LARGE = os.urandom(8_000_000)

CONFIG = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/farm.pem;
        ssl_certificate_key {folder}/farm.key;
        {block}
    }}
}}
"""


@pytest.fixture
def nginx() -> str:
    """This machine's, or Debian's."""
    if found := shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin"):
        return found
    try:
        return str(fetch_package("nginx") / "usr" / "sbin" / "nginx")
    except ToolError as error:
        pytest.skip(str(error))


@pytest.fixture
def farm(amqp_url: str, nginx: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    """Reached through the proxy alone, whose certificate whoever asks believes."""
    farm = Farm(tmp_path, amqp_url)
    proxy = None
    try:
        block = re.search(r"^```\n(location .*?)^```$", (PROJECT / "docs/farm.md").read_text(), re.M | re.S)
        assert block is not None
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        certificate = _certificate(tmp_path)
        told = block[1].replace("http://127.0.0.1:8000", farm.base)
        (tmp_path / "nginx.conf").write_text(CONFIG.format(folder=tmp_path, port=port, block=told))
        command = [nginx, "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
        proxy = Leashed(command, env=os.environ, log=tmp_path / "nginx.log")
        eventually(lambda: _is_listening(port) or proxy.ended())
        assert not proxy.ended(), (tmp_path / "nginx.log").read_text()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        farm.base = f"https://127.0.0.1:{port}"
        yield farm
    finally:
        farm.close()
        if proxy is not None:
            proxy.end()


def test_behind_nginx_as_it_is_written_all_works_as_without_it(farm: Farm, tmp_path: Path) -> None:
    joined = farm.ask("POST", "/join/" + farm.join.rpartition("/")[2], {"name": "desk"})
    assert re.sub("worker:.*@", "", joined["bender_url"]) == farm.base
    farm.worker("one", BENDER_WORKER_CA_FILE=str(tmp_path / "farm.pem"))
    farm.send("job", "1-3")
    farm.until_finished("job")
    assert farm.frames("job") == ["000001.png", "000002.png", "000003.png"]
    assert farm.content("/api/jobs/job/frames/2").startswith(b"\x89PNG")
    with _asked(farm, "/api/events") as events:
        _hear(events, '"id": "job"')
        farm.ask("POST", "/api/workers/one/pause")
        _hear(events, '"Paused')
    farm.send("large", "1", content=LARGE)
    with _asked(farm, "/job/worker/blend/large", Range="bytes=7000000-") as answer:
        assert (answer.status, answer.read()) == (206, LARGE[7_000_000:])


def _asked(farm: Farm, path: str, **headers: str) -> Any:
    all_headers = {"Authorization": f"Bearer {farm.key}", **headers}
    return urllib.request.urlopen(urllib.request.Request(farm.base + path, headers=all_headers), timeout=PATIENCE)


def _hear(events: Any, words: str) -> None:
    """Waits until it is told, of nothing that a proxy would keep until there is more of it."""
    while words not in (line := events.readline().decode()):
        assert line, f"{words} was not told"


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _certificate(folder: Path) -> Path:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=farm -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", "farm.key", "-out", "farm.pem"]
    subprocess.run([*command.split(), *files], cwd=folder, check=True, capture_output=True, timeout=PATIENCE)
    return folder / "farm.pem"
