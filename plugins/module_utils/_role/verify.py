# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides whether texts to a batch's phone numbers arrive and are answered, from readings and tests. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .._http.errors import NAMED, SmsError, join
from .._http.urls import place
from .._numbers.notation import normalize
from .._twilio.destination import DEMO_HOST, destinations_of, receivers_of
from .._twilio.messages import VERIFIED, check_texts
from .._twilio.snapshot import Snapshot
from .audit import audit_plan, is_hit, told_once, verdicts
from .channels import expected_with_channels
from .plan import NO_NUMBERS, PREFIX
from .steps import groups_of

FAILING = ("refused", "silent")
BLOCKED = "blocked"
LISTED = 25  # maximum number of rows in the table on the console
SHOWN = 100  # maximum number of entries in a task's result; beyond it, only those that fail it
# The statuses of an audit with which a text would not reach the agent.
ASTRAY = ("elsewhere", "overridden", "dropped", "not_connected", "no_sms")
Result = Mapping[str, Any]


def verify_plan(hosts: Mapping[str, Mapping[str, Any]], problems: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what has to be read for a batch, like :func:`audit.audit_plan`; each account has ``verify``, the options of
    its module."""
    errors = dict(problems or {})
    fine = {}
    for host, values in hosts.items():
        problem = _problem(host, values)
        if problem:
            errors[host] = problem
        else:
            fine[host] = {**values, "connect_sms_audit_dir": None, "connect_sms_audit_fail_on": []}
    return audit_plan(fine, errors)


def _problem(host: str, values: Mapping[str, Any]) -> str | None:
    """Return the mistake in a host's variables, before any request."""
    if host == "localhost" and not values["connect_sms_phone_numbers"]:
        return NO_NUMBERS  # an audit would take the whole account
    if values["connect_sms_verify_from"]:
        try:
            normalize(values["connect_sms_verify_from"])
        except ValueError as error:
            return f"connect_sms_verify_from: {error}"
    timeout, most, body = (values[f"{PREFIX}verify_{name}"] for name in ("timeout", "max", "body"))
    try:
        check_texts(1 if timeout is None else timeout, most or 0, body or "the default", PREFIX)
    except SmsError as error:
        return str(error)
    return None


def verify_requests(
    plan: Mapping[str, Any], looked: Sequence[Result], asked: Sequence[Result], channels: list[Result] | None = None
) -> list[dict[str, Any]]:
    """Return the calls of ``twilio_sms_verify``, one for each account that could be read. They contain secrets.

    :param looked: the results of ``twilio_sms_webhook_info``, in the order of the plan's ``accounts``
    :param asked: the results of ``iva_credential_info`` for :func:`audit.key_requests`
    :param channels: the results of ``orchestrate_sms_channel_info`` for the plan's ``channels``
    """
    plan = expected_with_channels(plan, channels)
    told = {(each["account_sid"], each["phone_number"]): each for each in verdicts(plan, list(looked), list(asked))[0]}
    snapshots = _snapshots(plan, looked)
    calls = []
    for index, account in enumerate(plan["accounts"]):
        snapshot = snapshots.get(index)
        if snapshot is None:
            continue
        silent: dict[str, str] = {}
        for group in account["webhooks"]:
            for number in filter(None, group["phone_numbers"].split(",")):
                verdict = told.get((snapshot.account_sid, number))
                if verdict and _is_astray(verdict, group["expected"], snapshot):
                    silent[number] = str(verdict["msg"])
        options = {name: value for name, value in account["verify"].items() if value not in (None, "")}
        calls.append(
            {
                **account["access"],
                **options,
                "phone_numbers": account["phone_numbers"],
                "snapshot": looked[index]["snapshot"],
                "silent": silent,
            }
        )
    _share_receivers(calls, [snapshots[index] for index in sorted(snapshots)])
    _share_texts(calls)
    return calls


def _is_astray(verdict: Mapping[str, Any], expected: Mapping[str, Any], snapshot: Snapshot) -> bool:
    """Whether it is known that a number's texts do not reach the agent.

    If no receiver is given, any is accepted except Twilio's demo. The module itself finds out what else takes texts.
    """
    if verdict["status"] not in ASTRAY:
        return False
    if expected["url"] or expected["place"] or expected["password"]:
        return True
    found = snapshot.numbers.get(verdict["phone_number"])
    where = place(found.settings["url"]) if found else None
    return where is not None and where[1] == DEMO_HOST


def _snapshots(plan: Mapping[str, Any], looked: Sequence[Result]) -> dict[int, Snapshot]:
    """Return the snapshots of the accounts that could be read, by their index in the plan."""
    places = {id(account): index for index, account in enumerate(plan["accounts"])}
    return {
        places[id(account)]: snapshot
        for account, _look, _group, snapshot in groups_of(plan, list(looked))
        if snapshot is not None
    }


def _share_receivers(calls: list[dict[str, Any]], snapshots: list[Snapshot]) -> None:
    """Assign each receiver to the first account whose texts go there, so that it is tested once."""
    known: set[str] = set()
    for call, snapshot in zip(calls, snapshots, strict=True):
        found = destinations_of(snapshot, call["phone_numbers"].split(","), call["silent"])
        own = receivers_of(found)  # as the module does, or a receiver would be left to an account that does not test it
        call["receivers"] = [name for name in own if name not in known]
        known.update(own)


def _share_texts(calls: list[dict[str, Any]]) -> None:
    """Distribute the maximum number of texts over all accounts, one each in turn."""
    sending = [call for call in calls if call.get("verify_from")]
    left = max((call["verify_max"] for call in sending), default=0)
    shares = dict.fromkeys(range(len(sending)), 0)
    while left > 0:
        open_places = [
            place
            for place, call in enumerate(sending)
            if shares[place] < min(call["verify_max"], call["phone_numbers"].count(",") + 1 - len(call["silent"]))
        ]
        if not open_places:
            break
        for place_ in open_places[:left]:
            shares[place_] += 1
        left -= len(open_places[:left])
    for place_, call in enumerate(sending):
        call["verify_max"] = shares[place_]


def conclude(
    plan: Mapping[str, Any],
    looked: Sequence[Result],
    asked: Sequence[Result],
    proofs: Sequence[Result],
    channels: list[Result] | None = None,
) -> dict[str, Any]:
    """Return the result of a batch: ``numbers`` with a verdict each, ``receivers``, ``notes``, ``failed`` and ``msg``.

    :param proofs: the results of ``twilio_sms_verify`` for :func:`requests`
    """
    plan = expected_with_channels(plan, channels)
    told, notes, failures = verdicts(plan, list(looked), list(asked))
    entries: dict[tuple[Any, str], dict[str, Any]] = {}
    doors: dict[str, Mapping[str, Any]] = {}
    problems = told_once(failures)
    notes = [note for note in notes if note not in problems]
    snapshots = _snapshots(plan, looked)
    for index, proof in zip(sorted(snapshots), proofs, strict=False):
        if "numbers" not in proof:
            problems.append(str(proof.get("msg") or "the numbers could not be verified"))
            continue
        doors.update({door["receiver"]: door for door in proof["receivers"]})
        entries.update({(snapshots[index].account_sid, entry["phone_number"]): entry for entry in proof["numbers"]})
        notes += [str(each) for each in proof.get("warnings") or ()]
    numbers = []
    for verdict in told:
        entry = _entry(verdict, entries.get((verdict["account_sid"], verdict["phone_number"])), doors)
        unknown = entry["verified"] == "untried" and is_hit(verdict, failures)
        numbers.append({**entry, "failed": entry["failed"] or unknown})
    order = {name: place for place, name in enumerate(VERIFIED)}
    numbers.sort(key=lambda entry: (order[entry["verified"]], entry["phone_number"]))
    return _outcome(numbers, list(doors.values()), list(dict.fromkeys(notes)), list(dict.fromkeys(problems)))


def _entry(
    verdict: Mapping[str, Any], proof: Mapping[str, Any] | None, doors: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a number's entry: the result of a real text, or else what is known of the receiver and the key."""
    entry: dict[str, Any] = dict(proof) if proof else _unproved(verdict)
    entry["host"], entry["account_sid"] = verdict["host"], verdict["account_sid"]
    entry.setdefault("failed", False)
    door = doors.get(entry["receiver"] or "")
    if entry["verified"] == "untried":
        if verdict["status"] == "dead_key":
            entry.update(verified="refused", msg=verdict["msg"])
        elif door and door["state"] == "shut":
            entry.update(
                verified="refused",
                receiver_status=door["status"],
                msg=f"its receiver {door['receiver']}: {door['msg']}",
            )
        elif verdict["status"] == "unknown" and not entry["failed"]:
            entry["msg"] = f"{verdict['msg']}; {entry['msg']}"
    failing = entry["verified"] in FAILING or entry["replies"] == BLOCKED
    return {**entry, "failed": bool(failing or entry["failed"])}


def _unproved(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a number about which nothing could be determined, in the form of ``twilio_sms_verify``."""
    empty = ("seconds", "receiver_status", "receiver", "last_text_at", "errors", "replies", "replies_msg")
    fixed = {"phone_number": verdict["phone_number"], "sid": verdict["sid"], "webhook": verdict["url"]}
    return {**dict.fromkeys(empty), **fixed, "verified": "untried", "msg": verdict["msg"], "failed": True}


def _outcome(
    numbers: list[dict[str, Any]], receivers: list[Mapping[str, Any]], notes: list[str], problems: list[str]
) -> dict[str, Any]:
    bad = [entry for entry in numbers if entry["failed"]]
    failed = bool(bad or problems)
    rows = bad if failed else numbers
    lines = [f"{entry['phone_number']}: {line_of(entry)}" for entry in rows]
    if not failed and len(lines) > NAMED or not rows:
        lines = [counts_of(numbers)]
    return {
        "changed": False,
        "failed": failed,
        "msg": join([*problems, *lines], "; "),
        "numbers": rows[:SHOWN] if failed or len(numbers) <= SHOWN else [],
        "receivers": receivers,
        "summary": count_verified(numbers),
        "notes": notes,
        "table": as_table(numbers, rows, receivers, notes),
    }


def line_of(entry: Mapping[str, Any]) -> str:
    """Return a number's result in one line."""
    parts = [f"{entry['verified']}, {entry['msg']}" if entry["msg"] else str(entry["verified"])]
    if entry["replies"]:
        why = f" ({entry['replies_msg']})" if entry["replies_msg"] else ""
        parts.append(f"replies {entry['replies']}{why}")
    return "; ".join(parts)


def count_verified(numbers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the count of each result, in the order of :data:`messages.VERIFIED`."""
    counts = Counter(entry["verified"] for entry in numbers)
    return {name: counts[name] for name in VERIFIED if counts[name]}


def counts_of(numbers: Sequence[Mapping[str, Any]]) -> str:
    """Return the counts as a text."""
    blocked = sum(entry["replies"] == BLOCKED for entry in numbers)
    counts = {**count_verified(numbers), **({"with replies blocked": blocked} if blocked else {})}
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no phone numbers"


def as_table(
    numbers: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    receivers: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
) -> str:
    """Return a short table for the console: the counts of *numbers*, the receivers, and the numbers in *rows*."""
    noun = "phone number" if len(numbers) == 1 else "phone numbers"
    lines = [f"{len(numbers)} {noun}: {counts_of(numbers)}"]
    lines += [f"  {door['receiver']}: {door['state']}, {door['msg']}" for door in receivers]
    for entry in rows[:LISTED]:
        last = f"; last text {entry['last_text_at']}" if entry["last_text_at"] else ""
        errors = (entry["errors"] or {}).get("codes") or {}
        told = ", ".join(f"{code} ({count})" for code, count in errors.items())
        met = f"; webhook errors: {told}" if told else ""
        lines.append(f"  {entry['phone_number']:<16} {line_of(entry)}{last}{met}")
    if len(rows) > LISTED:
        lines.append(f"  and {len(rows) - LISTED} more")
    return "\n".join([*lines, *(f"  Note: {note}" for note in notes)])
