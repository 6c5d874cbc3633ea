# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source against an account in memory: its events, how often they are reported, and its state file."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
import yaml

from controller.objects import objects, questions, required
from tools import guides

ROOT = pathlib.Path(__file__).resolve().parents[3]
FILE = ROOT / "extensions" / "eda" / "plugins" / "event_source" / "sms_errors.py"
PLACE = "sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"
KEY = "a-key-that-nobody-may-see"
URL = f"https://apikey:{KEY}@{PLACE}"
ELSEWHERE = f"https://user:{KEY}@elsewhere.example.com/in?token={KEY}"
ONE, TWO, OTHER = "+15550000001", "+15550000002", "+15550000009"
START = datetime(2026, 11, 25, 12, 0, 0, tzinfo=timezone.utc)
SECRET = {"auth_token": "a-token-that-nobody-may-see"}


class Account:
    """A Twilio account in memory, in place of the client."""

    account_sid = "AC" + "0" * 32
    sees_overrides = True
    refused: Exception

    def __init__(self) -> None:
        self.numbers = {ONE: URL, TWO: URL}
        self.applications: dict[str, str] = {}
        self.rows: list[dict[str, Any]] = []
        self.read: list[str] = []
        self.fails: list[Exception | None] = []
        self.monitor_fails: list[Exception | None] = []
        self.unreadable: set[str] = set()

    def list(self, **_query: str) -> list[dict[str, Any]]:
        failure = self.fails.pop(0) if self.fails else None
        if failure:
            raise failure
        return [
            {
                "sid": f"PN{number[1:]}",
                "phone_number": number,
                "sms_url": url,
                "sms_method": "POST",
                "sms_application_sid": self.applications.get(number, ""),
            }
            for number, url in self.numbers.items()
        ]

    def error(self, number: str, at: datetime, url: str = URL, **values: Any) -> str:
        """Note an alert about a text to a number."""
        sid = f"NO{len(self.rows)}"
        told = {"request_variables": f"To=%2B{number[1:]}&Body={KEY}", **values}
        when = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.rows.append({"sid": sid, "error_code": "11200", "request_url": url, "date_generated": when, "told": told})
        return sid

    def alerts(self, since: str) -> list[dict[str, Any]]:
        failure = self.monitor_fails.pop(0) if self.monitor_fails else None
        if failure:
            raise failure
        # By the day, as a reader that ignores the time of day would do.
        return [row for row in self.rows if row["date_generated"][:10] >= since[:10]]

    def alert(self, sid: str) -> dict[str, Any]:
        self.read.append(sid)
        if sid in self.unreadable:
            raise self.refused
        (row,) = [row for row in self.rows if row["sid"] == sid]
        return {**row, **row["told"]}


class Source:
    """The source as ansible-rulebook loads it, with a fake account and clock."""

    def __init__(self, folder: pathlib.Path, file: pathlib.Path = FILE) -> None:
        self.account, self.now = Account(), START
        self.file = folder / "state.json"
        self.globals = runpy.run_path(str(file))  # as ansible-rulebook does
        names = self.globals["Watch"].__init__.__globals__
        clock = SimpleNamespace(now=lambda _zone: self.now, strptime=datetime.strptime)
        names["datetime"] = clock
        names["access"] = SimpleNamespace(twilio_numbers=lambda _params: self.account)
        self.errors = names["errors"]
        self.account.refused = self.errors.ApiError("Could not read: HTTP 403", code="20003", status=403)

    def watch(self, **args: Any) -> Any:
        return self.globals["Watch"]({"region": "us-south", "state_file": str(self.file), **SECRET, **args})

    def look(self, watch: Any) -> list[dict[str, Any]]:
        """Poll a minute later, and report everything."""
        self.now += timedelta(minutes=1)
        events: list[dict[str, Any]] = watch.look()
        for event in events:
            watch.told(event)
        watch.told_all()
        watch.save()
        assert KEY not in json.dumps(events) + self.file.read_text()
        return events


@pytest.fixture
def source(tmp_path: pathlib.Path) -> Source:
    return Source(tmp_path)


def test_it_loads_from_any_folder(tmp_path: pathlib.Path) -> None:
    checkout = tmp_path / "some" / "checkout"
    for part in ("extensions", "plugins/module_utils"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    code = f"import asyncio, runpy; main = runpy.run_path({str(checkout / FILE.relative_to(ROOT))!r})['main']; "
    command = [
        sys.executable,
        "-c",
        code + "print(asyncio.iscoroutinefunction(main), main.__globals__['errors'].__file__)",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.split()
    assert said == ["True", str(checkout / "plugins" / "module_utils" / "_http" / "errors.py")]


def test_the_documentation_names_every_argument(source: Source) -> None:
    documented = set(yaml.safe_load(source.globals["DOCUMENTATION"])["options"])
    assert documented == source.globals["OWN"] | source.globals["TWILIO"]
    assert yaml.safe_load(source.globals["EXAMPLES"])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"drift": True, "region": ""}, "drift: true needs to know where texts should go"),
        ({"region": "eu-de"}, "more than one receiver"),
        ({"region": "mars"}, "no known receiver"),
        ({"region": "", "receiver_url": "ftp://x:y@z"}, "not an absolute http or https URL"),
        ({"receiver_url": URL}, "give no region and no receiver_host"),
        ({"interval": 59}, "interval must be 60 seconds or more"),
        ({"interval": "soon"}, "interval must be a number of seconds"),
        ({"interval": 5, "api_endpoint": "https://twilio.example.com"}, "interval must be 60 seconds or more"),
        ({"interval": 0, "api_endpoint": "http://127.0.0.1:1"}, "interval must be 60 seconds or more"),
        ({"drift": "perhaps"}, "drift must be true or false"),
        ({"phone_numbers": ["+15550000001", "nobody"]}, "phone_numbers: 'nobody' is not a phone number"),
        ({"phone_number": ONE}, "sms_errors has no argument phone_number"),
    ],
)
def test_wrong_arguments_are_refused_in_words(source: Source, args: dict[str, Any], said: str) -> None:
    with pytest.raises(source.errors.SmsError) as raised:
        source.watch(**args)
    assert said in str(raised.value)
    assert KEY not in str(raised.value)


def test_each_alert_is_told_once_also_over_a_restart(source: Source) -> None:
    account = source.account
    account.error(ONE, START - timedelta(minutes=5))  # before there was anybody to tell it to
    watch = source.watch()
    assert source.look(watch) == []
    first = account.error(ONE, source.now)
    assert source.look(watch) == [
        {
            "type": "webhook_error",
            "phone_number": ONE,
            "code": "11200",
            "url": f"https://apikey:***@{PLACE}",
            "alert_sid": first,
            "at": "2026-11-25T12:01:00Z",
        }
    ]
    assert source.look(watch) == []
    # It appears in Twilio's list after newer ones.
    late = account.error(TWO, source.now - timedelta(minutes=3))
    assert [event["alert_sid"] for event in source.look(watch)] == [late]
    # An hour passes without a poll, with two more errors.
    missed = [account.error(TWO, source.now + timedelta(minutes=10 * step)) for step in (1, 2)]
    source.now += timedelta(hours=1)
    again = source.watch()
    assert [event["alert_sid"] for event in source.look(again)] == missed
    assert source.look(again) == []
    assert account.read == [first, late, missed[1], missed[0]], "no alert is read twice"


def test_an_alert_may_be_an_hour_late(source: Source) -> None:
    watch = source.watch()
    source.look(watch)
    source.now += timedelta(hours=3)
    source.look(watch)
    too_late, late = (source.account.error(ONE, source.now - timedelta(minutes=ago)) for ago in (61, 58))
    assert [event["alert_sid"] for event in source.look(watch)] == [late]
    assert source.look(source.watch()) == []
    assert too_late not in source.account.read


@pytest.mark.parametrize("restart", [False, True])
def test_a_clock_that_was_ahead_silences_nothing(source: Source, restart: bool) -> None:
    source.now = START + timedelta(days=365)
    watch = source.watch()
    assert source.look(watch) == []
    source.now = START
    watch = source.watch() if restart else watch
    assert source.look(watch) == []
    told = [source.account.error(ONE, source.now + timedelta(minutes=minute)) for minute in range(3)]
    assert [event["alert_sid"] for _look in range(3) for event in source.look(watch)] == told
    # Also for good, in the state file.
    kept = json.loads(source.file.read_text())
    assert max(kept["began"], kept["since"]) <= source.now.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_is_not_ours_is_left_out(source: Source) -> None:
    account = source.account
    account.numbers[OTHER] = ELSEWHERE
    watch = source.watch(phone_numbers=f"{ONE}, 1 (555) 000-0002")
    source.look(watch)
    account.error(ONE, source.now, url="https://voice.example.com/calls")  # a webhook that is nobody's here
    account.error(OTHER, source.now, url=ELSEWHERE)
    account.error("+19990000000", source.now)  # to whom, nobody can tell
    account.error(ONE, source.now, url=f"https://{PLACE}?To=%2B15550000001&Body={KEY}")  # a GET names its number itself
    account.error(TWO, source.now, request_variables="")
    told = source.look(watch)
    found = sorted((event["alert_sid"], event["phone_number"]) for event in told)
    assert found == [("NO2", None), ("NO3", ONE), ("NO4", None)]
    before = len(account.read)
    assert source.look(watch) == []
    assert len(account.read) == before, "those of others are not read again either"


def test_an_alert_that_cannot_be_read_is_told_once_without_its_number(source: Source) -> None:
    account = source.account
    watch = source.watch(drift=True)
    source.look(watch)
    account.unreadable.add(account.error(ONE, source.now))
    account.error(TWO, source.now)
    account.numbers[ONE] = ELSEWHERE
    told = [(event["type"], event["phone_number"]) for event in source.look(watch)]
    assert sorted(told, key=str) == [("drift", ONE), ("webhook_error", TWO), ("webhook_error", None)]
    assert source.look(watch) == []
    assert len(account.read) == 2


def test_an_alert_without_a_sid_is_left_out(source: Source) -> None:
    watch = source.watch()
    source.look(watch)
    for values in ({}, {"resource_sid": f"PN{ONE[1:]}"}):
        source.account.error(ONE, source.now)
        source.account.rows[-1].update(values, sid=None)
    last = source.account.error(TWO, source.now)
    assert [event["alert_sid"] for event in source.look(watch)] == [last]


@pytest.mark.parametrize("numbers", [pytest.param(None, id="that led there"), pytest.param([ONE], id="that are named")])
def test_a_drift_is_told_once_until_it_is_mended(source: Source, numbers: list[str] | None) -> None:
    account = source.account
    account.numbers[OTHER] = ELSEWHERE  # has never led there, and is not named
    watch = source.watch(drift=True, phone_numbers=numbers)
    assert source.look(watch) == []
    account.numbers[ONE] = ELSEWHERE
    (event,) = source.look(watch)
    assert (event["type"], event["phone_number"], event["alert_sid"], event["code"]) == ("drift", ONE, None, None)
    assert event["url"] == "https://user:***@elsewhere.example.com/in?token=***"
    account.numbers[ONE] = ""
    assert source.look(watch) == [], "still the same drift"
    watch = source.watch(drift=True, phone_numbers=numbers)
    assert source.look(watch) == [], "also after a restart"
    account.numbers[ONE] = URL.replace(KEY, "another-key")
    assert source.look(watch) == []
    account.applications[ONE] = "AP" + "0" * 32  # a number with an application ignores its URL
    assert [event["phone_number"] for event in source.look(watch)] == [ONE]
    del account.numbers[ONE]  # released: nothing to repair
    account.numbers[TWO] = URL
    assert source.look(watch) == []


def test_numbers_that_are_named_must_lead_there_from_the_beginning(source: Source) -> None:
    source.account.numbers = {ONE: "", TWO: URL}
    watch = source.watch(drift=True, phone_numbers=[ONE, TWO, OTHER])
    assert [event["phone_number"] for event in source.look(watch)] == [ONE]


def test_numbers_that_the_account_does_not_have_are_named_once(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    watch = source.watch(drift=True, phone_numbers=[ONE, TWO, OTHER])
    assert [event for _look in range(3) for event in source.look(watch)] == []
    del source.account.numbers[ONE]  # released
    assert source.look(watch) + source.look(watch) == []
    source.account.numbers |= {ONE: URL, OTHER: URL}
    assert source.look(watch) == []
    words = "The account does not have %d of phone_numbers: %s"
    assert caplog.messages == [words % (1, OTHER), words % (2, f"{ONE}, {OTHER}")]


def test_a_drift_that_a_former_run_has_told_is_in_the_log_again(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    many = [f"+155500001{place:02}" for place in range(12)]
    source.account.numbers = dict.fromkeys([ONE, TWO, *many], URL)
    watch = source.watch(drift=True)
    source.look(watch)
    source.account.numbers |= dict.fromkeys([TWO, *many], ELSEWHERE)
    assert len(source.look(watch) + source.look(watch)) == 13
    assert not caplog.messages
    source.account.numbers[TWO] = URL  # mended
    again = source.watch(drift=True)
    source.account.monitor_fails = [source.errors.ApiError("no alerts", code="x", status=503)]
    assert source.look(again) + source.look(again) == []
    (said,) = caplog.messages
    assert said.startswith("Numbers that were reported before still lead elsewhere, and are not reported again (12): ")
    assert f"{many[9]}, and 2 more. Connect them by the playbook voiceagent.sms.connect_sms" in said
    source.account.numbers[ONE] = ELSEWHERE
    assert len(source.look(again) + source.look(again)) == 1
    assert len(caplog.messages) == 1


def with_key(name: str) -> str:
    """Return the webhook of an agent."""
    return URL.replace(KEY, f"{KEY}-{name}")


def drifted(source: Source, watch: Any) -> list[str]:
    """Poll, and return the numbers that drifted."""
    return [event["phone_number"] for event in source.look(watch) if event["type"] == "drift"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param({"one_key": True}, [], id="nobody knows whose it is"),
        pytest.param({}, [ONE], id="asked for one agent only"),
        pytest.param({"one_key": "yes", "phone_numbers": [ONE, TWO]}, [ONE], id="the numbers are named"),
    ],
)
def test_another_agent_s_number_is_not_reported(
    source: Source, caplog: pytest.LogCaptureFixture, args: dict[str, Any], told: list[str]
) -> None:
    numbers = source.account.numbers = {ONE: with_key("one"), TWO: with_key("two"), OTHER: with_key("two")}
    watch = source.watch(drift=True, **args)
    assert drifted(source, watch) == []
    numbers[ONE] = ELSEWHERE  # those that are left have one key, but not this number's
    assert drifted(source, watch) == told
    watch = source.watch(drift=True, **args)
    assert drifted(source, watch) == drifted(source, watch) == []
    if not told:
        (said, again) = caplog.messages  # in each run
        assert said == again
        assert "not reported (1)" in said
        assert f": {ONE}. Give those of one agent as phone_numbers" in said
        numbers[TWO] = ELSEWHERE
        assert drifted(source, watch) == [TWO], "of the only agent that is left"
        numbers[ONE] = with_key("one")
        numbers[OTHER] = ELSEWHERE
        assert drifted(source, watch) == []
        assert "(1), because the numbers at the receiver have different keys" in caplog.messages[-1]
    assert KEY not in caplog.text


def test_numbers_of_one_agent_are_all_reported(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    source.account.numbers[OTHER] = f"https://{PLACE}"  # no key: it says nothing of an agent
    watch = source.watch(drift=True, one_key=True)
    assert drifted(source, watch) == []
    source.account.numbers[ONE] = ELSEWHERE
    assert drifted(source, watch) == [ONE]
    source.account.numbers = dict.fromkeys([ONE, TWO, OTHER], ELSEWHERE)
    assert drifted(source, watch) == [TWO, OTHER], "although none is left to compare with"
    assert not caplog.messages
    kept = json.loads(source.file.read_text())["followers"]
    assert kept[OTHER] is None
    assert re.fullmatch("[0-9a-f]{4}", kept[ONE])
    assert kept[ONE] == kept[TWO]


@pytest.mark.parametrize("restart", [False, True])
def test_a_number_that_drifts_in_a_rotation_is_reported_after_it(source: Source, restart: bool) -> None:
    numbers = source.account.numbers = dict.fromkeys([ONE, TWO, OTHER], with_key("old"))
    watch = source.watch(drift=True, one_key=True)
    assert drifted(source, watch) == []
    numbers[TWO] = with_key("new")
    assert drifted(source, watch) == []
    numbers[ONE] = ELSEWHERE
    assert drifted(source, watch) == [], "old and new are in use"
    numbers[OTHER] = with_key("new")
    watch = source.watch(drift=True, one_key=True) if restart else watch
    assert drifted(source, watch) == [ONE]
    # Later, all of them drift at once, one with an older key than the others.
    numbers.update({TWO: ELSEWHERE, OTHER: with_key("newer")})
    assert drifted(source, watch) == [TWO]
    numbers.update({OTHER: ELSEWHERE})
    assert drifted(source, watch) == [OTHER]


def test_a_state_file_of_an_earlier_version_knows_no_keys(source: Source) -> None:
    watch = source.watch(drift=True)
    source.look(watch)
    kept = json.loads(source.file.read_text())
    kept["followers"] = sorted(kept["followers"])
    del kept["salt"], kept["agents"]
    source.file.write_text(json.dumps(kept))
    source.account.numbers[ONE] = ELSEWHERE
    watch = source.watch(drift=True, one_key=True)
    assert drifted(source, watch) == [ONE]
    assert drifted(source, source.watch(drift=True, one_key=True)) == []


def test_a_literal_webhook_is_compared_as_a_whole(source: Source) -> None:
    literal = f"https://bot.example.com/twilio/{KEY}?token=1"
    source.account.numbers = {ONE: literal, TWO: f"{literal}#rc=2"}
    watch = source.watch(drift=True, region=None, receiver_url=literal)
    assert source.look(watch) == []
    source.account.numbers[ONE] = literal.replace("token=1", "token=2")
    (event,) = [*watch.look()]
    assert (event["phone_number"], event["url"].rpartition("?")[2]) == (ONE, "token=***")


def test_a_state_that_cannot_be_read_or_written_stops_nothing(
    source: Source, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> None:
    source.file.write_text("[]")
    watch = source.watch()
    source.account.error(ONE, START)
    assert len(source.look(watch)) == 1
    assert source.file.stat().st_mode & 0o777 == 0o600
    assert "only new errors are reported" in caplog.text
    (tmp_path / "file").write_text("")
    watch = source.watch(state_file=str(tmp_path / "file" / "state.json"))
    watch.look()
    watch.save()
    assert "cannot be written" in caplog.text


def test_the_state_lies_in_ansible_s_home(
    source: Source, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "ansible"))
    for numbers in (None, [ONE]):
        watch = source.watch(state_file="", phone_numbers=numbers)
        watch.look()
        watch.save()
    names = [path.name for path in (tmp_path / "ansible" / "voiceagent.sms").iterdir()]
    assert len(names) == 2, "one for each set of numbers and receiver"
    assert all(name.startswith(f"sms_errors-{Account.account_sid}-") for name in names)


class Ended(BaseException):
    """The rulebook ends."""


def run(source: Source, queue: Any, looks: int, **args: Any) -> list[float]:
    """Run the source until it has slept so many times, and return for how long each time."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        source.now += timedelta(seconds=seconds)
        if len(pauses) == looks:
            raise Ended

    async def at_once(function: Callable[[], Any]) -> Any:
        return function()

    names = source.globals["main"].__globals__
    names["asyncio"] = SimpleNamespace(sleep=sleep, to_thread=at_once, Queue=asyncio.Queue)
    given = {"region": "us-south", "state_file": str(source.file), **SECRET, **args}
    with pytest.raises(Ended):
        asyncio.run(source.globals["main"](queue, given))
    return pauses


class Queue:
    """Takes events, up to a number of them."""

    def __init__(self, room: int = 99) -> None:
        self.events: list[dict[str, Any]] = []
        self._room = room

    async def put(self, event: dict[str, Any]) -> None:
        if len(self.events) == self._room:
            raise Ended
        self.events.append(event)


def test_it_backs_off_while_twilio_cannot_be_asked(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    refused = source.errors.ApiError("Could not list: HTTP 401", code="20003", status=401)
    lost = source.errors.TransportError("no answer", code="timeout", maybe_done=True)
    busy = source.errors.ApiError("HTTP 429", code="20429", status=429)
    source.account.fails = [lost, busy, lost, lost, lost, None, refused]
    assert run(source, Queue(), 8) == [120, 240, 480, 900, 900, 60, 120, 60]
    assert "the next poll is in 120 s" in caplog.text
    assert source.watch().pause(5000) == 900, "a week"
    # If credentials are refused at the start, the user has to fix them.
    source.account.fails = [refused]
    with pytest.raises(type(refused)):
        run(source, Queue(), 1)


def test_drift_is_told_while_the_alerts_cannot_be_read(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    account = source.account
    busy = source.errors.ApiError("HTTP 503", code="503", status=503)
    watch = source.watch(drift=True)
    source.look(watch)
    first = account.error(TWO, source.now)
    account.numbers[ONE] = ELSEWHERE
    account.monitor_fails = [busy, account.refused, account.refused]
    assert [event["type"] for event in source.look(watch)] == ["drift"]
    source.now += timedelta(hours=5)
    assert source.look(watch) == []
    account.monitor_fails = [account.refused, busy]
    source.now += timedelta(hours=5)
    assert source.look(watch) == []
    account.monitor_fails = []
    assert [event["alert_sid"] for event in source.look(watch)] == [first], "the time of the outage is caught up"
    # The failure is logged, and it waits longer each time.
    account.numbers = {ONE: URL, TWO: ELSEWHERE}
    account.monitor_fails = [None, account.refused, busy]
    queue = Queue()
    assert run(source, queue, 4, drift=True) == [60, 120, 240, 60]
    assert [event["phone_number"] for event in queue.events] == [TWO]
    assert "HTTP 403; the next poll is in 120 s" in caplog.text


@pytest.mark.parametrize("status", [403, 503])
def test_at_the_first_poll_only_a_final_refusal_of_the_alerts_is_the_end(source: Source, status: int) -> None:
    source.account.monitor_fails = [source.errors.ApiError("no alerts", code="x", status=status)]
    queue = Queue()
    if status == 403:
        with pytest.raises(source.errors.SmsError, match="no alerts"):
            run(source, queue, 1, drift=True, phone_numbers=[ONE])
    else:
        source.account.numbers[ONE] = ELSEWHERE
        assert run(source, queue, 2, drift=True, phone_numbers=[ONE]) == [120, 60]
        assert [event["type"] for event in queue.events] == ["drift"]


def test_what_was_told_before_the_end_is_not_told_again(source: Source) -> None:
    source.account.error(ONE, START)
    source.account.error(TWO, START + timedelta(seconds=1))
    narrow, wide = Queue(room=1), Queue()
    run(source, narrow, 1)
    run(source, wide, 1)
    assert [event["phone_number"] for event in (*narrow.events, *wide.events)] == [ONE, TWO]


def test_the_token_reaches_the_client_and_nothing_else(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []

    def connect(params: dict[str, Any]) -> Account:
        given.append(params)
        return source.account

    source.globals["Watch"].__init__.__globals__["access"] = SimpleNamespace(twilio_numbers=connect)
    watch = source.watch(timeout="5", validate_certs="no", eda_feedback_queue=None)
    source.look(watch)
    assert given[0]["auth_token"] == SECRET["auth_token"]
    assert (given[0]["timeout"], given[0]["validate_certs"]) == (5.0, False)
    assert "region" not in given[0], "region is IBM Cloud's"
    assert SECRET["auth_token"] not in source.file.read_text()
    assert os.environ.get("TWILIO_AUTH_TOKEN") is None


RULEBOOKS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "extensions/eda/rulebooks").glob("*.yml")}


@pytest.mark.parametrize("name", RULEBOOKS)
def test_rulebooks_are_throttled_and_watch_alike(name: str) -> None:
    ((rules),) = RULEBOOKS[name]
    (source,) = rules["sources"]
    args, others = (book["voiceagent.sms.sms_errors"] for book in (source, RULEBOOKS["repair_sms"][0]["sources"][0]))
    assert {**args, "region": ""} == {**others, "region": ""}
    assert args["one_key"] is True
    assert {rule["condition"]: rule["throttle"] for rule in rules["rules"]} == {
        'event.type == "drift"': {"once_after": "5 seconds", "group_by_attributes": ["event.phone_number"]},
        'event.type == "webhook_error"': {"once_within": "30 minutes", "group_by_attributes": ["event.type"]},
    }


def test_a_controller_s_jobs_get_every_answer() -> None:
    templates = {item["name"]: item for item in objects()["job_template"]}
    for rule in RULEBOOKS["repair_sms_by_controller"][0]["rules"]:
        action = rule["action"]["run_job_template"]
        (template,) = [item for name, item in templates.items() if f"'{name}'" in action["name"]]
        given = action["job_args"]["extra_vars"]
        assert required(template) <= set(given) <= set(questions(template)), template["name"]
        assert template["ask_limit_on_launch"] is True
        if "phone_numbers" in given:
            assert template["extra_vars"]["connect_sms_create_credential"] is False, "which a person decides"
            assert "allow_simultaneous" in template
            many = "".join(f"tel:+{place:015}\n" for place in range(10_000))
            assert len(many) <= questions(template)["phone_numbers"]["max"], "a refused launch is not repeated"


def test_a_controller_s_rulebook_needs_the_region() -> None:
    book = RULEBOOKS["repair_sms_by_controller"][0]
    (source,) = book["sources"]
    launch = book["rules"][0]["action"]["run_job_template"]["job_args"]["extra_vars"]
    for text in (source["voiceagent.sms.sms_errors"]["region"], launch["region"]):
        template = jinja2.Template(text, undefined=jinja2.StrictUndefined)  # as in ansible-rulebook
        assert template.render(region="us-east") == "us-east"
        with pytest.raises(jinja2.UndefinedError):
            template.render(receiver_host="sms-east.voiceagent.cloud.ibm.com")


def test_the_guide_s_blocks_are_right() -> None:
    text = (guides.FOLDER / "events.md").read_text()
    blocks = guides.blocks(text)
    (command,) = [line for block in blocks for line in block.commands if line.startswith("ansible-rulebook")]
    files = {block.file: block.text for block in blocks if block.file}
    words = command.split()
    assert words[1:3] == ["--rulebook", "voiceagent.sms.repair_sms"]
    assert [words[place] for place in (4, 6)] == list(reversed(files))
    variables = yaml.safe_load(files["sms-variables.yml"])
    read = set(re.findall(r"\b\w+(?= \| default)", (ROOT / "extensions/eda/rulebooks/repair_sms.yml").read_text()))
    named = set(re.findall(r"`(\w+)`", text))
    assert set(variables) <= read - {"event", "events"} <= named
    (rulebook,) = [block.text for block in blocks if "sources:" in block.text]
    (rules,) = yaml.safe_load(rulebook)
    assert set(rules["sources"][0]["voiceagent.sms.sms_errors"]) <= {"region"}
