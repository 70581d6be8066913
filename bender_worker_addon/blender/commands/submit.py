# SPDX-License-Identifier: GPL-3.0-or-later
"""`submit`: sends a blend to the farm as a job of many tasks, packed into a copy; the file is not touched."""

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import tile
from ...core.errors import WorkerError
from . import ENDED, PROGRAM, TROUBLE, USAGE

if TYPE_CHECKING:
    from ...farm.new_job import NewJob
    from ...settings.resolve import Resolved
    from ...sites.site import Site
    from ..farm.choices import Choices
    from ..farm.finding import Finding

NAME = "submit"
HELP = "send a blend to the farm"
DESCRIPTION = (
    "Sends a blend to the farm as a job of many tasks, with the scene's own range and format unless told otherwise."
    " Says first what would go wrong on another machine, then packs what the blend needs into a copy. The file itself"
    " is not touched; what is not saved in it is not sent."
)

_PACKED = 0.5  # of all there is to do
_TO = "`outpath` if that is set, else `render` beside the file; for a farm on this machine alone"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ...core.frame import FORMATS
    from ...farm.frame_list import frames_of
    from ...farm.new_job import job_id

    parser.add_argument("blend", type=Path, metavar="FILE.blend")
    parser.add_argument("--frames", type=told(frames_of), metavar="LIST", help="such as 1-100,120-200x5,250 or 1..100")
    parser.add_argument("--format", choices=FORMATS, metavar="FORMAT", help=f"one of {', '.join(FORMATS)}")
    parser.add_argument("--chunk", type=whole(1, 100_000), default=1, metavar="N", help="frames a task; 1 if not given")
    parser.add_argument("--split", type=_parts, metavar="N", help="render each frame in N tiles side by side; or auto")
    parser.add_argument("--one-kind", action="store_true", help="with --split: all tiles on one kind of device")
    parser.add_argument("--priority", type=whole(-1000, 1000), default=0, metavar="N", help="higher goes first; 0")
    parser.add_argument("--name", help="for people; the file's if not given")
    parser.add_argument("--job", type=told(job_id), metavar="ID", help="the job's id; made if not given")
    parser.add_argument("--to", type=Path, metavar="DIR", help="where the job's folder of frames is made: " + _TO)
    parser.add_argument("--scene", metavar="NAME", help="which scene; the one the file was saved in if not given")
    parser.add_argument("--camera", metavar="NAME", help="one of its cameras, for all frames; as the file says")
    parser.add_argument("--layer", action="append", metavar="NAME", help="only this view layer; may be given again")
    parser.add_argument("--samples", type=whole(1, 1 << 24), metavar="N", help="of each pixel; as the scene has it")
    parser.add_argument("--percentage", type=whole(1, 32767), metavar="N", help="of the scene's size; as it has it")
    parser.add_argument("--unsaved", type=Path, help=argparse.SUPPRESS)  # see blender/farm/memory.py
    parser.add_argument("--anyway", action="store_true", help="send it even if it seems that nothing can be rendered")
    parser.add_argument("--check", action="store_true", help="only say what would go wrong")
    parser.add_argument(
        "--estimate", type=whole(0, 999_999), metavar="N", help="only render frame N here, and say how long it took"
    )
    parser.add_argument("--json", action="store_true", help="say it in a line of JSON")
    parser.add_argument("--progress", action="store_true", help=argparse.SUPPRESS)  # see blender/progress_bar.py


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...farm import frames_folder
    from ...farm.frame_list import frames_of
    from ...farm.new_job import NewJob
    from ...render_child.colors import fingerprint
    from ...sites.site import is_remote
    from ..farm import memory, packing
    from ..farm.preflight import findings
    from ..farm.reach import farm_of
    from ..progress_bar import ProgressBar

    resolved = settings()
    config = resolved.config
    splits = config.is_local or is_remote(config)
    if options.to is not None and not config.is_local:
        print(f"{PROGRAM}: --to is for a farm on this machine; `fetch` brings frames from elsewhere", file=sys.stderr)
        return USAGE
    if options.split is not None and (not splits or options.chunk > 1):
        why = "--chunk is for frames that aren't" if splits else "nobody keeps the books of this farm; see `serve`"
        print(f"{PROGRAM}: --split: {why}", file=sys.stderr)
        return USAGE
    if options.one_kind and options.split is None:
        print(f"{PROGRAM}: --one-kind is for tiles of a picture: give --split, too", file=sys.stderr)
        return USAGE
    blend = options.blend.expanduser().absolute()  # Blender takes a path without a drive for one below it
    packing.open_blend(blend, options.unsaved)
    copy_of = memory.saved_as(options.unsaved) if options.unsaved else None
    choices = _choices(options)
    choices.make()
    if options.estimate is not None:
        return _estimate(options, config.devices.split(","))
    remote = is_remote(config)
    _tell(options, "Looking through it", 0.1)
    found = findings(copy_of=copy_of, remote=remote)
    if not options.json:
        _say(found)
    hopeless = any(finding.hopeless for finding in found) and not options.anyway
    if options.check or hopeless:
        _answer(options, found, "")
        return ENDED if options.check else TROUBLE
    chosen = {"id": options.job} if options.job else {}
    job = NewJob(
        name=options.name or blend.stem,
        blend=packing.name_for(copy_of or blend),
        frames=options.frames or frames_of(packing.default_frames()),
        image_format=options.format or packing.default_format(),
        scene=packing.facts(),
        chunk=options.chunk,
        priority=options.priority,
        person=_person(),
        colors=fingerprint(),
        preflight=[finding.words for finding in found if not finding.harmless],
        **chosen,
    )
    with farm_of(config) as farm, farm.room_for(job.id) as folder, ExitStack() as if_it_fails:
        if options.split is not None:
            own = config.renderers if config.is_local else 0
            job = _split(farm, replace(job, one_kind=options.one_kind), options.split, own=own)
        _tell(options, "Packing", 0.2)
        packing.save_packed(folder, copy_of=copy_of, remote=remote, opened=choices.make)
        if config.is_local:
            saved = blend if copy_of is None else copy_of.absolute()
            base = frames_folder.base(saved, options.to or resolved.chosen("outpath"))
            made = frames_folder.made(base.expanduser().absolute(), options.name or options.job or blend.stem)
            job = replace(job, folder=if_it_fails.enter_context(made))
        with ProgressBar(f"Sending {job.name}", as_json=options.progress, before=_PACKED) as bar:
            farm.send(job, bar)
    _answer(options, found, job.id)
    if not options.json:
        parts = f"each in {len(job.regions)} tiles" if job.regions else f"in {-(-len(job.frames) // job.chunk)} tasks"
        print(f"Sent {job.name} as job {job.id}: {len(job.frames)} frames {parts}, {job.image_format}")
        if job.folder is not None:
            print(f"Its frames go to {job.folder}")
    return ENDED


def _tell(options: argparse.Namespace, doing: str, part: float) -> None:
    from ..progress_bar import Progress, tell

    if options.progress:
        tell(Progress(doing, part))


def _person() -> str:
    """Who sends it, by the name that this machine knows them by."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return ""


def _choices(options: argparse.Namespace) -> "Choices":
    from ..farm.choices import Choices

    return Choices(
        options.scene or "",
        options.camera or "",
        tuple(options.layer or ()),
        options.samples or 0,
        options.percentage or 0,
    )


def _estimate(options: argparse.Namespace, devices: "Sequence[str]") -> int:
    from ..farm.trial import seconds_of

    seconds = seconds_of(options.estimate, devices)
    if options.json:
        print(json.dumps({"seconds": seconds}), flush=True)
    else:
        print(f"Frame {options.estimate} took {seconds:.1f} s here")
    return ENDED


def _split(farm: "Site", job: "NewJob", wanted: int, *, own: int) -> "NewJob":
    """The same job with the tiles of each frame; without where each is to be rendered as a whole, which is said.
    `wanted`: so many of them, 0 for as many as suit the workers there are and what the frames of the last job of this
    name took; then the last ones may still be cut. `own`: how many Blenders render here from the queue on this
    machine."""
    from ...core.tile import tiles_of
    from ...sites import tiling
    from ..farm import splitting

    if whole := splitting.why_whole():
        print(f"{PROGRAM}: the frames are not split: {whole}", file=sys.stderr)
        return job
    known, picture = tiling.known(farm, name=job.name, own=own), splitting.picture()
    count, why = known.best(frames=len(job.frames), wanted=wanted, one_kind=job.one_kind, picture=picture)
    if why:
        print(f"{PROGRAM}: the frames are not split: {why}", file=sys.stderr)
        return job if wanted else replace(job, tail=picture)
    if differs := known.differs(one_kind=job.one_kind):
        advice = "" if job.one_kind or not known.of_one_kind else "; --one-kind keeps to one kind of device"
        print(f"{PROGRAM}: {differs}{advice}", file=sys.stderr)
    return replace(job, regions=tiles_of(picture, count))


def _say(findings: "Sequence[Finding]") -> None:
    for finding in findings:
        kind = "can't be rendered" if finding.hopeless else "warning"
        print(f"{PROGRAM}: {kind}: {finding.words}", file=sys.stderr)


def _answer(options: argparse.Namespace, findings: "Sequence[Finding]", job_id: str) -> None:
    if options.json:
        said = [{"words": finding.words, "hopeless": finding.hopeless} for finding in findings]
        print(json.dumps({"job": job_id, "concerns": said}), flush=True)


def told(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """`read` as argparse wants it: what it refuses is wrong usage."""

    def read_or_tell(text: str) -> Any:
        try:
            return read(text)
        except WorkerError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read_or_tell


def _parts(text: str) -> int:
    """0 for `auto`."""
    return 0 if text == "auto" else whole(2, tile.MOST)(text)


def whole(least: int, most: int) -> Callable[[str], int]:
    """As argparse wants it: reads a number between the two."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"it should be a whole number from {least} to {most}, found {text!r}")
        return number

    return read
