# SPDX-License-Identifier: GPL-3.0-or-later
"""Task: one message of the farm, and what becomes of it. JSON in, JSON out; what is not understood is kept unchanged.

The wire format is that of bender-job 2019 (Rust, serde); a task is data, nothing in it is ever executed.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import other_files, tile
from .errors import TaskRefused
from .frame import FORMATS, StoredFrame, frame_name, runs
from .job import LONGEST_NAME, one_line
from .names import SAFE_ID, WINDOWS_OWN

STATUSES = frozenset({"Waiting", "Queued", "Running", "Finished", "Errored", "Aborted", "Paused"})
NAME = "name"  # in `data`: what people call the job
REGION = "region"  # in `data`, of a task that renders a part of a picture: which
TILES = "tiles"  # in `data`, of a task that only finishes a picture: what it is put together of
KIND = "kind"  # in `data`, of a tile that is finished: device and system, if all that its worker renders is by one
BLENDER = "blender"  # in `data`, of a finished task: the version that rendered it
COLORS = "colors"  # in `data`: with what OCIO configuration it was sent; see `render_child/colors.py`
FOLDER = "folder"  # in `data`, of a job and its tasks: where its frames go on the farm's own machine
LAST_FRAME = 999_999  # frames are named by six digits

_TIMES = ("creation", "queued", "start", "finish", "error", "abort", "pause")
_SHOWN = 1000  # characters of an unreadable message that are repeated in its report
_DEEPEST = 100  # levels of JSON; what is read at one depth of Python's stack must be writable at any other


@dataclass(slots=True, eq=False)
class Task:
    """One task of a job: some frames of one blend in one image format.

    `id`, `job_id`: 1 to 64 characters of `[A-Za-z0-9_-]`. `frames`: ascending frame numbers, 0 to 999 999.
    `image_format`: a key of `FORMATS`.
    """

    id: str
    job_id: str
    frames: tuple[int, ...]
    image_format: str
    _wire: dict[str, Any]

    @classmethod
    def from_json(cls, body: bytes) -> "Task":
        """Reads a message. Raises TaskRefused, with the reason, for whatever is not a task this worker could do."""
        wire = _decode(body)
        command = _blender_command(wire)
        status = wire.get("status")
        if not isinstance(status, str) or status not in STATUSES:
            raise TaskRefused(f"unknown status {_short(status)}; known are {', '.join(sorted(STATUSES))}")
        for key in ("time", "data"):
            if not isinstance(wire.setdefault(key, {}), dict):
                raise TaskRefused(f"{key!r} should be an object, found {_short(wire[key])}")
        image_format = command.get("image_format")
        if not isinstance(image_format, str) or image_format not in FORMATS:
            raise TaskRefused(f"unknown image format {_short(image_format)}; known are {', '.join(FORMATS)}")
        _check_tiles(wire["data"])
        return cls(
            id=_safe_id(wire, "id"),
            job_id=_job_id(wire),
            frames=_frame_numbers(command),
            image_format=image_format,
            _wire=wire,
        )

    def to_json(self) -> bytes:
        """The task as it goes to the bookkeeper: UTF-8 JSON with every key it came with. Compact: an indented one takes
        Python six times as long."""
        return json.dumps(self._wire).encode()

    def same_work(self, other: "Task") -> bool:
        """Whether both ask for the same frames of the same job under the same id: the same message, come again."""
        mine = (self.id, self.job_id, self.frames, self.image_format)
        return mine == (other.id, other.job_id, other.frames, other.image_format)

    def stored_frames(self, folder: Path) -> list[StoredFrame]:
        """What a finished task says of its frames, whose files lie in `folder`."""
        return [
            StoredFrame(
                number=number,
                path=folder / frame_name(number, self.image_format),
                size=self._frame(number)["filesize"],
                hash=self._frame(number)["hash"],
                others=other_files.from_json(self._frame(number).get("files")),
            )
            for number in self.frames
        ]

    @property
    def uploaded(self) -> frozenset[int]:
        """The frames of which a finished task says that they are uploaded."""
        return frozenset(number for number in self.frames if self._frame(number).get("uploaded") is True)

    @property
    def error(self) -> str:
        """Why it failed the last time, as it says; "" if it did not."""
        told = self._wire["data"].get("error")
        return told if isinstance(told, str) else ""

    @property
    def job_name(self) -> str:
        """What people call its job, if the farm tells it; else the job's id."""
        told = self._wire["data"].get(NAME)
        return (one_line(told, most=LONGEST_NAME) if isinstance(told, str) else "") or self.job_id

    @property
    def folder(self) -> Path | None:
        """Where its frames are to go, if the message says so in a way that can be meant."""
        told = self._wire["data"].get(FOLDER)
        return Path(told) if isinstance(told, str) and "\0" not in told and Path(told).is_absolute() else None

    @property
    def colors(self) -> str:
        """The fingerprint of the sender's OCIO configuration; "" if it is not told."""
        told = self._wire["data"].get(COLORS)
        return told if isinstance(told, str) else ""

    @property
    def region(self) -> tile.Region | None:
        """What of the picture it renders; None for all of it."""
        told = self._wire["data"].get(REGION)
        return None if told is None else tile.region(told)

    @property
    def tiles(self) -> tuple[tile.Tile, ...]:
        """Of what its picture is only to be put together; none where it is rendered."""
        told = self._wire["data"].get(TILES)
        return () if told is None else tile.tiles(told)

    @property
    def outpath(self) -> Path:
        """Where the frames of a constructed task are."""
        return Path(self._command["outpath"])

    def queued(self) -> None:
        self._becomes("Queued", "queued")
        for key in ("error", "output", "warnings", "left"):
            self._wire["data"].pop(key, None)

    def constructed(self, *, blend: Path, folder: Path, command: str) -> None:
        """Fills in where its blend and its frames are here, and a command line for people to read; what the message
        brought in their place is overwritten."""
        self._command.update(blendfile=str(blend), outpath=str(folder), command=command)

    def started(self) -> None:
        self._becomes("Running", "start")

    def has_frames(self, stored: Mapping[int, StoredFrame], uploaded: Collection[int]) -> None:
        for number, frame in stored.items():
            told = self._frame(number)
            told.update(filesize=frame.size, hash=frame.hash, uploaded=number in uploaded)
            told.pop("files", None)
            if frame.others:
                told["files"] = other_files.as_json(frame.others)

    def finished(
        self,
        *,
        timings: str,
        device: str = "",
        blender: str = "",
        kind: str = "",
        warnings: Collection[str] = (),
    ) -> None:
        """`timings` says what its seconds went into, `device` what it was rendered on, if the engine asked for one, by
        which version of `blender`; `kind`: see KIND; `warnings` are sentences that put its pictures in doubt."""
        self._becomes("Finished", "finish")
        words = "\n".join(warnings)
        told = {"timings": timings, "device": device, BLENDER: blender, KIND: kind, "warnings": words}
        self._wire["data"].update({key: text for key, text in told.items() if text})

    def leaves(self, words: str) -> None:
        """`words` say what of it the farm hasn't got, and where that is."""
        self._wire["data"]["left"] = words

    def failed(self, reason: str, *, timings: str = "", device: str = "", output: str = "") -> None:
        """`output` is what Blender printed last; it is told once, see `output_told`."""
        self._becomes("Errored", "error")
        told = {"error": reason, "timings": timings, "device": device, "output": output}
        self._wire["data"].update({key: text for key, text in told.items() if text})

    def output_told(self) -> None:
        """What comes after the report of the failure need not say it again."""
        self._wire["data"].pop("output", None)

    def aborted(self) -> None:
        self._becomes("Aborted", "abort")

    def given_back(self) -> None:
        self._wire["status"] = "Waiting"

    @property
    def _command(self) -> dict[str, Any]:
        command: dict[str, Any] = self._wire["command"]["Blender"]
        return command

    def _frame(self, number: int) -> dict[str, Any]:
        frame: dict[str, Any] = self._command["frame"][str(number)]
        return frame

    def _becomes(self, status: str, moment: str) -> None:
        self._wire["status"] = status
        for key in _TIMES:
            self._wire["time"].setdefault(key, None)
        self._wire["time"][moment] = datetime.now(UTC).isoformat().replace("+00:00", "Z")


def blender_command(task: Task, *, blend: Path, folder: Path, windows: bool) -> str:
    """The command line that would render the same, quoted as Windows wants it or others. For people; never executed."""
    frames = ",".join(f"{first}" if first == last else f"{first}..{last}" for first, last in runs(task.frames))
    image_format = FORMATS[task.image_format].command_line
    words = ["blender", "-b", str(blend), "-o", str(folder / "######"), "-F", image_format, "-x", "1", "-f", frames]
    return subprocess.list2cmdline(words) if windows else shlex.join(words)


def unreadable_report(body: bytes, reason: str) -> bytes:
    """What is reported of a message that is no task: all that it held if it was a JSON object, else the beginning of
    its text, with `status` Errored and the reason in `data.error` as for any failed task."""
    try:
        wire = _decode(body)
    except TaskRefused:
        wire = {"data": {"body": body[:_SHOWN].decode("utf-8", "backslashreplace")}}
    data = wire.get("data")
    wire["data"] = {**(data if isinstance(data, dict) else {}), "error": reason}
    wire["status"] = "Errored"
    return json.dumps(wire, indent=2).encode()


def _decode(body: bytes) -> dict[str, Any]:
    try:
        wire = json.loads(body)
        json.dumps(wire, allow_nan=False)
        too_deep = _is_deeper_than(_DEEPEST, wire)
    except ValueError as error:
        raise TaskRefused(f"the message is not JSON: {error}") from error
    except RecursionError:
        too_deep = True
    if too_deep:
        raise TaskRefused(f"the message is nested more than {_DEEPEST} levels deep")
    if not isinstance(wire, dict):
        raise TaskRefused(f"a task is a JSON object, found {_short(wire)}")
    return wire


def _is_deeper_than(levels: int, value: object) -> bool:
    level: list[Any] = [[value]]
    for _ in range(levels + 1):
        if not level:
            return False
        objects = (value.values() if isinstance(value, dict) else value for value in level)
        level = [value for values in objects for value in values if isinstance(value, (dict, list))]
    return bool(level)


def _blender_command(wire: dict[str, Any]) -> dict[str, Any]:
    command = wire.get("command")
    if not isinstance(command, dict) or len(command) != 1:
        raise TaskRefused(f"'command' should be an object with one key, found {_short(command)}")
    kind, content = next(iter(command.items()))
    if kind == "Basic":
        raise TaskRefused("a Basic command is a shell line from the network; this worker never runs one")
    if kind != "Blender" or not isinstance(content, dict):
        raise TaskRefused(f"unknown kind of command {_short(kind)}; this worker knows Blender")
    return content


def _check_tiles(data: Mapping[str, Any]) -> None:
    for key, read in ((REGION, tile.region), (TILES, tile.tiles)):
        try:
            if key in data:
                read(data[key])
        except ValueError as error:
            raise TaskRefused(f"{key!r} can't be understood: {_short(data[key])}") from error


def _safe_id(wire: dict[str, Any], key: str) -> str:
    value = wire.get(key)
    if not isinstance(value, str) or not SAFE_ID.fullmatch(value):
        raise TaskRefused(f"{key!r} should be 1 to 64 of A-Z a-z 0-9 _ -, found {_short(value)}")
    return value


def _job_id(wire: dict[str, Any]) -> str:
    job_id = _safe_id(wire, "parent_id")
    if WINDOWS_OWN.fullmatch(job_id):
        raise TaskRefused(f"no folder on Windows can be named as this job, {_short(job_id)}: it is a device there")
    return job_id


def _frame_numbers(command: dict[str, Any]) -> tuple[int, ...]:
    frames = command.get("frame")
    if not isinstance(frames, dict) or not frames:
        raise TaskRefused(f"'frame' should be an object with at least one frame number, found {_short(frames)}")
    for key, known in frames.items():
        if not re.fullmatch(r"0|[1-9][0-9]{0,5}", key, re.ASCII):
            raise TaskRefused(f"a frame number is 0 to {LAST_FRAME}, found {_short(key)}")
        if not isinstance(known, dict):
            raise TaskRefused(f"frame {key} should be an object, found {_short(known)}")
    return tuple(sorted(int(key) for key in frames))


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
