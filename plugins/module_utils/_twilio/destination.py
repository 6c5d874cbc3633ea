# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Determines where texts to a number end up, considering everything that may take them. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._http.door import shown
from .._http.urls import place, redact_url
from .overrides import describe_override
from .snapshot import Snapshot
from .webhook import URLS

DEMO_HOST = "demo.twilio.com"  # the default webhook of a new number; it answers each text


@dataclass(frozen=True)
class Destination:
    """Where a number's texts end up.

    :ivar sid: the number's SID, ``""`` if it is not in the account
    :ivar urls: the webhook that is called, and its fallback if there is one
    :ivar method: the webhook's HTTP method
    :ivar silent: why texts do not reach an agent, ``""`` if they may
    :ivar problem: why it cannot be determined
    """

    sid: str = ""
    urls: tuple[str, ...] = ()
    method: str = "POST"
    silent: str = ""
    problem: str = ""


def destinations_of(snapshot: Snapshot, numbers: Iterable[str], silent: Mapping[str, Any]) -> dict[str, Destination]:
    """Return where the texts of each of *numbers* end up.

    :param silent: by number, why its texts are known not to reach an agent
    """
    return {number: _destination(snapshot, number, str(silent.get(number) or "")) for number in numbers}


def _destination(snapshot: Snapshot, number: str, silent: str) -> Destination:
    found = snapshot.numbers.get(number)
    if found is None:
        return Destination(
            problem=f"not a phone number of account {snapshot.account_sid} (20404): check the number and the account"
        )
    settings = found.settings
    if not found.receives_sms:
        return Destination(found.sid, silent=silent or "it cannot receive texts: it has no SMS capability")
    override = (snapshot.overrides or {}).get(number)
    if settings["application_sid"]:  # its webhook is not known here
        return Destination(found.sid, silent=silent)
    if override and override["kind"] == "messaging_service":
        return _of_service(found.sid, snapshot.service_of(number), silent)
    if override:
        return Destination(found.sid, silent=silent or f"no webhook is called: {describe_override(override)}")
    urls = tuple(settings[name] for name in URLS if settings[name])
    if not settings["url"]:
        return Destination(found.sid, silent=silent or "it has no webhook, so its texts go nowhere")
    return Destination(found.sid, urls, settings["method"] or "POST", silent)


def _of_service(sid: str, service: Mapping[str, Any] | None, silent: str) -> Destination:
    """Return where a Messaging Service leads: without a URL it drops the texts, and nothing logs it."""
    if service is None:
        return Destination(sid, silent=silent)
    if not service["url"]:
        return Destination(sid, silent=silent or f"{service['name']} drops its texts: it has no inbound URL")
    urls = tuple(service[name] for name in URLS if service[name])
    return Destination(sid, urls, service["method"] or "POST", silent)


def receivers_of(found: Mapping[str, Destination]) -> dict[str, tuple[str, str]]:
    """Return the URL (secret) and method of each distinct receiver that takes texts, fallbacks too, by its URL as shown."""
    receivers: dict[str, tuple[str, str]] = {}
    for each in found.values():
        for url in () if each.silent else each.urls:
            receivers.setdefault(shown(url), (url, each.method))
    return receivers


def answers_by_itself(found: Destination, agents: set[tuple[str, str, int | None, str] | None]) -> str | None:
    """Return why a number answers texts automatically, for messages, or ``None`` if nothing indicates it.

    :param agents: receivers whose agents answer
    """
    for url in found.urls:
        where = place(url)
        if where is not None and (where in agents or where[1] == DEMO_HOST):
            return f"its texts go to {redact_url(url)}"
    return None
