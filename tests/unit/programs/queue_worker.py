# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker as small as can be, to be killed at any moment: takes tasks from the local queue of FOLDER, "renders" each
into a file, reports it finished and acks it once the report is confirmed. Ends when its input does."""

import json
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from bender_worker_addon.core.deliveries import Confirmed, Connected, Delivered, Delivery
from bender_worker_addon.queues.local.queue import LocalQueue


def main() -> None:
    folder = Path(sys.argv[1])
    inbox: SimpleQueue[Any] = SimpleQueue()
    queue = LocalQueue(folder, jobs=folder / "jobs", inbox=inbox)
    threading.Thread(target=lambda: inbox.put(sys.stdin.read()), daemon=True).start()
    queue.consume(2)
    queue.start()
    held: dict[int, Delivery] = {}
    session = 0
    while True:
        match inbox.get():
            case Connected(session):
                print("connected", flush=True)
            case Delivered(delivery):
                task = json.loads(delivery.body)
                (folder / "rendered" / task["id"]).touch()
                task["status"] = "Finished"
                held[delivery.tag] = delivery
                queue.publish(session, delivery.tag, "finish.w", json.dumps(task).encode())
            case Confirmed((tag,)):
                queue.ack(held.pop(tag))
            case str():
                queue.close(timeout=10)
                return


main()
