#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: twilio_sms_verify
short_description: Find out whether a text to Twilio phone numbers arrives and is answered
version_added: 1.0.0
description:
  - Checks whether the receivers of phone numbers let Twilio in, when the last text arrived, and which errors their webhooks had.
  - With O(verify_from) it sends one real text to each number and waits for the agent's answer. B(Texts cost money), both those
    that are sent and the answers. Without O(verify_from) nothing is sent.
  - With O(verify_replies) it checks whether the answers can be delivered.
author:
  - voiceagent.sms authors (@voiceagent-sms)
seealso:
  - module: voiceagent.sms.twilio_sms_webhook_info
extends_documentation_fragment:
  - voiceagent.sms.twilio
  - voiceagent.sms.attributes
  - voiceagent.sms.attributes.action_group_twilio
attributes:
  check_mode:
    details: No text is sent in check mode. RV(ignore:changed) shows whether one would be.
  diff_mode:
    support: N/A
    details: The module changes no settings.
  idempotent:
    support: N/A
    details: With O(verify_from) each run sends texts. Without it the module changes nothing.
options:
  phone_numbers:
    description: The phone numbers, with their country codes, in any notation.
    type: list
    elements: str
    required: true
    aliases: [phone_number]
  verify_from:
    description:
      - A phone number of the same account, from which to send a real text to each of O(phone_numbers).
      - It must not answer texts automatically, or it and the agent would text each other endlessly. A number whose texts go to the
        receiver of one of O(phone_numbers), or to Twilio's demo, is refused. A number without a webhook is best.
    type: str
  verify_body:
    description: The text to send.
    type: str
    default: connect_sms test
  verify_timeout:
    description: Seconds to wait for all answers together.
    type: float
    default: 60
  verify_max:
    description:
      - The maximum number of numbers that get a text. Each webhook is tested with one number before any is tested with a second. The
        remaining numbers are V(untried).
    type: int
    default: 10
  verify_replies:
    description:
      - Whether to check if answers can be delivered. US numbers need an A2P campaign, toll-free numbers a verification, and the
        account a permission for the country.
    type: bool
    default: false
  alert_days:
    description: Days for which to look up errors of the numbers' webhooks. Twilio keeps them for 30 days. 0 looks up none.
    type: int
    default: 7
  silent:
    description:
      - Numbers of O(phone_numbers) that are known not to reach their agent, each with the reason. They get no text and are
        V(silent), and their receivers are not tested.
    type: dict
    default: {}
  receivers:
    description:
      - The receivers to test, as URLs without secrets such as C(https://sms.example.com/in). By default all receivers of the numbers,
        including fallbacks.
      - Use it if several accounts share a receiver, to test the receiver only once.
    type: list
    elements: str
  snapshot:
    description: RV(voiceagent.sms.twilio_sms_webhook_info#module:snapshot), if the numbers were read before. A secret.
    type: str
notes:
  - A receiver gets at most two requests, without credentials, query and text. It must answer 401 with a C(WWW-Authenticate) header
    that names a realm, because Twilio sends the key only then. Redirects are not followed.
  - If a webhook has no password (watsonx Assistant, watsonx Orchestrate), its path or query is the secret, and there is no challenge
    to check. Then no request is sent; only the host name and the certificate are checked.
  - The receiver is tested from the machine where the module runs. That machine may be let in where Twilio is not, and the other way
    round. The result of a real text takes precedence.
  - The certificate is always verified, whatever O(validate_certs) is, because Twilio verifies it.
"""

EXAMPLES = r"""
- name: Check the numbers without sending a text
  voiceagent.sms.twilio_sms_verify:
    phone_numbers: "{{ my_numbers }}"
  register: sms_proof

- name: Send a real text to a number and wait for the agent's answer
  voiceagent.sms.twilio_sms_verify:
    phone_number: "+15551234567"
    verify_from: "+15550001111"
  register: sms_proof
  failed_when: sms_proof.numbers[0].verified != 'answered'

- name: Check whether the answers can be delivered
  voiceagent.sms.twilio_sms_verify:
    phone_numbers: "{{ my_numbers }}"
    verify_replies: true
"""

RETURN = r"""
numbers:
  description: One entry for each of the given numbers, in order.
  returned: success
  type: list
  elements: dict
  contains:
    phone_number: {description: The number in E.164., type: str, sample: "+15551234567"}
    sid: {description: "Its SID, null if the account has no such number.", type: str, sample: PN0123456789abcdef0123456789abcdef}
    verified:
      description:
        - V(answered), the agent has answered.
        - V(received), the webhook accepted the text, but no answer came.
        - V(refused), the receiver refused the text, or would refuse it.
        - V(silent), the text did not arrive, or would not.
        - V(untried), no text was sent, and no problem is known.
      type: str
      sample: answered
    seconds: {description: "Seconds until the answer arrived, by Twilio's clock. Null without an answer.", type: float}
    receiver_status:
      description: The HTTP status with which the receiver refused the text. Null if it is not known.
      type: int
      sample: 401
    msg: {description: "The finding, and what to do.", type: str}
    webhook: {description: "Where its texts go, with passwords as C(***).", type: str, sample: "https://apikey:***@sms.example.com/in"}
    receiver: {description: "The one of RV(receivers) that it leads to, or null.", type: str}
    last_text_at: {description: "When the last text arrived, null if it is not known.", type: str, sample: "2026-01-01T00:00:00Z"}
    errors:
      description: "Errors of its webhook: C(count), C(last_at) and C(codes) (the count of each code). Null if they are not known."
      type: dict
    replies: {description: "V(ok), V(blocked) or V(unknown), with O(verify_replies).", type: str, sample: ok}
    replies_msg: {description: "Why, with O(verify_replies).", type: str}
receivers:
  description: The receivers that were tested.
  returned: success
  type: list
  elements: dict
  contains:
    receiver: {description: "Its URL without secrets.", type: str, sample: "https://sms.example.com/in"}
    status: {description: "The HTTP status of its answer, null for none.", type: int, sample: 401}
    state: {description: "V(open), as it should be; V(shut), texts cannot get in; or V(unknown).", type: str, sample: open}
    msg: {description: The finding., type: str}
texts_sent:
  description: How many texts were sent, or would be sent in check mode.
  returned: success
  type: int
failure:
  description: What failed, for programs.
  returned: failure
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._http.door import Door, shown, try_door
from ..module_utils._http.errors import SmsError, join
from ..module_utils._http.urls import place, redact_url
from ..module_utils._module.access import twilio_numbers
from ..module_utils._module.edge import run
from ..module_utils._module.options import TWILIO_OPTIONS
from ..module_utils._module.packed import unpack_snapshot
from ..module_utils._numbers.notation import normalize, normalize_all
from ..module_utils._twilio import replies
from ..module_utils._twilio.alerts import check_days
from ..module_utils._twilio.client import TWILIO_IMPORT_ERROR
from ..module_utils._twilio.destination import Destination, answers_by_itself, destinations_of, receivers_of
from ..module_utils._twilio.messages import Trial, Watch, check_texts, last_texts, text_result
from ..module_utils._twilio.snapshot import Snapshot


def manage(module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    params = module.params
    wanted, sender = checked(params)
    twilio = twilio_numbers(params)
    snapshot = look(twilio, wanted, params)
    for problem in (snapshot.override_problem, snapshot.errors_problem):
        if problem:
            module.warn(problem)
    found = destinations_of(snapshot, wanted, params["silent"])
    doors = try_doors(found, params["receivers"])
    entries = {number: entry_of(number, found[number], snapshot, doors) for number in wanted}
    add_evidence(module, twilio, entries)
    chosen = choose(found, sender, params["verify_max"]) if sender else []
    if chosen:
        own = check_sender(twilio, str(sender), found)
        if own.urls:
            module.warn(f"verify_from {sender} has its own webhook, {redact_url(own.urls[0])}, which gets the answers")
        if not module.check_mode:
            send_and_wait(twilio, str(sender), {number: found[number] for number in chosen}, params, entries)
    explain_untried(entries, found, chosen, sender, check_mode=module.check_mode)
    if params["verify_replies"]:
        add_replies(twilio, entries)
    module_args = {name: value for name, value in params.items() if name != "snapshot"}
    return {
        "changed": bool(chosen),
        "numbers": list(entries.values()),
        "receivers": [door.facts() for door in doors.values()],
        "texts_sent": len(chosen),
        "invocation": {"module_args": module_args},
    }


def checked(params: Mapping[str, Any]) -> tuple[list[str], str | None]:
    """Return the numbers to verify and the number to text from.

    :raises SmsError: if an option is wrong, before any request
    """
    wanted, problems = normalize_all(params["phone_numbers"])
    sender = None
    if params["verify_from"]:
        try:
            sender = normalize(params["verify_from"])
        except ValueError as error:
            problems.append(f"verify_from: {error}")
    if problems:
        raise SmsError(join(problems, "; "), code="bad_phone_number")
    if not wanted:
        raise SmsError("phone_numbers is empty: name the numbers to verify", code="bad_phone_number")
    check_texts(params["verify_timeout"], params["verify_max"], params["verify_body"])
    try:
        check_days(params["alert_days"], "alert_days")
    except ValueError as error:
        raise SmsError(str(error), code="bad_alert_days") from None
    return wanted, sender


def look(twilio: Any, wanted: list[str], params: Mapping[str, Any]) -> Snapshot:
    """Read the account, or use the snapshot that was given."""
    if params["snapshot"]:
        return unpack_snapshot(params["snapshot"])
    return Snapshot.take(twilio, wanted, alert_days=params["alert_days"])


def try_doors(found: Mapping[str, Destination], wanted: list[str] | None) -> dict[str, Door]:
    """Test each distinct receiver once and return the results, by the receiver's URL."""
    webhooks = receivers_of(found)
    return {name: try_door(*webhook) for name, webhook in webhooks.items() if wanted is None or name in wanted}


def entry_of(number: str, found: Destination, snapshot: Snapshot, doors: Mapping[str, Door]) -> dict[str, Any]:
    """Return a number's entry as far as it is known without a text."""
    receiver = shown(found.urls[0]) if found.urls else None
    entry: dict[str, Any] = {
        "phone_number": number,
        "sid": found.sid or None,
        "verified": "silent" if found.silent else "untried",
        "seconds": None,
        "receiver_status": None,
        "msg": found.silent or found.problem or "",
        "webhook": redact_url(found.urls[0]) if found.urls else "",
        "receiver": receiver,
        "last_text_at": None,
        "errors": snapshot.errors_of(number) if found.sid else None,
        "replies": None,
        "replies_msg": None,
    }
    door = doors.get(receiver or "")
    if door is not None and not entry["msg"] and door.state != "open":
        entry["msg"] = f"its receiver {receiver}: {door.msg}"
        if door.state == "shut":
            entry.update(verified="refused", receiver_status=door.status)
    return entry


def add_evidence(module: AnsibleModule, twilio: Any, entries: Mapping[str, dict[str, Any]]) -> None:
    """Add when the last text arrived."""
    try:
        for number, at in last_texts(twilio, [each for each, entry in entries.items() if entry["sid"]]).items():
            entries[number]["last_text_at"] = at
    except SmsError as error:
        module.warn(f"It is not known when the last texts came in: {error}")


def choose(found: Mapping[str, Destination], sender: str | None, most: int) -> list[str]:
    """Return which numbers get a text: *most* at most, and one of each webhook before a second of any."""
    seen: dict[str, int] = {}
    ranks: dict[str, int] = {}
    for number, each in found.items():
        if not each.silent and not each.problem and number != sender:
            url = each.urls[0] if each.urls else each.sid
            ranks[number] = seen[url] = seen.get(url, -1) + 1
    chosen = set(sorted(ranks, key=lambda number: ranks[number])[:most])
    return [number for number in found if number in chosen]


def check_sender(twilio: Any, sender: str, found: Mapping[str, Destination]) -> Destination:
    """Return where texts to the sender go.

    :raises SmsError: if no text should be sent from it; none was
    """
    own = destinations_of(Snapshot.take(twilio, [sender]), [sender], {})[sender]
    if not own.sid:
        raise SmsError(
            f"verify_from {sender} is not a phone number of account {twilio.account_sid}, whose numbers are verified:"
            " give one of its numbers",
            code="bad_verify_from",
        )
    agents = {place(url) for each in found.values() if not each.silent for url in each.urls}
    where = answers_by_itself(own, agents)
    if where:
        raise SmsError(
            f"verify_from {sender} answers texts automatically, because {where}: it and the agent would text each other"
            " endlessly. Give a number without a webhook",
            code="bad_verify_from",
        )
    return own


def send_and_wait(
    twilio: Any,
    sender: str,
    found: Mapping[str, Destination],
    params: Mapping[str, Any],
    entries: Mapping[str, dict[str, Any]],
) -> None:
    """Send the texts and put the results into the entries, where they replace what was known before."""
    watch = Watch(twilio, sender)
    trials = [Trial(number, each.urls, each.sid) for number, each in found.items()]
    watch.send(trials, params["verify_body"])
    watch.wait(trials, params["verify_timeout"])
    for trial in trials:
        entries[trial.number].update(text_result(trial, watch, params["verify_timeout"]))
        entries[trial.number]["failed"] = trial.problem is not None


def explain_untried(
    entries: Mapping[str, dict[str, Any]],
    found: Mapping[str, Destination],
    chosen: list[str],
    sender: str | None,
    *,
    check_mode: bool,
) -> None:
    """Explain why a number got no text."""
    for number, entry in entries.items():
        entry.setdefault("failed", bool(found[number].problem))
        if entry["verified"] == "untried" and not entry["msg"]:
            if sender is None:
                entry["msg"] = "no text was sent: name the number to send it from (verify_from)"
            elif number == sender:
                entry["msg"] = "it is verify_from itself"
            elif number in chosen:
                entry["msg"] = "a text would be sent" if check_mode else ""
            else:
                entry["msg"] = "no text was sent: verify_max is reached"


def add_replies(twilio: Any, entries: Mapping[str, dict[str, Any]]) -> None:
    """Add whether answers can be delivered."""
    sids = {number: str(entry["sid"]) for number, entry in entries.items() if entry["sid"]}
    told = replies.look_up(twilio, sids)
    for number, entry in entries.items():
        known = number in sids
        verdict = replies.reply_verdict(number, sids[number], told) if known else (replies.UNKNOWN, entry["msg"])
        entry["replies"], entry["replies_msg"] = verdict


ARGUMENTS: dict[str, Any] = {
    "argument_spec": {
        **TWILIO_OPTIONS,
        "phone_numbers": {"type": "list", "elements": "str", "required": True, "aliases": ["phone_number"]},
        "verify_from": {"type": "str"},
        "verify_body": {"type": "str", "default": "connect_sms test"},
        "verify_timeout": {"type": "float", "default": 60},
        "verify_max": {"type": "int", "default": 10},
        "verify_replies": {"type": "bool", "default": False},
        "alert_days": {"type": "int", "default": 7},
        "silent": {"type": "dict", "default": {}},
        "receivers": {"type": "list", "elements": "str"},
        "snapshot": {"type": "str", "no_log": True},
    },
    "supports_check_mode": True,
}
NEEDS = {"twilio": TWILIO_IMPORT_ERROR}


def main() -> None:
    run(AnsibleModule(**ARGUMENTS), manage, NEEDS)


if __name__ == "__main__":
    main()
