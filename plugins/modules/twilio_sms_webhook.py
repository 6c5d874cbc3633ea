#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: twilio_sms_webhook
short_description: Manage the inbound SMS webhook of Twilio phone numbers
version_added: 1.0.0
description:
  - Sets or clears where Twilio sends the texts that come in for phone numbers of an account, one or thousands in one call.
  - Compares first. A number that is as wanted is not written to; another gets one update with all that differs.
  - Touches SMS settings only. Voice settings stay, and no number is ever bought, released or moved.
author:
  - voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment:
  - voiceagent.sms.twilio
  - voiceagent.sms.attributes
  - voiceagent.sms.attributes.action_group_twilio
options:
  phone_numbers:
    description:
      - The phone numbers, with their country codes, in any notation. V(+15551234567), V(15551234567) and
        V(1 (555\) 123-4567) mean the same number.
      - A number must be one of the account's, exactly; parts of numbers and wildcards match nothing.
      - Required without O(webhooks) and O(restore).
    type: list
    elements: str
    aliases: [phone_number]
  url:
    description:
      - The webhook for incoming messages. A secret, because it usually holds a password.
      - Connection overrides in the fragment of a number's present URL (C(#rc=2)) stay where the URL leads to the same
        place and O(url) has no fragment of its own.
      - Required with O(state=present). With O(state=absent), only webhooks that lead to the same scheme, host, port and
        path are cleared, whatever their password.
    type: str
  method:
    description: The HTTP method with which Twilio calls O(url).
    type: str
    choices: [POST, GET]
    default: POST
  fallback_url:
    description:
      - The webhook that Twilio calls when O(url) fails. A secret. An empty string clears it; when not given it is not managed.
      - With O(state=absent) and O(url), a webhook that leads there is cleared as well.
    type: str
  fallback_method:
    description: The HTTP method with which Twilio calls O(fallback_url). When not given it is not managed.
    type: str
    choices: [POST, GET]
  webhooks:
    description:
      - Several groups of phone numbers with their webhooks, where they are not the same for all. The account is listed
        once for all of them.
    type: list
    elements: dict
    suboptions:
      phone_numbers:
        description: As O(phone_numbers).
        type: list
        elements: str
        required: true
      url:
        description: As O(url).
        type: str
      method:
        description: As O(method).
        type: str
        choices: [POST, GET]
        default: POST
      fallback_url:
        description: As O(fallback_url).
        type: str
      fallback_method:
        description: As O(fallback_method).
        type: str
        choices: [POST, GET]
  state:
    description:
      - V(present) sets the webhook and clears a TwiML application, which would make Twilio ignore it.
      - V(absent) clears URL and fallback URL.
    type: str
    choices: [present, absent]
    default: present
  on_override:
    description:
      - What to do about a number whose texts go elsewhere whatever its webhook is, to a Messaging Service or a conversation.
      - V(warn) connects it and says so, V(fail) leaves it alone and fails, V(ignore) does not look.
    type: str
    choices: [warn, fail, ignore]
    default: warn
  concurrency:
    description:
      - How many updates may be under way at once. Fewer are when Twilio answers that there are too many (429).
    type: int
    default: 16
  restore:
    description:
      - What the role P(voiceagent.sms.connect_sms#role) recorded of phone numbers, to be put back, as JSON. A secret.
      - A number whose settings are no longer those that the recorded run left is left alone, unless O(force=true).
    type: str
  force:
    description: With O(restore), put back what was recorded whatever the settings are now.
    type: bool
    default: false
  progress_file:
    description:
      - A file in which the count of numbers done is noted now and then, while there are many. The task itself shows it
        where there are more than a thousand.
    type: path
  snapshot:
    description:
      - What M(voiceagent.sms.twilio_sms_webhook_info) returned as C(snapshot) a moment ago, for the same account and numbers.
        The account is then not listed again. A secret.
    type: str
"""

EXAMPLES = r"""
- name: Send the texts of two numbers to the agent in Dallas
  voiceagent.sms.twilio_sms_webhook:
    phone_numbers:
      - "+15551234567"
      - 1 (555) 765-4321
    url: "https://apikey:{{ sms_credential.api_key }}@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"

- name: Refuse a number that a Messaging Service or a conversation takes over
  voiceagent.sms.twilio_sms_webhook:
    phone_number: "+15551234567"
    url: "{{ webhook_uri_from_watsonx_assistant }}"
    on_override: fail

- name: Connect the numbers of two regions with one look at the account
  voiceagent.sms.twilio_sms_webhook:
    webhooks:
      - phone_numbers: "{{ numbers_of_dallas }}"
        url: "https://apikey:{{ key_of_dallas }}@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"
      - phone_numbers: "{{ numbers_of_washington }}"
        url: "https://apikey:{{ key_of_washington }}@sms-east.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"

- name: Disconnect a number, but only from that receiver
  voiceagent.sms.twilio_sms_webhook:
    phone_number: "+15551234567"
    url: https://sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv
    state: absent
"""

RETURN = r"""
numbers:
  description: One entry for each number asked for, in order.
  returned: when the account could be read, without O(snapshot)
  type: list
  elements: dict
  contains:
    phone_number: {description: The number in E.164., type: str, sample: "+15551234567"}
    sid: {description: "Its SID, null when the account has no such number.", type: str, sample: PN0123456789abcdef0123456789abcdef}
    changed: {description: Whether it was written to., type: bool}
    status: {description: "V(changed), V(unchanged), V(overridden) or V(failed).", type: str, sample: changed}
    msg: {description: What happened in words., type: str}
    overridden_by:
      description: "What takes its texts instead: kind (V(messaging_service) or V(conversation\\)), sid and name. Null for nothing."
      type: dict
    before:
      description:
        - Its SMS settings before, with passwords as C(***). Keys are url, method, fallback_url, fallback_method and application_sid.
      type: dict
    after: {description: The same afterwards., type: dict}
entries:
  description: As RV(numbers), as one text, which Ansible handles faster than thousands of values. For the role.
  returned: when the account could be read, with O(snapshot)
  type: str
summary:
  description: How many numbers have each status.
  returned: when the account could be read
  type: dict
  sample: {changed: 2, failed: 0, overridden: 0, unchanged: 998}
overrides_checked:
  description: Whether it was looked up what takes numbers' texts instead; if false, V(unchanged) says nothing about that.
  returned: when the account could be read
  type: bool
failure:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    code: {description: "Twilio's code, or V(numbers_failed), V(bad_phone_number) and so on.", type: str}
    status: {description: The HTTP status if there was one., type: int}
"""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._http.errors import SmsError, join
from ..module_utils._http.pace import Pace
from ..module_utils._http.transport import Transport
from ..module_utils._module.access import twilio_numbers
from ..module_utils._module.edge import run
from ..module_utils._module.options import TWILIO_OPTIONS
from ..module_utils._module.packed import to_text, unpack, unpack_snapshot
from ..module_utils._numbers.notation import normalize_all
from ..module_utils._twilio import webhook
from ..module_utils._twilio.client import TWILIO_IMPORT_ERROR, UNAUTHORIZED_CODES, TwilioNumbers
from ..module_utils._twilio.overrides import describe_override
from ..module_utils._twilio.rollout import run_all
from ..module_utils._twilio.snapshot import Snapshot, why_not

WEBHOOK_OPTIONS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "no_log": True},
    "method": {"type": "str", "choices": ["POST", "GET"], "default": "POST"},
    "fallback_url": {"type": "str", "no_log": True},
    "fallback_method": {"type": "str", "choices": ["POST", "GET"]},
}
CHANGED_SINCE = "left alone: changed since by somebody else (force restores it all the same)"
STATUSES = ("changed", "unchanged", "overridden", "failed")


def wanted_by_number(params: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the webhook options of each number, by number in E.164, or refuse the whole call."""
    if params["restore"]:
        return restorable(params["restore"])
    groups = params["webhooks"] if params["webhooks"] is not None else [params]
    wanted: dict[str, Mapping[str, Any]] = {}
    problems = []
    for group in groups:
        if params["state"] == "present" and not group["url"]:
            raise SmsError("url is missing: give the webhook for incoming messages", code="missing_url")
        options = {name: group[name] for name in WEBHOOK_OPTIONS}
        webhook.check_wanted(options)
        numbers, errors = normalize_all(group["phone_numbers"])
        problems += errors
        for number in numbers:
            if wanted.setdefault(number, options) != options:
                raise SmsError(f"{number} is asked for with two different webhooks", code="bad_phone_number")
    if problems:
        raise SmsError(f"{join(problems, '; ')}. No number was touched", code="bad_phone_number")
    return wanted


def restorable(text: str) -> dict[str, Mapping[str, Any]]:
    """Return what is to be put back, by number."""
    try:
        recorded = unpack(text)
        if not all(webhook.is_change(change) for change in recorded.values()):
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise SmsError("restore is not what the role connect_sms recorded", code="bad_backup") from None
    return recorded


def plan(number: str, wanted: Mapping[str, Any], snapshot: Snapshot, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to become of a number, as the entry to be returned; ``fields`` in it is the update to send."""
    found = snapshot.numbers.get(number)
    override = (snapshot.overrides or {}).get(number)
    entry = {
        "phone_number": number,
        "sid": found.sid if found else None,
        "changed": False,
        "status": "unchanged",
        "msg": "as wanted",
        "overridden_by": override,
        "before": None,
        "after": None,
        "fields": {},
    }
    refusal = why_not(number, snapshot, params)
    if found is None:
        return dict(entry, status="failed", msg=refusal)
    before = found.settings
    if refusal:
        return dict(entry, before=before, after=before, status="failed", msg=refusal)
    present = params["state"] == "present"
    done = "restored" if params["restore"] else "connected" if present else "disconnected"
    if params["restore"]:
        after = webhook.restored(before, wanted, force=params["force"])
        if after is None:
            return dict(entry, before=before, after=before, msg=CHANGED_SINCE)
        if wanted.get("refusal") and after != before and not params["force"]:
            text = f"left alone: {wanted['refusal']} (force restores it all the same)"
            return dict(entry, before=before, after=before, status="failed", msg=text)
    elif present:
        after = webhook.connected(before, wanted)
    else:
        after = webhook.disconnected(before, wanted)
    entry.update(before=before, after=after, fields=webhook.changes(before, after))
    if entry["fields"]:
        entry.update(changed=True, status="changed", msg=done)
    if override:
        entry.update(status="overridden", msg=f"{entry['msg']}, but {describe_override(override)}")
    return entry


def carry_out(twilio: TwilioNumbers, entry: dict[str, Any]) -> dict[str, Any]:
    """Send a number's update and return its entry with the settings that Twilio then shows."""
    row = twilio.update(entry["phone_number"], entry["sid"], entry["fields"])
    return dict(entry, after=webhook.settings_of(row))


def noting(path: str | None, total: int) -> Callable[[], None]:
    """Return what counts a number and notes each hundredth in a file, where there is one."""
    try:
        file = os.open(path, os.O_WRONLY) if path else None
    except OSError:  # the task runs elsewhere than its module
        file = None
    numbers = itertools.count(1)

    def note() -> None:
        done = next(numbers)
        if file is not None and done % 100 == 0:
            os.pwrite(file, f"{done:8} {total:8}".encode(), 0)

    return note


def apply_all(twilio: TwilioNumbers, entries: list[dict[str, Any]], params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Send the updates that are due, several at once, and return all entries, in order."""
    due = [entry for entry in entries if entry["fields"]]
    note = noting(params["progress_file"], len(due))

    def attempt(entry: dict[str, Any]) -> dict[str, Any]:
        try:
            return carry_out(twilio, entry)
        finally:
            note()

    outcomes = run_all(
        due,
        attempt,
        workers=min(params["concurrency"], len(due)),
        is_hopeless=lambda error: error.code in UNAUTHORIZED_CODES,
    )
    done = {}
    for entry, outcome in zip(due, outcomes, strict=True):
        if isinstance(outcome, SmsError):
            # Whether a broken update was carried out is not known; a rerun looks.
            outcome = dict(entry, changed=False, status="failed", msg=str(outcome), after=entry["before"])
        done[entry["phone_number"]] = outcome
    return [done.get(entry["phone_number"], entry) for entry in entries]


def result_of(module: AnsibleModule, entries: list[dict[str, Any]], *, overrides_checked: bool) -> dict[str, Any]:
    """Return the module's result: every entry without its passwords, and the failure if there is one."""
    counts = Counter(entry["status"] for entry in entries)
    result: dict[str, Any] = {
        "changed": any(entry["changed"] for entry in entries),
        **shown_entries(module, entries),
        "summary": {status: counts[status] for status in STATUSES},
        "overrides_checked": overrides_checked,
    }
    if module._diff:
        result["diff"] = [
            webhook.diff_of(entry["phone_number"], entry["before"], entry["after"])
            for entry in entries
            if entry["changed"]
        ]
    failed = [f"{entry['phone_number']}: {entry['msg']}" for entry in entries if entry["status"] == "failed"]
    if failed:
        msg = f"{len(failed)} of {len(entries)} phone numbers failed. {join(failed, '; ')}"
        result.update(failed=True, msg=msg, failure={"code": "numbers_failed", "status": None})
    skipped = [entry["phone_number"] for entry in entries if entry["msg"] == CHANGED_SINCE]
    if skipped:
        module.warn(f"{join(skipped, ', ')}: {CHANGED_SINCE}")
    overridden = [f"{entry['phone_number']}: {entry['msg']}" for entry in entries if entry["status"] == "overridden"]
    if overridden:
        module.warn(f"Webhooks that Twilio does not call. {join(overridden, '; ')}")
    return result


def shown_entries(module: AnsibleModule, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entries for the user as a list, for the role as a text: see :mod:`entries`."""
    shown_ones = (shown(entry) for entry in entries)
    if not module.params["snapshot"]:
        return {"numbers": list(shown_ones)}
    module_args = {name: value for name, value in module.params.items() if name not in ("phone_numbers", "webhooks")}
    return {"entries": to_text(shown_ones), "invocation": {"module_args": module_args}}


def shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry fit to be shown."""
    settings = {name: entry[name] and webhook.shown(entry[name]) for name in ("before", "after")}
    return {name: value for name, value in {**entry, **settings}.items() if name != "fields"}


def manage(module: AnsibleModule) -> dict[str, Any]:
    """Do what the options ask for and return the module's result. A dry run skips the updates and nothing else."""
    params = module.params
    wanted = wanted_by_number(params)
    if params["concurrency"] < 1:
        raise SmsError("concurrency must be 1 or more", code="bad_concurrency")
    pace = Pace(params["concurrency"])
    transport = Transport(timeout=params["timeout"], validate_certs=params["validate_certs"], pace=pace)
    twilio = twilio_numbers(params, transport)
    if params["snapshot"]:
        snapshot = unpack_snapshot(params["snapshot"])
    else:
        asks = params["on_override"] != "ignore" and params["state"] == "present"
        snapshot = Snapshot.take(twilio, wanted, with_overrides=asks)
    if snapshot.override_problem:
        if params["on_override"] == "fail":
            raise SmsError(f"{snapshot.override_problem}. No number was touched", code="overrides_unknown")
        module.warn(snapshot.override_problem)
    entries = [plan(number, options, snapshot, params) for number, options in wanted.items()]
    if not module.check_mode:
        entries = apply_all(twilio, entries, params)
    return result_of(module, entries, overrides_checked=snapshot.overrides is not None)


NUMBERS = {"type": "list", "elements": "str"}
ARGUMENTS: dict[str, Any] = {
    "argument_spec": {
        **TWILIO_OPTIONS,
        **WEBHOOK_OPTIONS,
        "phone_numbers": {**NUMBERS, "aliases": ["phone_number"]},
        "webhooks": {
            "type": "list",
            "elements": "dict",
            "options": {**WEBHOOK_OPTIONS, "phone_numbers": {**NUMBERS, "required": True}},
        },
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "on_override": {"type": "str", "choices": ["warn", "fail", "ignore"], "default": "warn"},
        "concurrency": {"type": "int", "default": 16},
        "restore": {"type": "str", "no_log": True},
        "force": {"type": "bool", "default": False},
        "progress_file": {"type": "path"},
        "snapshot": {"type": "str", "no_log": True},
    },
    "required_one_of": [("phone_numbers", "webhooks", "restore")],
    "mutually_exclusive": [
        ("phone_numbers", "webhooks", "restore"),
        ("url", "restore"),
        ("url", "webhooks"),
        ("fallback_url", "webhooks"),
    ],
    "supports_check_mode": True,
}
NEEDS = {"twilio": TWILIO_IMPORT_ERROR}


def main() -> None:
    run(AnsibleModule(**ARGUMENTS), manage, NEEDS)


if __name__ == "__main__":
    main()
