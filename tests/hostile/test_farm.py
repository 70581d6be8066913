# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm's server among people who mean it no good: whatever they send, it answers in a sentence, keeps what is not
theirs, and goes on serving those who have a key. A real server; the hostile speak to its sockets and to its RabbitMQ.
"""

import hashlib
import http.client
import json
import resource
import socket
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pika
import pytest

from tests.farm.ground import eventually
from tests.farm.serving import SCENE, Farm
from tests.unit.support import PNG, task_wire

TRIES = 10_000  # of a join code
CONNECTIONS = 5000
TRAVERSALS = ["..", "../key", "..%2fkey", "%2e%2e%2fkey", "..%5ckey", "%2fetc%2fpasswd", "key%00", "....//key", "%00"]
NASTY = "<script>alert(1)</script>\"'&\x1b[2J\x07\r\nSet-Cookie: x=1\u202e\u2028\x00"


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """On loopback, on the queue of this machine."""
    made = Farm(tmp_path_factory.mktemp("farm"))
    made.send("job-1", "1-3")
    yield made
    made.close()


@pytest.fixture
def over_rabbitmq(tmp_path: Path, amqp_url: str) -> Iterator[Farm]:
    made = Farm(tmp_path, amqp_url)
    yield made
    made.close()


def asked(farm: Farm, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Any:
    """Status, headers and body of the answer; `path` goes out as it is."""
    told = {"Authorization": f"Bearer {farm.key if key is None else key}", **headers}
    with closing(http.client.HTTPConnection(farm.base.partition("://")[2], timeout=60)) as connection:
        connection.request(method, path, body, {name: value for name, value in told.items() if value})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def sentence(answer: Any) -> str:
    """What an answer that says no says."""
    status, headers, body = answer
    assert 400 <= status < 600, (status, body)
    assert headers["Content-Type"] == "application/json"
    assert set(json.loads(body)) == {"error"}
    return str(json.loads(body)["error"])


def lives(farm: Farm) -> bool:
    status, _, body = asked(farm, "GET", "/api/jobs")
    return status == 200 and [job["id"] for job in json.loads(body)] == ["job-1"]


def untroubled(farm: Farm) -> bool:
    """Whether its log has nothing that nobody foresaw."""
    log = farm.server.log.read_text()
    return "Traceback" not in log and len(log) < 20_000


@pytest.mark.parametrize("traversal", TRAVERSALS)
def test_no_path_leads_out_of_the_farm(farm: Farm, traversal: str) -> None:
    before = {path for path in farm.folder.rglob("*") if path.is_file()}
    paths = [
        ("GET", f"/{traversal}"),
        ("GET", f"/api/jobs/{traversal}"),
        ("GET", f"/api/jobs/{traversal}/frames.zip"),
        ("GET", f"/api/jobs/job-1/frames/{traversal}"),
        ("GET", f"/job/worker/blend/{traversal}"),
        ("GET", f"/job/worker/status/{traversal}"),
        ("DELETE", f"/api/jobs/{traversal}"),
        ("PUT", f"/api/jobs/{traversal}/files/scene.blend"),
        ("PUT", f"/api/jobs/job-2/files/{traversal}"),
        ("POST", f"/job/{traversal}/task"),
        ("POST", f"/job/job-1/{traversal}"),
        ("POST", f"/join/{traversal}"),
    ]
    for method, path in paths:
        answer = asked(farm, method, path, b"{}" if method != "GET" else None)
        assert sentence(answer), path
        assert answer[0] != 500, (method, path, answer)
        assert farm.key.encode() not in answer[2]
        assert b"root:" not in answer[2]
    after = {path for path in farm.folder.rglob("*") if path.is_file()}
    assert {path.name for path in after - before} <= {"farm.sqlite-wal", "farm.sqlite-shm"}
    assert lives(farm)


@pytest.mark.parametrize("name", ["../000001.png", "/etc/000001.png", "000001.png/../x", "000004.png", "1.png", NASTY])
def test_a_frame_has_no_other_name_than_its_own(farm: Farm, name: str) -> None:
    (task, *_) = json.loads((farm.folder / "farm/jobs/job-1/data.json").read_text())["tasks"]
    shown = name.encode("unicode_escape").decode().replace('"', "%22")
    form = _form(shown, PNG, filesize=str(len(PNG)), filehash=hashlib.blake2b(PNG).hexdigest())
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert sentence(asked(farm, "POST", f"/job/job-1/{task['id']}", form, **kind))
    assert not [path for path in (farm.folder / "farm/frames").rglob("*") if path.is_file()]
    assert not list(farm.folder.rglob("*x"))


def test_what_is_no_frame_comes_in_no_zip(farm: Farm) -> None:
    folder = farm.folder / "farm" / "frames" / "job-1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "000001.png").write_bytes(PNG)
    (folder / "000002.png").symlink_to(farm.folder / "farm" / "key")
    (folder / "000003.png").mkdir()
    for name in ("1 evil.exe", "000001.png.exe", "0000001.png", "..png", "key"):
        (folder / name).write_bytes(b"evil")
    status, _, content = asked(farm, "GET", "/api/jobs/job-1/frames.zip")
    assert status == 200
    assert zipfile.ZipFile(BytesIO(content)).namelist() == ["000001.png"]
    assert farm.key.encode() not in content
    assert farm.key.encode() not in asked(farm, "GET", "/api/jobs/job-1/frames/2")[2]
    for path in folder.iterdir():
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/job-2/files/x.blend", "/job/job-1/task", "/join/x"])
@pytest.mark.parametrize("with_key", [True, False])
def test_ten_gigabytes_that_are_told_are_not_waited_for(farm: Farm, path: str, with_key: bool) -> None:
    """A farm whose disk could hold them waits for a frame and for a file: that is what it is there for."""
    method = "PUT" if "files" in path else "POST"
    host, port = farm.base.partition("://")[2].split(":")
    size = 10 << 30 if "files" not in path and "task" not in path else 1 << 60
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        who = f"Authorization: Bearer {farm.key}\r\n" if with_key else ""
        kind = "Content-Type: multipart/form-data; boundary=x\r\n" if "task" in path else ""
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{who}{kind}Content-Length: {size}\r\n\r\n".encode())
        status = int(connection.recv(4096).split()[1])
    assert status in ((413, 404) if with_key else (401, 404, 429))
    assert lives(farm)


def test_a_wrong_length_or_hash_leaves_nothing_behind(farm: Farm) -> None:
    (task, *_) = json.loads((farm.folder / "farm/jobs/job-1/data.json").read_text())["tasks"]
    digest, kind = hashlib.blake2b(PNG).hexdigest(), {"Content-Type": "multipart/form-data; boundary=x"}
    for told in (
        {"filesize": "7", "filehash": digest},
        {"filesize": "-8", "filehash": digest},
        {"filesize": str(len(PNG)), "filehash": "0" * 128},
        {"filesize": str(len(PNG)), "filehash": ""},
        {"filesize": "9" * 2000, "filehash": digest},
    ):
        assert sentence(asked(farm, "POST", f"/job/job-1/{task['id']}", _form("000001.png", PNG, **told), **kind))
    for told_hash in ("0" * 128, NASTY.encode("unicode_escape").decode(), digest[:-1]):
        assert sentence(asked(farm, "PUT", "/api/jobs/job-3/files/x.blend", PNG, **{"X-Blake2b": told_hash}))
    assert not [path for path in (farm.folder / "farm").rglob("*") if path.is_file() and "000001" in path.name]
    assert not list((farm.folder / "farm" / "jobs").rglob("x.blend"))


@pytest.mark.parametrize("host", ["a:b:c", "[::1", "x:99999999", "evil.example/path", "a b", "é"])
def test_a_host_that_is_none_is_told_so(farm: Farm, host: str) -> None:
    code = farm.join.rpartition("/")[2]
    answer = asked(farm, "POST", f"/join/{code}", "{}", Host=host)
    assert answer[0] == 400
    assert sentence(answer)


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "1e3", "\u0661".encode().hex(), "0x1", "1.0", "%31%00"])
def test_a_frame_s_number_has_six_digits(farm: Farm, number: str) -> None:
    assert asked(farm, "GET", f"/api/jobs/job-1/frames/{number}")[0] in (404, 414)


def test_a_join_code_that_is_tried_ten_thousand_times_is_not_found_and_keeps_nobody_out(farm: Farm) -> None:
    with closing(http.client.HTTPConnection(farm.base.partition("://")[2], timeout=60)) as connection:
        seen = set()
        for number in range(TRIES):
            connection.request("POST", f"/join/guess-{number}", "{}")
            answer = connection.getresponse()
            answer.read()
            seen.add(answer.status)
            if number == TRIES // 2:  # from the same address, too
                assert lives(farm)
                assert asked(farm, "POST", farm.join.partition(farm.base)[2], "{}", key="")[0] == 200
    assert seen == {404, 429}
    assert untroubled(farm)


def test_thousands_of_connections_keep_nobody_out(farm: Farm) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = min(CONNECTIONS, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, many + 500), hard))
    host, port = farm.base.partition("://")[2].split(":")
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for number in range(many):
            connection = stack.enter_context(closing(socket.create_connection((host, int(port)), timeout=30)))
            connection.setblocking(False)
            with_half_a_head = number % 2
            if with_half_a_head:
                try:
                    connection.send(b"GET /api/jobs HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                except OSError:  # it had to make way already
                    continue
            if number % (many // 10) == 0:
                assert lives(farm)
        assert lives(farm)
    assert untroubled(farm)


@pytest.mark.parametrize(
    "said", [b"\0" * 100, b"GET / HTTP/9.9\r\n\r\n", b"x" * 100_000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
def test_what_is_no_http_fills_no_log(farm: Farm, said: bytes) -> None:
    host, port = farm.base.partition("://")[2].split(":")
    for _ in range(50):
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(said)
    assert lives(farm)
    assert untroubled(farm)


def test_names_of_jobs_are_words_and_nothing_else(farm: Farm) -> None:
    content, job = b"BLENDER-v403" + b"x", "job-9"
    digest = hashlib.blake2b(content).hexdigest()
    assert asked(farm, "PUT", f"/api/jobs/{job}/files/scene.blend", content, **{"X-Blake2b": digest})[0] == 201
    told = {"id": job, "name": NASTY, "blend": "scene.blend", "frames": "1", "image_format": "PNG", "scene": SCENE}
    assert asked(farm, "POST", "/api/jobs", json.dumps(told))[0] == 201
    for path in (f"/api/jobs/{job}", "/api/jobs", "/metrics"):
        status, headers, body = asked(farm, "GET", path)
        assert status == 200
        assert headers["Content-Type"].split(";")[0] in ("application/json", "text/plain")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert not {"\x1b", "\x07", "\x00", "\u202e", "\u2028"} & set(body.decode())
    assert asked(farm, "DELETE", f"/api/jobs/{job}")[0] == 200
    assert untroubled(farm)


def test_reports_that_are_forged_or_none_change_nothing_and_the_farm_goes_on(
    over_rabbitmq: Farm, amqp_url: str
) -> None:
    farm = over_rabbitmq
    farm.send("job-1", "1-40")
    farm.send("job-2", "1-3")
    ours = json.loads((farm.folder / "farm/jobs/job-1/data.json").read_text())["tasks"]
    last = ours[-1]  # nobody was given that
    frames = {"1": {"filesize": 8, "hash": "0" * 128, "uploaded": True}}
    forged: list[Any] = [
        {**last, "status": "Finished"},
        {**last, "status": "Finished", "parent_id": "job-2"},
        {**ours[0], "status": "Finished", "parent_id": "job-2"},
        {**ours[0], "status": "Finished", "command": task_wire(frames=[1, 2, 3])["command"]},
        {**ours[0], "status": "Finished", "command": task_wire(frames=[1], image_format="JPEG")["command"]},
        {**ours[0], "status": "Finished", "id": "../x"},
        {**ours[0], "status": ["Finished"]},
        {**ours[0], "command": {"Blender": {"frame": frames}}},
        {**task_wire("task-1", job="job-1"), "status": "Finished"},
        *([], None, 7, "text", {"id": 1}, {"id": "x", "parent_id": None}),
    ]
    bodies = [json.dumps(told).encode() for told in forged]
    bodies += [b"", b"\xff\xfe", b"[" * 100_000, b'{"id": NaN}', b'{"a":' * 5000, b"9" * 10_000]
    odd = {**ours[0], "status": "Running", "time": {"start": 7, "queued": ["x"], "more": {}}}
    odd["data"] = {"error": f"{NASTY}\ud800"}
    keys = ["finish.w", "start.w", "stat.job-1", "error.w", "hello.w", "heart.w", "reject.w", "finish.", ".", "x" * 255]
    with closing(pika.BlockingConnection(pika.URLParameters(amqp_url))) as connection:
        channel = connection.channel()
        for key in keys:
            for body in bodies:
                channel.basic_publish("worker-topic", key, body)
        channel.basic_publish("worker-topic", b"hello.\xff\xfe", b"{}")
        channel.basic_publish("worker-topic", f"hello.{NASTY}", b"{}")
        channel.basic_publish("worker-topic", "hello.odd", json.dumps({"name": f"{NASTY}\ud800", "n": 1}).encode())
        channel.basic_publish("worker-topic", "start.odd", json.dumps(odd).encode())
        channel.basic_publish("worker-topic", "hello.last", b'{"name": "last"}')
    eventually(lambda: "last" in {worker["id"] for worker in farm.ask("GET", "/api/workers")})
    assert farm.status("job-1")["frames"].keys() <= {"Waiting", "Running"}
    assert farm.status("job-2")["frames"] == {"Waiting": 3}
    assert all(worker["id"].isprintable() for worker in farm.ask("GET", "/api/workers"))
    farm.worker("one")
    farm.until_finished("job-1")
    farm.until_finished("job-2")
    assert len(farm.frames("job-1")) == 40
    assert untroubled(farm), farm.server.log.read_text()
    farm.data_json("job-1")


def _form(name: str, content: bytes, **fields: str) -> bytes:
    parts = [f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{told}\r\n' for key, told in fields.items()]
    parts.append(f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n')
    return "".join(parts).encode() + content + b"\r\n--x--\r\n"
