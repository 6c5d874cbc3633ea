# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An event source for Event-Driven Ansible: webhooks of phone numbers that fail, or that lead elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import importlib
import ipaddress
import json
import logging
import os
import pathlib
import secrets
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

DOCUMENTATION = r"""
---
short_description: Webhook errors and changed webhooks of Twilio phone numbers
description:
  - Polls Twilio, so no port has to be open. Each alert of Twilio's Monitor about a webhook of the account's numbers is one event.
    Each number whose own webhook no longer leads to the receiver (drift) is one event, until it is repaired. A Messaging Service or
    a conversation that takes a number's texts instead is not noticed; C(voiceagent.sms.audit_sms) reports it.
  - An event has C(type) (V(webhook_error) or V(drift)), C(phone_number) (null if an alert does not name it), C(code) (Twilio's),
    C(url) (without its password), C(alert_sid) and C(at).
  - Reported events are remembered in a file, so that a restart does not repeat them. Errors that occurred while the source was stopped
    are reported afterwards. Without the file, as in a new container, only new errors are reported.
  - If Twilio cannot be reached, the source waits longer before each new attempt, up to a quarter of an hour.
options:
  account_sid:
    description: The Twilio account. Environment E(TWILIO_ACCOUNT_SID).
    type: str
  auth_token:
    description: Its auth token. Environment E(TWILIO_AUTH_TOKEN), which keeps it out of the rulebook.
    type: str
  api_key_sid:
    description: An API key instead of the auth token. Environment E(TWILIO_API_KEY).
    type: str
  api_key_secret:
    description: The API key's secret. Environment E(TWILIO_API_SECRET).
    type: str
  subaccount_sid:
    description: Needs the subaccount's own API key or token, because the parent's cannot read its alerts. Environment
      E(TWILIO_SUBACCOUNT_SID).
    type: str
  edge:
    description: Twilio's edge location. Environment E(TWILIO_EDGE). (Twilio's region is E(TWILIO_REGION) only.)
    type: str
  api_endpoint:
    description: One base URL instead of Twilio's hosts. Environment E(TWILIO_API_ENDPOINT).
    type: str
  timeout:
    description: Seconds to wait for an answer.
    type: float
    default: 30
  validate_certs:
    description: Whether Twilio's certificate must be valid.
    type: bool
    default: true
  interval:
    description: Seconds between polls, at least 60.
    type: float
    default: 60
  drift:
    description: Whether to check the numbers' webhooks as well.
    type: bool
    default: false
  phone_numbers:
    description:
      - The numbers that must lead to the receiver; errors of others are left out.
      - By default all numbers of the account that led there at an earlier poll.
    type: list
    elements: str
  one_key:
    description:
      - All agents of a region share a receiver, and only the API key in a webhook says which agent is meant. Without O(phone_numbers),
        this reports a drift only if the last key that the number had at the receiver is the one that the numbers there have now.
      - If the numbers there have several keys, no drift is reported, but a warning is logged. Drift during a rotation is reported
        once all numbers have the new key.
      - The state file remembers four digits of a salted hash for each number, and no key.
    type: bool
    default: false
  region:
    description: The IBM Cloud region of the receiver. O(drift=true) needs this, O(receiver_host) or O(receiver_url).
    type: str
  receiver_host:
    description: The receiver's host, for Frankfurt and self-hosted gateways.
    type: str
  receiver_url:
    description: A literal webhook, including its password or token.
    type: str
  state_file:
    description: The file that remembers reported events. By default a file in Ansible's home (E(ANSIBLE_HOME), C(~/.ansible)) with the
      account in its name.
    type: path
"""

EXAMPLES = r"""
- name: Repair webhooks that somebody has changed
  hosts: localhost
  sources:
    - voiceagent.sms.sms_errors:
        drift: true
        region: us-south
        interval: 60
  rules:
    - name: A number leads elsewhere
      condition: event.type == "drift"
      action:
        debug:
          msg: "{{ event.phone_number }} leads to {{ event.url }}"
"""

PACKAGE = "voiceagent_sms_utilities"


def _utilities(name: str) -> Any:
    """Return a module of the collection's utilities.

    ansible-rulebook runs this file alone, outside of any package and without Ansible's collection loader. So the utilities
    are found by their path relative to this file.
    """
    if PACKAGE not in sys.modules:
        package = types.ModuleType(PACKAGE)
        package.__path__ = [str(pathlib.Path(__file__).resolve().parents[4] / "plugins" / "module_utils")]
        sys.modules[PACKAGE] = package
    return importlib.import_module(f"{PACKAGE}.{name}")


errors = _utilities("_http.errors")
urls = _utilities("_http.urls")
receivers = _utilities("_ibm.receiver")
access = _utilities("_module.access")
options = _utilities("_module.options")
notation = _utilities("_numbers.notation")
whole_file = _utilities("_role.whole_file")
alerts = _utilities("_twilio.alerts")
client = _utilities("_twilio.client")
snapshot = _utilities("_twilio.snapshot")
webhook = _utilities("_twilio.webhook")

LOG = logging.getLogger("voiceagent.sms.sms_errors")
SHORTEST_INTERVAL = 60
LONGEST_PAUSE = 900
MOST_DOUBLINGS = 30  # of the pause; a power of a thousand is no float
LATE = timedelta(hours=1)  # an alert may appear in the list after newer ones, and clocks differ
OWN = {"interval", "drift", "phone_numbers", "one_key", "region", "receiver_host", "receiver_url", "state_file"}
# Twilio's region is missing, because the argument region is IBM Cloud's.
TWILIO = set(options.TWILIO_OPTIONS) - {"region"}
GIVEN_BY_RULEBOOK = {"eda_feedback_queue"}
FORMAT = "%Y-%m-%dT%H:%M:%SZ"
MISSING = "The account does not have %d of phone_numbers: %s"
TOLD_BEFORE = (
    "Numbers that were reported before still lead elsewhere, and are not reported again (%d): %s. Connect them by the"
    " playbook voiceagent.sms.connect_sms"
)
WITHHELD = (
    "Numbers lead elsewhere but are not reported (%d), because the numbers at the receiver have different keys, perhaps of"
    " different agents, or of a rotation that has not ended: %s. Give those of one agent as phone_numbers"
)


async def main(queue: asyncio.Queue, args: dict[str, Any]) -> None:
    """Put the events that :class:`Watch` finds into *queue*, until this is cancelled.

    :raises SmsError: for wrong arguments, and if the first poll is refused
    """
    watch = Watch(args)
    failures = 0
    while True:
        try:
            await _tell(queue, watch, await asyncio.to_thread(watch.look))
            if watch.problem:
                raise watch.problem
            failures = 0
        except errors.SmsError as error:
            if not watch.has_looked and _is_final(error):
                raise
            failures += 1
            LOG.warning("%s; the next poll is in %d s", error, watch.pause(failures))
        await asyncio.sleep(watch.pause(failures))


async def _tell(queue: asyncio.Queue, watch: Watch, events: Iterable[Mapping[str, Any]]) -> None:
    try:
        for event in events:
            await queue.put(event)
            watch.told(event)
        watch.told_all()
    finally:  # also if the rulebook ends between two events
        watch.save()


def _is_final(error: Any) -> bool:
    """Whether another attempt is useless: credentials are refused, unlike a network that is not available yet."""
    return not isinstance(error, errors.TransportError) and not (error.status == 429 or (error.status or 0) >= 500)


class Receiver:
    """Where texts should go.

    :raises SmsError: if it is not given, or in more than one way
    """

    def __init__(self, args: Mapping[str, Any]):
        self._url = _text(args, "receiver_url")
        region, host = _text(args, "region"), _text(args, "receiver_host")
        if self._url and (region or host):
            raise errors.SmsError(
                "receiver_url says where texts go: give no region and no receiver_host", code="bad_option"
            )
        self.place = None
        try:
            if self._url:
                urls.check_url(self._url)
                self.place = urls.place(self._url)
            elif region or host:
                self.place = urls.place(f"https://{receivers.host_for(region or None, host or None)}{receivers.PATH}")
        except ValueError as error:
            raise errors.SmsError(str(error), code="bad_option") from None
        if self.place is None and _flag(args, "drift", False):
            raise errors.SmsError(
                "drift: true needs to know where texts should go: give region, receiver_host or receiver_url",
                code="bad_option",
            )

    def takes(self, settings: Mapping[str, str]) -> bool:
        """Whether a number with these settings sends texts there. The key is not checked: only IBM Cloud knows it."""
        if self._url:
            return bool(webhook.connected(settings, {"url": self._url}) == settings)
        return not settings["application_sid"] and urls.place(settings["url"]) == self.place


class Watch:
    """Polls Twilio, and remembers the reported events.

    :param args: the source's arguments
    :raises SmsError: for wrong arguments
    """

    def __init__(self, args: Mapping[str, Any]):
        unknown = set(args) - OWN - TWILIO - GIVEN_BY_RULEBOOK
        if unknown:
            raise errors.SmsError(f"sms_errors has no argument {errors.join(sorted(unknown), ', ')}", code="bad_option")
        self._drift = _flag(args, "drift", False)
        self._receiver = Receiver(args)
        self._wanted = _numbers(args)
        self._one_key = _flag(args, "one_key", False) and self._wanted is None
        params = {name: args.get(name) for name in TWILIO}
        params["timeout"] = _number(args, "timeout", 30)
        params["validate_certs"] = _flag(args, "validate_certs", True)
        if client.TWILIO_IMPORT_ERROR:
            raise errors.SmsError(f"the Python package twilio is not installed for {sys.executable}", code="no_sdk")
        self._twilio = access.twilio_numbers(params)
        self._interval = _number(args, "interval", SHORTEST_INTERVAL)
        endpoint = options.given(params, "api_endpoint", options.TWILIO_OPTIONS)
        if self._interval < SHORTEST_INTERVAL and not (endpoint and _is_loopback(endpoint) and self._interval > 0):
            raise errors.SmsError(f"interval must be {SHORTEST_INTERVAL} seconds or more", code="bad_option")
        meant = [self._twilio.account_sid, str(self._receiver.place), sorted(self._wanted or ())]
        self._state = State(_state_file(args, self._twilio.account_sid, meant))
        self._told_before = set(self._state.drifted)
        self._warned: dict[str, set[str]] = {}
        self._began = datetime.now(timezone.utc)
        self.has_looked = False
        self.problem: Any = None

    def pause(self, failures: int) -> float:
        """Seconds until the next poll, after this number of failures."""
        return max(self._interval, min(self._interval * 2.0 ** min(failures, MOST_DOUBLINGS), LONGEST_PAUSE))

    def look(self) -> list[dict[str, Any]]:
        """Poll Twilio and return new events, the oldest first.

        Afterwards ``problem`` has the error if the alerts could not be read. Drift does not depend on them.

        :raises SmsError: if the numbers cannot be read, or if the alerts are refused before they could be read once
        """
        self._began, self.problem = datetime.now(timezone.utc), None
        self._state.looks(self._began)
        numbers = snapshot.Snapshot.take(self._twilio, None, with_overrides=False).numbers
        self._warn(MISSING, (self._wanted or set()) - set(numbers))
        events: list[dict[str, Any]] = []
        try:
            events.extend(self._alerts(numbers))
            self.has_looked = True
        except errors.SmsError as error:
            if not self.has_looked and _is_final(error):
                raise
            self.problem = error
        if self._drift:
            events.extend(self._drifted(numbers))
        return events

    def told(self, event: Mapping[str, Any]) -> None:
        """Remember that an event was reported."""
        self._state.told(event)

    def told_all(self) -> None:
        """Remember that all events of the last poll were reported. Alerts that could not be read are left to the next poll."""
        if self.problem is None:
            self._state.looked(self._began)

    def save(self) -> None:
        """Save the reported events for a restart."""
        self._state.save()

    def _warn(self, message: str, numbers: set[str]) -> None:
        """Log a warning about numbers, if there are any; again only about others."""
        if numbers and numbers != self._warned.get(message):
            LOG.warning(message, len(numbers), errors.join(sorted(numbers), ", "))
        self._warned[message] = numbers

    def _alerts(self, numbers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        places = {urls.place(found.settings[name]) for found in numbers.values() for name in webhook.URLS}
        places = (places | {self._receiver.place}) - {None}
        now = self._began.strftime(FORMAT)
        found = alerts.joined_alerts(self._twilio, numbers, self._state.since, places, self._state.seen)
        for alert, number in reversed(found):
            if not alert.get("sid"):
                continue  # without it, each poll would report the alert again
            event = {
                "type": "webhook_error",
                "phone_number": number,
                "code": errors.code_of(alert.get("error_code")),
                "url": urls.redact_url(str(alert.get("request_url") or "")),
                "alert_sid": alert.get("sid"),
                "at": alert.get("date_generated") or now,
            }
            if number is not None and self._wanted is not None and number not in self._wanted:
                self._state.told(event)  # another receiver's: its number need not be read again
            else:
                yield event

    def _drifted(self, numbers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        keys = {
            number: urls.password_of(found.settings["url"])
            for number, found in numbers.items()
            if self._receiver.takes(found.settings)
        }
        self._state.follow(keys)
        watched = set(self._state.followers) if self._wanted is None else self._wanted
        astray = (watched & set(numbers)) - set(keys)
        withheld = self._state.of_others(astray, keys.values()) - self._state.drifted if self._one_key else set()
        self._warn(WITHHELD, withheld)
        self._warn(TOLD_BEFORE, self._told_before & astray)
        self._told_before = set()  # what this run reports is no news at its next poll
        for number in sorted(astray - withheld - self._state.drifted):
            yield {
                "type": "drift",
                "phone_number": number,
                "code": None,
                "url": urls.redact_url(numbers[number].settings["url"]),
                "alert_sid": None,
                "at": self._began.strftime(FORMAT),
            }


class State:
    """The reported events, in memory and in a file. It contains numbers, SIDs and times, but no secrets.

    *followers*: the numbers that have led to the receiver, each with a mark of its last key there, ``None`` if that is not
    known. A mark tells keys apart, and is too short to find a key from it.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._next = self._began = datetime.now(timezone.utc)
        self.seen: dict[str, str] = {}
        self.followers: dict[str, str | None] = {}
        self.drifted: set[str] = set()
        self._salt = secrets.token_hex(16)
        self._agents: dict[str, str] = {}  # by the mark of a new key, that of the first key it replaced
        self._saved = ""
        self._load()

    @property
    def since(self) -> str:
        """The start time for alerts: some time before the last poll, because they may appear late."""
        oldest = datetime.now(timezone.utc) - timedelta(days=alerts.MAX_DAYS) + timedelta(hours=1)
        return max(self._next - LATE, self._began, oldest).strftime(FORMAT)

    def looks(self, at: datetime) -> None:
        """Begin a poll. What lies after it is from a clock that was ahead, and would leave out all alerts until then."""
        self._next, self._began = min(self._next, at), min(self._began, at)

    def looked(self, at: datetime) -> None:
        """Remember a poll, and forget alerts that no later poll can return."""
        self._next = at
        self.seen = {sid: when for sid, when in self.seen.items() if when >= self.since}

    def told(self, event: Mapping[str, Any]) -> None:
        """Remember an event."""
        if event["type"] == "drift":
            self.drifted.add(event["phone_number"])
        else:
            self.seen[event["alert_sid"]] = str(event["at"])

    def follow(self, keys: Mapping[str, str | None]) -> None:
        """Remember the numbers that lead to the receiver, with their keys. If they were reported, they are mended."""
        self.drifted -= set(keys)
        known = {*self.followers.values(), *self._agents, *self._agents.values()}
        for number, key in keys.items():
            old, mark = self.followers.get(number), self._mark(key)
            if old and mark and mark not in known:
                # A rotation: a key that no number has had before. To another agent, a number moves with a known one.
                self._agents[mark] = self._agents.get(old, old)
            self.followers[number] = mark or old

    def of_others(self, astray: set[str], keys: Iterable[str | None]) -> set[str]:
        """Return those of *astray* that may be another agent's, to judge by their last keys.

        :param keys: the keys that numbers at the receiver have now
        """
        here = {self._mark(key) for key in keys if key}
        if len(here) > 1:
            return astray
        last = {number: mark for number in astray if (mark := self.followers[number])}
        agents = {self._agents.get(mark, mark) for mark in here or last.values()}
        if len(agents) > 1:
            return astray
        return {number for number, mark in last.items() if self._agents.get(mark, mark) not in agents}

    def _mark(self, key: str | None) -> str | None:
        return hmac.new(self._salt.encode(), key.encode(), "sha256").hexdigest()[:4] if key else None

    def _load(self) -> None:
        try:
            kept = json.loads(self._path.read_text())
            self._next = datetime.strptime(kept["since"], FORMAT).replace(tzinfo=timezone.utc)
            self._began = datetime.strptime(kept["began"], FORMAT).replace(tzinfo=timezone.utc)
            self.seen = dict(kept["seen"])
            followers = kept["followers"]  # a list, in a file of an earlier version
            self.followers = dict(followers) if isinstance(followers, dict) else dict.fromkeys(followers)
            self.drifted = set(kept["drifted"])
            self._salt, self._agents = kept.get("salt", self._salt), dict(kept.get("agents", {}))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError):
            LOG.warning("%s is not a valid state file: only new errors are reported", self._path)

    def save(self) -> None:
        kept = {
            "since": self._next.strftime(FORMAT),
            "began": self._began.strftime(FORMAT),
            "seen": self.seen,
            "followers": dict(sorted(self.followers.items())),
            "agents": self._agents,
            "salt": self._salt,
            "drifted": sorted(self.drifted),
        }
        text = json.dumps(kept)
        if text == self._saved:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            whole_file.replace(str(self._path), text.encode())
            self._saved = text
        except OSError as error:
            LOG.warning("%s cannot be written (%s): a restart will only report new errors", self._path, error.strerror)


def _state_file(args: Mapping[str, Any], account_sid: str, meant: list[Any]) -> pathlib.Path:
    given = _text(args, "state_file")
    if given:
        return pathlib.Path(given).expanduser().absolute()
    home = pathlib.Path(os.environ.get("ANSIBLE_HOME") or "~/.ansible").expanduser()
    digest = hashlib.sha256(json.dumps(meant).encode()).hexdigest()[:12]
    return home / "voiceagent.sms" / f"sms_errors-{account_sid}-{digest}.json"


def _numbers(args: Mapping[str, Any]) -> set[str] | None:
    """Return the given numbers in E.164, or ``None``."""
    reading = notation.read(args.get("phone_numbers"))
    if reading.errors:
        raise errors.SmsError(f"phone_numbers: {errors.join(reading.errors, '; ')}", code="bad_number")
    return set(reading.numbers) or None


def _text(args: Mapping[str, Any], name: str) -> str:
    return str(args.get(name) or "").strip()


def _number(args: Mapping[str, Any], name: str, default: float) -> float:
    try:
        return float(default if args.get(name) in (None, "") else args[name])
    except (ValueError, TypeError):
        raise errors.SmsError(f"{name} must be a number of seconds", code="bad_option") from None


def _flag(args: Mapping[str, Any], name: str, default: bool) -> bool:
    value = args.get(name)
    if value in (None, ""):
        return default
    word = str(value).strip().lower()
    if word not in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        raise errors.SmsError(f"{name} must be true or false", code="bad_option")
    return word in ("true", "yes", "on", "1")


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
