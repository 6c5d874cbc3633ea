# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._ibm.receiver import USERNAME, build_url, host_for

DOCUMENTATION = r"""
name: receiver_url
short_description: Build the webhook URL of a receiver from an API key
version_added: 1.1.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - Builds the URL C(https://apikey:KEY@HOST/sms.receiver/SmsRecv) of an agent's receiver. Fails if Twilio would not accept the
    password in a URL. The result is a secret.
  - The role P(voiceagent.sms.connect_sms#role) does this for its numbers.
positional: region, receiver_host, username
options:
  _input:
    description: The API key of a service credential, or the password of a self-hosted gateway.
    type: str
    required: true
  region:
    description: IBM Cloud region of the agent, such as V(us-south). It determines the host.
    type: str
  receiver_host:
    description: Host of the receiver, or host and port. Overrides O(region).
    type: str
  username:
    description: User name for the receiver.
    type: str
    default: apikey
seealso:
  - module: voiceagent.sms.iva_credential
  - module: voiceagent.sms.twilio_sms_webhook
"""

EXAMPLES = r"""
- name: Connect a number with the key of a credential
  voiceagent.sms.twilio_sms_webhook:
    phone_number: "+15551234567"
    url: "{{ sms_credential.api_key | voiceagent.sms.receiver_url('us-south') }}"

- name: Connect a number to a self-hosted gateway
  voiceagent.sms.twilio_sms_webhook:
    phone_number: "+15551234567"
    url: "{{ gateway_password | voiceagent.sms.receiver_url(receiver_host='gateway.example.com:9443', username='twilio') }}"
"""

RETURN = r"""
_value:
  description: The webhook URL. A secret.
  type: str
"""


def receiver_url(
    api_key: Any, region: str | None = None, receiver_host: str | None = None, username: str = USERNAME
) -> str:
    """Return the webhook URL of a receiver with its credentials in it.

    :raises AnsibleFilterError: for a region without a receiver, or a password that Twilio does not accept; it contains no password
    """
    try:
        return build_url(host_for(region, receiver_host), str(api_key or ""), username)
    except ValueError as error:
        raise AnsibleFilterError(f"receiver_url: {error}") from None


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"receiver_url": receiver_url}
