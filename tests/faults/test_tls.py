# SPDX-License-Identifier: GPL-3.0-or-later
"""amqps:// and https:// with an authority of one's own and client certificates: believed, or not talked to at all."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.farm.process import WorkerProcess
from tests.faults.yard import BareFarm
from tests.unit.support import blend
from tools.servers.blend_server import BlendServer
from tools.servers.rabbitmq import RabbitNode


class Authority:
    """Makes certificates for 127.0.0.1 in a folder: `<name>.pem` and `<name>.key`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._openssl("req", "-x509", "-subj", "/CN=an authority", "-keyout", "ca.key", "-out", "ca.pem")

    def certify(self, name: str) -> None:
        self._openssl("req", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
        files = ["-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", "extensions"]
        self._openssl("x509", "-req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", *files)

    def _openssl(self, word: str, *options: str) -> None:
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes") if word == "req" else ()
        subprocess.run(["openssl", word, *new, *options], cwd=self.folder, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if not shutil.which("openssl"):
        pytest.skip("certificates are made by the program openssl, which is not there")
    authority = Authority(tmp_path_factory.mktemp("certificates") / "ours")
    for name in ("server", "client"):
        authority.certify(name)
    return authority


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates") / "others")


@pytest.fixture(scope="module")
def secure_port(authority: Authority) -> Iterator[tuple[RabbitNode, int]]:
    """A node, and the port on which it talks TLS with those who have a certificate."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = authority.folder
    files = {"cacertfile": "ca.pem", "certfile": "server.pem", "keyfile": "server.key"}
    lines = [f"listeners.ssl.1 = 127.0.0.1:{port}", "ssl_options.verify = verify_peer"]
    lines += ["ssl_options.fail_if_no_peer_cert = true"]
    lines += [f"ssl_options.{option} = {folder / name}" for option, name in files.items()]
    with RabbitNode(config="\n".join(lines) + "\n") as node:
        yield node, port


@pytest.fixture
def secure(secure_port: tuple[RabbitNode, int], tmp_path: Path) -> Iterator[BareFarm]:
    node, _ = secure_port
    node.add_vhosts(tmp_path.name)
    with BareFarm(rabbit=node, vhost=tmp_path.name, folder=tmp_path) as farm:
        yield farm


@pytest.fixture
def web(authority: Authority) -> Iterator[BlendServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.folder / "ca.pem"))
    context.load_cert_chain(authority.folder / "server.pem", authority.folder / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    with BlendServer(tls=context) as server:
        yield server


def start(farm: BareFarm, port: int, server: BlendServer, *options: str, **files: Path) -> WorkerProcess:
    amqp_url = f"amqps://guest:guest@127.0.0.1:{port}/{farm.vhost}"
    return farm.worker(*options, amqp_url=amqp_url, bender_url=server.url, **files)


def test_a_farm_of_ones_own_authority_is_worked_for(
    secure: BareFarm, secure_port: tuple[RabbitNode, int], web: BlendServer, authority: Authority
) -> None:
    web.add("a-job", blend(record=secure.folder / "renders.txt"))
    task = secure.task("a-job", 1)
    folder = authority.folder
    files = {"ca_file": folder / "ca.pem", "client_cert": folder / "client.pem", "client_key": folder / "client.key"}
    assert start(secure, secure_port[1], web, "--max-tasks", "1", **files).wait() == 0
    secure.wait_for("finish", task)
    assert secure.frames("a-job") == ["000001.png"]


def test_a_broker_whose_certificate_is_not_believed_is_not_talked_to(
    secure: BareFarm, secure_port: tuple[RabbitNode, int], web: BlendServer, authority: Authority, stranger: Authority
) -> None:
    for ca in ({}, {"ca_file": stranger.folder / "ca.pem"}):
        worker = start(secure, secure_port[1], web, **ca)
        worker.wait_for_line("no connection to RabbitMQ: the secure connection failed: CERTIFICATE_VERIFY_FAILED")
        assert "guest:guest" not in worker.log
        secure.stop(worker)


def test_a_flaskbender_whose_certificate_is_not_believed_is_not_talked_to(
    secure: BareFarm, web: BlendServer, stranger: Authority
) -> None:
    web.add("a-job", blend(record=secure.folder / "renders.txt"))
    secure.task("a-job", 1)
    worker = secure.worker(bender_url=web.url, ca_file=stranger.folder / "ca.pem")
    worker.wait_for_line("flaskbender can't be reached")
    assert web.log == []
    secure.stop(worker)


def test_a_file_that_is_no_certificate_is_named(secure: BareFarm, web: BlendServer, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    worker = start(secure, 1, web, ca_file=nonsense)
    assert worker.wait() == 1
    assert f"({nonsense}) can't be used" in worker.log
