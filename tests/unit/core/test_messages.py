# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages: what a child says is understood or is no message; nothing else comes of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core import messages
from bender_worker_addon.core.messages import (
    ChildEvent,
    Command,
    Devices,
    FrameBegun,
    FrameWritten,
    Loaded,
    Progress,
    RenderFailed,
    Revoked,
    Stopped,
)
from bender_worker_addon.core.tile import Region, TileFile

SPENT = dict.fromkeys(messages.SPENT, 0.5)


@pytest.mark.parametrize(
    ("said", "event"),
    [
        ({"is": "devices", "device": "CPU (x)", "kind": ""}, Devices(3, "CPU (x)", "")),
        ({"is": "devices", "device": "x" * 999, "kind": "y" * 999}, Devices(3, "x" * 200, "y" * 200)),
        ({"is": "loaded", "keep_not": "cloth", "device": "CPU"}, Loaded(3, "cloth", "CPU")),
        ({"is": "begin", "attempt": 7, "frame": 1}, FrameBegun(3, 7, 1)),
        (
            {"is": "progress", "attempt": 7, "frame": 1, "part": 0.5, "doing": "x" * 99},
            Progress(3, 7, 1, 0.5, "x" * 80),
        ),
        (
            {"is": "frame", "attempt": 7, "frame": 1, "spent": SPENT | {"dance": 9}, "memory": 8},
            FrameWritten(3, 7, 1, SPENT, 8),
        ),
        ({"is": "revoked", "attempt": 7}, Revoked(3, 7)),
        (
            {"is": "failed", "attempt": 7, "frame": 1, "reason": "why", "scene": True},
            RenderFailed(3, 7, 1, "why", True),
        ),
        ({"is": "stopped"}, Stopped(3)),
    ],
)
def test_what_a_child_says_is_understood(said: dict[str, Any], event: ChildEvent) -> None:
    assert messages.decoded(messages.encoded(said), 3) == event


def test_an_order_names_a_file_for_each_frame() -> None:
    command = Command(7, Path("/b/Größe.blend"), (3, 12), "OPEN_EXR", Path("/out put"), colors="blender")
    line = messages.encoded(messages.render(command))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "do": "render",
        "attempt": 7,
        "blend": str(Path("/b/Größe.blend")),
        "frames": [3, 12],
        "format": "OPEN_EXR",
        "files": [str(Path("/out put", name)) for name in ("000003.exr", "000012.exr")],
        "colors": "blender",
        "region": None,
        "tiles": [],
    }


def test_an_order_for_a_tile_and_one_for_a_picture_of_tiles() -> None:
    tile = TileFile(Region(1, 2, 30, 40), Path("/t/000003.exr"), "0" * 128)
    part = Command(7, Path("/b/x.blend"), (3,), "OPEN_EXR_MULTILAYER", Path("/out"), region=tile.region)
    whole = Command(8, Path("/b/x.blend"), (3,), "PNG", Path("/out"), tiles=(tile,))
    assert messages.render(part)["region"] == [1, 2, 30, 40]
    assert messages.render(whole)["tiles"] == [[1, 2, 30, 40, str(tile.file), tile.hash]]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"\xff\n",
        b"Saved: '/tmp/000001.png'\n",
        b"[]\n",
        b"7\n",
        b"{}\n",
        b'{"is": "frame"}\n',
        b'{"is": "frame", "attempt": 1, "frame": 1}\n',
        b'{"is": "frame", "attempt": 1, "frame": 1, "spent": {"load": 1}, "memory": 1}\n',
        b'{"is": "frame", "attempt": null, "frame": 1}\n',
        b'{"is": "frame", "attempt": Infinity, "frame": 1}\n',
        b'{"is": "dance", "attempt": 1, "frame": 1}\n',
        b'{"is": ["frame"], "attempt": 1, "frame": 1}\n',
        b"[" * messages.LONGEST,
    ],
)
def test_what_is_no_message_is_not_understood(line: bytes) -> None:
    with pytest.raises(messages.NO_MESSAGE):
        messages.decoded(line, 1)


@given(st.binary(max_size=50) | st.text('{}[]":, isrunframe1', max_size=50).map(str.encode))
def test_nothing_else_comes_of_any_bytes(line: bytes) -> None:
    with pytest.raises(messages.NO_MESSAGE):
        messages.decoded(line, 1)


def test_who_knows_the_token_is_the_child() -> None:
    assert messages.is_hello(b'{"is": "hello", "token": "abc"}\n', "abc")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"abc\n",
        b'{"is": "hello"}\n',
        b'{"token": "ABC"}\n',
        b'{"token": ""}\n',
        b'{"token": null}\n',
        b'{"token": "\xc3\xa4"}\n',
        b'["abc"]\n',
        b"GET / HTTP/1.1\r\n",
        b"[" * messages.LONGEST,
    ],
)
def test_who_does_not_know_it_is_not(line: bytes) -> None:
    assert not messages.is_hello(line, "abc")
