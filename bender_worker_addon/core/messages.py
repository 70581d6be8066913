# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages: what a worker and its render child say to each other, one JSON object a line.

The worker says

    {"do": "render", "attempt": 7, "blend": "/…/x.blend", "frames": [1, 2], "format": "PNG", "files": ["/…/1.png", …],
     "colors": "", "region": [0, 0, 960, 540], "tiles": [[0, 0, 960, 540, "/…/1.exr", "…"], …]}
        `colors`: the fingerprint of the sender's OCIO configuration, if it is told; `region`: left, bottom, right and
        top of what is rendered of each frame, null for all of it; `tiles`: of what the frame is put together, if it
        need not be rendered
    {"do": "revoke", "attempt": 7}    if it is not begun
    {"do": "stop"}     end after the frame in hand
    {"do": "quit"}     end

and the child

    {"is": "hello", "token": "…"}
    {"is": "devices", "device": "CPU (AMD EPYC 7B13)", "kind": "CPU (AMD EPYC 7B13)"}
        once, when it is known without keeping a task waiting: what Cycles will render on, and `kind`, if all children
        of this worker render on one kind of device: which
    {"is": "loaded", "keep_not": "", "device": "CPU (AMD EPYC 7B13)"}
        the blend is open, printed before as `Opening: …`, `Opened: …`, `Device: …`; `keep_not`: why it must not serve
        another task; `device`: what Cycles renders on
    {"is": "begin", "attempt": 7, "frame": 1}
    {"is": "progress", "attempt": 7, "frame": 1, "part": 0.4, "doing": ""}
        `part`: of the frame that is done, as far as Blender says; `doing`: in words, what it does before that
    {"is": "frame", "attempt": 7, "frame": 1, "spent": {"load": 0.1, …}, "memory": 200000000}
        written, which was printed before as `Rendered: frame 1 of attempt 7`, and read again as a whole picture;
        `spent`: seconds by what they went into; `memory`: bytes it has
    {"is": "failed", "attempt": 7, "frame": 1, "reason": "…", "scene": true}
        printed before, as `frame 1 failed: …`; `scene`: no worker could render it
    {"is": "revoked", "attempt": 7}
    {"is": "stopped"}    after `stop`, when what was written has been checked
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .frame import frame_name
from .tile import Region, TileFile

LONGEST = 1 << 16  # bytes of a message
_LONGEST_NAME = 200  # characters of what a device is called
_LONGEST_DOING = 80  # characters of what a child says it does
SPENT = ("wait", "load", "sync", "render", "write", "check")
"""What a child's seconds go into: nothing, while it waits for the frame; opening the blend; making the scene ready for
the engine, as far as that takes more than a quarter of a second; rendering; writing the file; reading it again."""
NO_MESSAGE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What `decoded` raises for what is no message, whoever sent it."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a child is to render: `attempt` is this worker's own number for one attempt at one task. Of each frame only
    the `region`, if there is one; a frame of which there are `tiles` is put together of these."""

    attempt: int
    blend: Path
    frames: tuple[int, ...]
    image_format: str
    folder: Path
    region: Region | None = None
    tiles: tuple[TileFile, ...] = ()
    colors: str = ""

    def file(self, frame: int) -> Path:
        """Where the child is to write this frame."""
        return self.folder / frame_name(frame, self.image_format)


@dataclass(frozen=True, slots=True)
class Devices:
    """What Cycles will render on, "" if there is nothing; and `kind`, the same if all children of this worker render on
    one kind of device, "" if they don't."""

    child: int
    device: str
    kind: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The blend is open. `keep_not` says why the child must not serve another task; empty if it may. `device`: what
    Cycles renders on; empty for other engines."""

    child: int
    keep_not: str
    device: str = ""


@dataclass(frozen=True, slots=True)
class FrameBegun:
    child: int
    attempt: int
    frame: int


@dataclass(frozen=True, slots=True)
class Progress:
    child: int
    attempt: int
    frame: int
    part: float
    doing: str = ""


@dataclass(frozen=True, slots=True)
class FrameWritten:
    """A frame lies in the command's folder and was read again as a whole picture. `spent`: seconds for each of SPENT;
    `memory`: bytes the child has now, 0 if it can't tell. `warnings`: what Blender printed that puts the picture in
    doubt."""

    child: int
    attempt: int
    frame: int
    spent: Mapping[str, float] = field(default_factory=dict)
    memory: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderFailed:
    """The child lives, the frame could not be rendered. `scene`: no worker could, the scene itself is at fault."""

    child: int
    attempt: int
    frame: int
    reason: str
    scene: bool


@dataclass(frozen=True, slots=True)
class Revoked:
    """A command that the child had not begun is no longer its."""

    child: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The child ended after the frame in hand, as it was asked to."""

    child: int


ChildEvent = Devices | Loaded | FrameBegun | Progress | FrameWritten | RenderFailed | Revoked | Stopped


def render(command: Command) -> dict[str, Any]:
    return {
        "do": "render",
        "attempt": command.attempt,
        "blend": str(command.blend),
        "frames": command.frames,
        "format": command.image_format,
        "files": [str(command.file(frame)) for frame in command.frames],
        "colors": command.colors,
        "region": None if command.region is None else _edges(command.region),
        "tiles": [[*_edges(tile.region), str(tile.file), tile.hash] for tile in command.tiles],
    }


def _edges(region: Region) -> list[int]:
    return [region.left, region.bottom, region.right, region.top]


def revoke(attempt: int) -> dict[str, Any]:
    return {"do": "revoke", "attempt": attempt}


STOP, QUIT = {"do": "stop"}, {"do": "quit"}


def encoded(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def is_hello(line: bytes, token: str) -> bool:
    """Whether a connection's first line proves that it is the child."""
    try:
        return secrets.compare_digest(str(json.loads(line)["token"]), token)
    except NO_MESSAGE:
        return False


def _name(told: object) -> str:
    return str(told)[:_LONGEST_NAME]


def decoded(line: bytes, child: int) -> ChildEvent:
    """The event a child's message tells. Raises one of NO_MESSAGE for what is none."""
    message = json.loads(line)
    kind = message["is"]
    if kind == "devices":
        return Devices(child, _name(message["device"]), _name(message["kind"]))
    if kind == "loaded":
        return Loaded(child, str(message["keep_not"]), _name(message["device"]))
    if kind == "stopped":
        return Stopped(child)
    attempt = int(message["attempt"])
    if kind == "revoked":
        return Revoked(child, attempt)
    frame = int(message["frame"])
    match kind:
        case "begin":
            return FrameBegun(child, attempt, frame)
        case "progress":
            return Progress(child, attempt, frame, float(message["part"]), str(message["doing"])[:_LONGEST_DOING])
        case "frame":
            spent = {name: float(message["spent"][name]) for name in SPENT}
            return FrameWritten(child, attempt, frame, spent, int(message["memory"]))
        case "failed":
            return RenderFailed(child, attempt, frame, str(message["reason"]), bool(message["scene"]))
    raise ValueError(f"unknown message {kind!r}")
