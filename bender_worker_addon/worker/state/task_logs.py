# SPDX-License-Identifier: GPL-3.0-or-later
"""Task logs: what Blender printed, a file a task: of the last tasks, and longer of those that failed."""

from pathlib import Path

_KEPT = 200  # of tasks that went well, and as many of those that failed


class TaskLogs:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, task_id: str) -> Path:
        return self._folder / f"task-{task_id}.log"

    def failed(self, task_id: str) -> None:
        """Keeps this task's log apart from the others: somebody will want to read it."""
        if self.path(task_id).exists():
            self._mark(self.path(task_id)).touch()

    def prune(self) -> None:
        """Deletes the oldest."""
        newest_first = sorted(self._folder.glob("task-*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
        failed = [path for path in newest_first if self._mark(path).exists()]
        well = [path for path in newest_first if path not in failed]
        for path in (*well[_KEPT:], *failed[_KEPT:]):
            path.unlink(missing_ok=True)
            self._mark(path).unlink(missing_ok=True)

    @staticmethod
    def _mark(path: Path) -> Path:
        return path.with_suffix(".failed")
