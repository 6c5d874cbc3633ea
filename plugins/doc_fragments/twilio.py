# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules' options for access to Twilio. Their argument spec is TWILIO_OPTIONS in module_utils/_module/options.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  account_sid:
    description:
      - SID of the Twilio account (V(AC…)).
      - If not set, the environment variable E(TWILIO_ACCOUNT_SID) is used; an empty one counts as not set.
    type: str
  auth_token:
    description:
      - The account's auth token. Give either this or O(api_key_sid) with O(api_key_secret).
      - If not set, the environment variable E(TWILIO_AUTH_TOKEN) is used; an empty one counts as not set.
    type: str
  api_key_sid:
    description:
      - SID of a Twilio API key (V(SK…)) of the account.
      - If not set, the environment variable E(TWILIO_API_KEY) is used; an empty one counts as not set.
    type: str
  api_key_secret:
    description:
      - The secret of O(api_key_sid).
      - If not set, the environment variable E(TWILIO_API_SECRET) is used; an empty one counts as not set.
    type: str
  subaccount_sid:
    description:
      - SID of the subaccount that owns the phone numbers, if O(account_sid) does not own them itself.
      - If not set, the environment variable E(TWILIO_SUBACCOUNT_SID) is used; an empty one counts as not set.
    type: str
  edge:
    description:
      - Twilio's edge location, such as V(dublin).
      - If not set, the environment variable E(TWILIO_EDGE) is used.
    type: str
  region:
    description:
      - Twilio's processing region, such as V(ie1); not IBM Cloud's.
      - If not set, the environment variable E(TWILIO_REGION) is used.
    type: str
  api_endpoint:
    description:
      - One base URL instead of Twilio's hosts (api, messaging, monitor, conversations, accounts). Overrides O(edge) and O(region).
      - If not set, the environment variable E(TWILIO_API_ENDPOINT) is used.
      - Plain C(http) is accepted for loopback addresses only.
    type: str
  timeout:
    description: Seconds to wait for each answer.
    type: float
    default: 30
  validate_certs:
    description: Whether servers must show a valid certificate.
    type: bool
    default: true
requirements:
  - Python 3.10 or newer
  - twilio (see C(requirements.txt) for the oldest version that is tested)
notes:
  - Runs on the controller; nothing is installed or run elsewhere.
  - C(.netrc) is never read. CA bundle and proxies come from E(REQUESTS_CA_BUNDLE), E(HTTPS_PROXY) and E(NO_PROXY).
"""

    # For plugins, beside the above: Ansible reads the environment for their options. To Ansible an empty variable is a value;
    # to given() in module_utils/_module/options.py it is not.
    PLUGIN = r"""
options:
  account_sid: {env: [{name: TWILIO_ACCOUNT_SID}]}
  auth_token: {env: [{name: TWILIO_AUTH_TOKEN}]}
  api_key_sid: {env: [{name: TWILIO_API_KEY}]}
  api_key_secret: {env: [{name: TWILIO_API_SECRET}]}
  subaccount_sid: {env: [{name: TWILIO_SUBACCOUNT_SID}]}
  edge: {env: [{name: TWILIO_EDGE}]}
  region: {env: [{name: TWILIO_REGION}]}
  api_endpoint: {env: [{name: TWILIO_API_ENDPOINT}]}
"""
