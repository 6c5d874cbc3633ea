# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which phone numbers reach their agent, which do not, and why: from what was read to a verdict on each. No I/O."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from .._http.errors import NAMED, join
from .._http.urls import check_url, password_of, place, same_url
from .._ibm.credential import ROLES
from .._ibm.receiver import HOSTS, PATH, host_for, is_api_key
from .._twilio.alerts import check_days
from .._twilio.overrides import describe_override
from .._twilio.snapshot import Number, Snapshot
from .._twilio.webhook import URLS, shown
from .channels import NOT_THERE
from .plan import IBM_VARIABLES, Distinct, access_of, account_label, account_of, channel_of, numbers_of
from .steps import Group, groups_of, numbers_in

#: What becomes of texts to a number, the worst first.
STATUSES = {
    "dead_key": "the webhook leads to the agent, with a key that the receiver refuses",
    "elsewhere": "the webhook leads to something else",
    "not_connected": "there is no webhook",
    "overridden": "something else takes the texts, whatever the webhook is",
    "not_in_account": "the account has no such number",
    "no_sms": "the number cannot receive texts",
    "unknown": "it could not be found out",
    "connected": "texts reach the agent",
}
#: What a run can be made to fail on, besides the statuses.
ANY, ERRORS = "any", "errors"
COLUMNS = ("phone_number", "friendly_name", "host", "account_sid", "status", "msg", "url", "fallback_url")
KEY_COLUMNS = ("credential", "role", "age_days")
ERROR_COLUMNS = ("count", "last_at", "codes")
LISTED = 25  # how many numbers the table on the console shows
SHOWN = 1000  # how many a task's result holds: of more, only those that fail it
_PLACES = {place(f"https://{host}{PATH}") for hosts in HOSTS.values() for host in hosts}


def audit_plan(hosts: Mapping[str, Mapping[str, Any]], problems: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what has to be read for a batch, in the form of :func:`plan.make_plan`.

    A host without phone numbers (localhost) stands for all numbers of its account. Its group has none.

    :param hosts: the role's variables of each host; ``connect_sms_region`` may be missing, then any receiver of IBM's
        counts as the agent's
    :param problems: what is wrong with hosts that are therefore not in *hosts*
    """
    identities, accounts, channels = Distinct(), Distinct(), Distinct()
    numbers: dict[str, list[str]] = {}
    errors = dict(problems or {})
    fail_on: dict[str, list[str]] = {}
    folders: dict[str, str] = {}
    for host, values in hosts.items():
        everything = host == "localhost" and not values["connect_sms_phone_numbers"]
        try:
            expected = _expected(values)
            chosen = _fail_on(values)
            check_days(values["connect_sms_audit_days"], "connect_sms_audit_days")
            wanted = [] if everything else numbers_of(host, values)
        except ValueError as error:
            errors[host] = str(error)
            continue
        channel = channels.add(channel_of(values)) if values["connect_sms_orchestrate_agent"] else None
        identity = identities.add({"access": access_of(values, IBM_VARIABLES)})
        account = accounts.add(
            {**account_of(values), "state": "present", "on_override": "warn"},
            label=account_label(values),
            first_host=host,
            webhooks=[],
        )
        group = {"host": host, "phone_numbers": ",".join(wanted), "expected": expected, "identity": identity}
        group["channel"] = channel
        accounts.items[account]["webhooks"].append(group)
        numbers[host] = wanted
        fail_on[host] = chosen
        if values["connect_sms_audit_dir"]:
            folders[host] = values["connect_sms_audit_dir"]
    for item in accounts.items:
        texts = [group["phone_numbers"] for group in item["webhooks"]]
        item["phone_numbers"] = ",".join(texts) if all(texts) else ""  # one group without numbers stands for all
    return {
        "credentials": identities.items,
        "channels": channels.items,
        "accounts": accounts.items,
        "numbers": numbers,
        "errors": errors,
        "fail_on": fail_on,
        "folders": folders,
    }


def _fail_on(values: Mapping[str, Any]) -> list[str]:
    chosen = [name.strip() for name in values["connect_sms_audit_fail_on"] or () if name.strip()]
    wrong = sorted(set(chosen) - {*STATUSES, ANY, ERRORS})
    if wrong:
        raise ValueError(
            f"connect_sms_audit_fail_on: {join(wrong, ', ')} is none of {', '.join([*STATUSES, ANY, ERRORS])}"
        )
    return chosen


def _expected(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a host's texts should go: a literal ``url``, or a ``place`` and the ``password`` where it is known."""
    expected: dict[str, Any] = {"url": None, "place": None, "password": values["connect_sms_password"] or None}
    if values["connect_sms_orchestrate_agent"]:
        expected["url"] = NOT_THERE  # until its channel is found
    elif values["connect_sms_receiver_url"]:
        check_url(values["connect_sms_receiver_url"])
        expected["url"] = values["connect_sms_receiver_url"]
    elif values["connect_sms_receiver_host"] or len(HOSTS.get(values["connect_sms_region"] or "", ())) == 1:
        host = host_for(values["connect_sms_region"], values["connect_sms_receiver_host"])
        expected["place"] = [f"https://{host}{PATH}"]
    elif values["connect_sms_region"] in HOSTS:  # of several hosts the agent's dashboard knows which: either will do
        expected["place"] = [f"https://{host}{PATH}" for host in HOSTS[values["connect_sms_region"]]]
    elif values["connect_sms_region"]:
        host_for(values["connect_sms_region"])
    return expected


def key_requests(plan: Mapping[str, Any], looked: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the plan's identities with the API keys that IAM has to be asked about, ``api_keys`` (secret).

    :param looked: the results of ``twilio_sms_webhook_info``, in the order of the plan's ``accounts``
    """
    return _requests(plan, list(groups_of(plan, looked)))


def _requests(plan: Mapping[str, Any], groups: list[Group]) -> list[dict[str, Any]]:
    keys: list[dict[str, None]] = [{} for _identity in plan["credentials"]]
    for _account, _look, group, snapshot in groups:
        for _number, found in _members(group, snapshot):
            for url in [found.settings[name] for name in URLS] if found else ():
                key = password_of(url)
                if _is_iams(url, group["expected"]) and is_api_key(key):
                    keys[group["identity"]][str(key)] = None
    return [{**identity, "api_keys": list(found)} for identity, found in zip(plan["credentials"], keys, strict=True)]


def verdicts(
    plan: Mapping[str, Any], looked: list[Mapping[str, Any]], asked: list[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[str], dict[str, str]]:
    """Return a verdict on each number, without secrets, notes on what is not known, and by host what failed it.

    :param looked: the results of ``twilio_sms_webhook_info``, in the order of the plan's ``accounts``
    :param asked: the results of ``iva_credential_info`` for :func:`key_requests`
    """
    groups = list(groups_of(plan, looked))  # snapshots of thousands of numbers are read once
    answers = _answers(plan, groups, asked)
    told: list[dict[str, Any]] = []
    notes: list[str] = []
    failures = dict(plan["errors"])
    for _account, look, group, snapshot in groups:
        reason = str(look.get("msg") or "the account could not be read")
        if snapshot is None:
            failures[group["host"]] = reason
        else:
            notes += _notes(snapshot)
        for number, found in _members(group, snapshot):
            told.append(_verdict(number, found, snapshot, group, answers[group["identity"]], reason))
    notes += [str(result["msg"]) for result in asked if result.get("msg") and "api_keys" not in result]
    notes += [str(warning) for result in asked for warning in result.get("warnings") or ()]
    order = {status: index for index, status in enumerate(STATUSES)}
    told.sort(key=lambda entry: (order[entry["status"]], entry["phone_number"]))
    return told, list(dict.fromkeys(notes)), failures


def outcome(
    told: list[dict[str, Any]],
    failures: Mapping[str, str],
    fail_on: Mapping[str, list[str]],
    host: str | None = None,
) -> dict[str, Any]:
    """Return the result of a task that reports on a host, or on the whole batch.

    :param told: the verdicts of the host, or all
    :param failures: as :func:`verdicts` returned them
    :param fail_on: by host: statuses, :data:`ANY` and :data:`ERRORS`
    """
    problems = [failures[name] for name in failures if host in (None, name)]
    bad = [entry for entry in told if failing(entry, fail_on.get(entry["host"], []))]
    lines = [f"{entry['phone_number']}: {entry['status']}, {entry['msg']}" for entry in bad or told]
    few = bad or len(lines) <= NAMED
    counts = ", ".join(f"{count} {name}" for name, count in summary(told).items() if count) or "no phone numbers"
    return {
        "changed": False,
        "failed": bool(problems or bad),
        "msg": join(list(dict.fromkeys(problems)) + (lines if few else [counts]), "; "),
        "numbers": told if len(told) <= SHOWN else bad[:SHOWN],
    }


def failing(entry: Mapping[str, Any], fail_on: list[str]) -> bool:
    """Whether *fail_on* tells a run to fail because of a number."""
    chosen = set(fail_on)
    return (
        entry["status"] in chosen
        or (ANY in chosen and entry["status"] != "connected")
        or (bool(chosen & {ANY, ERRORS}) and bool(entry["errors"] and entry["errors"]["count"]))
    )


def summary(told: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many numbers have each status, and how many met errors, in the order of :data:`STATUSES`."""
    counts = Counter(entry["status"] for entry in told)
    errors = sum(bool(entry["errors"] and entry["errors"]["count"]) for entry in told)
    return {**{status: counts[status] for status in STATUSES if counts[status]}, ERRORS: errors}


def as_table(told: list[dict[str, Any]], notes: list[str]) -> str:
    """Return a short table for the console: counts, and the numbers, of many only those that somebody has to look at."""
    counts = summary(told)
    lines = [f"{len(told)} phone numbers: " + ", ".join(f"{n} {name}" for name, n in counts.items() if n)]
    rows = told
    if len(told) > LISTED:
        rows = [entry for entry in told if entry["status"] != "connected" or (entry["errors"] or {}).get("count")]
    for entry in rows[:LISTED]:
        lines.append(f"  {entry['phone_number']:<16} {entry['status']:<14} {entry['msg']}")
    if len(rows) > LISTED:
        lines.append(f"  and {len(rows) - LISTED} more")
    return "\n".join(lines + [f"  Note: {note}" for note in notes])


def as_csv(told: list[dict[str, Any]]) -> str:
    """Return the verdicts as CSV with a line of names. No field begins a spreadsheet's formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"key_{name}" for name in KEY_COLUMNS), *(f"errors_{name}" for name in ERROR_COLUMNS)])
    for entry in told:
        key, errors = entry["key"] or {}, dict(entry["errors"] or {})
        errors["codes"] = " ".join(f"{code}:{count}" for code, count in errors.get("codes", {}).items())
        fields = [*(entry[name] for name in COLUMNS), *(key.get(name) for name in KEY_COLUMNS)]
        fields += [errors.get(name) for name in ERROR_COLUMNS]
        writer.writerow([fields[0], *map(_cell, fields[1:])])  # a phone number's plus sign is harmless
    return text.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _members(group: Mapping[str, Any], snapshot: Snapshot | None) -> Iterator[tuple[str, Number | None]]:
    """Yield a group's numbers, those of the whole account where it names none, and what the account says of them."""
    there = snapshot.numbers if snapshot else {}
    for number in numbers_in(group) or there:
        yield number, there.get(number)


def _is_iams(url: str, expected: Mapping[str, Any]) -> bool:
    """Whether the password in a webhook is an API key of IBM Cloud's."""
    if expected["url"] or expected["password"]:
        return False
    where = place(url)
    return where is not None and where in (_PLACES | {place(one) for one in expected["place"] or ()})


def _notes(snapshot: Snapshot) -> list[str]:
    """Return what is not known of an account."""
    notes = [each for each in (snapshot.override_problem, snapshot.errors_problem) if each]
    if snapshot.unjoined_errors:
        notes.append(
            f"Account {snapshot.account_sid}: {snapshot.unjoined_errors} more webhook errors, which could not be joined"
            " to numbers"
        )
    return notes


def _answers(
    plan: Mapping[str, Any], groups: list[Group], asked: list[Mapping[str, Any]]
) -> list[dict[str, Mapping[str, Any]]]:
    """Return what IAM said of each API key, for each identity of the plan."""
    answers = []
    for request, result in zip(_requests(plan, groups), asked, strict=False):
        told = result.get("api_keys")
        answers.append(dict(zip(request["api_keys"], told, strict=True)) if told else {})
    return answers + [{} for _rest in plan["credentials"][len(answers) :]]


def _verdict(
    number: str,
    found: Number | None,
    snapshot: Snapshot | None,
    group: Mapping[str, Any],
    answers: Mapping[str, Mapping[str, Any]],
    reason: str,
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "phone_number": number,
        "friendly_name": found.friendly_name if found else "",
        "host": group["host"],
        "account_sid": snapshot.account_sid if snapshot else None,
        "sid": found.sid if found else None,
        **(shown(found.settings) if found else dict.fromkeys(URLS, "")),
        "overridden_by": None,
        "key": _key(found.settings["url"], answers) if found else None,
        "errors": snapshot.errors_of(number) if snapshot and found else None,
    }
    if snapshot is None:
        status, msg = "unknown", reason
    elif found is None:
        status, msg = "not_in_account", f"account {snapshot.account_sid} has no such number"
    else:
        entry["overridden_by"] = _override(number, found, snapshot)
        status, msg = _judge(found, entry["overridden_by"], snapshot, group["expected"], answers)
    if entry["errors"] and entry["errors"]["count"]:
        codes = ", ".join(f"{code} ({count})" for code, count in entry["errors"]["codes"].items())
        msg += f"; webhook errors: {codes}"
    return {**entry, "status": status, "msg": msg}


def _judge(
    found: Number,
    override: Mapping[str, Any] | None,
    snapshot: Snapshot,
    expected: Mapping[str, Any],
    answers: Mapping[str, Mapping[str, Any]],
) -> tuple[str, str]:
    """Return a number's status, and why in words."""
    if not found.receives_sms:
        return "no_sms", "the number has no SMS capability"
    if override:
        if override["kind"] == "application":
            return "overridden", f"TwiML application {override['sid']} takes its texts: connecting the number clears it"
        return "overridden", describe_override(override)
    url, display = found.settings["url"], shown(found.settings)["url"]
    if expected.get("problem"):
        return "unknown", expected["problem"]
    if not url:
        return "not_connected", "no webhook is set"
    if expected["url"]:
        if place(url) != place(expected["url"]):
            return "elsewhere", f"its texts go to {display}"
        if not same_url(_without_fragment(url), _without_fragment(expected["url"])):
            return "dead_key", "it leads to connect_sms_receiver_url, with another token or password"
    else:
        right = {place(one) for one in expected["place"]} if expected["place"] else _PLACES
        if place(url) not in right:
            return "elsewhere", f"its texts go to {display}"
        dead = _dead(url, expected, answers)
        if dead is not None:
            return dead
    if snapshot.override_problem:
        return "unknown", f"its webhook is right, but: {snapshot.override_problem}"
    return "connected", _connected(found, expected, answers)


def _override(number: str, found: Number, snapshot: Snapshot) -> dict[str, Any] | None:
    if found.settings["application_sid"]:
        return {"kind": "application", "sid": found.settings["application_sid"], "name": ""}
    return (snapshot.overrides or {}).get(number)


def _dead(url: str, expected: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    """Return the verdict on a webhook whose credentials are not known to work, ``None`` for one that works."""
    password = password_of(url)
    if not password:
        return "dead_key", "its webhook holds no key"
    if expected["password"]:
        return None if password == expected["password"] else ("dead_key", "its webhook holds another password")
    if not is_api_key(password):
        return "dead_key", "what its webhook holds as a key is none"
    answer = answers.get(password)
    if answer is None:
        return "unknown", "its webhook is right, but IAM could not be asked about its key"
    name = f" of service credential '{answer['credential']}'" if answer["credential"] else ""
    if not answer["accepted"]:
        return "dead_key", f"the key{name} in its webhook is dead: {answer['reason']}"
    role = answer["role"]
    if role and role.lower() not in {each.lower() for each in ROLES}:
        return (
            "dead_key",
            f"the key{name} in its webhook has role {role}: the receiver takes {' and '.join(ROLES)} only",
        )
    return None


def _connected(found: Number, expected: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> str:
    parts = ["connected"]
    key = _key(found.settings["url"], answers)
    if key:
        name = (
            f"service credential '{key['credential']}'"
            if key["credential"]
            else "a key that is no service credential's"
        )
        age = "" if key["age_days"] is None else f", {key['age_days']:.0f} days old"
        parts = [f"connected with {name}{age}"]
    fallback = found.settings["fallback_url"]
    if fallback and _is_iams(fallback, expected):
        dead = _dead(fallback, expected, answers)
        if dead:
            parts.append(f"its fallback does not work: {dead[1]}")
    return "; ".join(parts)


def _key(url: str, answers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return what may be shown of the key in a webhook."""
    answer = answers.get(password_of(url) or "")
    return None if answer is None else {name: value for name, value in answer.items() if name != "reason"}


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]
