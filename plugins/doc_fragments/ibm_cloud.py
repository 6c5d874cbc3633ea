# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules' options for access to IBM Cloud. Their argument spec is IBM_CLOUD_OPTIONS in module_utils/_module/options.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  ibmcloud_api_key:
    description:
      - IBM Cloud API key of the identity that manages the service credentials.
      - If not set, the environment variables E(IC_API_KEY) and E(IBMCLOUD_API_KEY) are used; an empty one counts as not set.
    type: str
  iam_token:
    description:
      - A ready IAM bearer token, used instead of O(ibmcloud_api_key).
      - If not set, the environment variables E(IC_IAM_TOKEN) and E(IBMCLOUD_IAM_TOKEN) are used; an empty one counts as not set.
    type: str
  iam_profile_id:
    description:
      - ID of a trusted profile to assume with the API key.
      - If not set, the environment variable E(IBMCLOUD_IAM_PROFILE_ID) is used.
    type: str
  iam_endpoint:
    description:
      - Base URL of IAM.
      - If not set, the environment variable E(IBMCLOUD_IAM_API_ENDPOINT) is used.
      - Plain C(http) is accepted for loopback addresses only.
    type: str
    default: https://iam.cloud.ibm.com
  resource_controller_endpoint:
    description:
      - Base URL of Resource Controller.
      - If not set, the environment variable E(IBMCLOUD_RESOURCE_CONTROLLER_API_ENDPOINT) is used.
      - Plain C(http) is accepted for loopback addresses only.
    type: str
    default: https://resource-controller.cloud.ibm.com
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
  - ibm-platform-services (see C(requirements.txt) for the oldest version that is tested)
notes:
  - The module runs on the controller; nothing is installed or run elsewhere.
  - The SDK's own configuration (C(ibm-credentials.env), C(VCAP_SERVICES)) and C(.netrc) are never read.
    CA bundle and proxies come from E(REQUESTS_CA_BUNDLE), E(HTTPS_PROXY) and E(NO_PROXY).
"""
