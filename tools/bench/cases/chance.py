# SPDX-License-Identifier: GPL-3.0-or-later
"""Chance: how often Blender itself, with no worker in it, evaluates one and the same frame differently."""

import json

from tools.bench.cases.yard import Bench, Figure
from tools.blenders.inside_blender import run_script


def chance(bench: Bench) -> list[Figure]:
    times, out = 200 if bench.quick else 2000, bench.scratch / "chance.json"
    run_script("chance.py", bench.blender, out, times, timeout=600)
    return [Figure(f"of {times} evaluations differ from the others", json.loads(out.read_text()), "")]
