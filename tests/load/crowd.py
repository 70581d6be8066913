# SPDX-License-Identifier: GPL-3.0-or-later
"""Crowd: a process that does with tasks in RabbitMQ what so many workers do, and reports the steps of each, so many a
second: `python -m tests.load.crowd URL NAME WORKERS RATE`. It ends when its input does."""

import json
import sys
import threading
import time
from typing import Any

from tools.build import wheels

wheels.importable()

import pika  # noqa: E402

HASH = "a" * 128
STEPS = (("receive", "Queued", "queued"), ("start", "Running", "start"), ("finish", "Finished", "finish"))
MOMENT = "2026-01-01T00:00:00.000001Z"


def main(url: str, name: str, workers: int, rate: float) -> None:
    is_over = threading.Event()
    threading.Thread(target=_wait, args=(is_over,), daemon=True).start()
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for worker in range(workers):
            channel.basic_publish("worker-topic", f"heart.{name}{worker}", b"")
        channel.basic_qos(prefetch_count=200)
        done, due = 0, time.monotonic()
        for method, _, body in channel.consume("work", inactivity_timeout=0.05):
            if method is not None:
                _carry_out(channel, json.loads(body), f"{name}{done % workers}")
                channel.basic_ack(method.delivery_tag)
                done += 1
                due = max(due, time.monotonic() - 1) + len(STEPS) / rate
            if is_over.wait(max(0.0, due - time.monotonic())):
                return


def _wait(is_over: threading.Event) -> None:
    sys.stdin.read()
    is_over.set()


def _carry_out(channel: Any, task: dict[str, Any], worker: str) -> None:
    for step, status, moment in STEPS:
        task["status"], task["time"][moment] = status, MOMENT
        if step == "finish":
            for frame in task["command"]["Blender"]["frame"].values():
                frame.update(filesize=123_456, hash=HASH, uploaded=True)
        channel.basic_publish("worker-topic", f"{step}.{worker}", json.dumps(task).encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
