# SPDX-License-Identifier: GPL-3.0-or-later
"""A child without Blender: the real Child and Channel, over scenes that are a few bytes. Its blend says what happens:

`record`    a file to which process and frame of every render are appended
`die`       frames at which the process ends; `die_once`: a file that remembers that it did, so that it ends once only
`broken`    frames that are written and then found broken
`unforeseen` frames at whose check something happens that nobody thought of
`wrong`     frames whose file is not of the format asked for
`missing`   frames of which it says that they are there, and they are not
`first`     a file that remembers the first process that renders: only that one is `wrong`, and it does not `wait`
`no_camera` frames that nobody could render
`wait`      a gate for each of these frames: rendering ends when the test opens it
`seconds`   that each frame takes, unless its worker's environment says so, in SECONDS_A_FRAME
`ahead`     seconds by which its clock goes ahead with each whole frame, which takes so long without taking it
`warned`    frames of which Blender warns
`grow`      bytes that the child takes and never gives back, for each of these frames
`preview`   what it makes in the place of a preview, in hexadecimal digits
`keep_not`  why the child must not be kept

A tile's file says which part it is, and a picture that is put together what its tiles say.
"""

import json
import os
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from waiting import wait_at  # type: ignore[import-not-found]

_HEADS = 36  # bytes of the file's head and its block's, whose size may have a brace in it, too
_PACKAGE = Path(__file__).resolve().parents[3] / "bender_worker_addon"

scene: dict[str, Any] = {}
kept: list[bytes] = []
ahead = 0.0
_monotonic = time.monotonic
time.monotonic = lambda: _monotonic() + ahead


_SIGNATURES = dict.fromkeys(("OPEN_EXR", "OPEN_EXR_MULTILAYER"), b"\x76\x2f\x31\x01")
JPEG = bytes.fromhex(
    "ffd8 ffe00010 4a46494600010100000100010000 ffc0000b 08 010e 01e0 01 011100 ffda0008 01 0100 003f00 0000 ffd9"
)


class RenderError(Exception):
    def __init__(self, text: str, *, scene: bool = False) -> None:
        super().__init__(text)
        self.scene = scene


class BrokenPicture(Exception):
    pass


def open_blend(blend: str) -> None:
    content = Path(blend).read_bytes()
    scene.clear()
    scene.update(json.loads(content[content.index(b"{", _HEADS) : content.rindex(b"ENDB")]))


def reason_not_to_keep() -> str:
    return str(scene.get("keep_not", ""))


class Progress:
    sampling_since = 0.0

    @contextmanager
    def told_to(self, tell: Callable[[float, str], None]) -> Iterator[None]:
        tell(0.5, "")
        yield


def render_frame(frame: int, file: str, image_format: str) -> tuple[tuple[int, int], float]:
    print(f"rendering frame {frame} at {time.monotonic():.2f}", flush=True)
    with Path(scene["record"]).open("a") as record:
        record.write(f"{os.getpid()} {frame}\n")
    if frame in scene.get("warned", ()):
        print("Warning: the picture t.png is missing: /t.png", flush=True)
    if frame in scene.get("no_camera", ()):
        raise RenderError(f"frame {frame}: no camera found in scene", scene=True)
    if frame in scene.get("die", ()) and not _has_died_before():
        os._exit(11)
    gate = scene.get("wait", {}).get(str(frame))
    if gate and not ("first" in scene and _is_first()):
        wait_at(gate)
    time.sleep(float(os.environ.get("SECONDS_A_FRAME", scene.get("seconds", 0))))
    if "parts" not in scene:
        global ahead
        ahead += scene.get("ahead", 0)
    kept.append(b"x" * scene.get("grow", {}).get(str(frame), 0))
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    if frame not in scene.get("missing", ()):
        is_wrong = frame in scene.get("wrong", ()) and ("first" not in scene or _is_first())
        signature = b"\xff\xd8\xff" if is_wrong else _SIGNATURES.get(image_format, b"\x89PNG\r\n\x1a\n")
        path.write_bytes(signature + f"{image_format} {frame}".encode() + b"".join(scene.get("parts", ())))
    return (1, 1), 0.0


def render_tile(frame: int, file: str, region: tuple[int, ...]) -> tuple[tuple[int, int], float]:
    scene["parts"] = [f" {region}".encode()]
    return render_frame(frame, file, "OPEN_EXR_MULTILAYER")


def check_tiles(_scene: object, parts: list[tuple[tuple[int, ...], bytes]]) -> None:
    for region, content in parts:
        if not content.endswith(f" {region}".encode()):
            raise RenderError(f"{content!r} is no tile {region}")


@contextmanager
def instead_of_rendering(parts: list[tuple[tuple[int, ...], bytes]]) -> Iterator[None]:
    scene["parts"] = [f" {region}".encode() for region, _ in parts]
    yield


def check(file: str, size: tuple[int, int]) -> None:
    if int(Path(file).stem) in scene.get("unforeseen", ()):
        raise LookupError("nobody thought of that")
    if int(Path(file).stem) in scene.get("broken", ()):
        raise BrokenPicture(f"{Path(file).name} is broken")


class Previews:
    """Makes one of each frame: what the scene says, or what has the structure of a JPEG."""

    def __init__(self, _scene: object) -> None:
        pass

    def make(self, frame: Path, _format: str, _part: object) -> None:
        preview = frame.with_name(f"preview-{frame.stem}.jpg")
        preview.write_bytes(bytes.fromhex(scene.get("preview", "")) or JPEG)


def _is_first() -> bool:
    mark = Path(scene["first"])
    if not mark.exists():
        mark.write_text(str(os.getpid()))
    return mark.read_text() == str(os.getpid())


def _has_died_before() -> bool:
    if "die_once" not in scene:
        return False
    mark = Path(scene["die_once"])
    if mark.exists():
        return True
    mark.touch()
    return False


def _become(name: str, **content: object) -> None:
    module = types.ModuleType(f"render_child.{name}")
    module.__dict__.update(content)
    sys.modules[module.__name__] = module


_become("pictures", check_all=check, BrokenPicture=BrokenPicture)
_become("colors", unlike=lambda _: "")
_become(
    "devices",
    choose=lambda wanted, _share: scene.get("device", "") or wanted[-1],
    found=lambda wanted, _share, renderers: (wanted[-1], wanted[-1]),
)
_become("progress", Progress=Progress)
_become("previews", Previews=Previews)
_become("keeping", reason_not_to_keep=reason_not_to_keep)
_become("scenes", open_blend=open_blend, scene=lambda: None, render_frame=render_frame, RenderError=RenderError)
_become(
    "tiles",
    prepare=lambda _: None,
    Region=lambda *edges: edges,
    render=render_tile,
    part_of_preview=lambda _, region: (region, 1),
)
_become(
    "joining",
    tiles_of=lambda told: [(tuple(edges), Path(file).read_bytes()) for *edges, file, _ in told],
    check=check_tiles,
    denoised=lambda *_: None,
    Tiles=lambda parts, _: parts,
    instead_of_rendering=instead_of_rendering,
)
sys.path.insert(0, str(_PACKAGE))

from render_child import child  # type: ignore[import-not-found]  # noqa: E402  the path must stand first

child.main()
