# SPDX-License-Identifier: GPL-3.0-or-later
"""`show`: which frames of a job are done, which are not, and why some failed."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from . import ENDED, one_line
from .jobs import as_json

if TYPE_CHECKING:
    from ...farm.tasks import TaskRecord
    from ...settings.resolve import Resolved

NAME = "show"
HELP = "show a job's frames, and why some failed or are in doubt"
DESCRIPTION = "Shows which frames of a job are done, which are not, why some failed, and where they are."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")
    parser.add_argument("--frame", type=int, metavar="N", help="show who rendered this frame, or why it failed")
    parser.add_argument("--log", action="store_true", help="with --frame: all that Blender printed, from its worker")
    parser.add_argument("--json", action="store_true", help="a line of JSON")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...sites.site import state_of
    from ..farm import words
    from ..farm.reach import farm_of

    with farm_of(settings().config) as farm:
        found = farm.find(options.job)
        if options.frame is not None:
            if options.log:
                print(farm.log_of(found.id, options.frame))
            else:
                _show_task(farm.task(found.id, options.frame), as_json=options.json)
            return ENDED
        details = farm.details(found)
    job = details.job
    failures = [asdict(failure) for failure in details.failures]
    if options.json:
        told = {
            **as_json(job),
            "frame_lists": dict(details.frames),
            "failures": failures,
            "warnings": [asdict(warned) for warned in details.warnings],
            "preflight": list(details.preflight),
            "tiles": [asdict(tiles) for tiles in details.tiles],
            "folder": str(details.folder),
        }
        print(json.dumps(told))
        return ENDED
    print(f"{one_line(job.name)}, job {job.id}: {words.state(state_of(job))}, {job.done} of {job.total} frames")
    if job.stopped:
        print(f"  {job.stopped}; once that is put right: `retry {job.id[:12]}`")
    for status, frames in sorted(details.frames.items()):
        print(f"  {words.state(status):9} {words.frames(frames)}")
    for tiles in details.tiles:
        by = f", by Blender {job.blender}" if job.blender else ""
        print(f"  tiles     {tiles.done} of {tiles.of} of frame {tiles.frame}{by}")
    for failure in details.failures:
        where = f" (on {failure.worker})" if failure.worker else ""
        print(f"  failed    {failure.frames}: {failure.reason}{where}")
    for warned in details.warnings:
        print(f"  in doubt  {warned.frames}: {warned.words}")
    for warning in details.preflight:
        print(f"  warned    when it was sent: {warning}")
    print(f"  folder    {details.folder}" + ("" if details.here else " once `fetch` has brought them"))
    return ENDED


def _show_task(task: "TaskRecord", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(task)))
        return
    from ..farm import words

    print(f"frame{'' if task.frames.isdecimal() else 's'} {task.frames}: {words.state(task.status)}")
    times = f"{task.start[:19]} to {task.finish[:19]} UTC".strip() if task.start and task.finish else task.start[:19]
    timings = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in task.timings.items())
    lines = {"worker": task.worker, "device": task.device, "time": times, "took": timings, "failed": task.error}
    for name, told in lines.items():
        if told:
            print(f"  {name:9} {told}")
    for warning in task.warnings.splitlines():
        print(f"  in doubt  {warning}")
    if task.output:
        print("What its Blender printed last:")
        print("\n".join(f"  {line}" for line in task.output.splitlines()))
