# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules' options for access to an instance of watsonx Orchestrate, and the client made from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._http.errors import SmsError
from .._http.transport import Transport, check_endpoint
from .._ibm.client import TOKEN_PATH
from .._ibm.orchestrate import Instance, Orchestrate, Tokens
from .options import IBM_CLOUD_OPTIONS, nonempty_env, resolved

#: In addition to those of IBM Cloud, which are used without ``api_key``. IBM's own tool uses the first two names.
ORCHESTRATE_OPTIONS: dict[str, dict[str, Any]] = {
    "instance_url": {"type": "str", "fallback": (nonempty_env, ["WO_INSTANCE"])},
    "api_key": {"type": "str", "fallback": (nonempty_env, ["WO_API_KEY"]), "no_log": True},
    "auth_endpoint": {"type": "str", "fallback": (nonempty_env, ["WO_AUTH_ENDPOINT"])},
}


def orchestrate(
    params: Mapping[str, Any], transport: Transport | None = None, *, secrets: tuple[str, ...] = ()
) -> Orchestrate:
    """Return a client for the module options of :data:`ORCHESTRATE_OPTIONS` and of IBM Cloud.

    :param secrets: texts to remove from all messages, in case the service repeats them
    :raises SmsError: if the instance or credentials are missing, or an endpoint is refused; nothing was sent
    """
    spec = {**IBM_CLOUD_OPTIONS, **ORCHESTRATE_OPTIONS}
    option = resolved(params, spec, ("api_key",), ("iam_token",), ("ibmcloud_api_key",))
    require_instance(option)
    secret = {name: (option[name] or "").strip() for name in ("api_key", "iam_token", "ibmcloud_api_key")}
    identity = next((name for name, value in secret.items() if value), "")
    require_identity(identity)
    token = secret["iam_token"].removeprefix("Bearer ") if identity == "iam_token" else ""
    instance = Instance.parse(option["instance_url"])
    auth = option["auth_endpoint"]
    transport = transport or Transport(timeout=option["timeout"], validate_certs=option["validate_certs"])
    tokens = Tokens.for_instance(
        instance,
        transport,
        api_key=secret[identity],
        token=token,
        profile_id=option["iam_profile_id"],
        iam_endpoint=check_endpoint(option["iam_endpoint"].removesuffix(TOKEN_PATH), "iam_endpoint"),
        auth_endpoint=check_endpoint(auth.removesuffix(TOKEN_PATH), "auth_endpoint") if auth else None,
        identity=identity,
    )
    return Orchestrate(instance, tokens, transport, secrets=(*secret.values(), *secrets))


def require_instance(option: Mapping[str, Any]) -> None:
    """:raises SmsError: if no instance is given; it says where to find its URL"""
    if not option["instance_url"]:
        raise SmsError(
            "the instance of watsonx Orchestrate is missing: give instance_url (environment WO_INSTANCE), the service"
            " instance URL from the product's settings",
            code="missing_instance",
        )


def require_identity(identity: str) -> None:
    """:raises SmsError: if there are no credentials for watsonx Orchestrate; it names the ways to give them"""
    if not identity:
        raise SmsError(
            "watsonx Orchestrate credentials are missing: give api_key (environment WO_API_KEY), or for an instance in IBM"
            " Cloud ibmcloud_api_key (IC_API_KEY or IBMCLOUD_API_KEY) or iam_token (IC_IAM_TOKEN or IBMCLOUD_IAM_TOKEN)",
            code="missing_credentials",
        )
