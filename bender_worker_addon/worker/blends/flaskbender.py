# SPDX-License-Identifier: GPL-3.0-or-later
"""Flaskbender: a job's blend and status, and its frames back, over HTTP. Knows requests, as download.py does.

Every method blocks and gives an event; they are run on a Executor.
"""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from ...core.errors import BlendError, UploadError
from ...core.frame import StoredFrame
from ...core.transfers import (
    JOB_STATUSES,
    BlendFailed,
    BlendReady,
    FrameNotUploaded,
    FrameUploaded,
    JobStatus,
    unfinished,
)
from ...settings.tls import SYSTEM_TLS, Tls
from ...system.disks import FULL
from ...system.durable import make_durable
from .blend_file import check_blend
from .download import Download
from .multipart import Form

_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two pieces of an answer
_BUSY = frozenset({408, 425, 429})  # client errors that say: later
_HEADERS = {"User-Agent": "bender-worker"}


class Flaskbender:
    def __init__(self, url: str, tls: Tls = SYSTEM_TLS) -> None:
        self._url = url
        self._common = _common(tls)

    def fetch_blend(self, job_id: str, target: Path) -> BlendReady | BlendFailed:
        """Downloads the job's blend, proves that it is one and moves it to `target` whole."""
        try:
            self._fetch(job_id, target)
            return BlendReady(job_id, target.stat().st_size)
        except OSError as error:  # requests' own errors are OSErrors too; _download has turned those into BlendErrors
            text = f"the blend can't be stored as {target}: {error.strerror or error}"
            return BlendFailed(job_id, BlendError(text, again=error.errno not in FULL, elsewhere=True))
        except BlendError as error:
            return BlendFailed(job_id, error)

    def job_status(self, job_id: str) -> JobStatus:
        try:
            answer = requests.get(f"{self._url}/job/worker/status/{job_id}", headers=_HEADERS, **self._common)
        except requests.RequestException:
            return JobStatus(job_id, None)
        return JobStatus(job_id, _job_status(answer.text) if answer.ok else None)

    def upload(self, *, job_id: str, task_id: str, frame: StoredFrame) -> FrameUploaded | FrameNotUploaded:
        """Sends a frame with its size and hash. Only an answer of 2xx says that flaskbender has it."""
        try:
            self._upload(f"{self._url}/job/{job_id}/{task_id}", frame)
        except UploadError as error:
            return FrameNotUploaded(task_id, frame.number, error)
        return FrameUploaded(task_id, frame.number)

    def _upload(self, url: str, frame: StoredFrame) -> None:
        fields = {"filesize": str(frame.size), "filehash": frame.hash}
        try:
            with frame.path.open("rb") as file:
                form = Form(fields, file=file, filename=frame.path.name, size=frame.size)
                headers = {**_HEADERS, "Content-Type": form.content_type}
                # Not redirected: requests would follow with a GET, and a sign-in page is no answer to a POST.
                answer = requests.post(url, data=form, headers=headers, allow_redirects=False, **self._common)
        except requests.RequestException as error:
            text = f"flaskbender can't be reached for frame {frame.number}: {_in_words(error)}"
            raise UploadError(text, patient=True) from error
        except OSError as error:
            text = f"frame {frame.number} can't be read from {frame.path}: {error.strerror or error}"
            raise UploadError(text, patient=True) from error
        status = answer.status_code
        if status >= 500 or status in _BUSY:
            raise UploadError(f"flaskbender could not take frame {frame.number} ({status})", patient=True)
        if not 200 <= status < 300:
            raise UploadError(f"flaskbender refused frame {frame.number} ({status} {answer.reason})")

    def _fetch(self, job_id: str, target: Path) -> None:
        part = unfinished(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._download(job_id, part)
            check_blend(part)
            make_durable(part, target)
        finally:
            part.unlink(missing_ok=True)

    def _download(self, job_id: str, part: Path) -> None:
        url = f"{self._url}/job/worker/blend/{job_id}"

        def ask(headers: Mapping[str, str]) -> requests.Response:
            request = {"request": "blendfile"}
            answer = requests.get(url, json=request, headers={**_HEADERS, **headers}, stream=True, **self._common)
            try:
                _check_status(answer)
            except BlendError:
                answer.close()
                raise
            return answer

        try:
            Download(ask, part).run()
        except requests.exceptions.ChunkedEncodingError as error:
            raise BlendError("the blend's download was cut short", again=True, elsewhere=True) from error
        except (requests.ConnectionError, requests.Timeout) as error:
            raise BlendError(f"flaskbender can't be reached: {_in_words(error)}", patient=True) from error
        except requests.RequestException as error:
            raise BlendError(f"the blend can't be fetched: {type(error).__name__}", elsewhere=True) from error


def why_unreachable(url: str, tls: Tls) -> str:
    """Asks for the page at `url`; gives what is wrong and what to do, or nothing if somebody answers."""
    try:
        requests.get(url, headers=_HEADERS, stream=True, **_common(tls)).close()
    except requests.RequestException as error:
        return f"{_in_words(error)}; is flaskbender running there, and is the address right?"
    return ""


def _common(tls: Tls) -> dict[str, Any]:
    """What every request has; a server whose certificate is not believed is never talked to."""
    verify = True if tls.ca_file is None else str(tls.ca_file)
    cert = None if tls.client_cert is None else str(tls.client_cert)
    if cert is not None and tls.client_key is not None:
        return {"timeout": _TIMEOUT, "verify": verify, "cert": (cert, str(tls.client_key))}
    return {"timeout": _TIMEOUT, "verify": verify, "cert": cert}


def _check_status(answer: requests.Response) -> None:
    if answer.status_code == requests.codes.not_found:
        raise BlendError("flaskbender has no blend for this job (404)")
    if answer.status_code >= 500:
        text = f"flaskbender could not serve the blend ({answer.status_code})"
        raise BlendError(text, again=True, elsewhere=True)
    if not answer.ok:
        raise BlendError(f"flaskbender refused the blend ({answer.status_code})", elsewhere=True)


def _job_status(text: str) -> str | None:
    """Reads `{'Job': 'Finished'}`: Python's repr, as flaskbender writes it, or JSON."""
    for read in (json.loads, ast.literal_eval):
        try:
            answer = read(text.strip())
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        status = answer.get("Job") if isinstance(answer, dict) else None
        return status if isinstance(status, str) and status in JOB_STATUSES else None
    return None


def _in_words(error: BaseException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    root: BaseException | None = error
    while root is not None and not (isinstance(root, OSError) and root.strerror):
        root = root.__cause__ or root.__context__
    return root.strerror if isinstance(root, OSError) and root.strerror else type(error).__name__
