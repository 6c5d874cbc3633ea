# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of previous SMS settings: made before a run changes them, read to put them back.

One JSON file a run, readable by its owner only. It holds the webhooks with their passwords, old and new, because a
mask cannot be put back: it is a secret, encrypted wherever the caller has a vault password.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from .._http.errors import SmsError
from .._numbers.notation import normalize
from .._twilio import services
from .._twilio.webhook import is_change
from .whole_file import replace

FORMAT = 1


def new_record(entry_point: str) -> dict[str, Any]:
    """Return a record without numbers."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"format": FORMAT, "created_at": now, "entry_point": entry_point, "accounts": {}}


def add(record: dict[str, Any], account_sid: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Note what is about to change in an account.

    :param changes: ``before`` and ``after`` (settings, see :mod:`webhook`) by number, and of services by SID (see
        :func:`services.is_change`). What was noted earlier in the run keeps its first ``before``
    """
    noted = record["accounts"].setdefault(account_sid, {})
    for place, change in changes.items():
        noted[place] = {**change, "before": noted.get(place, change)["before"]}


def _is_service(sid: str, change: Any) -> bool:
    return sid[:2] in ("MG", "IG") and sid.isalnum() and services.is_change(change)


def check_folder(folder: str, *, in_container: bool = False) -> None:
    """Make *folder* if it is missing, and see whether a record can be written there.

    :param in_container: whether what is made here is gone with the job, as under a controller: then it has to be there
    :raises SmsError: when it cannot
    """
    if in_container and not os.path.isdir(folder):
        raise SmsError(
            f"connect_sms_backup_dir '{folder}' is not in the job's container, and a folder made there would be gone with it:"
            " expose one of the host to jobs (Settings, Jobs, Paths to expose to isolated jobs); nothing was changed",
            code="backup_failed",
        )
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SmsError(
            f"No backup can be written into connect_sms_backup_dir '{folder}' ({error.strerror}): nothing was changed",
            code="backup_failed",
        ) from None


def write(path: str, record: Mapping[str, Any], encrypt: Callable[[str], bytes] | None = None) -> None:
    """Write *record* so that the file is either there as a whole, on the disk and not only in a cache, or not at all.

    :param encrypt: what makes the text unreadable, where there is a vault password
    :raises SmsError: when it cannot be written; nothing may be changed then
    """
    text = json.dumps(record, indent=1)
    data = encrypt(text) if encrypt else text.encode()
    try:
        replace(path, data)
    except OSError as error:
        raise SmsError(
            f"The backup '{path}' could not be written ({error.strerror}): no webhook was changed", code="backup_failed"
        ) from None


def read(path: str, decrypt: Callable[[bytes], bytes]) -> dict[str, Any]:
    """Return the record in a file.

    :param decrypt: returns the text of what may be encrypted
    :raises SmsError: when there is none, or it is no record
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise SmsError(f"The backup '{path}' cannot be read: {error.strerror}", code="bad_backup") from None
    try:
        record = json.loads(decrypt(data))
        known = record["format"] == FORMAT
        for account, changes in record["accounts"].items():
            known = known and account.startswith("AC")
            for place, change in changes.items():
                known = known and (_is_service(place, change) or (normalize(place) == place and is_change(change)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        known = False
    if not known:
        raise SmsError(
            f"'{path}' is no backup that connect_sms wrote (connect_sms_backup_dir)", code="bad_backup"
        ) from None
    return record


def paths_of(value: Any) -> list[str]:
    """Return the files that a variable names: one, a list of them, or a text with one a line, as a form gives them."""
    given = value.splitlines() if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
    named = [str(path).strip() for path in given if path is not None]
    return list(dict.fromkeys(os.path.abspath(os.path.expanduser(path)) for path in named if path))


def read_all(paths: Iterable[str], decrypt: Callable[[bytes], bytes]) -> dict[str, Any]:
    """Return the records in several files as one, as a run cut into slices writes several.

    Where more than one knows a number, all that was done to it is undone: it has the oldest record's ``before`` and the
    youngest's ``after``.

    :raises SmsError: as :func:`read`
    """
    records = sorted((read(path, decrypt) for path in paths), key=lambda record: str(record.get("created_at") or ""))
    whole = records[0]
    for record in records[1:]:
        for account_sid, changes in record["accounts"].items():
            add(whole, account_sid, changes)
    return whole
