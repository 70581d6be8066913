# SPDX-License-Identifier: GPL-3.0-or-later
"""The API is what its description says, and stands up to whatever the description does not: schemathesis makes both up
and asks a real server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.farm.serving import Farm

CONFIG = Path(__file__).with_name("schemathesis.toml")
ENDLESS = "/api/events"


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    made = Farm(tmp_path)
    for job in ("job-1", "job-2"):
        made.send(job, "1-3")
    yield made
    made.close()


def test_the_api_is_as_described(farm: Farm, tmp_path: Path) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
            *("--config-file", str(CONFIG), "run", f"{farm.base}/openapi.json"),
            *("--header", f"Authorization: Bearer {farm.key}", "--exclude-path", ENDLESS),
        ],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    log = farm.server.log.read_text()
    assert "Traceback" not in log, log
    assert farm.ask("GET", "/api/jobs") is not None
