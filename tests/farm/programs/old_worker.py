# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker as bender-worker 0.2 was, as far as a farm can tell: asks for the status before anything and splits it on
single quotes, takes a task at a time, uploads each frame, sends heartbeats without a body and knows no key of ours.
Its pictures are a few bytes. AMQP_URL and BENDER_URL are in its environment; it ends after so many tasks.
"""

import base64
import hashlib
import http.client
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tools.build import wheels

wheels.importable()

import pika  # noqa: E402

BASE = urlsplit(os.environ["BENDER_URL"])
WORKER = str(uuid.uuid4())


def main() -> None:
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    channel.queue_declare("work", durable=True)
    channel.exchange_declare("worker-topic", "topic", durable=True)
    channel.basic_qos(prefetch_count=1)
    left = int(sys.argv[1])
    for method, _, body in channel.consume("work"):
        channel.basic_publish("worker-topic", f"heart.{WORKER}", b"")
        carry_out(channel, json.loads(body))
        channel.basic_ack(method.delivery_tag)
        left -= 1
        if not left:
            break
    channel.cancel()
    connection.close()


def carry_out(channel: Any, task: dict[str, Any]) -> None:
    status, answer = ask("GET", f"/job/worker/status/{task['parent_id']}")
    assert status == 200
    words = answer.decode().split("'")
    assert (words[1], words[3] in ("Queued", "Running")) == ("Job", True), answer
    status, blend = ask("GET", f"/job/worker/blend/{task['parent_id']}", b'{"request": "blendfile"}')
    assert (status, blend[:7]) == (200, b"BLENDER")
    task["status"] = "Running"
    report(channel, "start", task)
    for number, frame in task["command"]["Blender"]["frame"].items():
        picture = b"\x89PNG\r\n\x1a\n" + number.encode()
        digest = hashlib.blake2b(picture).hexdigest()
        frame.update(filesize=len(picture), hash=digest)
        upload(task, f"{int(number):06d}.png", picture, digest)
        frame["uploaded"] = True
    channel.basic_publish("worker-topic", f"stat.{task['parent_id']}", json.dumps(task, indent=2).encode())
    task["status"] = "Finished"
    report(channel, "finish", task)


def report(channel: Any, step: str, task: dict[str, Any]) -> None:
    properties = pika.BasicProperties(content_type="text")
    channel.basic_publish("worker-topic", f"{step}.{WORKER}", json.dumps(task, indent=2).encode(), properties)


def upload(task: dict[str, Any], name: str, picture: bytes, digest: str) -> None:
    fields = {"filesize": str(len(picture)), "filehash": digest}
    parts = [f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    parts.append(f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n')
    body = "".join(parts).encode() + picture + b"\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    status, answer = ask("POST", f"/job/{task['parent_id']}/{task['id']}", body, **kind)
    assert 200 <= status < 300, answer


def ask(method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    assert BASE.hostname
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=30)
    who = base64.b64encode(f"{BASE.username}:{unquote(BASE.password or '')}".encode()).decode()
    connection.request(method, path, body, {"User-Agent": "bender-worker", "Authorization": f"Basic {who}", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read()


main()
