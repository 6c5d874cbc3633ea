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
  - Sets or clears the webhook to which Twilio sends inbound texts of phone numbers, for one number or thousands in one call.
  - Compares first. A number that already has the wanted settings is not written to; any other gets one update with all differences.
  - Touches SMS settings only. Voice settings are not changed, and no number is ever bought, released or moved.
  - If a Messaging Service takes the texts of a number and leads to the wanted receiver, the number counts as connected. The service's
    webhook gets the wanted password, once, after the numbers' own webhooks are set.
  - Checks Twilio's answer. If Twilio reports success but does not show the new settings, the number fails.
author:
  - voiceagent.sms authors (@voiceagent-sms)
seealso:
  - module: voiceagent.sms.twilio_sms_webhook_info
  - plugin: voiceagent.sms.twilio_numbers
    plugin_type: inventory
extends_documentation_fragment:
  - voiceagent.sms.twilio
  - voiceagent.sms.attributes
  - voiceagent.sms.attributes.action_group_twilio
options:
  phone_numbers:
    description:
      - The phone numbers, with their country codes, in any notation. V(+15551234567), V(15551234567) and
        V(1 (555\) 123-4567) mean the same number.
      - Each must be a whole number of the account; parts of numbers and wildcards match nothing.
      - Required without O(webhooks).
    type: list
    elements: str
    aliases: [phone_number]
  url: &url
    description:
      - The webhook for inbound texts. A secret, because it usually contains a password.
      - Connection overrides in the fragment of a number's current URL (C(#rc=2)) are kept if that URL leads to the same
        place and O(url) has no fragment.
      - Required with O(state=present). With O(state=absent), only webhooks with the same scheme, host, port and
        path are cleared, whatever their password.
    type: str
  method: &method
    description: The HTTP method with which Twilio calls O(url).
    type: str
    choices: [POST, GET]
    default: POST
  fallback_url: &fallback_url
    description:
      - The webhook that Twilio calls if O(url) fails. A secret. An empty string clears it. If not given, it is not managed.
      - With O(state=absent) and O(url), webhooks that lead there are cleared as well.
    type: str
  fallback_method: &fallback_method
    description: The HTTP method with which Twilio calls O(fallback_url). If not given, it is not managed.
    type: str
    choices: [POST, GET]
  retries: &retries
    description:
      - How often Twilio retries if O(url) fails in one of the ways in O(retry_on), 0 to 5. Twilio's own default is 1.
      - Like O(retry_on) and O(edges), this is stored in the fragment of the URL. If not given, the current setting is kept.
    type: int
  retry_on: &retry_on
    description:
      - "When Twilio retries: V(ct), the connection failed (Twilio's own default); V(rt), there was no answer in time; V(5xx), the
        answer had a status of 500 or more. Without V(5xx) and a fallback, such a text is lost."
    type: list
    elements: str
    choices: [ct, rt, 5xx]
  edges: &edges
    description: The edge locations of Twilio from which O(url) is called.
    type: list
    elements: str
    choices: [ashburn, dublin, frankfurt, sao-paulo, singapore, sydney, tokyo, umatilla]
  state:
    description:
      - V(present) sets the webhook. It also clears a TwiML application, because Twilio would ignore the webhook otherwise.
      - V(absent) clears URL and fallback URL. With O(url) it first clears those of a Messaging Service that sends the numbers'
        texts to O(url), if the service's whole pool is in the same call.
    type: str
    choices: [present, absent]
    default: present
  on_override:
    description:
      - What to do about a number whose texts go to a Messaging Service or a conversation, whatever its webhook is.
      - V(warn) connects the number and warns, V(fail) leaves it alone and fails, V(ignore) does not check.
      - V(repair) makes a Messaging Service that leads elsewhere, or nowhere, defer to its numbers' own webhooks, once these are
        set. All other senders in its pool (numbers, short codes and so on) must already lead to the wanted receiver or be in the same
        call. Otherwise the numbers are left alone and fail, and the message names the other senders.
      - With a restricted Twilio API key, V(repair) needs the permission C(/twilio/messaging/services/update).
      - A service that leads to O(url) is accepted, and gets the wanted password, with all choices except V(ignore), which changes no
        service.
    type: str
    choices: [warn, fail, ignore, repair]
    default: warn
  repair_shared_services:
    description:
      - Whether a Messaging Service may be changed although its pool has other senders that are neither in the same call nor lead to
        the wanted receiver. For O(on_override=repair) and O(state=absent).
    type: bool
    default: false
  foreign_passwords: &foreign_passwords
    description:
      - Passwords of webhooks that belong to others, such as the API keys of other agents with the same receiver.
      - A Messaging Service that leads to the wanted receiver with one of these passwords, and that has other senders in its pool, is
        treated like one that leads elsewhere, unless O(repair_shared_services=true).
    type: list
    elements: str
    version_added: 1.1.0
  dead_passwords: &dead_passwords
    description:
      - Passwords that receivers refuse. With O(on_override=repair), a sender whose own webhook has one of them does not lead to the
        wanted receiver.
    type: list
    elements: str
    version_added: 1.1.0
  release_conversations:
    description:
      - With O(on_override=repair), whether to turn off the auto-creation of conversations in the Conversations address configuration
        of a number. Otherwise such a number is treated as with V(warn).
    type: bool
    default: false
  concurrency:
    description: The maximum number of concurrent updates. It is lowered while Twilio answers that there are too many requests (429).
    type: int
    default: 16
  webhooks:
    description: Several groups of phone numbers with different webhooks. The account is listed once for all of them.
    type: list
    elements: dict
    suboptions:
      phone_numbers:
        description: As O(phone_numbers).
        type: list
        elements: str
        required: true
      url: *url
      method: *method
      fallback_url: *fallback_url
      fallback_method: *fallback_method
      foreign_passwords: *foreign_passwords
      dead_passwords: *dead_passwords
      retries: *retries
      retry_on: *retry_on
      edges: *edges
  _role:
    description: Used by the role P(voiceagent.sms.connect_sms#role) only.
    type: dict
    version_added: 1.1.0
    suboptions:
      snapshot: {description: The state of the account from M(voiceagent.sms.twilio_sms_webhook_info)., type: str}
      restore: {description: "Recorded settings to restore, as JSON.", type: str}
      force: {description: Whether to restore them whatever the current settings are., type: bool, default: false}
      progress_file: {description: A file for the count of numbers done., type: path}
"""

EXAMPLES = r"""
- name: Send the texts of two numbers to the agent in Dallas
  voiceagent.sms.twilio_sms_webhook:
    phone_numbers:
      - "+15551234567"
      - 1 (555) 765-4321
    url: "{{ sms_credential.api_key | voiceagent.sms.receiver_url('us-south') }}"

- name: Refuse a number whose texts a Messaging Service or a conversation takes
  voiceagent.sms.twilio_sms_webhook:
    phone_number: "+15551234567"
    url: "{{ webhook_uri_from_watsonx_assistant }}"
    on_override: fail

- name: Connect the numbers of two regions with one list of the account
  voiceagent.sms.twilio_sms_webhook:
    webhooks:
      - phone_numbers: "{{ numbers_of_dallas }}"
        url: "{{ key_of_dallas | voiceagent.sms.receiver_url('us-south') }}"
      - phone_numbers: "{{ numbers_of_washington }}"
        url: "{{ key_of_washington | voiceagent.sms.receiver_url('us-east') }}"

- name: Let the Messaging Services of the numbers defer to their webhooks, and retry while the receiver restarts
  voiceagent.sms.twilio_sms_webhook:
    phone_numbers: "{{ all_numbers_of_the_campaign }}"
    url: "{{ sms_credential.api_key | voiceagent.sms.receiver_url('us-south') }}"
    on_override: repair
    retries: 3
    retry_on: [ct, 5xx]

- name: Disconnect a number, but only from that receiver
  voiceagent.sms.twilio_sms_webhook:
    phone_number: "+15551234567"
    url: https://sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv
    state: absent
"""

RETURN = r"""
numbers:
  description: One entry for each of the given numbers, in order.
  returned: when the account could be read
  type: list
  elements: dict
  contains:
    phone_number: {description: The number in E.164., type: str, sample: "+15551234567"}
    sid: {description: "Its SID, null if the account has no such number.", type: str, sample: PN0123456789abcdef0123456789abcdef}
    changed: {description: "Whether the number, or the service that it depends on, was changed.", type: bool}
    status: {description: "V(changed), V(unchanged), V(overridden) or V(failed).", type: str, sample: changed}
    msg: {description: What happened., type: str}
    overridden_by:
      description: "What takes its texts instead: kind (V(messaging_service) or V(conversation\\)), sid and name. Null for nothing."
      type: dict
    via:
      description:
        - "The Messaging Service that sends its texts to the wanted receiver: kind (V(messaging_service\\)), sid and name. Null if its
          own webhook does."
      type: dict
    before:
      description:
        - Its previous SMS settings, with passwords as C(***). Keys are url, method, fallback_url, fallback_method and application_sid.
      type: dict
    after: {description: The same afterwards., type: dict}
services:
  description: One entry for each Messaging Service and Conversations address configuration that had to be changed.
  returned: when the account could be read
  type: list
  elements: dict
  contains:
    kind: {description: "V(messaging_service) or V(conversation).", type: str}
    sid: {description: Its SID., type: str, sample: MG0123456789abcdef0123456789abcdef}
    name: {description: Its name., type: str}
    changed: {description: Whether it was changed., type: bool}
    status: {description: "V(changed), V(unchanged) or V(failed).", type: str, sample: changed}
    msg: {description: What happened., type: str}
    before:
      description:
        - Its previous settings, with passwords as C(***). Keys are url, method, fallback_url, fallback_method and
          use_inbound_webhook_on_number; for an address configuration auto_creation_enabled.
      type: dict
    after: {description: The same afterwards., type: dict}
summary:
  description: How many numbers have each status.
  returned: when the account could be read
  type: dict
  sample: {changed: 2, failed: 0, overridden: 0, unchanged: 998}
overrides_checked:
  description: Whether Messaging Services and conversations were checked. If false, the texts of V(unchanged) numbers may go elsewhere.
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
from ..module_utils._twilio.client import TWILIO_IMPORT_ERROR, UNAUTHORIZED_CODES
from ..module_utils._twilio.decision import CHANGED_SINCE, Decision, decide, why_nothing
from ..module_utils._twilio.overrides import DEFERS, describe_override
from ..module_utils._twilio.provider import Numbers, Provider
from ..module_utils._twilio.rollout import run_all
from ..module_utils._twilio.services import (
    Change,
    Verdict,
    carry_out,
    is_service_change,
    not_as_asked,
    restore_changes,
    services_verdict,
    spare_others,
)
from ..module_utils._twilio.snapshot import Snapshot

WEBHOOK_OPTIONS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "no_log": True},
    "method": {"type": "str", "choices": ["POST", "GET"], "default": "POST"},
    "fallback_url": {"type": "str", "no_log": True},
    "fallback_method": {"type": "str", "choices": ["POST", "GET"]},
    "foreign_passwords": {"type": "list", "elements": "str", "no_log": True},
    "dead_passwords": {"type": "list", "elements": "str", "no_log": True},
    "retries": {"type": "int"},
    "retry_on": {"type": "list", "elements": "str", "choices": ["ct", "rt", "5xx"]},
    "edges": {
        "type": "list",
        "elements": "str",
        "choices": ["ashburn", "dublin", "frankfurt", "sao-paulo", "singapore", "sydney", "tokyo", "umatilla"],
    },
}
ROLE_OPTIONS: dict[str, dict[str, Any]] = {
    "snapshot": {"type": "str", "no_log": True},
    "restore": {"type": "str", "no_log": True},
    "force": {"type": "bool", "default": False},
    "progress_file": {"type": "path"},
}
STATUSES = ("changed", "unchanged", "overridden", "failed")


def wanted_by_number(params: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the webhook options of each number, by number in E.164.

    :raises SmsError: if any option or number is wrong; then no number is touched
    """
    groups = params["webhooks"] if params["webhooks"] is not None else [params]
    wanted: dict[str, Mapping[str, Any]] = {}
    problems = []
    for group in groups:
        if params["state"] == "present" and not group["url"]:
            raise SmsError("url is missing: give the webhook for incoming messages", code="missing_url")
        options = {name: _stripped(group[name]) for name in WEBHOOK_OPTIONS}
        webhook.check_wanted(options)
        numbers, errors = normalize_all(group["phone_numbers"])
        problems += errors
        for number in numbers:
            if wanted.setdefault(number, options) != options:
                raise SmsError(f"{number} is asked for with two different webhooks", code="bad_phone_number")
    if problems:
        raise SmsError(f"{join(problems, '; ')}. No number was touched", code="bad_phone_number")
    return wanted


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def restorable(text: str) -> tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
    """Return what to restore: of phone numbers, by number, and of services, by SID."""
    try:
        recorded = unpack(text)
        services = {sid: change for sid, change in recorded.items() if not sid.startswith("+")}
        numbers = {number: change for number, change in recorded.items() if number not in services}
        if not all(map(webhook.is_change, numbers.values())) or not all(map(is_service_change, services.values())):
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise SmsError("restore is not what the role connect_sms recorded", code="bad_backup") from None
    return numbers, services


def planned(number: str, decision: Decision, snapshot: Snapshot, verdict: Verdict, done: str) -> dict[str, Any]:
    """Return the entry of a number as it will be after the update; its ``fields`` are the update to send.

    :param done: the message of an update
    """
    found = snapshot.numbers.get(number)
    override = verdict.overridden.get(number)
    entry = {
        "phone_number": number,
        "sid": found.sid if found else None,
        "changed": False,
        "status": "unchanged",
        "msg": decision.note or "as wanted",
        "overridden_by": override,
        "via": verdict.via.get(number),
        "before": decision.before,
        "after": decision.after,
        "fields": {},
    }
    if decision.refusal or decision.before is None or decision.after is None:
        return dict(entry, via=None, status="failed", msg=decision.refusal)
    entry["fields"] = webhook.changes(decision.before, decision.after)
    if entry["fields"]:
        entry.update(changed=True, status="changed", msg=done)
    if override:
        entry.update(status="overridden", msg=f"{entry['msg']}, but {describe_override(override)}")
    return entry


def set_webhook(twilio: Numbers, entry: dict[str, Any]) -> dict[str, Any]:
    """Send a number's update and return its entry with the settings in Twilio's answer."""
    row = twilio.update(entry["phone_number"], entry["sid"], entry["fields"])
    after = webhook.settings_of(row)
    not_done = webhook.unheeded(entry["fields"], row)
    if not_done:
        problem = not_as_asked(f"phone number {entry['phone_number']}", not_done)
        return dict(entry, after=after, changed=after != entry["before"], status="failed", msg=str(problem))
    return dict(entry, after=after)


def noting(path: str | None, total: int) -> Callable[[], None]:
    """Return a function that counts numbers and writes each hundredth count and the last to the file, if there is one."""
    try:
        file = os.open(path, os.O_WRONLY) if path else None
    except OSError:  # the module runs on another machine than its task
        file = None
    numbers = itertools.count(1)

    def note() -> None:
        done = next(numbers)
        if file is not None and (done % 100 == 0 or done == total):
            os.pwrite(file, f"{done:8} {total:8}".encode(), 0)

    return note


def apply_all(twilio: Numbers, entries: list[dict[str, Any]], params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Send the updates that are due, several at once, and return all entries, in order."""
    due = [entry for entry in entries if entry["fields"]]
    note = noting(params["progress_file"], len(due))

    def attempt(entry: dict[str, Any]) -> dict[str, Any]:
        try:
            return set_webhook(twilio, entry)
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
            # It is not known whether an interrupted update took effect; the next run finds out.
            outcome = dict(entry, changed=False, status="failed", msg=str(outcome), after=entry["before"])
        done[entry["phone_number"]] = outcome
    return [done.get(entry["phone_number"], entry) for entry in entries]


def apply_services(
    twilio: Provider, changes: list[Change], entries: list[dict[str, Any]], *, dry: bool
) -> list[dict[str, Any]]:
    """Change services one after the other and return an entry for each; check mode only skips the updates.

    :param entries: the numbers' entries so far: a change that needs all of its numbers is skipped if one has failed
    """
    failed = {entry["phone_number"] for entry in entries if entry["status"] == "failed"}
    return [apply_service(twilio, change, failed, dry=dry) for change in changes]


def apply_service(twilio: Provider, change: Change, failed: set[str], *, dry: bool) -> dict[str, Any]:
    """Make one change; see :func:`apply_services`."""
    entry = {
        "kind": change.kind,
        "sid": change.sid,
        "name": change.name,
        "changed": bool(change.fields),
        "status": "changed" if change.fields else "unchanged",
        "msg": "as wanted",
        "before": change.before,
        "after": change.after,
        "change": change,
    }
    in_the_way = [number for number in change.numbers if number in failed] if change.needs_all else []
    refusal = change.refusal
    if in_the_way:
        refusal = f"left alone, because these of its numbers failed: {join(in_the_way, ', ')}"
    if refusal:
        return dict(entry, changed=False, status="failed", msg=refusal, after=change.before)
    if not change.fields:
        return entry
    entry["msg"] = what_it_does(change)
    try:
        return entry if dry else dict(entry, after=carry_out(twilio, change))
    except SmsError as error:
        return dict(entry, changed=False, status="failed", msg=str(error), after=change.before)


def what_it_does(change: Change) -> str:
    """Describe a change of a service, for messages."""
    if change.kind == "conversation":
        turned_on = change.after["auto_creation_enabled"] == "true"
        return "creates conversations from texts again" if turned_on else "no longer creates conversations from texts"
    if change.before[DEFERS] != change.after[DEFERS]:
        return (
            "now defers to its numbers' webhooks"
            if change.after[DEFERS] == "true"
            else "takes its numbers' texts again"
        )
    along = f", also for {join(change.along, ', ')}" if change.along else ""
    return f"now has another webhook{along}" if change.after["url"] else "no longer has a webhook"


def with_services(entry: dict[str, Any], services: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a number's entry with the results of the services that it depends on."""
    for service in services:
        change = service["change"]
        if entry["phone_number"] not in change.numbers:
            continue
        if service["status"] == "failed" and entry["status"] != "failed":
            entry = dict(entry, status="failed", msg=f"{entry['msg']}, but {change.words}: {service['msg']}")
        elif service["changed"] and entry["status"] != "failed":
            status = "changed" if entry["status"] == "unchanged" else entry["status"]
            entry = dict(entry, changed=True, status=status, msg=f"{entry['msg']}; {change.words} {service['msg']}")
    return entry


def result_of(
    module: AnsibleModule, entries: list[dict[str, Any]], services: list[dict[str, Any]], *, overrides_checked: bool
) -> dict[str, Any]:
    """Return the module's result: every entry without its passwords, and the failure if there is one."""
    counts = Counter(entry["status"] for entry in entries)
    result: dict[str, Any] = {
        "changed": any(entry["changed"] for entry in (*entries, *services)),
        **shown_entries(module, entries),
        "services": [{name: value for name, value in shown(one).items() if name != "change"} for one in services],
        "summary": {status: counts[status] for status in STATUSES},
        "overrides_checked": overrides_checked,
    }
    if module._diff:
        result["diff"] = [
            webhook.diff_of(header, entry["before"], entry["after"])
            for header, entry in (
                *((webhook.diff_header(entry["phone_number"]), entry) for entry in entries),
                *((service["change"].words, service) for service in services),
            )
            if entry["changed"] and entry["before"] != entry["after"]
        ]
    failed = [f"{entry['phone_number']}: {entry['msg']}" for entry in entries if entry["status"] == "failed"]
    broken = [f"{one['change'].words}: {one['msg']}" for one in services if one["status"] == "failed"]
    if failed or broken:
        what = f"{len(failed)} of {len(entries)} phone numbers failed. " if failed else ""
        # A service's failure is already in the messages of its numbers.
        told = failed + [text for text in broken if not any(text in line for line in failed)]
        msg = f"{what}{join(told, '; ')}"
        result.update(failed=True, msg=msg, failure={"code": "numbers_failed", "status": None})
    skipped = [entry["phone_number"] for entry in entries if entry["msg"] == CHANGED_SINCE]
    if skipped:
        module.warn(f"{join(skipped, ', ')}: {CHANGED_SINCE}")
    overridden = [f"{entry['phone_number']}: {entry['msg']}" for entry in entries if entry["status"] == "overridden"]
    if overridden:
        module.warn(f"Webhooks that Twilio does not call. {join(overridden, '; ')}")
    return result


def shown_entries(module: AnsibleModule, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entries as a list for users, packed into one string for the role: see :mod:`packed`."""
    shown_ones = (shown(entry) for entry in entries)
    if not module.params["_role"]["snapshot"]:
        return {"numbers": list(shown_ones)}
    module_args = {name: value for name, value in module.params.items() if name not in ("phone_numbers", "webhooks")}
    return {"entries": to_text(shown_ones), "invocation": {"module_args": module_args}}


def shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry without its secrets."""
    settings = {name: entry[name] and webhook.shown(entry[name]) for name in ("before", "after")}
    return {name: value for name, value in {**entry, **settings}.items() if name != "fields"}


def look(
    twilio: Provider, wanted: Mapping[str, Mapping[str, Any]], params: Mapping[str, Any]
) -> tuple[Snapshot, Verdict]:
    """Read the account, or the snapshot of it, and decide what its services mean for the numbers.

    Connecting checks what takes the numbers' texts. Disconnecting does so only if a URL tells which services to clear.
    """
    present = params["state"] == "present"
    ours = any(options.get("url") for options in wanted.values())
    if params["snapshot"]:
        snapshot = unpack_snapshot(params["snapshot"])
    else:
        asks = params["on_override"] != "ignore" and not params["restore"] and (present or ours)
        pools = not present or params["on_override"] == "repair"
        snapshot = Snapshot.take(twilio, wanted, with_overrides=asks, with_pools=pools)
    return snapshot, Verdict() if params["restore"] else services_verdict(snapshot, wanted, params)


def work_through(
    twilio: Provider,
    entries: list[dict[str, Any]],
    changes: list[Change],
    params: Mapping[str, Any],
    *,
    dry: bool,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Make all changes and return the entries of numbers and services.

    The order ensures that texts never get lost: a service defers to a number only once the number's own webhook is set,
    and stops before that webhook is cleared.
    """
    numbers_first = params["state"] == "present" and not params["restore"]
    if numbers_first and not dry:
        entries = apply_all(twilio, entries, params)
    services = apply_services(twilio, changes, entries, dry=dry)
    entries = [with_services(entry, services) for entry in entries]
    if not numbers_first:
        kept = {"fields": {}, "changed": False}
        entries = [{**one, **kept, "after": one["before"]} if one["status"] == "failed" else one for one in entries]
        if not dry:
            entries = apply_all(twilio, entries, params)
    return entries, services


def manage(module: AnsibleModule) -> dict[str, Any]:
    """Do what the options ask for and return the module's result. Check mode skips only the updates."""
    params = {**module.params, **module.params["_role"]}
    recorded: Mapping[str, Mapping[str, Any]] = {}
    if params["restore"]:
        wanted, recorded = restorable(params["restore"])
    else:
        wanted = wanted_by_number(params)
    if params["concurrency"] < 1:
        raise SmsError("concurrency must be 1 or more", code="bad_concurrency")
    pace = Pace(params["concurrency"])
    transport = Transport(timeout=params["timeout"], validate_certs=params["validate_certs"], pace=pace)
    twilio = twilio_numbers(params, transport)
    snapshot, verdict = look(twilio, wanted, params)
    if unknown := why_nothing(snapshot, params):
        raise SmsError(f"{unknown}. No number was touched", code="overrides_unknown")
    if snapshot.override_problem:
        module.warn(snapshot.override_problem)
    changes = restore_changes(twilio, recorded, force=params["force"]) if recorded else verdict.changes
    if recorded:
        spare_others(twilio, changes, wanted, recorded, force=params["force"])
    done = "restored" if params["restore"] else "connected" if params["state"] == "present" else "disconnected"
    decided = {number: decide(number, options, snapshot, verdict, params) for number, options in wanted.items()}
    entries = [planned(number, one, snapshot, verdict, done) for number, one in decided.items()]
    entries, services = work_through(twilio, entries, changes, params, dry=module.check_mode)
    return result_of(module, entries, services, overrides_checked=snapshot.overrides is not None)


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
        "on_override": {"type": "str", "choices": ["warn", "fail", "ignore", "repair"], "default": "warn"},
        "repair_shared_services": {"type": "bool", "default": False},
        "release_conversations": {"type": "bool", "default": False},
        "concurrency": {"type": "int", "default": 16},
        "_role": {"type": "dict", "options": ROLE_OPTIONS, "apply_defaults": True},
    },
    "required_one_of": [("phone_numbers", "webhooks")],
    "mutually_exclusive": [("phone_numbers", "webhooks"), ("url", "webhooks"), ("fallback_url", "webhooks")],
    "supports_check_mode": True,
}
NEEDS = {"twilio": TWILIO_IMPORT_ERROR}


def main() -> None:
    run(AnsibleModule(**ARGUMENTS), manage, NEEDS)


if __name__ == "__main__":
    main()
