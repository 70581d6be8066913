# SPDX-License-Identifier: GPL-3.0-or-later
"""Words: what an artist is told of a job. No bpy."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...core import retry

if TYPE_CHECKING:
    from ...farm.books import Failure, Job
    from ...farm.tasks import TaskRecord
    from ...settings.config import WorkerConfig
    from ...sites.site import Details

WAITING, RENDERING, PAUSED, STOPPED, FINISHED, FAILED, CANCELED, STOPPING = (
    "Waiting", "Rendering", "Paused", "Stopped", "Finished", "Failed", "Canceled", "Stopping..."
)  # fmt: skip
_OF_FRAME = re.compile(r"\bframe \d+: ")
_FEW, _MANY = 1, 5000  # parts of a list of frames between which it is looked at whether it is one in steps
_STATES = {"Queued": WAITING, "Running": RENDERING, "Errored": FAILED, "Aborted": CANCELED, "Problem": STOPPED}


def state(told: str) -> str:
    """The one word for a status of bender's, one of `site.state_of`, or the state of a worker."""
    return _STATES.get(told, told)


def in_order(jobs: "Sequence[Job]") -> "tuple[Job, ...]":
    """What is being rendered, what waits in its turn, and what is over, the newest first."""
    from ...farm.books import OVER

    over = [job for job in jobs if job.status in OVER]
    left = [job for job in jobs if job.status not in OVER]
    left.sort(key=lambda job: (job.paused, job.status != "Running", -job.priority, job.created))
    return (*left, *sorted(over, key=lambda job: job.created, reverse=True))


def priority_to_pass(jobs: "Sequence[Job]", job_id: str, *, up: bool) -> int | None:
    """The priority with which a job goes before the one above it in its turn, or after the one below. None if there is
    none. `jobs` are in order."""
    from ...farm.books import OVER

    waiting = [job for job in jobs if job.status not in OVER and not job.paused]
    at = next((index for index, job in enumerate(waiting) if job.id == job_id), None)
    other = None if at is None else at - 1 if up else at + 1
    if at is None or other is None or not 0 <= other < len(waiting):
        return None
    job, passed = waiting[at], waiting[other]
    if up:
        return passed.priority if job.created < passed.created else passed.priority + 1
    return passed.priority if job.created > passed.created else passed.priority - 1


def priority_to_lead(jobs: "Sequence[Job]", job_id: str) -> int | None:
    """The priority with which a job goes before all others. None if it does, or if nothing of it is left to do."""
    from ...farm.books import OVER

    job = next((job for job in jobs if job.id == job_id and job.status not in OVER), None)
    others = [other for other in jobs if other.status not in OVER and other.id != job_id]
    if job is None or not others:
        return None
    highest = max(other.priority for other in others)
    first = all(job.created < other.created for other in others if other.priority == highest)
    needed = highest if first else highest + 1
    return needed if job.priority < needed else None


def frames(text: str) -> str:
    """A list of frames as it may have been typed, steps too, to be wrapped at any comma."""
    from ...farm import frame_list

    is_worth_it = _FEW < text.count(",") < _MANY
    typed = frame_list.as_typed(sorted(frame_list.numbers_in(text))) if is_worth_it else text
    return typed.replace(",", ", ")


def by_state(lists: "Mapping[str, str]") -> dict[str, str]:
    """Lists of frames by the word for their status: for people several are one."""
    from ...farm import frame_list

    found: dict[str, list[str]] = {}
    for status, numbers in lists.items():
        found.setdefault(state(status), []).append(numbers)
    return {word: frames(frame_list.joined(",".join(numbers))) for word, numbers in found.items()}


def run_around(numbers: "Sequence[int]", frame: int) -> range:
    """The longest run of numbers in steps of one length, in which this one is."""
    at, best = numbers.index(frame), range(frame, frame + 1)
    for step in {frame - numbers[at - 1] if at else 0, numbers[at + 1] - frame if at + 1 < len(numbers) else 0} - {0}:
        first = last = at
        while first and numbers[first] - numbers[first - 1] == step:
            first -= 1
        while last + 1 < len(numbers) and numbers[last + 1] - numbers[last] == step:
            last += 1
        run = range(numbers[first], numbers[last] + 1, step)
        best = max(best, run, key=len)
    return best


def place(frame: int, numbers: "Sequence[int]") -> str:
    """Which of the frames of a job this is: `Frame 7 of 12`, or `Frame 107, 7 of 12`."""
    at = numbers.index(frame) + 1
    return f"Frame {frame}, {at} of {len(numbers)}" if frame != at else f"Frame {frame} of {len(numbers)}"


def gigabytes(size: int) -> str:
    """`1.2 GB`; less than that in MB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def log(name: str, frame: int, task: "TaskRecord", printed: str) -> str:
    """What is known of the task of a frame, and what its Blender has printed, as a text to be read."""
    head = [f"{name}, frame{'' if task.frames.isdecimal() else 's'} {task.frames}: {state(task.status)}"]
    facts = {"worker": task.worker, "device": task.device, "begun": when(task.start, now()), "failed": task.error}
    head += [f"{what}: {words}" for what, words in facts.items() if words]
    head += [f"in doubt: {words}" for words in task.warnings.splitlines()]
    return "\n".join([*head, "", printed or f"Its Blender has printed nothing that was kept of frame {frame}.", ""])


def farm(config: "WorkerConfig", *, is_seen: bool) -> str:
    """Which farm this Blender works for."""
    if config.is_local:
        return "Farm: this computer"
    if is_seen and not config.is_shared:
        return f"Farm: {urlsplit(config.bender_url).hostname}"
    if is_seen:
        return f"Farm: {config.farm_dir}"
    return (
        f"Farm: the RabbitMQ on {urlsplit(config.amqp_url).hostname}. Its jobs are shown once you have joined it in the"
        " preferences"
    )


def facts(details: "Details", now: datetime) -> list[str]:
    """When it was sent, how much of it failed, how fast it is, and when it will be or was done."""
    job, pace = details.job, details.pace
    lines = [f"Sent {when(job.created, now)}"]
    if job.failed:
        lines.append(f"{job.failed} of {job.total} frames failed")
    if pace is None:
        return lines
    left = job.total - job.done - job.failed
    speed = f"{short(pace.seconds)} a frame"
    if job.status == "Running" and not job.paused and left:
        lines.append(f"{speed}, {duration(pace.seconds * left)} left")
    else:
        lines.append(f"{speed}, last one {when(pace.last.isoformat(), now)}")
    return lines


def reasons(failures: "Sequence[Failure]") -> "list[tuple[str, str]]":
    """Frames and why they failed: each reason once."""
    from ...farm.frame_list import joined

    frames: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for failure in failures:
        kind = retry.kind_of(failure.reason)
        frames.setdefault(kind, []).append(failure.frames)
        first.setdefault(kind, without_frame(failure.reason))
    return [(joined(",".join(frames[kind])), first[kind]) for kind in frames]


def without_frame(reason: str) -> str:
    """A reason without the frame in it: frames stand beside it."""
    return _OF_FRAME.sub("", reason, count=1)


def now() -> datetime:
    """In the time of this place."""
    return datetime.now().astimezone()


def when(moment: str, now: datetime) -> str:
    """A moment in RFC 3339 as people say it, in the time of this place."""
    try:
        at = datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone(now.tzinfo)
    except ValueError:
        return moment
    if at.date() == now.date():
        return f"today {at:%H:%M}"
    if at.date() == now.date() - timedelta(days=1):
        return f"yesterday {at:%H:%M}"
    return f"{at:%Y-%m-%d %H:%M}"


def short(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def duration(seconds: float) -> str:
    """`0:08`, `12:30` or `1:02:30`."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
