# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitMQ on a host: listens on the address that is its argument, prints its URL, and obeys the words that come, a
line each: `kill`, `empty` (killed, all it held is gone). Each is answered by itself when RabbitMQ runs again."""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tools.servers.rabbitmq import RabbitNode

with RabbitNode(address=sys.argv[1], config="loopback_users = none") as node:
    print(node.url, flush=True)
    for line in sys.stdin:
        node.kill()
        if line.strip() == "empty":
            shutil.rmtree(node.folder / "data")
        node.start()
        print(line.strip(), flush=True)
