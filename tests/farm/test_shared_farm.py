# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending jobs to a farm with RabbitMQ and a shared disk: nothing is lost when that breaks off, or queued twice."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.farm.new_job import NewJob
from bender_worker_addon.queues.rabbitmq import publish_tasks
from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.sites.site import Site, site
from tests import disks
from tests.farm.local_yard import SCENE
from tools.build import wheels
from tools.servers.farm import queue_depth
from tools.servers.rabbitmq import RabbitNode

wheels.importable()

import pika  # noqa: E402

JOB = NewJob(name="shot", blend="s.blend", frames=range(1, 6), image_format="PNG", scene=SCENE, priority=7, id="job-1")


@pytest.fixture
def farm(amqp_url: str, tmp_path: Path) -> Iterator[Site]:
    """Its queue `work` has priorities, as that of some farms."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        connection.channel().queue_declare("work", durable=True, arguments={"x-max-priority": 10})
    environment = {"BENDER_WORKER_AMQP_URL": amqp_url, "BENDER_WORKER_MODE": "Server"}
    with site(resolve(data_dir=tmp_path, environment=environment, options={}).config) as made:
        yield made


@contextmanager
def full_after(count: int, rabbit: RabbitNode, vhost: str) -> Iterator[None]:
    """While it lasts RabbitMQ refuses what would make the queue longer than that."""
    rabbit.ctl("set_policy", "-p", vhost, "full", "^work$", f'{{"max-length": {count}, "overflow": "reject-publish"}}')
    try:
        yield
    finally:
        rabbit.ctl("clear_policy", "-p", vhost, "full")


def sent(farm: Site, job: NewJob = JOB) -> None:
    with farm.room_for(job.id) as folder:
        (folder / job.blend).touch()
        farm.send(job)


def all_fail(folder: Path) -> None:
    """What the bookkeeper writes when every task has failed."""
    path = folder / "farm" / "jobs" / JOB.id / "data.json"
    data = json.loads(path.read_text())
    for task in data["tasks"]:
        task |= {"status": "Errored", "data": {"error": "no camera"}}
    path.write_text(json.dumps(data | {"status": {"Job": "Errored"}}))


def taken(amqp_url: str) -> list[tuple[int, dict[str, Any]]]:
    """The priority and the task of each message, taken out of the queue."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        messages = iter(lambda: channel.basic_get("work", auto_ack=True), (None, None, None))
        return [(properties.priority, json.loads(body)) for _, properties, body in messages]


def test_a_job_that_could_be_sent_only_in_part_is_kept_and_the_rest_can_be_queued(
    farm: Site, rabbit: RabbitNode, vhost: str, amqp_url: str, tmp_path: Path
) -> None:
    with full_after(3, rabbit, vhost), pytest.raises(FarmError) as caught:
        sent(farm)
    assert str(caught.value) == (
        "the job can't be sent to RabbitMQ: it refused a task, since the queue is full, or its disk is;"
        " 3 of 5 tasks of job job-1 are queued: `retry` queues the others, `cancel` takes it out of the queue"
    )
    (job,) = farm.jobs()
    assert (job.status, dict(job.frames)) == ("Running", {"Waiting": 3, "Errored": 2})
    details = farm.details(job)
    assert [failure.frames for failure in details.failures] == ["4", "5"]
    assert "not queued" in details.failures[0].reason
    assert sorted(path.name for path in (tmp_path / "farm" / "jobs" / "job-1").iterdir()) == ["data.json", "s.blend"]
    assert farm.retry("job-1") == 2
    assert farm.retry("job-1") == 0
    messages = taken(amqp_url)
    assert len({task["id"] for _, task in messages}) == len(messages) == 5
    assert {priority for priority, _ in messages} == {7}


def test_a_job_of_which_nothing_could_be_queued_leaves_nothing(
    farm: Site, rabbit: RabbitNode, vhost: str, tmp_path: Path
) -> None:
    sent(farm, replace(JOB, id="before"))
    with full_after(5, rabbit, vhost), pytest.raises(FarmError, match="it refused a task"):
        sent(farm)
    assert [path.name for path in (tmp_path / "farm" / "jobs").iterdir()] == ["before"]


def test_what_failed_is_queued_again_once_with_its_priority(farm: Site, amqp_url: str, tmp_path: Path) -> None:
    sent(farm)
    first = taken(amqp_url)
    all_fail(tmp_path)
    assert farm.retry("job-1") == 5
    assert farm.retry("job-1") == 0
    (job,) = farm.jobs()
    assert (job.status, dict(job.frames)) == ("Queued", {"Waiting": 5})
    assert taken(amqp_url) == first


def test_of_what_could_be_queued_again_only_in_part_the_rest_is_queued_by_the_next_try(
    farm: Site, rabbit: RabbitNode, vhost: str, amqp_url: str, tmp_path: Path
) -> None:
    sent(farm)
    taken(amqp_url)
    all_fail(tmp_path)
    with full_after(2, rabbit, vhost), pytest.raises(FarmError, match="2 of 5 tasks of job job-1 are queued again"):
        farm.retry("job-1")
    assert dict(farm.jobs()[0].frames) == {"Waiting": 2, "Errored": 3}
    assert farm.retry("job-1") == 3
    assert queue_depth(amqp_url).ready == 5


def test_on_a_disk_that_can_not_be_written_it_is_said_that_they_are_queued_all_the_same(
    farm: Site, amqp_url: str, tmp_path: Path
) -> None:
    sent(farm)
    taken(amqp_url)
    all_fail(tmp_path)
    with disks.read_only(tmp_path / "farm" / "jobs"), pytest.raises(FarmError) as caught:
        farm.retry("job-1")
    data = tmp_path / "farm" / "jobs" / "job-1" / "data.json"
    assert str(caught.value) == (
        f"5 of 5 tasks of job job-1 are queued again, but {data} can't be written: Read-only file system;"
        " another `retry` would queue them twice"
    )
    assert queue_depth(amqp_url).ready == 5


def test_what_has_come_of_a_task_since_it_was_queued_again_stays_in_its_file(
    farm: Site, amqp_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bookkeeper writes of a fast worker while the rest is still being queued."""
    sent(farm)
    taken(amqp_url)
    all_fail(tmp_path)
    path = tmp_path / "farm" / "jobs" / "job-1" / "data.json"

    def slowly(*words: Any, **options: Any) -> None:
        publish_tasks(*words, **options)
        data = json.loads(path.read_text())
        data["tasks"][1]["status"] = "Running"
        path.write_text(json.dumps(data))

    monkeypatch.setattr("bender_worker_addon.queues.rabbitmq.publish_tasks", slowly)
    assert farm.retry("job-1") == 5
    assert dict(farm.jobs()[0].frames) == {"Waiting": 4, "Running": 1}
