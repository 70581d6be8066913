# SPDX-License-Identifier: GPL-3.0-or-later
"""A job that can't be rendered, sent before one that can, and one worker: it keeps nobody waiting and floods no log."""

import json
from pathlib import Path

from tests.farm.farmyard import Farm
from tests.farm.local_yard import IDLE, LocalYard
from tools.servers.farm import make_task

GOOD = 3  # frames
BAD = 40


def test_on_one_machine_it_is_stopped_with_its_reason_and_the_other_is_finished(yard: LocalYard, blend: Path) -> None:
    bad = yard.send(_with_another_size(blend), range(1, BAD + 1))
    good = yard.send(blend, range(1, GOOD + 1))
    worker = yard.worker(*IDLE)
    assert worker.wait() == 0, worker.log
    assert yard.show(good)["status"] == "Finished"
    shown = yard.show(bad)
    assert shown["stopped"].startswith("Stopped after 3 frames failed in the same way: ")
    assert shown["frames"]["Waiting"] >= BAD - 10
    assert "Stopped" in yard.command("list").stdout
    assert len(worker.log.splitlines()) < 200, worker.log
    assert "Queued" in yard.command("retry", bad).stdout
    assert yard.show(bad)["stopped"] == ""


def test_over_rabbitmq_a_worker_that_is_alone_gives_it_up_and_goes_on(farm: Farm, blend: Path) -> None:
    bad, good = farm.job(_with_another_size(blend)), farm.job(blend)
    farm.publish(*(make_task(bad, [number]) for number in range(1, BAD + 1)))
    farm.publish(*(make_task(good, [number]) for number in range(1, GOOD + 1)))
    worker = farm.worker("--idle-exit", "3")
    assert worker.wait() == 0, worker.log
    assert farm.frames(good) == [f"{number:06}.png" for number in range(1, GOOD + 1)]
    assert farm.ready() == 0
    reasons = [report.task["data"]["error"] for report in farm.bookkeeper.reports if report.step == "reject"]
    assert len(reasons) == BAD
    assert "frames failed in the same way: the blend is cut short" in reasons[-1]
    assert json.dumps(reasons).count("Stopped after") >= BAD - 10


def _with_another_size(blend: Path) -> bytes:
    """A file that ends in its midst: it opens nowhere."""
    content = blend.read_bytes()
    return content[: len(content) // 2]
