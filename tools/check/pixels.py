# SPDX-License-Identifier: GPL-3.0-or-later
"""`build.py pixels`: what of a scene Cycles may keep from frame to frame, found out on Blender 4.2, 4.3 and 5.2.

Every property that can be keyed is changed on some small scene, frames are rendered with what was kept and without, and
compared; the same for what moves by itself. What gave the same pictures wherever it was seen is proven, and stands in
`render_child/proven.py`; all else is built anew. Takes hours; begun again with the same folder it goes on. `--tiles`
instead: see `tiled.py`.
"""

import argparse
import hashlib
import json
import re
import runpy
import subprocess
import tempfile
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.blenders import blenders
from tools.check import raw_pixels, real_files, tiled, walk
from tools.check.walk import STALLED, VERSIONS
from tools.places import PROJECT
from tools.process import say

SCRIPT = Path(__file__).resolve().parent / "inside_blender" / "pixels.py"
TABLE = PROJECT / "bender_worker_addon" / "render_child" / "proven.py"
FRESH_ONES = 4
WRONG = {"different", "crashed"}  # what is random is so from scratch too
IS_PROPERTY = re.compile(r"[.\[]")
SIMPLIFY = re.compile("simplify")  # Blender looks at it again only together with something else
SUBJECTS = {
    "wave": "WAVE",
    "build": "BUILD",
    "mesh_cache": "MESH_CACHE",
    "baked_cloth": "CLOTH",
    "baked_soft_body": "SOFT_BODY",
    "baked_particles": "PARTICLE_SYSTEM",
    "baked_explosion": "EXPLODE",
    "baked_paint": "DYNAMIC_PAINT",
    "baked_smoke": "FLUID",
    "baked_liquid": "FLUID",
    "hidden_for_a_time": "Object.hide_render",
    "attribute_of_the_scene": "Scene[]",
    "attribute_of_the_object": "Object[]",
}  # of stages that move


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", metavar="X.Y", choices=VERSIONS, help="one Blender only: 4.2, 4.3 or 5.2")
    parser.add_argument("--stages", nargs="+", metavar="NAME", help="only the stages whose names begin so")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="keep what is found here, and go on from there")
    parser.add_argument("--tiles", action="store_true", help="instead: whether pictures in tiles are the whole ones")
    parser.add_argument("--files", type=Path, metavar="DIR", help="instead: frames of all blends in it, by a farm too")
    parser.add_argument("--write", action="store_true", help=f"write what is proven to {TABLE.relative_to(PROJECT)}")


def run(arguments: argparse.Namespace) -> int:
    """Gives 1 if a picture was another than the table says, or than a fresh Blender's."""
    if arguments.files is not None:
        return real_files.run(arguments.files, version=arguments.only, results=arguments.results)
    versions = [arguments.only] if arguments.only else VERSIONS
    with tempfile.TemporaryDirectory(prefix="bender-worker-pixels-") as temporary:
        folder = (arguments.results or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        if arguments.tiles:
            return tiled.run(versions, stages=arguments.stages, folder=folder)
        found, unlike = [], []
        for version in versions:
            for blurred in (False, True):
                found += _tried(version, blurred=blurred, stages=arguments.stages, folder=folder)
                unlike += _unlike_fresh_ones(version, blends=folder / _name(version, blurred) / "blends")
    proven = Proven.by(found)
    if arguments.write:
        TABLE.write_text(proven.as_table(), encoding="utf-8")
        say(f"Written: {TABLE}")
    for frame in unlike:
        print(f"a fresh Blender renders it otherwise than from scratch: {frame}")
    return report(found) or int(bool(unlike))


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one property, or of one thing that moves by itself, on one stage."""

    version: str
    blurred: bool
    stage: str
    kind: str
    result: str


def _tried(version: str, *, blurred: bool, stages: Sequence[str] | None, folder: Path) -> list[Found]:
    name = _name(version, blurred)
    options = {"blur": blurred} | ({"stages": list(stages)} if stages else {})
    entries = {}
    for entry in walk.walked(SCRIPT, version, name, options, folder):
        if "finished" not in entry:
            entries[entry["stage"], entry["property"]] = entry
        elif entry["finished"]:
            say(f"Blender {name}, {entry['stage']}: {entry['finished']}")
    return [
        Found(version, blurred, stage, entry.get("kind") or entry["what"], entry.get("result", "crashed"))
        for (stage, _), entry in entries.items()
    ]


def _name(version: str, blurred: bool) -> str:
    return f"{version}-blurred" if blurred else version


# What a fresh Blender makes of some of the files


def _unlike_fresh_ones(version: str, *, blends: Path) -> list[str]:
    """Frames that a Blender of their own renders otherwise than the script did from scratch, each time."""
    if version == VERSIONS[0]:
        return []  # it is a module, and has no command line
    blender = blenders.find(version=version)
    return [
        f"{blend}, frame {frame}"
        for blend in sorted(blends.glob("*.blend"))
        for frame, expected in json.loads(blend.with_suffix(".json").read_text()).items()
        if all(_fresh(blender, blend, int(frame)) != expected for _ in range(FRESH_ONES))
    ]


def _fresh(blender: Path, blend: Path, frame: int) -> str:
    options = ["-b", "--factory-startup", str(blend), "-o", f"{blend.parent}/######", "-f", str(frame)]
    subprocess.run([blender, *options], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, timeout=STALLED)
    (picture,) = blend.parent.glob(f"{frame:06}.*")
    try:
        return hashlib.blake2b(raw_pixels.pixels(picture)).hexdigest()
    finally:
        picture.unlink()


# What is proven


@dataclass(frozen=True, slots=True)
class Proven:
    """Kinds of properties and of modifiers: what was seen, and was the same wherever it was; and what was so, but for
    motion blur."""

    properties: frozenset[str]
    properties_unless_blurred: frozenset[str]
    modifiers: frozenset[str]
    modifiers_unless_blurred: frozenset[str]

    @classmethod
    def by(cls, found: Iterable[Found]) -> "Proven":
        results: dict[tuple[str, bool], set[str]] = defaultdict(set)
        for one in found:
            results[one.kind, one.blurred].add(one.result)
            if what := _subject(one.stage):
                results[what, one.blurred].add(one.result)
        same = {key for key, seen in results.items() if "same" in seen and not seen & WRONG}
        still = {kind for kind, blurred in same if not blurred and not SIMPLIFY.search(kind)}
        both = {kind for kind in still if (kind, True) in same}
        return cls(
            frozenset(kind for kind in both if IS_PROPERTY.search(kind)),
            frozenset(kind for kind in still - both if IS_PROPERTY.search(kind)),
            frozenset(kind for kind in both if kind.isupper()),
            frozenset(kind for kind in still - both if kind.isupper()),
        )

    def as_table(self) -> str:
        """The module of that name, as it is committed."""
        head = TABLE.read_text(encoding="utf-8").partition("KEPT = ")[0]
        properties, unless_blurred = _table(self.properties), _table(self.properties_unless_blurred)
        modifiers, others = _words(sorted(self.modifiers)), _words(sorted(self.modifiers_unless_blurred))
        return (
            f"{head}"
            f'KEPT = _kinds("""\n{properties}""")\n\n'
            f'KEPT_UNLESS_BLURRED = _kinds("""\n{unless_blurred}""")\n\n'
            f'MODIFIERS = _words("""\n{modifiers}""")\n\n'
            f'MODIFIERS_UNLESS_BLURRED = _words("""\n{others}""")\n'
        )


def _subject(stage: str) -> str:
    """The kind of modifier, or of properties that people have added, that a stage is about; else empty."""
    if stage.startswith("under_"):
        return stage.removeprefix("under_")
    return f"{stage.removeprefix('added_to_')}[]" if stage.startswith("added_to_") else SUBJECTS.get(stage, "")


def _table(kinds: Iterable[str]) -> str:
    """A paragraph for each structure, with the names of its properties."""
    names: dict[str, list[str]] = defaultdict(list)
    for kind in sorted(kinds):
        owner, _, name = kind.rpartition(".") if "." in kind else (kind.removesuffix("[]"), "", "[]")
        names[owner].append(name)
    return "".join(_words([f"{owner}:", *found]) for owner, found in sorted(names.items()))


def _words(words: Sequence[str]) -> str:
    text = " ".join(words)
    return textwrap.fill(text, 116, initial_indent=" " * 4, subsequent_indent=" " * 8, break_on_hyphens=False) + "\n"


# What is told


def report(found: Sequence[Found]) -> int:
    """Says what was not the same; gives 1 if the committed table says that it would be."""
    wrong: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for one in found:
        if one.result in WRONG:
            wrong[one.kind, one.result].setdefault(_name(one.version, one.blurred), one.stage)
    for (kind, result), where in sorted(wrong.items()):
        print(f"{kind} {result} ({', '.join(f'{name}: {stage}' for name, stage in sorted(where.items()))})")
    table = runpy.run_path(str(TABLE))
    kept = {True: table["KEPT"] | table["MODIFIERS"]}
    kept[False] = kept[True] | table["KEPT_UNLESS_BLURRED"] | table["MODIFIERS_UNLESS_BLURRED"]
    broken = {one.kind for one in found if one.result in WRONG and one.kind in kept[one.blurred]}
    print(f"{len(found)} tried; {len(wrong)} kinds not the same; {len(broken)} of these said to be proven")
    for kind in sorted(broken):
        print(f"said to be proven: {kind}")
    return 1 if broken else 0
