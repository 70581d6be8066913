# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: a flaskbender that isn't up to it is waited for, whatever it answers; no task is to blame, no other waits."""

import threading

import pytest

from tests.unit.conftest import StartFarm
from tests.unit.support import Farm, hang_until, message
from tools.servers import blend_server
from tools.servers.blend_server import Answer, Blend

RENDERED = ["receive", "construct", "blend", "start", "stat", "finish", "ack"]


def raw(head: bytes) -> blend_server.Behaviour:
    """Says what no HTTP server says."""

    def behaviour(answer: Answer, blend: Blend) -> None:
        answer.wfile.write(head)
        answer.close_connection = True

    return behaviour


AWAY = {
    "503": blend_server.failing(status=503),
    "429": blend_server.failing(status=429),
    "408": blend_server.failing(status=408),
    "maintenance": blend_server.html_page,
    "cut": blend_server.cut_short,
    "a length said twice": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello"),
    "a redirect to nowhere": raw(b"HTTP/1.1 302 Found\r\nLocation: http://a..b\r\nContent-Length: 0\r\n\r\n"),
    "no HTTP": raw(b"\x00\xff\r\n\r\n"),
}


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.usefixtures("quick_retries")
def test_it_is_waited_for_and_told_and_then_the_task_is_rendered(farm: Farm, away: str) -> None:
    path = "/job/worker/blend/job-1"
    farm.add(behaviour=AWAY[away])
    farm.broker.deliver(message(), redelivered=True)
    farm.until(lambda: farm.http.requests[path] >= 12)
    farm.until(lambda: "flaskbender" in farm.worker.snapshot().detail or "cut short" in farm.worker.snapshot().detail)
    assert farm.worker.snapshot().state.value == "Problem"
    farm.add()
    farm.until_settled()
    assert farm.broker.history == RENDERED
    assert farm.worker.snapshot().detail == ""


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("queue", ["local"])
def test_a_job_whose_blend_does_not_come_keeps_no_other_away(start_farm: StartFarm) -> None:
    farm = start_farm(workload=1)
    farm.add("job-1", behaviour=blend_server.failing(status=503))
    farm.add("job-2")
    farm.broker.deliver(message("a"))
    farm.until(lambda: "503" in farm.worker.snapshot().detail)
    farm.broker.deliver(message("b", job="job-2"))
    farm.until(lambda: "ack" in farm.broker.history)
    assert [task["id"] for task in farm.broker.tasks("finish")] == ["b"]


@pytest.mark.usefixtures("quick_retries")
def test_a_job_whose_blend_alone_cannot_be_had_is_given_to_others(farm: Farm) -> None:
    farm.add("job-1", behaviour=blend_server.failing(status=503))
    farm.add("job-2")
    farm.broker.deliver(message("a"))
    farm.broker.deliver(message("b", job="job-2"))
    farm.until_settled(2)
    assert sorted(farm.broker.settled) == [("ack", 2), ("requeued", 1)]
    assert "503" in farm.broker.tasks("error")[0]["data"]["error"]
    assert farm.worker.snapshot().detail == ""


def test_a_task_whose_blend_was_deleted_under_it_is_rendered_all_the_same(farm: Farm) -> None:
    """The Blender that has read it dies over the second task of the job, and a fresh one would find nothing."""
    farm.add(die=[2], die_once=farm.folder / "died")
    farm.broker.deliver(message("a", frames=[1]))
    farm.until_settled()
    (farm.folder / "blends" / "job-1.blend").unlink()
    farm.broker.deliver(message("b", frames=[2]))
    farm.until_settled(2)
    assert farm.broker.settled == [("ack", 1), ("ack", 2)]
    assert farm.broker.history.count("blend") == 2
    assert farm.http.requests["/job/worker/blend/job-1"] == 2


def test_the_loop_goes_on_while_a_disk_hangs(farm: Farm) -> None:
    gate = threading.Event()
    farm.add("job-1")
    farm.broker.deliver(message("a"))
    farm.until_settled()
    farm.worker._assembly._looking.do(lambda: hang_until(gate))
    farm.worker._look_after_blends()
    farm.broker.deliver(message("b"))
    farm.add("job-2")
    farm.broker.deliver(message("c", job="job-2"))
    farm.until(lambda: "c" in [task["id"] for task in farm.broker.tasks("construct")])
    farm.worker.tick()
    gate.set()
    farm.until_settled(3)
    assert [how for how, _ in farm.broker.settled] == ["ack"] * 3
