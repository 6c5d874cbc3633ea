# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outputs of an audit: a table, CSV, and a report with the changes since the previous audit. No I/O."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from .audit import ERRORS, STATUSES, count_by_status, counted, recent_errors

COLUMNS = ("phone_number", "friendly_name", "host", "account_sid", "status", "msg", "url", "fallback_url")
KEY_COLUMNS = ("credential", "role", "age_days")
ERROR_COLUMNS = ("count", "last_at", "codes", "since_change")
HEADER = (*COLUMNS, *(f"key_{name}" for name in KEY_COLUMNS), *(f"errors_{name}" for name in ERROR_COLUMNS), "via")
#: What to do about numbers of each status: a text, and a playbook with options.
ADVICE: dict[str, tuple[str, str, str]] = {
    "dead_key": (
        "Connect them again: they get the key of the current service credential. If that key is dead, too, the run says so;"
        " then rotate it with rotate_sms_key.",
        "connect_sms",
        "",
    ),
    "dropped": (
        "Let their Messaging Service defer to the numbers' own webhooks, as this command does, or give the service a"
        " webhook in Twilio.",
        "connect_sms",
        "-e connect_sms_on_override=repair",
    ),
    "wrong_password": (
        "Connect them with the user name and password of the tenant (connect_sms_username, connect_sms_password), or correct the"
        " tenant's webHookCredentials. Then audit them again.",
        "connect_sms",
        "",
    ),
    "no_tenant": (
        "Add a tenant for each of them to the gateway's tenantConfig.json. Then audit them again.",
        "audit_sms",
        "",
    ),
    "tenant_without_number": (
        "Connect the numbers that are yours, and remove the tenants of all others from the gateway's tenantConfig.json.",
        "connect_sms",
        "",
    ),
    "elsewhere": (
        "If they should reach the agent, preview the change with this command, and run it without --check.",
        "connect_sms",
        "--check --diff",
    ),
    "not_connected": ("Connect them.", "connect_sms", ""),
    "overridden": (
        "The last column says what takes their texts. This command previews the change to the numbers' own webhooks; run it"
        " without --check. Conversations are only released with -e connect_sms_release_conversations=true.",
        "connect_sms",
        "-e connect_sms_on_override=repair --check --diff",
    ),
    "not_in_account": (
        "Check the numbers, and the account of the credentials. Then audit them again.",
        "audit_sms",
        "",
    ),
    "no_sms": ("Use other numbers for texts: these cannot receive any. Then audit again.", "audit_sms", ""),
    "unknown": (
        "The last column says what could not be read. Give the credentials access, and audit again.",
        "audit_sms",
        "",
    ),
    "connected": ("Nothing. To find out whether a text arrives and is answered, verify them.", "verify_sms", ""),
    ERRORS: (
        "Look up the codes: each links to Twilio's page about it. Then verify whether texts arrive now.",
        "verify_sms",
        "",
    ),
}
LISTED = 25  # maximum number of rows in the table on the console
KEPT = 100  # maximum number of earlier audits in a report


def as_table(
    told: list[dict[str, Any]],
    notes: list[str],
    retired: Iterable[Mapping[str, Any]] = (),
    folders: Iterable[str] = (),
) -> str:
    """Return a short table for the console: counts, and the numbers; if there are many, only those that need attention.

    If there are more than :data:`LISTED`, each status is shown once before any is repeated.
    """
    counts = count_by_status(told)
    lines = [f"{counted(len(told), 'phone number')}: " + ", ".join(f"{n} {name}" for name, n in counts.items() if n)]
    rows = told
    if len(told) > LISTED:
        rows = [entry for entry in told if entry["status"] != "connected" or (entry["errors"] or {}).get("count")]
    for entry in rows if len(rows) <= LISTED else in_turn(rows)[:LISTED]:
        lines.append(f"  {entry['phone_number']:<16} {entry['status']:<14} {entry['msg']}")
    if len(rows) > LISTED:
        lines.append(f"  and {len(rows) - LISTED} more")
    for each in retired:
        lines.append(f"  Retired, but not deleted: {retired_line(each)}")
    lines += [f"  Note: {note}" for note in notes]
    return "\n".join(lines + [f"  Written to {folder}: audit.html, audit.csv, audit.json" for folder in folders])


def in_turn(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reorder verdicts that are sorted by status, so that each status comes once before any is repeated."""
    groups = [list(group) for _status, group in groupby(rows, key=lambda entry: entry["status"])]
    longest = max(map(len, groups), default=0)
    return [group[place] for place in range(longest) for group in groups if place < len(group)]


def retired_line(credential: Mapping[str, Any]) -> str:
    """Describe a retired service credential, for messages."""
    where = ", ".join(str(credential[name]) for name in ("instance", "region") if credential.get(name))
    age = credential.get("age_days")
    old = "" if age is None else f", {counted(round(age), 'day')} old"
    holders = credential.get("phone_numbers") or []
    use = (
        f"the key of {counted(len(holders), 'phone number')}" if holders else "the key of no phone number of this audit"
    )
    return f"service credential '{credential['name']}' ({where or credential['guid']}{old}), {use}"


def as_csv(told: list[dict[str, Any]]) -> str:
    """Return the verdicts as CSV with a header. No field can be a spreadsheet formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for entry in told:
        fields = csv_fields(entry)
        writer.writerow([fields[0], *map(_cell, fields[1:])])  # a phone number's plus sign is harmless
    return text.getvalue()


def csv_fields(entry: Mapping[str, Any]) -> list[Any]:
    """Return the values of a verdict in the order of :data:`HEADER`."""
    key, errors = dict(entry["key"] or {}), dict(entry["errors"] or {})
    errors["codes"] = " ".join(f"{code}:{count}" for code, count in errors.get("codes", {}).items())
    via = entry.get("via") or {}
    age = key.get("age_days")
    key["age_days"] = None if age is None else round(age)
    return [
        *(entry[name] for name in COLUMNS),
        *(key.get(name) for name in KEY_COLUMNS),
        *(errors.get(name) for name in ERROR_COLUMNS),
        via.get("sid"),
    ]


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


# ---- the report, and the audit before it ----


def make_report(
    before: Any, told: list[dict[str, Any]], notes: list[str], facts: Mapping[str, Any], *, run: str, now: str
) -> dict[str, Any]:
    """Return the content of ``audit.json``.

    Batches of one run are merged, and compared with the previous run.

    :param before: the current content of the folder's ``audit.json``, ``None`` if there is none
    :param facts: ``version``, ``agents`` and ``retired``
    :param run: ID of the run, the same for all its batches
    :param now: when the numbers were read, in ISO 8601
    """
    earlier = before if _is_report(before) else {}
    same = earlier if earlier.get("run") == run else {}
    numbers = [*_rows(same), *told]
    previous = same.get("previous") if same else _remembered(earlier)
    history = [each for each in _list(earlier, "history") if _is_past(each)]
    if same:
        history = history[:-1]
    counts = count_by_status(numbers)
    connected = counts.get("connected", 0)
    history = [*history, {"at": now, "numbers": len(numbers), "connected": connected}][-KEPT:]
    return {
        "generated_at": now,
        "run": run,
        "version": facts.get("version"),
        "agents": _merged(_list(same, "agents"), facts.get("agents") or []),
        "summary": counts,
        "notes": list(dict.fromkeys([*_list(same, "notes"), *notes])),
        "retired": _merged(_list(same, "retired"), facts.get("retired") or []),
        "since": compare(previous, numbers) if previous else None,
        "history": history,
        "previous": previous,
        "numbers": numbers,
    }


def compare(previous: Mapping[str, Any], numbers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the changes since a previous audit: ``at``, and the phone numbers that are ``new``, ``gone`` and ``changed``.

    :param previous: ``at``, and the phone numbers by ``statuses``
    """
    was = {number: status for status, held in previous["statuses"].items() for number in held}
    now = {entry["phone_number"]: entry["status"] for entry in numbers}
    return {
        "at": previous["at"],
        "new": [number for number in now if number not in was],
        "gone": [{"phone_number": number, "was": status} for number, status in was.items() if number not in now],
        "changed": [
            {"phone_number": number, "was": was[number], "status": status}
            for number, status in now.items()
            if was.get(number, status) != status
        ],
    }


def _remembered(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the part of an audit that is needed to compare a later one with it."""
    if not report:
        return None
    statuses: dict[str, list[str]] = {}
    for row in _rows(report):
        statuses.setdefault(row["status"], []).append(row["phone_number"])
    return {"at": str(report["generated_at"]), "statuses": statuses}


def _is_report(data: Any) -> bool:
    """Whether *data* is a report of an audit, of this or an earlier version."""
    return (
        isinstance(data, dict) and isinstance(data.get("generated_at"), str) and isinstance(data.get("numbers"), list)
    )


def _rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = _list(report, "numbers")
    return [row for row in rows if _is_row(row)]


def _is_row(data: Any) -> bool:
    return isinstance(data, dict) and data.get("status") in STATUSES and isinstance(data.get("phone_number"), str)


def _is_past(data: Any) -> bool:
    return isinstance(data, dict) and all(
        isinstance(data.get(name), kind) for name, kind in (("at", str), ("numbers", int), ("connected", int))
    )


def _list(report: Mapping[str, Any], name: str) -> list[Any]:
    value = report.get(name)
    return value if isinstance(value, list) else []


def _merged(one: list[Any], other: Iterable[Any]) -> list[Any]:
    """Return both lists without duplicates; for a credential, the holders of both batches are merged."""
    merged: list[Any] = []
    for each in [*one, *other]:
        twin = next((known for known in merged if each.get("guid") and known.get("guid") == each.get("guid")), None)
        if twin:
            twin["phone_numbers"] = list(dict.fromkeys([*twin["phone_numbers"], *each["phone_numbers"]]))
        elif each not in merged:
            merged.append(dict(each))
    return merged


def state_of(entry: Mapping[str, Any]) -> str:
    """Return a number's state for the chart: its status, or whether it is connected but has errors."""
    return "warned" if entry["status"] == "connected" and recent_errors(entry) else str(entry["status"])
