# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Creates exactly one service credential, whatever else happens at the same time.

Resource Controller accepts any number of credentials with one name, may process a request whose answer gets lost, and
lists a new credential only some time later. Several runs, or the slices of one job, may look for the same credential at
the same moment. There is no lock that all of them could see, so these rules apply:

- The oldest credential with a name wins. A run that created a younger one deletes it, and only that one.
- A create is never simply repeated. After a lost answer the list is read first, also if the run was killed meanwhile:
  the intent is written to the disk before the request.
- What a create with a lost answer has made is deleted if its secret is lost, too. Anything else stays, also what has the
  same creator: a credential from before, or one of several of which only some can be this run's.
- Runs on one machine take turns with a lock file. Its note names the latest credential until the list shows it, and the
  run that created it.

So one credential remains of those that runs on one machine make, whatever their lists show. Runs on several machines have to
say so (``shared``), or ask once more when their numbers are written (``iva_credential_info``, ``instance`` with ``guids``),
which is enough where Resource Controller lists at once what it has created, with times of less than a second.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TextIO

from .._http.errors import ApiError, SmsError, TransportError
from .._http.transport import RETRIED_STATUSES
from .credential import Wanted, age_in_days, api_key_of, duplicates, is_before, is_named, named

LIST_LAG = 60.0  # seconds until a list shows a new credential at the latest; terraform-provider-ibm #6287 saw less
NOTE_AGE = 300.0  # seconds for which a note about a created credential matters
SETTLING = 2.0  # seconds until a list also shows credentials older than those that it shows now
YOUNG = 5.0  # seconds of age; the run that created the credential may still delete it in favour of an older one
LOST_ANSWER_WAIT = 6.0  # seconds in which a credential may still appear if the answer to its create was lost
CLOCKS = 5.0  # seconds by which this machine's clock may be ahead of Resource Controller's
MAX_CREATES = 3
MEETING_PLACE = "/tmp"  # noqa: S108  the folder in it is this user's own and holds no secret


def lock_folder(shared: bool) -> str:
    """Return the folder of the lock files of this machine. TMPDIR does not work, because each run may have its own.

    :param shared: whether runs on other machines matter, too: then the list decides, and the runs share no folder
    """
    meeting = not shared and os.access(MEETING_PLACE, os.W_OK | os.X_OK)
    place = MEETING_PLACE if meeting else tempfile.gettempdir()
    return os.path.join(place, f"voiceagent-sms-{os.getuid()}")


class Minted(NamedTuple):
    """A credential, and whether this run *created* it or found it after all."""

    key: Mapping[str, Any]
    created: bool


class Mint:
    """Creates the credential *wanted* on an instance.

    :param cloud: an :class:`ibm_cloud.IbmCloud`
    :param sleep: replaces waiting in tests
    :param folder: where lock files are
    :param shared: whether other machines may create the same credential now, like the slices of a controller's job: then
        a create waits for the list
    :param run: ID of the Ansible run, the same for all its modules
    """

    def __init__(
        self,
        cloud: Any,
        instance_guid: str,
        wanted: Wanted,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        folder: str | None = None,
        shared: bool | None = None,
        run: str | None = None,
    ):
        self._cloud = cloud
        self._instance = instance_guid
        self._wanted = wanted
        self._sleep = sleep
        self._clock = clock
        self._run = run
        # AWX and automation controller set JOB_ID for every job; slices run on several machines.
        self.shared = bool(os.environ.get("JOB_ID")) if shared is None else shared
        self._folder = folder or lock_folder(self.shared)

    def listed(self) -> list[Mapping[str, Any]]:
        """Return the credentials with the wanted name, the oldest first."""
        return named(self._cloud.keys(self._instance), self._wanted.name)

    def settled(self, keys: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the credentials with the wanted name, after other active runs have deleted their duplicates.

        :param keys: the credentials in the list
        """
        if self.shared and len(keys) == 1 and self._is_younger(keys[0], YOUNG):
            self._sleep(YOUNG)
            keys = self.listed()
        waited = 0.0
        while waited < LIST_LAG / 2 and self._others_are_at_it(keys):
            self._sleep(2)
            waited += 2
            keys = self.listed()
        return keys

    def _others_are_at_it(self, keys: list[Mapping[str, Any]]) -> bool:
        """Whether other runs have to remove a surplus among *keys*. Nobody but this run removes what it has made."""
        theirs = [key for key in keys if not self.made(key)] if len(keys) > 1 else []
        return len(theirs) > 1 and self._is_younger(theirs[-1], NOTE_AGE)

    def noted(self) -> Mapping[str, Any] | None:
        """Return the credential that a run on this machine has just created, even if no list shows it yet."""
        with self._turn() as note:
            return self._noted(note)

    def made(self, key: Mapping[str, Any]) -> bool:
        """Whether this run created *key*, for example in an earlier batch."""
        if not self._run:
            return False
        with self._turn() as note:
            return (note.get("guid"), note.get("run")) == (key.get("guid"), self._run)

    def create(self) -> Minted:
        """Create the credential if none is listed, or return the one that another run has just created."""
        with self._turn() as note:
            found = self._noted(note)
            return Minted(found, created=False) if found else self._create(note)

    def _noted(self, note: Note) -> Mapping[str, Any] | None:
        """Return the credential that another run on this machine has just created, even if no list shows it yet."""
        waited = 0.0
        while note.get("guid") and self._clock() - note.get("at", 0) < NOTE_AGE and waited <= LIST_LAG:
            key = self._cloud.key(str(note["guid"]))
            if key is not None:
                return key if is_named(key, self._wanted.name) else None
            self._sleep(1)
            waited += 1
        return None

    def _create(self, note: Note) -> Minted:
        began = note.get("intent", 0)
        lost = [began] if self._clock() - began < NOTE_AGE else []  # a run was killed while it waited for the answer
        failure = ApiError("never tried", code="error")
        for _try in range(MAX_CREATES):
            found = self._recovered(lost) if lost else None
            if found:
                return self._taken(note, found)
            began = self._clock()
            note.write(intent=began)
            try:
                key = self._cloud.create_key(self._wanted.name, self._instance, self._wanted.role)
            except ApiError as error:
                if not _maybe_done(error):
                    note.write(intent=0)
                    raise
                lost.append(began)
                failure = error
                continue
            if not key.get("guid"):
                raise ApiError("IBM Cloud created a service credential without a GUID", code="bad_answer")
            made = self._taken(note, Minted(key, created=True))
            return self._taken(note, self._oldest(key, lost)) if lost or self.shared else made
        found = self._recovered(lost)
        if found:
            return self._taken(note, found)
        raise failure

    def _taken(self, note: Note, found: Minted) -> Minted:
        """Write the current credential to the note, and clear the intent."""
        run = self._run if found.created else None
        note.write(guid=found.key.get("guid"), at=self._clock(), run=run, intent=0)
        return found

    def _recovered(self, lost: list[float]) -> Minted | None:
        """Return the credential of a create whose answer was lost, if it appears and can be used.

        :param lost: when the creates with lost answers began; shortened by those whose credentials are deleted
        :raises SmsError: if several remain whose keys cannot be read
        """
        found = self._await(bool, LOST_ANSWER_WAIT)
        if found and api_key_of(found[0]):
            return Minted(found[0], created=self._is_ours(found[0], lost))
        kept = self._without_useless(found, lost)
        if len(kept) > 1 and not api_key_of(kept[0]):
            raise duplicates(kept, self._wanted)
        return Minted(kept[0], created=False) if kept else None

    def _without_useless(self, keys: list[Mapping[str, Any]], lost: list[float]) -> list[Mapping[str, Any]]:
        """Delete what this run has created in vain: the secret was in the lost answer. Return the other *keys*.

        If there are more than answers were lost, another run has created some of them, and may be using them.
        """
        ours = [key for key in keys if self._is_ours(key, lost)]
        useless = [key for key in ours if not api_key_of(key)] if len(ours) <= len(lost) else []
        for key in useless:
            self._cloud.delete_key(str(key["guid"]))
            lost.pop()
        return [key for key in keys if key not in useless]

    def _oldest(self, made: Mapping[str, Any], lost: list[float]) -> Minted:
        """Keep the credential that this run *made* if it is the oldest with its name, otherwise delete it and use the oldest."""
        guid, began = made["guid"], self._clock()
        keys = self._await(lambda keys: any(key.get("guid") == guid for key in keys), LIST_LAG)
        if self.shared:
            # An older one may appear later, and times may be whole seconds, so that the GUID decides. So every run reads
            # the list once more, after all credentials have appeared.
            self._sleep(min(SETTLING + self._clock() - began, LIST_LAG / 2))
            keys = self.listed()
        others = self._without_useless([key for key in keys if key.get("guid") != guid], lost)
        elder = next((key for key in others if is_before(key, made) and self.lives(key)), None)
        if elder is None:
            return Minted(made, created=True)
        self._cloud.delete_key(guid)
        return Minted(elder, created=False)

    def lives(self, key: Mapping[str, Any]) -> bool:
        """Whether a credential still exists with its name in the list, which may be outdated."""
        now = self._cloud.key(str(key["guid"]))
        return now is None or is_named(now, self._wanted.name)

    def _await(self, enough: Callable[[list], bool], seconds: float) -> list[Mapping[str, Any]]:
        """Repeat the list until it is *enough* or *seconds* have passed; return it."""
        waited, pause = 0.0, 0.25
        while True:
            keys = self.listed()
            if enough(keys) or waited >= seconds:
                return keys
            self._sleep(pause)
            waited += pause
            pause = min(2.0, pause * 2)

    def _is_ours(self, key: Mapping[str, Any], lost: list[float]) -> bool:
        """Whether one of the creates with *lost* answers may have made *key*: its creator and its time fit.

        Not if other machines may be creating the same credential now: they may have the same identity.
        """
        identity = None if self.shared or not lost else self._cloud.identity()
        if not identity or key.get("created_by") != identity:
            return False
        earlier = age_in_days(key, min(lost))
        return earlier is not None and earlier * 86400 <= CLOCKS

    def _is_younger(self, key: Mapping[str, Any], seconds: float) -> bool:
        age = age_in_days(key, self._clock())
        return age is not None and abs(age) * 86400 < seconds

    @contextmanager
    def _turn(self) -> Iterator[Note]:
        """Hold this machine's lock for the credential, and yield the note in its file."""
        _check_folder(self._folder)
        thing = f"{self._cloud.address} {self._instance} {self._wanted.name}"
        path = os.path.join(self._folder, hashlib.sha256(thing.encode()).hexdigest()[:32] + ".lock")
        with open(_open_lock(path), "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield Note(file)


class Note(dict):
    """The content of the lock file, which a run leaves for the next one. It contains no secret.

    ``guid``, ``at`` and ``run`` describe the credential that was created last. ``intent`` is the time of a create whose
    answer is not known.
    """

    def __init__(self, file: TextIO):
        try:
            super().__init__(json.loads(file.read() or "{}"))
        except (ValueError, TypeError):
            super().__init__()
        self._file = file

    def write(self, **values: Any) -> None:
        """Change values, and return once they are on the disk."""
        self.update(values)
        self._file.seek(0)
        self._file.truncate()
        json.dump(self, self._file)
        self._file.flush()
        os.fsync(self._file.fileno())


def _check_folder(folder: str) -> None:
    """Create the folder for the locks. In a shared parent folder, another user may have put something else there.

    :raises SmsError: if it is a symbolic link, which could lead anywhere, or belongs to another user
    """
    with suppress(FileExistsError):
        os.makedirs(folder, mode=0o700)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise SmsError(f"{folder} is a symbolic link or belongs to another user: remove it", code="lock_folder")


def _open_lock(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SmsError(f"the lock {path} cannot be opened ({error.strerror}): remove it", code="lock_folder") from None


def _maybe_done(error: ApiError) -> bool:
    return (
        error.maybe_done
        if isinstance(error, TransportError)
        else error.status in RETRIED_STATUSES or error.code == "bad_answer"
    )
