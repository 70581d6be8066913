# SPDX-License-Identifier: GPL-3.0-or-later
"""What a blend might do that has found a hole in Blender. Runs in a render child, as one of Blender's
startup scripts.

`INTRUDER` in the environment holds what to try, as JSON: files to `read`, files to `write`, ports to `connect` to.
Prints `intruder: TRY done` or `intruder: TRY refused` for each.
"""

import json
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path


def main() -> None:
    wanted = json.loads(os.environ["INTRUDER"])
    for path in wanted["read"]:
        _try(f"read {path}", Path(path).read_bytes)
    for path in wanted["write"]:
        _try(f"write {path}", partial(Path(path).write_text, "here"))
    for port in wanted["connect"]:
        _try(f"connect {port}", partial(socket.create_connection, ("127.0.0.1", port), timeout=5))
    secrets = [name for name, value in os.environ.items() if "hunter2" in value]
    print(f"intruder: secrets {secrets}", flush=True)


def _try(words: str, attempt: Callable[[], object]) -> None:
    try:
        attempt()
        print(f"intruder: {words} done", flush=True)
    except OSError:
        print(f"intruder: {words} refused", flush=True)


def register() -> None:
    """Nothing: Blender expects it of a startup script."""


if any(word.endswith("start.py") for word in sys.argv):
    main()
