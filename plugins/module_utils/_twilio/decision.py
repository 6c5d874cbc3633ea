# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides whether a phone number may be changed, and what its settings become. No I/O.

The module, the record of previous settings, and the creation and deletion of credentials all use these decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .overrides import describe_override
from .services import Verdict
from .snapshot import Snapshot
from .webhook import connected, disconnected, restored

CHANGED_SINCE = "left alone: changed since by somebody else (force restores it anyway)"


class Decision(NamedTuple):
    """The decision about a phone number.

    *before* and *after* are its settings. They are equal if it is left alone, and ``None`` if it is not in the account.
    *refusal* is why it must be left alone. *note* is why it is left alone, if that is not a failure.
    """

    before: dict[str, str] | None
    after: dict[str, str] | None
    refusal: str | None = None
    note: str | None = None


def decide(
    number: str, wanted: Mapping[str, Any], snapshot: Snapshot, verdict: Verdict, params: Mapping[str, Any]
) -> Decision:
    """Return the decision about a number.

    :param wanted: its webhook (see :func:`webhook.connected`), or for a restore its settings ``before`` and ``after``
    :param verdict: what services mean for the numbers of the run
    :param params: ``state``, ``on_override``, ``restore`` and ``force`` as in twilio_sms_webhook
    """
    refusal = why_not(number, wanted, snapshot, verdict, params)
    found = snapshot.numbers.get(number)
    before = found.settings if found else None
    if refusal or before is None:
        return Decision(before, before, refusal)
    if params.get("restore"):
        return _put_back(before, wanted, force=params["force"])
    return Decision(before, (disconnected if params["state"] == "absent" else connected)(before, wanted))


def _put_back(before: dict[str, str], recorded: Mapping[str, Any], *, force: bool) -> Decision:
    after = restored(before, recorded, force=force)
    if after is None:
        return Decision(before, before, note=CHANGED_SINCE)
    if recorded.get("refusal") and after != before and not force:
        return Decision(before, before, f"left alone: {recorded['refusal']} (force restores it anyway)")
    return Decision(before, after)


def why_not(
    number: str, wanted: Mapping[str, Any], snapshot: Snapshot, verdict: Verdict, params: Mapping[str, Any]
) -> str | None:
    """Return why a number must be left alone, for messages, or ``None``.

    :param wanted: as in :func:`decide`; only the place of ``url`` matters, because a service that leads there is accepted
    """
    found = snapshot.numbers.get(number)
    if found is None:
        hint = snapshot.hints.get(number) or "check the number and the account"
        return f"not a phone number of account {snapshot.account_sid} (20404): {hint}"
    if params["state"] == "present":
        if not found.receives_sms:
            return "cannot receive texts: the number has no SMS capability"
        override = (snapshot.overrides or {}).get(number)
        if override and params["on_override"] == "fail" and not snapshot.carrier_of(number, wanted):
            return f"left alone: {describe_override(override)}"
    return verdict.refusals.get(number)


def why_nothing(snapshot: Snapshot, params: Mapping[str, Any]) -> str | None:
    """Return why no number of the account may be changed: what takes their texts matters, but is not known."""
    return snapshot.override_problem if params["on_override"] in ("fail", "repair") else None
