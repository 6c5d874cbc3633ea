# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers, secrets and timestamps in the shapes that the two clouds give them."""

from __future__ import annotations

import datetime
import email.utils
import secrets
import string
import time
import uuid

UTC = datetime.timezone.utc
_ALPHANUMERIC = string.ascii_letters + string.digits
_ISO_FORMATS = (
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M%z",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d",
)


def sid(prefix: str) -> str:
    """Return a new Twilio SID: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


def auth_token() -> str:
    """Return a new Twilio auth token: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def key_secret() -> str:
    """Return the secret of a new Twilio API key: 32 letters and digits."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _unused in range(32))


def ibm_api_key() -> str:
    """Return a new IBM Cloud API key: 44 characters of ``A-Za-z0-9_-``."""
    return secrets.token_urlsafe(33)


def guid() -> str:
    """Return a new GUID, as the Resource Controller uses for instances and keys."""
    return str(uuid.uuid4())


def hex_id() -> str:
    """Return 32 hexadecimal digits: an IBM account or resource group ID, a transaction ID."""
    return secrets.token_hex(16)


def rfc2822(when: float | None = None) -> str:
    """Return a time as Twilio's 2010 API writes it."""
    return email.utils.formatdate(time.time() if when is None else when, usegmt=False).replace("-0000", "+0000")


def iso8601(when: float | None = None) -> str:
    """Return a time as the other APIs write it, in whole seconds."""
    moment = datetime.datetime.fromtimestamp(time.time() if when is None else when, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> float:
    """Return the time of an ISO 8601 text (a date alone counts as its midnight, UTC); raise ValueError otherwise."""
    for layout in _ISO_FORMATS:
        try:
            moment = datetime.datetime.strptime(text.replace("Z", "+0000"), layout)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    raise ValueError(f"not a date or time in ISO 8601: {text!r}")
