# SPDX-License-Identifier: GPL-3.0-or-later
"""Pace: seconds from one frame of a job to the next, by its last tasks."""

from bender_worker_addon.farm import pace
from tests.unit.local_site import Site


def test_it_is_known_with_the_first_frame(site: Site) -> None:
    site.add("job", 5)
    worker = site.worker()
    with site.database.looking() as connection:
        assert pace.of(connection, "job") is None
        assert pace.of(connection, "no-such-job") is None
    for number in (1, 2, 3):
        delivery = worker.take()
        times = {"start": f"2026-03-02T10:00:{10 * number:02}Z", "finish": f"2026-03-02T10:00:{10 * number + 8:02}.5Z"}
        worker.report(delivery, "finish", status="Finished", time=times)
        worker.queue.ack(delivery)
    with site.database.looking() as connection:
        found = pace.of(connection, "job")
    assert found is not None
    assert (round(found.seconds, 2), found.last.second) == (9.5, 38)
