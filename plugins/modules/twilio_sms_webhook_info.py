#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: twilio_sms_webhook_info
short_description: Read the inbound SMS webhook of Twilio phone numbers
version_added: 1.0.0
description:
  - Returns the webhooks to which Twilio sends inbound texts of phone numbers, and what takes the texts instead.
  - The read-only counterpart of M(voiceagent.sms.twilio_sms_webhook).
author:
  - voiceagent.sms authors (@voiceagent-sms)
seealso:
  - module: voiceagent.sms.twilio_sms_webhook
  - plugin: voiceagent.sms.twilio_numbers
    plugin_type: inventory
extends_documentation_fragment:
  - voiceagent.sms.twilio
  - voiceagent.sms.attributes
  - voiceagent.sms.attributes.action_group_twilio
  - voiceagent.sms.attributes.info_module
options:
  phone_numbers:
    description:
      - The phone numbers, with their country codes, in any notation.
      - By default all numbers of the account.
    type: list
    elements: str
    aliases: [phone_number]
  overrides:
    description: Whether to look up which Messaging Services and conversations take the numbers' texts instead.
    type: bool
    default: true
  pools:
    description:
      - With O(overrides), whether to look up the other senders in the pools of the Messaging Services that take the numbers' texts.
        O(voiceagent.sms.twilio_sms_webhook#module:on_override=repair) needs them.
    type: bool
    default: false
  holders:
    description:
      - Whether to return only RV(holders) and RV(unseen), for the account of the credentials and its subaccounts. RV(holders) contains
        passwords, so use C(no_log) on the task.
    type: bool
    default: false
  alert_days:
    description:
      - The number of days for which to look up errors of the numbers' webhooks. Twilio keeps them for 30 days. 0 looks up none.
    type: int
    default: 0
  changed_by:
    description: Whether to look up who changed the numbers' webhooks last, in the events that Twilio keeps for 30 days.
    type: bool
    default: false
    version_added: 1.1.0
  snapshot:
    description: Whether to return RV(snapshot) instead of RV(numbers). It contains passwords, so use C(no_log) on the task.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Read all numbers of the account
  voiceagent.sms.twilio_sms_webhook_info:
  register: sms_numbers

- name: Read them with the errors of the last week
  voiceagent.sms.twilio_sms_webhook_info:
    alert_days: 7
  register: sms_numbers

- name: Find out who changed a number's webhook
  voiceagent.sms.twilio_sms_webhook_info:
    phone_number: "+15551234567"
    changed_by: true
  register: sms_number

- name: Read the numbers before changing them, and list the account only once
  voiceagent.sms.twilio_sms_webhook_info:
    phone_numbers: "{{ my_numbers }}"
    snapshot: true
  register: sms_look
  no_log: true
"""

RETURN = r"""
numbers:
  description: One entry for each of O(phone_numbers), in order, or for each number of the account.
  returned: success, without O(snapshot) and O(holders)
  type: list
  elements: dict
  contains:
    phone_number: {description: The number in E.164., type: str, sample: "+15551234567"}
    sid: {description: "Its SID, null if the account has no such number.", type: str, sample: PN0123456789abcdef0123456789abcdef}
    receives_sms: {description: Whether it can receive texts., type: bool}
    overridden_by:
      description: "What takes its texts instead: kind (V(messaging_service) or V(conversation\\)), sid and name. Null for nothing."
      type: dict
    settings:
      description:
        - Its SMS settings, with passwords as C(***). Keys are url, method, fallback_url, fallback_method and application_sid.
        - Null if the account has no such number.
      type: dict
    friendly_name: {description: "The number's name, with O(alert_days) only.", type: str}
    errors:
      description:
        - "The errors of its webhook: C(count), C(last_at), C(codes) (the count of each code) and C(since_change) (the count since the
          last change of the number, or of the Messaging Service that takes its texts). Null if they are not known."
        - With O(alert_days) only.
      type: dict
    changed_by:
      description:
        - "Who changed its webhook last: C(actor_type), C(actor_sid), C(source), the time C(at), and the settings C(before) and
          C(after), with passwords as C(***). Null if it is not known."
        - With O(changed_by) only.
      type: dict
overrides_checked:
  description: Whether Messaging Services and conversations were checked.
  returned: success, without O(holders)
  type: bool
holders:
  description:
    - Everything that has a webhook with a password (numbers, TwiML applications, Messaging Services, short codes, senders,
      Conversations address configurations), by password, packed into one string. A secret. For the role.
  returned: when O(holders=true)
  type: str
unseen:
  description: The lists that could have webhooks with passwords, but that these credentials may not read.
  returned: when O(holders=true)
  type: list
  elements: str
  sample: ["the short codes of account AC0123456789abcdef0123456789abcdef (70051)"]
snapshot:
  description: The value for O(voiceagent.sms.twilio_sms_webhook#module:_role). A secret.
  returned: when O(snapshot=true)
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._http.errors import SmsError, join
from ..module_utils._module.access import twilio_numbers
from ..module_utils._module.edge import run
from ..module_utils._module.options import TWILIO_OPTIONS
from ..module_utils._module.packed import pack, pack_snapshot
from ..module_utils._numbers.notation import normalize_all
from ..module_utils._twilio import webhook
from ..module_utils._twilio.alerts import check_days
from ..module_utils._twilio.client import TWILIO_IMPORT_ERROR
from ..module_utils._twilio.holders import find_holders
from ..module_utils._twilio.snapshot import Snapshot


def entry_of(number: str, snapshot: Snapshot, *, with_errors: bool, with_changes: bool) -> dict[str, Any]:
    """Return the entry of one number."""
    found = snapshot.numbers.get(number)
    entry = {
        "phone_number": number,
        "sid": found.sid if found else None,
        "receives_sms": found.receives_sms if found else False,
        "overridden_by": (snapshot.overrides or {}).get(number),
        "settings": webhook.shown(found.settings) if found else None,
    }
    if with_errors:
        entry["friendly_name"] = found.friendly_name if found else ""
        entry["errors"] = snapshot.errors_of(number)
    if with_changes:
        entry["changed_by"] = (snapshot.changes or {}).get(number)
    return entry


def manage(module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    params = module.params
    try:
        check_days(params["alert_days"], "alert_days")
    except ValueError as error:
        raise SmsError(str(error), code="bad_alert_days") from None
    wanted = None
    if params["phone_numbers"] is not None:
        wanted, problems = normalize_all(params["phone_numbers"])
        if problems:
            raise SmsError(join(problems, "; "), code="bad_phone_number")
    twilio = twilio_numbers(params)
    days = params["alert_days"]
    if params["holders"]:
        holders = find_holders(twilio)
        return {"changed": False, "holders": pack(holders), "unseen": holders.unseen}
    snapshot = Snapshot.take(
        twilio,
        wanted,
        with_overrides=params["overrides"],
        with_pools=params["pools"],
        alert_days=days,
        with_changes=params["changed_by"],
    )
    for problem in (snapshot.override_problem, snapshot.errors_problem, snapshot.changes_problem):
        if problem:
            module.warn(problem)
    result: dict[str, Any] = {"changed": False, "overrides_checked": snapshot.overrides is not None}
    if params["snapshot"]:  # contains everything, and Ansible handles one string faster than thousands of values
        module_args = {name: value for name, value in params.items() if name != "phone_numbers"}
        return {**result, "snapshot": pack_snapshot(snapshot), "invocation": {"module_args": module_args}}
    numbers = snapshot.numbers if wanted is None else wanted
    chosen = {"with_errors": days > 0, "with_changes": params["changed_by"]}
    return {**result, "numbers": [entry_of(number, snapshot, **chosen) for number in numbers]}


ARGUMENTS: dict[str, Any] = {
    "argument_spec": {
        **TWILIO_OPTIONS,
        "phone_numbers": {"type": "list", "elements": "str", "aliases": ["phone_number"]},
        "overrides": {"type": "bool", "default": True},
        "pools": {"type": "bool", "default": False},
        "holders": {"type": "bool", "default": False},
        "alert_days": {"type": "int", "default": 0},
        "changed_by": {"type": "bool", "default": False},
        "snapshot": {"type": "bool", "default": False},
    },
    "mutually_exclusive": [("holders", "phone_numbers")],
    "supports_check_mode": True,
}
NEEDS = {"twilio": TWILIO_IMPORT_ERROR}


def main() -> None:
    run(AnsibleModule(**ARGUMENTS), manage, NEEDS)


if __name__ == "__main__":
    main()
