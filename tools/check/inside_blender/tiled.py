# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets one property after another of what a picture is made by, and looks whether it is the same picture when it is put
together from tiles, value by value, or is refused. Runs inside Blender.

    blender -b --factory-startup --python tiled.py -- '{"project": …, "results": …, "scratch": …}'

Appends to the file `results` one JSON object before each try and one after it, with its `result`: `same`, `unseen`
(that, and the picture is what it was before the property was set), `refused`, `close` (as far as it was denoised),
`different`, `random` (that, and the whole picture is not always the same either), `failed`; and what there is to say
about it: of a stage as it is, in which channels there is nothing to be seen. Begun again, it goes on behind the last
one in the file. `stages`: only those whose names begin so; `properties`: only those of these names.
"""

import hashlib
import json
import math
import os
import re
import shutil
import struct
import sys
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy

OPTIONS = json.loads(sys.argv[sys.argv.index("--") + 1])
sys.path[:0] = [OPTIONS["project"], str(Path(__file__).parent)]

import tile_stages  # type: ignore[import-not-found]  # noqa: E402

from bender_worker_addon.blender.farm import splitting  # noqa: E402
from bender_worker_addon.core.tile import Region, tiles_of  # noqa: E402
from bender_worker_addon.render_child import joining, openexr, scenes, tiles  # noqa: E402
from tools.check import raw_pixels  # noqa: E402

SCRATCH = Path(OPTIONS["scratch"])
BEFORE, CHANGED = SCRATCH / "before.blend", SCRATCH / "changed.blend"
FRAME = 2
TILES = 3
APART = 1e-5  # of denoised values
ROUNDS = 3  # of the whole picture, before it is said that it is always the same
AS_IT_IS = "as it is"


def main() -> None:
    done = read_results()
    with Path(OPTIONS["results"]).open("a", encoding="utf-8") as results:

        def tell(**entry: object) -> None:
            results.write(json.dumps(entry) + "\n")
            results.flush()

        for name, make in tile_stages.STAGES.items():
            if not name.startswith(tuple(OPTIONS.get("stages", [""]))):
                continue
            bpy.ops.wm.read_factory_settings(use_empty=True)
            roots = [root if isinstance(root, tuple) else (repr(root),) for root in make()]
            bpy.ops.wm.save_as_mainfile(filepath=str(BEFORE), compress=False)
            before = None
            for owner, prop, value in [("", AS_IT_IS, None), *chosen(list(changes(roots)))]:
                key = f"{owner}.{prop} = {value}"
                if (name, key) in done:
                    continue
                tell(stage=name, key=key)
                result, words, picture = attempt(owner, prop, value)
                if owner == "":
                    before, words = picture, words or "; ".join(all_of_one_value())
                if result == "same" and owner and picture == before:
                    result = "unseen"
                tell(stage=name, key=key, result=result, words=words)


def read_results() -> set[tuple[str, str]]:
    path = Path(OPTIONS["results"])
    entries = map(json.loads, path.read_text(encoding="utf-8").splitlines() if path.exists() else ())
    return {(entry["stage"], entry["key"]) for entry in entries}


def chosen(found: list[Any]) -> list[Any]:
    if (names := OPTIONS.get("properties")) is not None:
        found = [one for one in found if one[1] in names]
    return found


# What is tried


def changes(roots: list[tuple[str, ...]]) -> Iterator[tuple[str, str, Any]]:
    """An expression for the owner, a name, another value as JSON has it."""
    seen: set[Any] = set()
    for root, *names in roots:
        for owner, prop in walk(root, names, seen=seen):
            for value in values(eval(owner), prop):
                yield owner, prop.identifier, value


def walk(expression: str, names: list[str], *, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    owner = eval(expression)
    mark = owner.as_pointer(), owner.bl_rna.identifier
    if mark in seen:
        return
    if not names:
        seen.add(mark)
    for prop in owner.bl_rna.properties:
        name = prop.identifier
        if tile_stages.NOT_TRIED.fullmatch(name) or not re.match("".join(names[:1]), name) or not hasattr(owner, name):
            continue
        if prop.type == "POINTER" and not prop.is_readonly and isinstance(prop.fixed_type, bpy.types.ID):
            yield expression, prop
        elif prop.type == "POINTER":
            value = getattr(owner, name)
            if value is not None and not isinstance(value, bpy.types.ID):
                yield from walk(f"{expression}.{name}", names[1:], seen=seen)
        elif prop.type in ("BOOLEAN", "INT", "FLOAT", "ENUM") and not prop.is_readonly and len(names) < 2:
            yield expression, prop


def values(owner: Any, prop: Any) -> list[Any]:
    now = getattr(owner, prop.identifier)
    if prop.type == "POINTER":
        others = [thing.name for thing in things(prop) if thing != now]
        return others[:1]
    if prop.type == "BOOLEAN":
        return [[not value for value in now]] if prop.is_array else [not now]
    if prop.type == "ENUM":
        if prop.is_enum_flag:
            return [[item] for item in items(owner, prop)]
        return [item for item in items(owner, prop) if item != now]
    if prop.is_array:
        return [[more(value, prop) for value in now]] if prop.array_dimensions[1] == 0 else []
    return list(dict.fromkeys([more(now, prop), less(now, prop)]))


def things(prop: Any) -> list[Any]:
    kind = getattr(bpy.types, prop.fixed_type.identifier)
    found = [one for one in tile_stages.all_data() if isinstance(one, kind)]
    return [one for one in found if kind is not bpy.types.Object or one.type == "CAMERA"]


def items(owner: Any, prop: Any) -> list[str]:
    """Also of those that Blender makes up when it is asked: it says which when it is given a wrong one."""
    if found := [item.identifier for item in prop.enum_items]:
        known = found
    try:
        setattr(owner, prop.identifier, "?")
    except TypeError as error:
        _, _, told = str(error).partition("(")
        return [word.strip(" '\"") for word in told.rpartition(")")[0].split(",") if word.strip(" '\"")]
    return known


def more(value: Any, prop: Any) -> Any:
    """Not much more, as far as it may be: some are for how much there is of something."""
    high = min(prop.soft_max, prop.hard_max)
    if prop.type == "INT":
        return min(value + 3, high)
    return value * 1.5 + 0.25 if value * 1.5 + 0.25 <= high else (value + high) / 2


def less(value: Any, prop: Any) -> Any:
    low = max(prop.soft_min, prop.hard_min)
    if prop.type == "INT":
        return max(low, value // 2)
    return value - 0.6 * min(value - low, abs(value) or 0.5)


# What comes of it


def attempt(owner: str, name: str, value: Any) -> tuple[str, str, Any]:
    """The result, what there is to say about it, and the picture."""
    bpy.ops.wm.open_mainfile(filepath=str(BEFORE))
    try:
        if owner:
            put(eval(owner), name, value)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        return "unseen", f"not set: {error}", None
    bpy.ops.wm.save_as_mainfile(filepath=str(CHANGED), copy=True, compress=False)
    bpy.ops.wm.open_mainfile(filepath=str(CHANGED))
    if why := splitting.why_whole():
        return "refused", why, None
    parts = tiles_of(splitting.picture(), TILES)
    file_format = bpy.context.scene.render.image_settings.file_format
    for made in SCRATCH.glob("made-*"):
        shutil.rmtree(made)
    try:
        one = whole(file_format)
    except scenes.RenderError as error:
        return "unseen", f"not rendered: {error}", None
    try:
        other = of_tiles(file_format, parts)
    except scenes.RenderError as error:
        return "failed", str(error), one
    if one != other:
        words = "; ".join(differences(one, other))
        if tiles.denoised_layers(scenes.scene()) and is_close(one):
            return "close", words, one
        random = any(whole(file_format) != one for _ in range(ROUNDS))
        return "random" if random else "different", words, one
    return "same", "", one


def put(owner: Any, name: str, value: Any) -> None:
    prop = owner.bl_rna.properties[name]
    if prop.type == "POINTER":
        value = next(thing for thing in things(prop) if thing.name == value)
    elif prop.type == "ENUM" and prop.is_enum_flag:
        value = set(value)
    setattr(owner, name, value)


def whole(file_format: str) -> dict[str, bytes]:
    folder = SCRATCH / "made-whole"
    shutil.rmtree(folder, ignore_errors=True)
    scenes.open_blend(str(CHANGED))
    return written(folder, file_format)


def of_tiles(file_format: str, parts: list[Region]) -> dict[str, bytes]:
    """As a child does it."""
    scenes.open_blend(str(CHANGED))
    tiles.prepare(scenes.scene())
    told = []
    for number, part in enumerate(parts):
        file = SCRATCH / f"made-{number}" / f"{FRAME:06}.exr"
        edges = part.left, part.bottom, part.right, part.top
        tiles.render(FRAME, str(file), tiles.Region(*edges))
        told.append([*edges, str(file), hashlib.blake2b(file.read_bytes()).hexdigest()])
    scenes.open_blend(str(CHANGED))
    rendered = joining.tiles_of(told)
    joining.check(scenes.scene(), rendered)
    source = joining.denoised(scenes.scene(), rendered, FRAME, SCRATCH / "made-joined")
    if source is not None:
        scenes.open_blend(str(CHANGED))
    with joining.instead_of_rendering(source or joining.Tiles(rendered, scenes.scene())):
        return written(SCRATCH / "made-together", file_format)


def written(folder: Path, file_format: str) -> dict[str, bytes]:
    """What all files hold that were written for a picture, by name."""
    scenes.render_frame(FRAME, str(folder / f"{FRAME:06}.picture"), file_format)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): held(path) for path in files}


def held(path: Path) -> bytes:
    try:
        return raw_pixels.pixels(path)
    except ValueError:
        return decoded(path)


def decoded(path: Path) -> bytes:
    image: Any = bpy.data.images.load(str(path))
    try:
        found = array("f", bytes(4 * len(image.pixels)))
        image.pixels.foreach_get(found)
        return bytes(found) + repr(tuple(image.size)).encode()
    finally:
        bpy.data.images.remove(image)


def is_close(made: dict[str, bytes]) -> bool:
    """Whether the two pictures are no more apart than denoising may be."""
    folders = (SCRATCH / "made-whole", SCRATCH / "made-together")
    for one, other in (map(channels, (folder / name for folder in folders)) for name in made):
        if one.keys() != other.keys():
            return False
        pairs = ((a, b) for name in one for a, b in zip(one[name], other[name], strict=True))
        if any(abs(a - b) > APART * max(1, abs(a)) for a, b in pairs if a != b):
            return False
    return True


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> Iterator[str]:
    for name in sorted({*one, *other}):
        if name not in one or name not in other:
            yield f"{name} is not in both"
        elif one[name] != other[name]:
            yield f"{name}: {'; '.join(channel_differences(name)) or 'differs'}"


def channel_differences(name: str) -> Iterator[str]:
    """Which channels of an OpenEXR file that isn't packed, in how many pixels and how much."""
    try:
        one, other = (channels(SCRATCH / folder / name) for folder in ("made-whole", "made-together"))
    except (ValueError, LookupError, struct.error):
        return
    for channel in sorted({*one, *other}):
        first, second = one.get(channel), other.get(channel)
        if first is None or second is None or len(first) != len(second):
            yield f"{channel} is not in both"
            continue
        pairs = [(a, b) for a, b in zip(first, second, strict=True) if a != b and not (math.isnan(a) and math.isnan(b))]
        if pairs:
            yield f"{channel} {len(pairs)} of {len(first)}, up to {max(abs(a - b) for a, b in pairs):.3g}"


def all_of_one_value() -> Iterator[str]:
    """Channels in which nothing is to be seen."""
    for path in sorted((SCRATCH / "made-whole").glob("*.picture")):
        with suppress(ValueError, LookupError, struct.error):
            yield from (name for name, pixels in channels(path).items() if len(set(pixels)) == 1)


def channels(path: Path) -> dict[str, "array[float]"]:
    """Those of all parts of a file whose pixels are not packed and of 32 bits, else ValueError."""
    content = path.read_bytes()
    in_parts = bool(content[5] & 0x10)
    with path.open("rb") as file:
        file.seek(8)
        headers = openexr._headers(file, multipart=in_parts)
        place = file.tell()
    found: dict[str, array[float]] = {}
    for header in headers:
        names = list(names_in(header))
        left, bottom, right, top = openexr._window(header)
        width, height = right - left + 1, top - bottom + 1
        for name in names:
            found[name] = array("f")
        for (offset,) in struct.iter_unpack("<Q", content[place : place + 8 * height]):
            row = offset + 8 + 4 * in_parts
            for name in names:
                found[name].frombytes(content[row : row + 4 * width])
                row += 4 * width
        place += 8 * height
    return found


def names_in(header: dict[str, bytes]) -> Iterator[str]:
    if header["compression"] != b"\0":
        raise ValueError("it is packed")
    view = (header.get("name", b"").decode() + ".") if "name" in header else ""
    listed, at = header["channels"], 0
    while listed[at]:
        end = listed.index(b"\0", at)
        if listed[end + 1 : end + 5] != b"\2\0\0\0":
            raise ValueError("not of 32 bits")
        name = listed[at:end].decode()
        yield name if "." in name else view + name
        at = end + 17


main()
sys.stdout.flush()
os._exit(0)
