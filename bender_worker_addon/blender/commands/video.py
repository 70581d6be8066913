# SPDX-License-Identifier: GPL-3.0-or-later
"""`video`: a film of a job's frames."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from . import ENDED, PROGRAM

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "video"
HELP = "make a film of a job's frames"
DESCRIPTION = (
    "Makes an MP4 (H.264) of the frames of a job that are there, in their order, by Blender's own encoder: beside the"
    " folder of frames unless told otherwise. Where the farm is elsewhere they are fetched first."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or the beginning of it")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the film; beside the frames if not given")
    parser.add_argument("--json", action="store_true", help="say it in a line of JSON")
    parser.add_argument("--progress", action="store_true", help=argparse.SUPPRESS)  # see blender/progress_bar.py


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...core.errors import FarmError
    from ...sites.fetching import Fetching
    from ..farm import video
    from ..farm.reach import farm_of
    from ..progress_bar import ProgressBar

    with farm_of(settings().config) as farm:
        job = farm.find(options.job)
        details = farm.details(job)
        if not details.here:
            with ProgressBar(f"Fetching {job.name}", as_json=options.progress) as bar:
                Fetching(farm, job.id, details.folder).run(bar)
    frames = sorted(details.folder.glob("[0-9][0-9][0-9][0-9][0-9][0-9].*"))
    if not frames:
        raise FarmError(f"job {job.id} has no frames yet in {details.folder}")
    if len(frames) < job.total:
        print(f"{PROGRAM}: warning: {job.total - len(frames)} frames are not there yet", file=sys.stderr)
    out = (options.output or details.folder.with_name(f"{details.folder.name}.mp4")).absolute()
    scene = details.blend if details.blend is not None and details.blend.is_file() else None
    if video.are_linear(frames) and scene is None:
        print(
            f"{PROGRAM}: warning: its scene is not here; the film's colours are those of a new scene", file=sys.stderr
        )
    video.make(frames, out, fps=details.fps, scene_of=scene)
    print(json.dumps({"job": job.id, "video": str(out)}) if options.json else f"Made {out} of {len(frames)} frames")
    return ENDED
