# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules' options for access to watsonx Orchestrate. Their argument spec is in module_utils/_module/orchestrate.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  instance_url:
    description:
      - Service instance URL of watsonx Orchestrate from the product's settings, such as
        V(https://api.us-south.watson-orchestrate.cloud.ibm.com/instances/20250508-1234-5678-9abc-def012345678).
      - If not set, the environment variable E(WO_INSTANCE) is used; an empty one counts as not set.
      - Plain C(http) is accepted for loopback addresses only. Cloud Pak for Data is refused.
    type: str
  api_key:
    description:
      - API key of an identity that may manage the instance's agents. In IBM Cloud it is an IBM Cloud API key. Elsewhere, generate it
        in the product's settings.
      - If not set, the environment variable E(WO_API_KEY) is used; an empty one counts as not set.
      - Without it, O(iam_token) or O(ibmcloud_api_key) is used.
    type: str
  auth_endpoint:
    description:
      - Base URL at which the API key is exchanged for a token, for tests and private clouds.
      - If not set, the environment variable E(WO_AUTH_ENDPOINT) is used.
      - By default O(iam_endpoint) if O(instance_url) contains C(.cloud.ibm.com). Otherwise IBM's SaaS platform (MCSP), first with
        version 1 of its token exchange, then with version 2.
    type: str
"""
