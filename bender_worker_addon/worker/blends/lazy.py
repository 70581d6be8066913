# SPDX-License-Identifier: GPL-3.0-or-later
"""LazyFlaskbender: flaskbender, loaded by the first thread that asks something of it. What speaks HTTP takes longer to
load than all else of a worker; meanwhile its Blender starts. Without a flaskbender in the farm it is never loaded."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.frame import StoredFrame
from ...core.tile import Tile
from ...core.transfers import (
    BlendFailed,
    BlendReady,
    FrameNotUploaded,
    FrameUploaded,
    JobStatus,
    TilesFailed,
    TilesReady,
)
from ...settings.tls import Tls

if TYPE_CHECKING:
    from .flaskbender import Flaskbender


class LazyFlaskbender:
    """A Flaskbender."""

    def __init__(self, url: str, tls: Tls) -> None:
        self._url = url
        self._tls = tls

    def load(self) -> None:
        """Else who asks first has to wait for it."""
        _ = self._flaskbender

    def fetch_blend(self, job_id: str, target: Path) -> BlendReady | BlendFailed:
        return self._flaskbender.fetch_blend(job_id, target)

    def serves(self, job_id: str) -> bool:
        return self._flaskbender.serves(job_id)

    def job_status(self, job_id: str) -> JobStatus:
        return self._flaskbender.job_status(job_id)

    def fetch_tiles(self, job_id: str, task_id: str, tiles: Mapping[Path, Tile]) -> TilesReady | TilesFailed:
        return self._flaskbender.fetch_tiles(job_id, task_id, tiles)

    def upload(
        self, *, job_id: str, task_id: str, frame: StoredFrame, preview: bytes = b""
    ) -> FrameUploaded | FrameNotUploaded:
        return self._flaskbender.upload(job_id=job_id, task_id=task_id, frame=frame, preview=preview)

    @cached_property
    def _flaskbender(self) -> "Flaskbender":
        from .flaskbender import Flaskbender

        return Flaskbender(self._url, self._tls)
