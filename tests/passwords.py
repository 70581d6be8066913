# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords for a farm, and where they must not be found. No test."""

from pathlib import Path
from typing import Any

from tests.farm.farmyard import Farm
from tests.farm.process import WorkerProcess

AMQP, HTTP = "hush-amqp", "hush-http"


def addresses(farm: Farm) -> dict[str, Any]:
    """The farm's, as settings, with a password each."""
    if "keeper" not in farm.rabbit.ctl("list_users"):
        farm.rabbit.ctl("add_user", "keeper", AMQP)
    farm.rabbit.ctl("set_permissions", "-p", farm.vhost, "keeper", ".*", ".*", ".*")
    return {
        "amqp_url": f"amqp://keeper:{AMQP}@127.0.0.1:{farm.rabbit.port}/{farm.vhost}",
        "bender_url": farm.server.url.replace("http://", f"http://artist:{HTTP}@"),
    }


def passwords_in(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    return [password for password in (AMQP, HTTP) if password.encode() in content]


def files_with_passwords(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and passwords_in(path.read_bytes())]


def processes_with_passwords(worker: WorkerProcess) -> list[Path]:
    """What others can see of all processes of a worker, and what those know that it has started."""
    seen = [Path(f"/proc/{process}/cmdline") for process in worker.living()]
    known = [Path(f"/proc/{child}/environ") for child in worker.children()]
    return [path for path in (*seen, *known) if passwords_in(path.read_bytes())]
