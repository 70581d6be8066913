# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshot: what it tells in JSON can be told."""

import json
from pathlib import Path

from bender_worker_addon.core.snapshot import STOPPED, Snapshot, State, TaskInHand


def test_what_is_known_is_told_in_what_json_knows() -> None:
    task = TaskInHand("job-1", number=7, position=2, total=3, part=0.5, elapsed=60, left=None, job="beach")
    shown = Snapshot(State.WAITING, "why", task=task, last_frame=Path("/f/000007.png"), frames=1, free_disk=2.5)
    told = shown.as_json()
    assert json.loads(json.dumps(told)) == told
    assert (told["state"], told["detail"]) == ("Waiting", "why")
    assert (told["last_frame"], told["frames"], told["free_disk"]) == (str(Path("/f/000007.png")), 1, 2.5)
    assert told["task"] == {
        "job_id": "job-1",
        "number": 7,
        "position": 2,
        "total": 3,
        "part": 0.5,
        "elapsed": 60,
        "left": None,
        "job": "beach",
        "doing": "",
    }


def test_what_is_not_known_is_null() -> None:
    told = STOPPED.as_json()
    assert (told["state"], told["task"], told["last_frame"], told["free_disk"]) == ("Stopped", None, None, None)
