# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends real texts to the account's own numbers, and finds their results in Twilio's messages and Monitor.

A text between two numbers of the account makes two messages, an ``outbound-api`` and an ``inbound`` one. The webhook is
called for the second. If that fails, the Monitor has an alert whose resource is that message. An answer is a message in
the other direction.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs

from .._http.errors import SmsError, TransportError
from .._http.pace import READERS
from .._http.urls import place
from .client import PARENT_CANNOT_KNOW
from .rollout import is_interrupted, read_all, run_all

#: The results of a text, the worst first.
VERIFIED = {
    "refused": "the receiver refuses the texts",
    "silent": "a text does not reach the agent",
    "received": "the agent accepts the texts, but no answer came",
    "untried": "no text was sent",
    "answered": "the agent answers",
}
ARRIVED = ("delivered", "received", "read", "partially_delivered")
LOST = ("failed", "undelivered", "canceled")
SETTLE = 10.0  # seconds in which a carrier may still refuse an answer that Twilio has sent
FIRST_WAIT, LONGEST_WAIT = 0.5, 4.0  # seconds between two polls
MAX_DETAILS = 50  # alerts read one by one, because the list does not show their numbers
LONGEST_TIMEOUT = 3600  # seconds
LATEST = 20  # messages read to find a number's last inbound one


def check_texts(timeout: float, most: int, body: str, prefix: str = "") -> None:
    """Check the options of ``twilio_sms_verify`` for its texts.

    :param prefix: of the options' names, for messages
    :raises SmsError: for the first that is invalid
    """
    if not 0 < timeout <= LONGEST_TIMEOUT:
        text = f"{prefix}verify_timeout must be more than 0 and at most {LONGEST_TIMEOUT} seconds"
        raise SmsError(text, code="bad_timeout")
    if most < 0:
        raise SmsError(f"{prefix}verify_max must be 0 or more", code="bad_verify_max")
    if not body.strip():
        raise SmsError(f"{prefix}verify_body is empty: Twilio sends no empty text", code="bad_verify_body")


@dataclass
class Trial:
    """One text, with what is known of it so far.

    :ivar urls: the webhook, and the fallback if there is one
    :ivar sid: the number's SID
    :ivar problem: why it could not be sent
    :ivar text: the outbound message
    :ivar inbound: the message that arrived
    :ivar answers: messages in the other direction
    :ivar alerts: its webhook errors
    """

    number: str
    urls: Sequence[str] = ()
    sid: str = ""
    problem: SmsError | None = None
    text: Mapping[str, Any] | None = None
    inbound: Mapping[str, Any] | None = None
    answers: list[Mapping[str, Any]] = field(default_factory=list)
    alerts: list[Mapping[str, Any]] = field(default_factory=list)
    answered_at: float | None = None  # on this machine's clock

    @property
    def answer(self) -> Mapping[str, Any] | None:
        """The answer that counts: one that arrived, or else one in transit, or else one that was lost."""
        order = {**dict.fromkeys(ARRIVED, 0), **dict.fromkeys(LOST, 2)}
        return min(self.answers, key=lambda row: order.get(str(row.get("status")), 1), default=None)

    @property
    def refused(self) -> bool:
        """Whether all of its webhooks failed, including the fallback."""
        met = {place(str(alert.get("request_url") or "")) for alert in self.alerts}
        missing = {place(url) for url in self.urls} - met if None not in met else set()
        return bool(self.alerts) and len(self.alerts) >= len(self.urls) and not missing

    def is_over(self, now: float) -> bool:
        """Whether waiting longer cannot show anything new."""
        answer = self.answer
        if answer is not None:
            status = str(answer.get("status"))
            return status in (*ARRIVED, *LOST) or now - (self.answered_at or now) >= SETTLE
        return self.problem is not None or self.refused or (self.inbound is None and _is_lost(self.text))


def last_text(twilio: Any, number: str) -> str | None:
    """Return when a number's last inbound text arrived (ISO 8601), ``None`` if none of its last messages is inbound."""
    for row in twilio.messages({"To": number}, newest=LATEST):
        if row.get("direction") == "inbound":
            moment = _moment(row)
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
    return None


def last_texts(twilio: Any, numbers: Sequence[str]) -> dict[str, str | None]:
    """Return when the last inbound text of each of *numbers* arrived, with one request for each."""
    return dict(zip(numbers, read_all(lambda number: last_text(twilio, number), numbers), strict=True))


class Watch:
    """Sends texts from one number and waits for their results.

    :param twilio: a :class:`client.TwilioNumbers`
    :param sender: the account's number that sends them
    :param clock: and *sleep* replace waiting in tests
    """

    def __init__(
        self,
        twilio: Any,
        sender: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._twilio = twilio
        self._sender = sender
        self._clock = clock
        self._sleep = sleep
        self._details: dict[str, Mapping[str, Any]] = {}
        now = datetime.now(timezone.utc)
        # A day and an hour of tolerance for a wrong clock. Earlier messages are recognized by their SIDs, not by time.
        self._day = (now - timedelta(days=1)).strftime("%Y-%m-%d")
        self._since = (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.problem: SmsError | None = None
        self.alerts_problem: SmsError | None = None
        rows, alerts = self._messages(), self._alerts()
        self._known = {row.get("sid") for row in (*rows, *alerts)}

    def send(self, trials: Sequence[Trial], body: str) -> None:
        """Send a text to the number of each of *trials*."""
        sent = run_all(trials, lambda trial: self._twilio.send_text(self._sender, trial.number, body), workers=READERS)
        for trial, result in zip(trials, sent, strict=True):
            if not isinstance(result, SmsError):
                trial.text = result
            elif not (isinstance(result, TransportError) and result.maybe_done):
                trial.problem = result

    def wait(self, trials: Sequence[Trial], seconds: float) -> None:
        """Poll until everything is known, or for that many seconds.

        Afterwards ``problem`` has the error of the last poll, if it failed.
        """
        end, pause = self._clock() + seconds, FIRST_WAIT
        while True:
            now = self._clock()
            if any(trial.problem is None for trial in trials):
                try:
                    self._look(trials, now)
                    self.problem = None
                except SmsError as error:  # the texts are sent, and a later poll may succeed
                    self.problem = error
            left = end - now
            if left <= 0 or is_interrupted() or all(trial.is_over(now) for trial in trials):
                return
            self._sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_WAIT)

    def _look(self, trials: Sequence[Trial], now: float) -> None:
        """Poll once, with three requests, however many texts there are."""
        rows = [row for row in self._messages() if row.get("sid") not in self._known]
        for trial in trials:
            _note_messages(trial, rows, self._sender)
            if trial.answers and trial.answered_at is None:
                trial.answered_at = now
        alerts = [row for row in self._alerts() if row.get("sid") not in self._known]
        self._join(trials, alerts)

    def _messages(self) -> list[Mapping[str, Any]]:
        """Return the sender's messages, sent and received, the oldest first."""
        queries = [{name: self._sender, "DateSent>": self._day} for name in ("From", "To")]
        rows = [row for rows in read_all(self._twilio.messages, queries) for row in rows]
        oldest = datetime.min.replace(tzinfo=timezone.utc)
        return sorted(rows, key=lambda row: _moment(row) or oldest)

    def _alerts(self) -> list[Mapping[str, Any]]:
        if not self._twilio.sees_overrides:
            self.alerts_problem = SmsError(PARENT_CANNOT_KNOW, code="alerts_unknown")
            return []
        try:
            rows = self._twilio.alerts(self._since)
        except SmsError as error:
            self.alerts_problem = error
            return []
        self.alerts_problem = None
        return [row for row in rows if str(row.get("error_code")).startswith("11")]

    def _join(self, trials: Sequence[Trial], alerts: Sequence[Mapping[str, Any]]) -> None:
        """Match each webhook error (codes 11xxx) to its text."""
        by_sid = {str(row["sid"]): trial for trial in trials for row in (trial.inbound, trial.text) if row}
        by_sid.update({trial.sid: trial for trial in trials if trial.sid})
        places = {place(url) for trial in trials for url in trial.urls}
        for trial in trials:
            trial.alerts = []
        for alert in alerts:
            met = by_sid.get(str(alert.get("resource_sid")))
            if met is None and place(str(alert.get("request_url") or "")) in places:
                met = self._by_details(alert, trials)
            if met is not None:
                met.alerts.append(alert)
        for trial in trials:  # the webhook's error before the fallback's
            own = place(trial.urls[0]) if trial.urls else None
            trial.alerts.sort(key=lambda alert: place(str(alert.get("request_url") or "")) != own)

    def _by_details(self, alert: Mapping[str, Any], trials: Sequence[Trial]) -> Trial | None:
        """Find the text of an alert from the request to the webhook, which Twilio only shows for a single alert."""
        sid = str(alert.get("sid"))
        if sid not in self._details:
            if len(self._details) >= MAX_DETAILS:
                return None
            try:
                self._details[sid] = self._twilio.alert(sid)
            except SmsError:
                self._details[sid] = {}
        sent = parse_qs(str(self._details[sid].get("request_variables") or ""))
        if sent.get("From") != [self._sender]:
            return None
        return next((trial for trial in trials if sent.get("To") == [trial.number]), None)


def _note_messages(trial: Trial, rows: Sequence[Mapping[str, Any]], sender: str) -> None:
    there = [row for row in rows if (row.get("from"), row.get("to")) == (sender, trial.number)]
    back = [row for row in rows if (row.get("from"), row.get("to")) == (trial.number, sender)]
    trial.inbound = next((row for row in there if row.get("direction") == "inbound"), trial.inbound)
    known = trial.text.get("sid") if trial.text else None
    outbound = [row for row in there if row.get("direction") != "inbound"]
    trial.text = next((row for row in outbound if known in (None, row.get("sid"))), trial.text)
    trial.answers = back


def text_result(trial: Trial, watch: Watch, waited: float) -> dict[str, Any]:
    """Return the result of a text: ``verified``, ``seconds``, ``receiver_status`` and ``msg``."""
    answer, status = trial.answer, next((status_of(alert) for alert in trial.alerts), None)
    after = f", although {_failure(trial.alerts[0])}" if trial.alerts else ""
    if trial.problem is not None:
        return _verdict("untried", str(trial.problem))
    if answer is not None and str(answer.get("status")) not in LOST:
        seconds = _seconds(trial.text or trial.inbound, answer)
        return _verdict("answered", f"answered after {seconds:g} s{after}", seconds=seconds, receiver_status=status)
    if answer is not None:
        return _verdict(
            "received", f"it answered, but the answer was not delivered{_code(answer)}", receiver_status=status
        )
    if trial.refused:
        return _verdict("refused", f"{_failure(trial.alerts[0])}", receiver_status=status)
    if watch.problem is not None:
        return _verdict("silent", f"the result of the text is not known: {watch.problem}")
    if trial.inbound is None:
        lost = f" (Twilio says: {trial.text.get('status')}{_code(trial.text)})" if trial.text else ""
        return _verdict("silent", f"the text did not arrive within {waited:g} s{lost}")
    if watch.alerts_problem is not None:
        msg = f"no answer within {waited:g} s, and it is not known whether the receiver accepted the text: {watch.alerts_problem}"
        return _verdict("silent", msg)
    by = " by the fallback" if trial.alerts else ""
    return _verdict("received", f"accepted{by}{after}, but no answer within {waited:g} s", receiver_status=status)


def status_of(alert: Mapping[str, Any]) -> int | None:
    """Return the HTTP status in an alert's text (``httpResponse=502``)."""
    found = re.search(r"(?i)httpResponse(?:=|%3D|\W{1,4})([1-5]\d\d)\b", str(alert.get("alert_text") or ""))
    return int(found[1]) if found else None


def _failure(alert: Mapping[str, Any]) -> str:
    status, code = status_of(alert), re.sub(r"\W", "", str(alert.get("error_code") or ""))[:10]
    what = f"the receiver answered HTTP {status}" if status else "the receiver could not be called"
    return f"{what} (Twilio error {code})"


def _verdict(
    verified: str, msg: str, *, seconds: float | None = None, receiver_status: int | None = None
) -> dict[str, Any]:
    return {"verified": verified, "seconds": seconds, "receiver_status": receiver_status, "msg": msg}


def _is_lost(row: Mapping[str, Any] | None) -> bool:
    return row is not None and str(row.get("status")) in LOST


def _code(row: Mapping[str, Any]) -> str:
    return f" ({row['error_code']})" if str(row.get("error_code") or "").isdigit() else ""


def _seconds(first: Mapping[str, Any] | None, then: Mapping[str, Any]) -> float:
    """Return the seconds between two messages by Twilio's clock, which has whole seconds."""
    begin, end = _moment(first or {}), _moment(then)
    return max(0.0, (end - begin).total_seconds()) if begin and end else 0.0


def _moment(row: Mapping[str, Any]) -> datetime | None:
    """Return when a message was created; Twilio's 2010 API writes RFC 2822."""
    for name in ("date_created", "date_sent"):
        try:
            moment = parsedate_to_datetime(str(row.get(name) or ""))
        except (ValueError, TypeError, IndexError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return None
