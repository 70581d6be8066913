# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors a worker can meet. The text of each is a sentence for people: what, to which task or file, what to do."""

import enum


class Remedy(enum.Enum):
    """What can help against an error."""

    NONE = "none"  # whoever tries, it fails again
    ELSEWHERE = "elsewhere"  # another worker may have better luck
    RETRY = "retry"  # the same again may go well here in a moment; else elsewhere
    WAIT = "wait"  # a server or a disk is out of reach: no task is to blame, all wait


class WorkerError(Exception):
    """The root of the tree."""


class ConfigError(WorkerError):
    """A setting that can't be used. The text names it, where it came from, what was found and what is allowed."""


class FolderInUse(WorkerError):
    """A folder that must be one worker's alone is another's, which is running."""


class AtWork(FolderInUse):
    """Another worker is at work on this data folder: the one of this machine and person."""


class FarmError(WorkerError):
    """The farm's own side, its folder or its queue, can't be used, or was asked for what it can't do."""


class NotRunning(WorkerError):
    """There is no worker to be asked or told something."""


class TaskRefused(WorkerError):
    """A message that no worker could ever carry out: it is rejected, never tried."""


class Failure(WorkerError):
    """Something a task needs did not go well. `retry_after`: seconds after which the server wants to be asked again, if
    it has said so."""

    def __init__(self, text: str, remedy: Remedy, *, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.remedy = remedy
        self.retry_after = retry_after


class BlendError(Failure):
    """A job's blend could not be had."""


class FrameError(Failure):
    """A rendered file that is not a whole picture of the right kind, or could not be stored."""

    def __init__(self, text: str, remedy: Remedy = Remedy.RETRY) -> None:
        super().__init__(text, remedy)


class UploadError(Failure):
    """A frame that flaskbender did not take: WAIT if it was out of reach or not up to it, RETRY if it refused this
    one."""
