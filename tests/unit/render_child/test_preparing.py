# SPDX-License-Identifier: GPL-3.0-or-later
"""What engines say of a frame, as it was recorded with Blender 4.3 and 5.2, in words for people."""

import pytest

from bender_worker_addon.render_child.preparing import part_done, stage

KERNELS = "Loading render kernels (may take a few minutes)"
SCENE = "Preparing the scene"
OLDER = "Fra:1 Mem:10.12M (Peak 10.12M) | Time:00:05.07 | Mem:0.00M, Peak:0.00M | Scene, ViewLayer | "


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (f"{OLDER}Synchronizing object | Suzanne", SCENE),
        (f"{OLDER}Initializing", SCENE),
        (f"{OLDER}Waiting for render to start", SCENE),
        (f"{OLDER}Loading render kernels (may take a few minutes the first time)", KERNELS),
        (f"{OLDER}Updating Scene BVH | Building BVH 48%", SCENE),
        (f"{OLDER}Updating Images | Loading brake.jpg", "Loading textures"),
        ("Mem: 0M | Loading render kernels (may take a few minutes the first time)", KERNELS),
        ("Mem: 123M | Updating Device | Writing constant memory", SCENE),
    ],
)
def test_what_can_not_be_counted_is_said_in_words(said: str, words: str) -> None:
    assert part_done(said) is None
    assert stage(said) == words


@pytest.mark.parametrize(
    ("said", "part"),
    [
        (f"{OLDER}Sample 0/8", 0.0),
        ("Fra:1 Mem:10.12M | Time:00:08.79 | Remaining:00:00.36 | Mem:394M | Scene, ViewLayer | Sample 2/8", 0.25),
        ("Rendering 16 / 64 samples", 0.25),
    ],
)
def test_samples_are_counted(said: str, part: float) -> None:
    assert part_done(said) == part
