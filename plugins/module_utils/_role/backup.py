# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of previous SMS settings: written before a run changes them, and read to restore them.

There is one JSON file for each run and folder, readable by its owner only. It contains the webhooks with their passwords,
old and new, because they are needed to restore them. So it is a secret, and encrypted if there is a vault password.

The new key is part of the record, so the record is written after the credential is created. But nothing, not even a
credential, may be changed without a record. So its disk space is reserved first.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from .._http.errors import SmsError
from .._numbers.notation import normalize
from .._twilio import services
from .._twilio.webhook import is_change
from .whole_file import fill, replace

FORMAT = 1
PREFIX = "connect_sms-"
SLACK = 1024  # bytes for each change, for the new key, which is not known yet when the space is reserved
# Settings ``before`` and ``after`` by number (see :mod:`webhook`), and by SID of services (see :func:`services.is_service_change`).
Changes = Mapping[str, Mapping[str, Any]]


class Recorder:
    """Writes the one record of a run in a folder.

    :param run: unique ID of the run, the same for all its batches
    :param encrypt: encrypts the text, if there is a vault password
    :param decrypt: decrypts a text that may be encrypted
    """

    def __init__(
        self,
        folder: str,
        run: str,
        *,
        encrypt: Callable[[str], bytes] | None,
        decrypt: Callable[[bytes], bytes],
        clock: Callable[[], float] = time.time,
    ):
        self.folder = folder
        self._run = run
        self._encrypt = encrypt
        self._decrypt = decrypt
        self._clock = clock
        self._room = os.path.join(folder, f".{PREFIX}{run}.room")

    def reserve(self, changes: Mapping[str, Changes], entry_point: str) -> None:
        """Reserve the disk space for the record, before anything is changed.

        :param changes: by account, with a placeholder for an API key that is not known yet
        :raises SmsError: if the record could not be written
        """
        try:
            record = self._merged(changes, entry_point)[1]
            slack = SLACK * sum(len(of_account) for of_account in changes.values())
            fill(self._room, len(self._encoded(record)) + slack)
        except OSError as error:
            self.release()
            raise _impossible(self.folder, error) from None

    def release(self) -> None:
        """Release the reserved disk space if no record was written."""
        with contextlib.suppress(OSError):
            os.unlink(self._room)

    def write(self, changes: Mapping[str, Changes], entry_point: str) -> str:
        """Write the record completely and to the disk, not only to a cache, or not at all.

        :returns: its path
        :raises SmsError: if it cannot be written; then no webhook may be changed
        """
        path, record = self._merged(changes, entry_point)
        made = None
        try:
            made = path or self._new_path()
            replace(made, self._encoded(record), room=self._room)
        except OSError as error:
            if made and not path:  # an empty file would be taken for a record
                with contextlib.suppress(OSError):
                    os.unlink(made)
            raise SmsError(
                f"The backup in '{self.folder}' could not be written ({error.strerror}): no webhook was changed",
                code="backup_failed",
            ) from None
        finally:
            self.release()
        return made

    def _merged(self, changes: Mapping[str, Changes], entry_point: str) -> tuple[str | None, dict[str, Any]]:
        """Return the path of the run's record, if there is one already, and the new content."""
        path = self._path()
        record = read_record(path, self._decrypt) if path else new_record(entry_point, self._clock())
        for account_sid, of_account in changes.items():
            add(record, account_sid, of_account)
        return path, record

    def _path(self) -> str | None:
        names = [name for name in os.listdir(self.folder) if name.startswith(PREFIX)]
        mine = [name for name in names if name.endswith(f"-{self._run}.json")]
        return os.path.join(self.folder, min(mine)) if mine else None

    def _new_path(self) -> str:
        """Create a new file and return its path. No two runs get the same."""
        stamp = datetime.fromtimestamp(self._clock(), timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path = os.path.join(self.folder, f"{PREFIX}{stamp}-{self._run}.json")
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return path

    def _encoded(self, record: Mapping[str, Any]) -> bytes:
        text = json.dumps(record, indent=1)
        return self._encrypt(text) if self._encrypt else text.encode()


def new_record(entry_point: str, now: float) -> dict[str, Any]:
    """Return a record without numbers."""
    created = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="milliseconds")
    return {"format": FORMAT, "created_at": created, "entry_point": entry_point, "accounts": {}}


def add(record: dict[str, Any], account_sid: str, changes: Changes) -> None:
    """Add the upcoming changes in an account. Changes from earlier in the run keep their first ``before``."""
    noted = record["accounts"].setdefault(account_sid, {})
    for place, change in changes.items():
        noted[place] = {**change, "before": noted.get(place, change)["before"]}


def _is_service(sid: str, change: Any) -> bool:
    return sid[:2] in ("MG", "IG") and sid.isalnum() and services.is_service_change(change)


def check_folder(folder: str, *, in_container: bool = False) -> None:
    """Create *folder* if it is missing, and check that a record can be written there.

    :param in_container: whether new folders disappear with the job, as in a controller; then the folder must exist
    :raises SmsError: if it cannot
    """
    if in_container and not os.path.isdir(folder):
        raise SmsError(
            f"connect_sms_backup_dir '{folder}' is not in the job's container, and a folder created there would disappear with it:"
            " expose one of the host to jobs (Settings, Jobs, Paths to expose to isolated jobs); nothing was changed",
            code="backup_failed",
        )
    probe = os.path.join(folder, f".{PREFIX}{os.getpid()}.probe")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        fill(probe, 1)
        os.unlink(probe)
    except OSError as error:
        raise _impossible(folder, error) from None


def _impossible(folder: str, error: OSError) -> SmsError:
    return SmsError(
        f"No backup can be written into connect_sms_backup_dir '{folder}' ({error.strerror}): nothing was changed",
        code="backup_failed",
    )


def read_record(path: str, decrypt: Callable[[bytes], bytes]) -> dict[str, Any]:
    """Return the record in a file.

    :param decrypt: decrypts a text that may be encrypted
    :raises SmsError: if there is no file, or it is not a record
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
            f"'{path}' is not a backup written by connect_sms (connect_sms_backup_dir)", code="bad_backup"
        ) from None
    return record


def paths_of(value: Any) -> list[str]:
    """Return the files that a variable names: one, a list, or a text with one per line, as a survey returns it."""
    given = value.splitlines() if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
    named = [str(path).strip() for path in given if path is not None]
    return list(dict.fromkeys(os.path.abspath(os.path.expanduser(path)) for path in named if path))


def read_all(paths: Iterable[str], decrypt: Callable[[bytes], bytes]) -> dict[str, Any]:
    """Return the records in several files as one, since each slice of a run writes one.

    A number in several records gets the oldest record's ``before`` and the latest one's ``after``, so that all changes are
    undone.

    :raises SmsError: as :func:`read_record`
    """
    records = sorted(
        (read_record(path, decrypt) for path in paths), key=lambda record: str(record.get("created_at") or "")
    )
    whole = records[0]
    for record in records[1:]:
        for account_sid, changes in record["accounts"].items():
            add(whole, account_sid, changes)
    return whole
