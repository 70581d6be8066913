# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes one property after another from frame to frame, and looks whether Cycles, with what it keeps, still makes the
pictures that it makes from scratch. Runs inside Blender.

    blender -b --factory-startup --python pixels.py -- '{"project": …, "results": …, "scratch": …}'

Appends to the file `results` one JSON object before each property and one after it, which says whether the frames were
`same`, `different`, `random`, or `unseen`: no frame showed it. Begun again, it goes on behind the last one in the file.
In the folder `scratch`/blends are those in which frames differ, and some others, each with the hashes of its frames as
they are from scratch. `stages`: only those whose names begin so; `blur`: with motion blur.
"""

import hashlib
import json
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

OPTIONS = json.loads(sys.argv[sys.argv.index("--") + 1])
sys.path[:0] = [OPTIONS["project"], OPTIONS["project"] + "/bender_worker_addon", str(Path(__file__).parent)]

import moving  # type: ignore[import-not-found]  # noqa: E402
import stages  # type: ignore[import-not-found]  # noqa: E402
from render_child import animation, one_frame  # type: ignore[import-not-found]  # noqa: E402

from tools.check import raw_pixels  # noqa: E402

FRAMES = (7, 4, 2)
SCRATCH = Path(OPTIONS["scratch"])
NOT_TRIED = re.compile(
    "rna_type|use_fake_user|use_extra_user|is_runtime_data|tag|tool_settings|motion_path|asset_data|preview"
    "|animation_visualization|depsgraph|loop_start|parent_(type|vertices|bone_head_tail_factor)|(is|show|preview|debug)_.*"
)  # it is of no picture, or Blender doesn't survive it
ALWAYS_TRIED = {"show_render", "show_emitter", "show_instancer_for_render", "is_holdout", "is_shadow_catcher"}
ROUNDS = 4
TRIES = 3  # things of a stage on which a kind of property is tried until a frame shows it
CARRIER = "carrier"
STAGES = 4  # on which it is shown, or not
SAMPLED = 0.01  # of the files, besides those in which frames differ


def main() -> None:
    done, finished = read_results()
    shown = Counter((kind, result) for _, kind, result in {*done.values()})
    with Path(OPTIONS["results"]).open("a", encoding="utf-8") as results:

        def tell(**entry: object) -> None:
            results.write(json.dumps(entry) + "\n")
            results.flush()

        for name, make in stages.STAGES.items():
            if name in finished or not is_wanted(name):
                continue
            try:
                properties = prepare(make)
            except Exception as error:  # noqa: BLE001  a stage that this Blender can't have
                tell(stage=name, finished=f"{type(error).__name__}: {error}")
                continue
            outcome: dict[str, str] = {}
            tries: Counter[str] = Counter()
            for owner, prop, kind in properties:
                enough = max(shown[kind, "same"], shown[kind, "unseen"]) >= STAGES
                if enough or tries[kind] >= TRIES or outcome.get(kind, "unseen") != "unseen":
                    continue
                key = f"{owner}.{prop}"
                if (name, key) in done:
                    result = done[name, key][2]
                else:
                    tell(stage=name, property=key, what=kind)
                    found, result = attempt(owner, prop, f"{name}-{kind}")
                    tell(stage=name, property=key, what=kind, kind=found, result=result)
                outcome[kind] = result
                tries[kind] += 1
            shown.update(outcome.items())
            tell(stage=name, finished="")
        for name, make in moving.MOVING.items():
            if name in finished or not is_wanted(name):
                continue
            tell(stage=name, property="", what=name)
            try:
                prepare(make)
            except Exception as error:  # noqa: BLE001  as above
                tell(stage=name, property="", what=name, kind=name, result="not made")
                tell(stage=name, finished=f"{type(error).__name__}: {error}")
                continue
            tell(stage=name, property="", what=name, kind=name, result=compare(name))
            tell(stage=name, finished="")


def is_wanted(stage: str) -> bool:
    return stage.startswith(tuple(OPTIONS.get("stages", [""]))) and not stage.startswith(tuple(OPTIONS.get("not", [])))


def read_results() -> tuple[dict[tuple[str, str], tuple[str, str, str]], set[str]]:
    """What came of each property that was tried, and the stages on which all were."""
    path = Path(OPTIONS["results"])
    done, finished = {}, set()
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        entry = json.loads(line)
        if "finished" in entry:
            finished.add(entry["stage"])
        else:
            result = entry["stage"], entry["what"], entry.get("result", "crashed")
            done[entry["stage"], entry["property"]] = result
    return done, finished


def prepare(make: Any) -> list[tuple[str, str, str]]:
    """Makes a stage; gives the properties to be tried on it: an expression for the owner, a name, a kind."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    expressions = [repr(root) for root in make() or ()]
    scene = bpy.context.scene
    if OPTIONS.get("blur"):
        scene.render.use_motion_blur = True
        carry_camera(scene)
    reopen("stage.blend")
    return [
        (repr(owner), prop.identifier, f"{owner.bl_rna.identifier}.{prop.identifier}")
        for root in map(eval, expressions)
        for owner, prop in walk(root, seen=set(), depth=0)
    ]


def reopen(name: str) -> None:
    """What was saved may not be all that there was."""
    bpy.ops.wm.save_as_mainfile(filepath=str(SCRATCH / name), compress=False)
    bpy.ops.wm.open_mainfile(filepath=str(SCRATCH / name))


def carry_camera(scene: Any) -> None:
    """So that all is blurred, in each frame alike; the camera itself has no keys."""
    carrier = bpy.data.objects.new(CARRIER, None)
    scene.collection.objects.link(carrier)
    for frame, x in ((0.5, -0.2), (1.5, 0.2)):
        carrier.location.x = x
        carrier.keyframe_insert("location", index=0, frame=frame)
    for curve in animation.curves_of(carrier.animation_data.action):
        curve.modifiers.new("CYCLES")
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"
    if scene.camera:
        scene.camera.parent = carrier


def walk(owner: Any, *, seen: set[Any], depth: int) -> Iterator[tuple[Any, Any]]:
    """All properties of `owner`, and of what belongs to it, that can be keyed."""
    mark = owner.as_pointer(), owner.bl_rna.identifier
    if mark in seen or depth > 6 or repr(owner).startswith("<"):
        return
    seen.add(mark)
    for prop in owner.bl_rna.properties:
        if not_tried(owner, prop.identifier):
            continue
        if prop.type == "POINTER":
            value = getattr(owner, prop.identifier)
            if value is not None and (not isinstance(value, bpy.types.ID) or value.is_embedded_data):
                yield from walk(value, seen=seen, depth=depth + 1)
        elif prop.type == "COLLECTION":
            items = list(getattr(owner, prop.identifier))
            for item in items if prop.identifier in ("nodes", "inputs") else items[:2]:
                if item is not None and not isinstance(item, bpy.types.ID):
                    yield from walk(item, seen=seen, depth=depth + 1)
        elif prop.is_animatable and not prop.is_readonly and prop.type != "STRING":
            yield owner, prop


def not_tried(owner: Any, name: str) -> bool:
    if isinstance(owner, bpy.types.Node) and name in bpy.types.Node.bl_rna.properties:
        return name not in ("inputs", "mute")
    if isinstance(owner, bpy.types.NodeSocket):
        return name != "default_value"
    return NOT_TRIED.fullmatch(name) is not None and name not in ALWAYS_TRIED


def attempt(owner_expression: str, name: str, title: str) -> tuple[str, str]:
    """Which kind of property it is, and what came of it."""
    bpy.ops.wm.open_mainfile(filepath=str(SCRATCH / "stage.blend"))
    try:
        owner = eval(owner_expression)
        change(owner, owner.bl_rna.properties[name])
    except Exception as error:  # noqa: BLE001  there is much that Blender doesn't allow
        return "", f"not keyed: {error}"
    reopen("changed.blend")
    (kind,) = (
        animation.kind(place, thing, path)
        for place, thing in animation.animated_ids()
        if thing.name != CARRIER
        for path in animation.animated_paths(thing)
    )
    return kind, compare(title)


def compare(title: str) -> str:
    try:
        alone = rendered(keep=False)
        if len(set(alone)) == 1:
            return "unseen"
        result = "same" if rendered(keep=True) == alone else different_or_random()
    except RuntimeError as error:
        return f"not rendered: {error}"
    samples = SCRATCH / "blends"
    if result == "different" or random.random() < SAMPLED:
        samples.mkdir(exist_ok=True)
        place = samples / re.sub(r"[^\w-]", "_", title)
        bpy.ops.wm.save_as_mainfile(filepath=f"{place}.blend", copy=True)
        hashes = {frame: hashlib.blake2b(picture).hexdigest() for frame, picture in zip(FRAMES, alone, strict=True)}
        place.with_suffix(".json").write_text(json.dumps(hashes))
    return result


def different_or_random() -> str:
    """Some of what is made by many threads comes out otherwise now and then, from scratch too."""
    alone, kept = set(), set()
    for _ in range(ROUNDS):
        alone.add(tuple(rendered(keep=False)))
        kept.add(tuple(rendered(keep=True)))
    return "different" if alone.isdisjoint(kept) and len(alone) < ROUNDS else "random"


def change(owner: Any, prop: Any) -> None:
    """Keys a property so that it has another value at each of the frames, or at least at the last."""
    for frame, value in values(owner, prop):
        setattr(owner, prop.identifier, value)
        if not owner.keyframe_insert(prop.identifier, frame=frame):
            raise ValueError("no key was made")


def values(owner: Any, prop: Any) -> list[tuple[int, Any]]:
    """Keys; what can't change little by little changes at frames that are rendered, while the shutter is open."""
    now = getattr(owner, prop.identifier)
    if prop.type == "BOOLEAN":
        first, second = (list(now), [not value for value in now]) if prop.is_array else (now, not now)
        return [(1, first), (2, second), (4, first)]
    if prop.type == "ENUM":
        if prop.is_enum_flag:
            every = {item.identifier for item in prop.enum_items}
            return [(1, now), (2, every - now or every), (4, now)]
        others = [item.identifier for item in prop.enum_items if item.identifier != now]
        return [(1, now), (2, others[0]), (4, others[1 % len(others)])]
    if prop.is_array:
        return [(1, list(now)), (10, [other(value, prop) for value in now])]
    return [(1, now), (10, other(now, prop))]


def other(value: Any, prop: Any) -> Any:
    """A value that is not much larger: some properties are for how much there is of something."""
    low, high = max(prop.soft_min, prop.hard_min), min(prop.soft_max, prop.hard_max)
    if prop.type == "INT":
        return value + 3 if value + 3 <= high else max(low, value - 3)
    if value * 2 + 0.5 <= high:
        return value * 2 + 0.5
    return low + (value - low) * 0.3


def rendered(*, keep: bool) -> list[bytes]:
    scene: Any = bpy.context.scene
    scene.render.use_persistent_data = keep
    one = one_frame.OneFrame(scene)
    pictures = []
    for frame in FRAMES:
        path = one.render(frame, SCRATCH / f"{frame:06}.exr")
        if path is None:
            raise RuntimeError("there is no picture")
        pictures.append(raw_pixels.pixels(path))
    return pictures


main()
sys.stdout.flush()
os._exit(0)  # a Blender that has had fluids does not survive its end
