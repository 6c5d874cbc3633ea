# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IBM's receivers, which take the texts for agents, and the form of IBM's API keys. No I/O."""

from __future__ import annotations

import re

from .._http.urls import redact_bad_url

PATH = "/sms.receiver/SmsRecv"
USERNAME = "apikey"
# Voice Agent documentation, "Connecting an SMS agent" (us-south, us-east) and "SMS API" (eu-de). Add further regions here.
HOSTS: dict[str, tuple[str, ...]] = {
    "us-south": ("sms-south.voiceagent.cloud.ibm.com",),
    "us-east": ("sms-east.voiceagent.cloud.ibm.com",),
    "eu-de": ("sms-fra04.voiceagent.cloud.ibm.com", "sms-fra05.voiceagent.cloud.ibm.com"),
}

_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
)
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")
_API_KEY = re.compile(r"[A-Za-z0-9_-]{16,}")
_MARKERS = ("REDACTED", "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")


def host_for(region: str | None, receiver_host: str | None = None) -> str:
    """Return the receiver's ``host[:port]`` for an IBM Cloud region.

    :param region: IBM Cloud region id, such as ``us-south``
    :param receiver_host: the user's own choice, which takes precedence
    :raises ValueError: if the region has no known receiver, or more than one
    """
    if receiver_host:
        if not _HOST.fullmatch(receiver_host):
            raise ValueError(
                f"receiver host '{redact_bad_url(receiver_host)}' does not have the form host or host:port"
                " (no scheme, no path, no user or password)"
            )
        return receiver_host.lower()
    hosts = HOSTS.get(region or "", ())
    if len(hosts) == 1:
        return hosts[0]
    if hosts:
        raise ValueError(
            f"region '{region}' has more than one receiver ({' and '.join(hosts)}): the Getting Started page of the"
            " instance's dashboard shows which one the agent uses; give it as the receiver host"
        )
    if not region:
        raise ValueError(
            f"no region is given, so the receiver is not known: give one of {', '.join(HOSTS)}, or a receiver host"
        )
    raise ValueError(
        f"region '{region}' has no known receiver: use one of {', '.join(HOSTS)},"
        " or give the host of a self-hosted gateway as the receiver host"
    )


def build_url(host: str, password: str, username: str = USERNAME) -> str:
    """Return the webhook URL of a receiver, with its Basic credentials in it.

    :raises ValueError: for a user name or password that Twilio does not accept in a URL (error 11100); the message
        never contains the password
    """
    for what, value in (("user name", username), ("password", password)):
        if not _UNRESERVED.fullmatch(value or ""):
            raise ValueError(
                f"the receiver's {what} may only contain letters, digits, '-', '.', '_' and '~', because Twilio accepts no"
                " others in a webhook URL; choose another one"
            )
    return f"https://{username}:{password}@{host}{PATH}"


def is_api_key(value: object) -> bool:
    """Whether *value* can be an IBM Cloud API key, and not a marker such as ``REDACTED`` or Ansible's own mask for
    secrets."""
    return isinstance(value, str) and bool(_API_KEY.fullmatch(value)) and not value.upper().startswith(_MARKERS)
