# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Translates the playbooks' short extra variables (``-e region=us-south``) to the role's variables. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The role's variables and their short names. Short names only work as extra variables: an inventory may use them itself.
SHORT = {
    "connect_sms_region": "region",
    "connect_sms_instance": "instance",
    "connect_sms_orchestrate_agent": "orchestrate_agent",
    "connect_sms_numbers_file": "numbers_file",
    "connect_sms_create_credential": "create_credential",
    "connect_sms_max_age": "max_age",
    "connect_sms_backup": "backup",
    "connect_sms_restore_force": "force",
    "connect_sms_audit_dir": "audit_dir",
    "connect_sms_audit_fail_on": "audit_fail_on",
    "connect_sms_audit_days": "audit_days",
    "connect_sms_audit_blame": "audit_blame",
    "connect_sms_verify_from": "verify_from",
    "connect_sms_verify_body": "verify_body",
    "connect_sms_verify_timeout": "verify_timeout",
    "connect_sms_verify_max": "verify_max",
    "connect_sms_verify_replies": "verify_replies",
}
NUMBERS = ("phone_number", "phone_numbers")  # both may be given; an inventory's phone_number is its host's
DRY_RUN = "dry_run"
KNOWN = frozenset({*SHORT.values(), *NUMBERS, DRY_RUN})


def is_given(value: Any) -> bool:
    """Whether a variable has a value: an unanswered survey question arrives as null, an empty or a blank string."""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value not in ([], {})


def short_values(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the role's variables that the short *extra* variables set, for every host of the run."""
    values = {name: extra[short] for name, short in SHORT.items() if is_given(extra.get(short))}
    numbers = [extra[name] for name in NUMBERS if is_given(extra.get(name))]
    if numbers:
        values["connect_sms_phone_numbers"] = [
            each for given in numbers for each in (given if isinstance(given, list) else [given])
        ]
    return values
