# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import itertools
import pathlib
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from unit.plugins.scripted import Clock

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import ApiError, SmsError, TransportError
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm import mint as mint_module
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm.credential import Wanted
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm.mint import LIST_LAG, Mint

NAME, INSTANCE = "twilio-sms", "instance-guid"
LOST = TransportError("Could not create: broke", code="broken", maybe_done=True)


class Cloud:
    """A fake Resource Controller: lists show a new credential late, and answers get lost on request."""

    address = "https://rc.example"

    def __init__(self, clock: Clock, *, lag: float = 0.0, me: str | None = "IBMid-ME") -> None:
        self.clock = clock
        self.lag = lag
        self.me = me
        self.rows: list[dict[str, Any]] = []
        self.created: list[str] = []
        self.deleted: list[str] = []
        self.failures: list[tuple[bool, SmsError]] = []  # of the next creates: whether the work is done, and the error
        self.on_create: Callable[[], None] = lambda: None
        self.readable = True
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, guid: str, *, by: str | None = None, ago: float = 0.0, seen_in: float = 0.0, **more: Any) -> None:
        created = self.clock() - ago
        row = {
            "guid": guid,
            "name": NAME,
            "state": "active",
            "created_by": by or self.me,
            "created_at": datetime.fromtimestamp(created, timezone.utc).isoformat().replace("+00:00", "Z"),
            "credentials": {"apikey": guid * 8},
            "seen_at": self.clock() + seen_in,
        }
        self.rows.append({**row, **more})

    def identity(self) -> str | None:
        return self.me

    def keys(self, instance: str) -> list[dict[str, Any]]:
        assert instance == INSTANCE
        rows = [row for row in self.rows if row["seen_at"] <= self.clock()]
        return [row if self.readable else {**row, "credentials": {"REDACTED": "REDACTED"}} for row in rows]

    def key(self, guid: str) -> dict[str, Any] | None:
        return next((row for row in self.keys(INSTANCE) if row["guid"] == guid), None)

    def create_key(self, name: str, instance: str, role: str) -> dict[str, Any]:
        assert (name, instance, role) == (NAME, INSTANCE, "Writer")
        with self._lock:
            failure = self.failures.pop(0) if self.failures else None
            if failure is None or failure[0]:
                self.created.append(f"key-{next(self._numbers)}")
                self.add(self.created[-1], seen_in=self.lag)
            made = self.rows[-1:]
            self.on_create()
        if failure is not None:
            raise failure[1]
        return dict(made[0])

    def delete_key(self, guid: str) -> bool:
        self.deleted.append(guid)
        self.rows = [row for row in self.rows if row["guid"] != guid]
        return True

    @property
    def names(self) -> list[str]:
        return [row["guid"] for row in self.rows]


@pytest.fixture
def cloud(clock: Clock) -> Cloud:
    return Cloud(clock)


@pytest.fixture
def mint(cloud: Cloud, clock: Clock, tmp_path: pathlib.Path) -> Callable[..., Mint]:
    """Return a function that creates a mint, each for a separate run on this machine."""

    def make(**more: Any) -> Mint:
        settings = {"sleep": clock.sleep, "clock": clock, "folder": str(tmp_path / "locks"), "shared": False, **more}
        return Mint(cloud, INSTANCE, Wanted(NAME), **settings)

    return make


MINT = Callable[..., Mint]


def test_create(cloud: Cloud, mint: MINT, clock: Clock) -> None:
    key, created = mint().create()
    assert (key["guid"], created) == ("key-1", True)
    assert key["credentials"]["apikey"]
    assert cloud.names == ["key-1"]
    assert clock.slept == [], "nobody waits when all is well"


# ---- lost answers ----


def test_a_lost_answer_is_found_again(cloud: Cloud, mint: MINT) -> None:
    cloud.failures = [(True, LOST)]
    key, created = mint().create()
    assert (key["guid"], created) == ("key-1", True)
    assert cloud.created == ["key-1"]
    assert cloud.deleted == []


def test_a_lost_answer_that_the_list_shows_a_little_later(cloud: Cloud, mint: MINT) -> None:
    cloud.failures, cloud.lag = [(True, LOST)], 3.0
    assert mint().create().key["guid"] == "key-1"
    assert cloud.created == ["key-1"]


@pytest.mark.parametrize(
    "error",
    [
        LOST,
        TransportError("Could not create: cut", code="bad_answer", maybe_done=True),
        ApiError("HTTP 502", code="http_502", status=502),
        ApiError("HTTP 503", code="http_503", status=503),
        ApiError("not what is documented", code="bad_answer"),
    ],
)
def test_a_request_that_was_not_carried_out_is_made_again(error: SmsError, cloud: Cloud, mint: MINT) -> None:
    cloud.failures = [(False, error)]
    assert mint().create() == (cloud.rows[0], True)
    assert cloud.names == ["key-1"]


def test_an_unreadable_one_of_a_lost_answer_is_replaced(cloud: Cloud, mint: MINT) -> None:
    # Its secret was lost with the answer, so it is useless.
    cloud.failures, cloud.readable = [(True, LOST)], False
    key, created = mint().create()
    assert (key["guid"], created) == ("key-2", True)
    assert key["credentials"]["apikey"]
    assert (cloud.names, cloud.deleted) == (["key-2"], ["key-1"])


def test_an_unreadable_one_that_the_list_shows_very_late_is_replaced_too(cloud: Cloud, mint: MINT) -> None:
    cloud.failures, cloud.readable, cloud.lag = [(True, LOST)], False, 20.0
    key, created = mint().create()
    assert (key["guid"], created) == ("key-2", True)
    assert (cloud.names, cloud.deleted) == (["key-2"], ["key-1"])


@pytest.mark.parametrize("me", ["IBMid-ME", None])
def test_somebody_else_s_is_never_deleted(me: str | None, cloud: Cloud, mint: MINT) -> None:
    cloud.me, cloud.readable = me, False
    cloud.failures = [(False, LOST)]
    cloud.on_create = lambda: cloud.add("theirs", by="IBMid-OTHER") if not cloud.rows else None
    assert mint().create() == ({**cloud.rows[0], "credentials": {"REDACTED": "REDACTED"}}, False)
    assert cloud.deleted == []
    assert cloud.names == ["theirs"]


MATES: dict[str, tuple[bool, dict[str, Any], set[str]]] = {
    # whether the create was carried out, another credential that appears meanwhile, and what remains
    "somebody else's beside ours": (True, {"by": "IBMid-OTHER", "ago": -1}, {"mate"}),
    "from before, beside ours": (True, {"ago": 60}, {"mate"}),
    "from before, alone": (False, {"ago": 60}, {"mate"}),
    "of unknown time": (False, {"created_at": None}, {"mate"}),
    "of the same moment, either may be ours": (True, {"ago": -1}, {"key-1", "mate"}),
}


@pytest.mark.parametrize("late", [0.0, 20.0])
@pytest.mark.parametrize("case", MATES)
def test_what_another_run_of_the_same_identity_has_made_stays(
    case: str, late: float, cloud: Cloud, mint: MINT, clock: Clock
) -> None:
    """The answer to a create is lost, and keys cannot be read: what this run has not made may be in use."""
    done, mate, left = MATES[case]
    cloud.failures, cloud.readable, cloud.lag = [(done, LOST)], False, late
    cloud.on_create = lambda: cloud.add("mate", seen_in=late, **mate) if "mate" not in cloud.names else None
    with contextlib.suppress(SmsError):
        mint().create()
    assert left <= set(cloud.names)
    assert "mate" not in cloud.deleted


def test_credentials_of_which_one_may_be_ours_are_named(cloud: Cloud, mint: MINT) -> None:
    cloud.failures, cloud.readable = [(True, LOST)], False
    cloud.on_create = lambda: cloud.add("mate", ago=-1)
    with pytest.raises(SmsError, match=r"2 service credentials named 'twilio-sms'.*key-1 .*mate ") as failure:
        mint().create()
    assert failure.value.code == "duplicate_credential"
    assert cloud.deleted == []


def test_it_gives_up_after_a_few_lost_answers(cloud: Cloud, mint: MINT) -> None:
    cloud.failures = [(False, LOST)] * 10
    with pytest.raises(TransportError, match="broke"):
        mint().create()
    assert len(cloud.failures) == 7
    assert cloud.names == []


def test_what_is_given_up_leaves_nothing_behind(cloud: Cloud, mint: MINT) -> None:
    cloud.failures, cloud.readable = [(True, LOST)] * 3, False
    with pytest.raises(TransportError, match="broke"):
        mint().create()
    assert cloud.created == cloud.deleted == ["key-1", "key-2", "key-3"]


@pytest.mark.parametrize(
    "error",
    [
        ApiError("HTTP 403", code="RC-Forbidden", status=403),
        ApiError("HTTP 422", code="BXNIM0151E", status=422),
        TransportError("no route", code="unreachable", maybe_done=False),
    ],
)
def test_a_refusal_is_final(error: SmsError, cloud: Cloud, mint: MINT) -> None:
    cloud.failures = [(False, error)]
    with pytest.raises(SmsError) as failure:
        mint().create()
    assert failure.value is error


# ---- several at once, on several machines ----


def test_the_oldest_wins_and_the_loser_removes_only_its_own(cloud: Cloud, mint: MINT) -> None:
    cloud.on_create = lambda: cloud.add("older", by="IBMid-OTHER", ago=1) or cloud.add("younger", by="IBMid-3", ago=-1)
    key, created = mint(shared=True).create()
    assert (key["guid"], created) == ("older", False)
    assert cloud.deleted == ["key-1"]
    assert cloud.names == ["older", "younger"]


def test_the_winner_removes_nothing(cloud: Cloud, mint: MINT) -> None:
    cloud.on_create = lambda: cloud.add("younger", ago=-1)
    key, created = mint(shared=True).create()
    assert (key["guid"], created) == ("key-1", True)
    assert cloud.deleted == []


def test_it_waits_until_the_list_shows_what_it_made(cloud: Cloud, mint: MINT, clock: Clock) -> None:
    cloud.lag = 12.0
    assert mint(shared=True).create() == (cloud.rows[0], True)
    assert 12 <= sum(clock.slept) < LIST_LAG


def test_a_list_that_never_shows_it_keeps_nobody_for_ever(cloud: Cloud, mint: MINT, clock: Clock) -> None:
    cloud.lag = 10_000.0
    assert mint(shared=True).create().key["guid"] == "key-1"
    assert sum(clock.slept) < 2 * LIST_LAG


def test_of_two_in_one_second_all_agree_on_one(cloud: Cloud, mint: MINT, clock: Clock) -> None:
    # Resource Controller may tell times in whole seconds: then the GUID decides, also against who looked first.
    second = datetime.fromtimestamp(clock(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    cloud.lag = 1.5
    cloud.on_create = lambda: (
        cloud.rows[-1].update(created_at=second) or cloud.add("another", created_at=second, seen_in=2.4)
    )
    key, created = mint(shared=True).create()
    assert (key["guid"], created) == ("another", False)
    assert cloud.names == ["another"]


def test_an_older_one_that_the_list_shows_later(cloud: Cloud, mint: MINT) -> None:
    cloud.lag = 1.0
    cloud.on_create = lambda: cloud.add("older", ago=0.5, seen_in=2.5)
    key, created = mint(shared=True).create()
    assert (key["guid"], created) == ("older", False)
    assert cloud.names == ["older"]


def test_a_brand_new_one_of_another_slice_may_still_go(cloud: Cloud, mint: MINT, clock: Clock) -> None:
    cloud.add("younger", ago=1)
    cloud.add("older", ago=2, seen_in=3)
    cloud.on_create = lambda: pytest.fail("nothing is to be created")
    one = mint(shared=True)
    assert [key["guid"] for key in one.settled(one.listed())] == ["older", "younger"]
    alone = mint(shared=False)
    cloud.rows.pop()
    slept = len(clock.slept)
    assert len(alone.settled(alone.listed())) == 1
    assert len(clock.slept) == slept, "without slices nobody waits"


@pytest.mark.parametrize(("job", "asked_once_more"), [("17", True), (None, False)])
def test_a_controller_s_jobs_may_have_slices(
    job: str | None, asked_once_more: bool, cloud: Cloud, mint: MINT, monkeypatch: pytest.MonkeyPatch
) -> None:
    if job:
        monkeypatch.setenv("JOB_ID", job)
    cloud.on_create = lambda: cloud.add("older", ago=1)
    assert mint(shared=None).create().key["guid"] == ("older" if asked_once_more else "key-1")


@pytest.mark.parametrize(
    ("ages", "gone_after", "left", "waits"),
    [
        ([5, 3], 4.0, 1, True),
        ([5, 3], 1e9, 2, True),  # nobody removes the surplus: an error, but not at once
        ([90_000, 80_000], 1e9, 2, False),  # old duplicates are nobody's work in progress
        ([90_000], 0, 1, False),
        ([], 0, 0, False),
    ],
)
def test_settled(
    ages: list, gone_after: float, left: int, waits: bool, cloud: Cloud, mint: MINT, clock: Clock, monkeypatch: Any
) -> None:
    for age in ages:
        cloud.add(f"key-{age}", ago=age)
    began, everything = clock(), cloud.keys
    monkeypatch.setattr(
        cloud, "keys", lambda guid: everything(guid)[:1] if clock() - began > gone_after else everything(guid)
    )
    one = mint()
    assert len(one.settled(one.listed())) == left
    assert (sum(clock.slept) > 0) is waits
    assert sum(clock.slept) <= LIST_LAG


def test_it_does_not_yield_to_one_that_only_a_late_list_shows(cloud: Cloud, mint: MINT, monkeypatch: Any) -> None:
    cloud.on_create = lambda: cloud.add("older", ago=1)
    monkeypatch.setattr(cloud, "key", lambda _guid: {"state": "removed", "name": NAME})
    assert mint(shared=True).create().key["guid"] == "key-1"
    assert cloud.deleted == []


# ---- several at once, on one machine ----


def test_the_note_bridges_the_time_until_a_list_shows_it(cloud: Cloud, mint: MINT) -> None:
    cloud.lag = 10.0
    assert mint().create().created is True
    second = mint()
    assert second.listed() == []
    key, created = second.create()
    assert (key["guid"], created) == ("key-1", False)
    assert cloud.created == ["key-1"]


@pytest.mark.parametrize("change", ["removed", "renamed", "unknown", "hours later"])
def test_a_note_that_is_no_longer_true(change: str, cloud: Cloud, mint: MINT, clock: Clock) -> None:
    mint().create()
    if change == "removed":
        cloud.rows[0]["state"] = "removed"
    elif change == "renamed":
        cloud.rows[0]["name"] = "twilio-sms-old"
    elif change == "unknown":
        cloud.rows.clear()
    else:
        cloud.rows.clear()
        clock.now += 10_000
    slept = len(clock.slept)
    assert mint().create().key["guid"] == "key-2"
    if change == "hours later":
        assert len(clock.slept) == slept, "an old note is not waited for"


@pytest.mark.parametrize("content", ["", "nonsense", '{"guid": null}'])
def test_a_damaged_note_is_none(content: str, cloud: Cloud, mint: MINT, tmp_path: pathlib.Path) -> None:
    mint().create()
    (file,) = (tmp_path / "locks").iterdir()
    file.write_text(content)
    cloud.rows.clear()
    assert mint().create().key["guid"] == "key-2"


def test_the_note_holds_no_secret_and_is_nobody_else_s(cloud: Cloud, mint: MINT, tmp_path: pathlib.Path) -> None:
    secret = mint().create().key["credentials"]["apikey"]
    folder = tmp_path / "locks"
    (file,) = folder.iterdir()
    assert "key-1" in file.read_text()
    assert secret not in file.read_text()
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize("lag", [0.0, 3.0, 20.0])
@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("done", [True, False])
def test_a_run_that_was_killed_before_it_got_its_answer(
    cloud: Cloud, mint: MINT, done: bool, readable: bool, lag: float
) -> None:
    """The next one finds what it made, if it made anything, however late the list shows it."""

    class Killed(BaseException):
        pass

    cloud.lag, cloud.readable = lag, readable
    cloud.failures = [(done, Killed())]  # type: ignore[list-item]
    with contextlib.suppress(Killed):
        mint().create()
    assert len(cloud.rows) == done
    key, _created = mint().create()
    assert key["credentials"]["apikey"]
    assert [row["guid"] for row in cloud.rows] == [key["guid"]]


def test_what_a_run_made_is_known_as_its_own(cloud: Cloud, mint: MINT) -> None:
    made = mint(run="1").create().key
    found = mint(run="2").create()
    assert (found.key["guid"], found.created) == (made["guid"], False)
    assert [mint(run=run).made(made) for run in ("1", "2", None)] == [True, False, False]


@pytest.mark.parametrize(("run", "waits"), [("1", False), ("2", True)])
def test_nobody_else_removes_what_this_run_has_made(
    mint: Callable[..., Mint], cloud: Cloud, clock: Clock, run: str, waits: bool
) -> None:
    mint(run="1").create()
    cloud.add("older", ago=86400.0)
    one, began = mint(run=run), clock.now
    assert len(one.settled(one.listed())) == 2
    assert (clock.now > began) is waits


def test_a_failure_leaves_no_note_and_no_lock(cloud: Cloud, mint: MINT) -> None:
    cloud.failures = [(False, ApiError("HTTP 403", code="RC-Forbidden", status=403))]
    with contextlib.suppress(ApiError):
        mint().create()
    assert mint().create() == (cloud.rows[0], True)


def test_many_threads_make_one(cloud: Cloud, mint: MINT) -> None:
    results: list[Any] = []
    start = threading.Barrier(8)
    # Long enough for all of them to look, and no list shows it yet.
    cloud.lag, cloud.on_create = 10.0, lambda: time.sleep(0.05)

    def run() -> None:
        one = mint()
        start.wait(5)
        results.append(one.create() if not one.listed() else None)

    threads = [threading.Thread(target=run) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert cloud.created == ["key-1"]
    minted = [result for result in results if result]
    assert len(results) == 8
    assert [result.created for result in minted].count(True) == 1
    assert {result.key["guid"] for result in minted} == {"key-1"}


def test_a_credential_without_a_guid(cloud: Cloud, mint: MINT, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "create_key", lambda *_what: {"name": NAME})
    with pytest.raises(ApiError, match="without a GUID"):
        mint().create()


@pytest.mark.parametrize(("shared", "job", "meeting"), [(None, "", True), (None, "17", False), (True, "", False)])
def test_runs_on_one_machine_meet_whatever_their_tmpdir_is(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, shared: bool | None, job: str, meeting: bool
) -> None:
    monkeypatch.setenv("JOB_ID", job)
    monkeypatch.setattr(mint_module, "MEETING_PLACE", str(tmp_path / "machine"))
    (tmp_path / "machine").mkdir()
    folders = set()
    for own in ("one", "two"):
        (tmp_path / own).mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / own))
        folders.add(Mint(Cloud(Clock()), INSTANCE, Wanted(NAME), shared=shared)._folder)
    assert len(folders) == (1 if meeting else 2)
    assert all(folder.startswith(str(tmp_path / "machine")) is meeting for folder in folders)
    monkeypatch.setattr(mint_module, "MEETING_PLACE", str(tmp_path / "not there"))
    assert mint_module.lock_folder(False).startswith(str(tmp_path / "two"))


@pytest.mark.parametrize("trap", ["link to a folder", "link to nothing", "file", "lock is a link"])
def test_a_lock_is_written_nowhere_else(trap: str, tmp_path: Any) -> None:
    """Everybody may write to /tmp, so a file with the expected name may belong to another user."""
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "locks"
    elsewhere.mkdir()
    mint = Mint(Cloud(Clock()), INSTANCE, Wanted(NAME), folder=str(folder), shared=False)
    if trap == "file":
        folder.write_text("")
    elif trap == "lock is a link":
        mint.noted()
        (lock,) = folder.iterdir()
        lock.unlink()
        lock.symlink_to(elsewhere / "target")
    else:
        folder.symlink_to(elsewhere if trap == "link to a folder" else tmp_path / "nothing")
    with pytest.raises(SmsError, match="remove it") as refusal:
        mint.noted()
    assert refusal.value.code == "lock_folder"
    assert list(elsewhere.iterdir()) == []
