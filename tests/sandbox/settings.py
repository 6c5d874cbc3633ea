# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's settings, which tests can change while it runs."""

from __future__ import annotations

import dataclasses
from typing import Any

#: The receivers of IBM's agents. eu-de has two: only an agent's dashboard shows which one it uses.
RECEIVERS: dict[str, dict[str, str]] = {
    "sms-south.voiceagent.cloud.ibm.com": {"region": "us-south"},
    "sms-east.voiceagent.cloud.ibm.com": {"region": "us-east"},
    "sms-fra04.voiceagent.cloud.ibm.com": {"region": "eu-de"},
    "sms-fra05.voiceagent.cloud.ibm.com": {"region": "eu-de"},
}


def _default_receivers() -> dict[str, dict[str, str]]:
    return {host: dict(receiver) for host, receiver in RECEIVERS.items()}


@dataclasses.dataclass
class Settings:
    """The settings; ``PATCH /_sandbox/settings`` changes them, ``POST /_sandbox/reset`` resets them."""

    #: Seconds that every request to a cloud takes.
    latency: float = 0.0
    #: Maximum number of concurrent requests of one Twilio account; others get 429, code 20429. None: no limit.
    twilio_concurrency: int | None = None
    #: Seconds in the Retry-After header of such a 429. None: no header, as Twilio documents none.
    retry_after: float | None = None
    #: Seconds for which lists of numbers show an updated number as it was before.
    twilio_list_lag: float = 0.0
    #: Lifetime of an IAM token in seconds.
    token_lifetime: float = 3600.0
    #: Seconds until a new resource key shows in lists and in GET (until then 404 RC-DatabaseErrorResponse).
    list_lag: float = 0.0
    #: Seconds until lists of resource keys show that one was renamed or removed.
    stale_lists: float = 0.0
    #: Seconds until IAM accepts the API key of a new resource key.
    key_activation_delay: float = 0.0
    #: Resource Controller lists: the first, third, ... page is empty, the others are half full.
    page_holes: bool = False
    #: Rows on a page of the Resource Controller, at most (100 is the documented maximum).
    page_limit: int = 100
    #: Whether lists of resource keys still show removed ones. (GET always does.)
    list_removed: bool = False
    #: The credentials of a one-time key when it is read: ``redacted``, ``empty`` or ``absent`` (only the secret).
    one_time_answer: str = "redacted"
    #: Whether ``credentials`` contain the API key's ID (seen in public files, not documented).
    api_key_id_in_credentials: bool = True
    #: Name of a resource key's API key: ``name`` (newer: the key's name) or ``generated`` (older).
    api_key_names: str = "name"
    #: Whether a platform Editor may create keys with roles that it does not have.
    editors_create_any_role: bool = False
    #: Status of ``/v1/apikeys/details`` for an unknown API key: 404 or 400.
    unknown_api_key_status: int = 404
    #: Whether a list of Orchestrate's agents is under a key (IBM's own tool accepts both).
    agents_under_a_key: bool = False
    #: Whether a single channel shows account, phone number and description, and its auth token (neither is documented).
    channels_show_details: bool = True
    channels_show_tokens: bool = True
    #: Whether carriers block the agents' answers (30034).
    answers_blocked: bool = False
    #: Hosts that inbound texts can reach: ``{"region": ...}``, or ``{"username": ..., "password": ...}``. Also ``door``, what
    #: a request without credentials gets (``403``, or ``bare``: a 401 without a challenge), ``status``, what one with good
    #: credentials gets, and ``answer``: ``none``, or the seconds after which the agent answers by itself.
    receivers: dict[str, dict[str, str]] = dataclasses.field(default_factory=_default_receivers)
    #: Whether the request log contains the sent values, not only their names.
    log_bodies: bool = True

    def update(self, changes: dict[str, Any]) -> None:
        """Change settings; receivers are merged (null removes one). Raise ValueError for an unknown setting."""
        known = {field.name for field in dataclasses.fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise ValueError(f"unknown settings {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        for name, value in changes.items():
            if name == "receivers":
                self._merge_receivers(value)
            else:
                setattr(self, name, value)

    def _merge_receivers(self, changes: dict[str, dict[str, str] | None]) -> None:
        for host, receiver in changes.items():
            if receiver is None:
                self.receivers.pop(host.lower(), None)
            else:
                self.receivers[host.lower()] = dict(receiver)

    def to_json(self) -> dict[str, Any]:
        """Return all settings as plain data."""
        return dataclasses.asdict(self)
