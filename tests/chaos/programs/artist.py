# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who sends jobs to a farm from another host, as `submit`, `retry` and `fetch` do, and prints what is answered
as JSON. BENDER_URL is in the environment; what breaks off is tried again until PATIENCE is over."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from bender_worker_addon.core.tile import Region, cut
from bender_worker_addon.farm.frame_list import frames_of
from bender_worker_addon.farm.new_job import NewJob, SceneFacts
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.sites.fetching import Fetching
from bender_worker_addon.sites.remote import RemoteSite
from bender_worker_addon.sites.site import Unreachable

PATIENCE = 120.0  # seconds
SCENE = SceneFacts(version="4.3.2", engine="CYCLES", width=64, height=36, scale=100, fps=24, step=1)


def main() -> None:
    word, *rest = sys.argv[1:]
    if word == "join":
        print(persistently(lambda: joined(*rest)))
        return
    with RemoteSite(WorkerConfig(bender_url=os.environ["BENDER_URL"], data_dir=Path.cwd(), id="artist")) as site:
        words: dict[str, Callable[..., Any]] = {
            "send": lambda job, frames, blend, *tiles: send(site, job, frames, Path(blend), *map(int, tiles)),
            "jobs": lambda: [{**asdict(job), "frames": dict(job.frames)} for job in site.jobs()],
            "retry": site.retry,
            "pause": site.pause,
            "resume": site.resume,
            "cancel": site.cancel,
            "priority": lambda job, priority: site.set_priority(job, int(priority)),
            "fetch": lambda job, folder: fetch(site, job, Path(folder)),
        }
        print(json.dumps(persistently(lambda: words[word](*rest))))


def persistently(work: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except (Unreachable, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def joined(link: str, name: str) -> str:
    with urlopen(Request(link, json.dumps({"name": name}).encode(), method="POST"), timeout=20) as answer:
        return str(answer.read().decode())


def send(site: RemoteSite, job: str, frames: str, blend: Path, tiles: int = 1) -> None:
    """What broke off when it was nearly done may be there."""
    told = NewJob(
        name=job,
        blend="scene.blend",
        frames=frames_of(frames),
        image_format="PNG",
        scene=SCENE,
        id=job,
        chunk=2,
        regions=cut(Region(0, 0, SCENE.width, SCENE.height), tiles),
    )
    if job not in {known.id for known in site.jobs()}:
        with site.room_for(job) as room:
            (room / "scene.blend").write_bytes(blend.read_bytes())
            site.send(told)


def fetch(site: RemoteSite, job: str, folder: Path) -> int:
    """Gives how many frames there are, each proven."""
    fetching = Fetching(site, job, folder)
    fetching.run()
    return len(fetching.whole)


main()
