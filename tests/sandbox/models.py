# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The things that the clouds store: plain records, whose only behaviour is names derived from their fields."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import field
from typing import Any

from . import ids

#: CRN service names under which a voice agent is found.
AGENT_SERVICES = ("voiceagent", "voice-agent", "voice-agent-with-watson")


# --- IBM Cloud -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class IbmAccount:
    """An IBM Cloud account."""

    id: str = field(default_factory=ids.hex_id)
    name: str = "sandbox"


@dataclasses.dataclass
class Profile:
    """A trusted profile: an identity that a caller can assume."""

    account_id: str
    id: str = field(default_factory=lambda: "Profile-" + ids.guid())
    name: str = "automation"
    service_role: str = "Manager"
    platform_role: str = "Administrator"

    @property
    def iam_id(self) -> str:
        """The identity of those who assumed the profile."""
        return "iam-" + self.id

    @property
    def crn(self) -> str:
        """The profile's CRN."""
        return f"crn:v1:bluemix:public:iam-identity::a/{self.account_id}::profile:{self.id}"


@dataclasses.dataclass
class ApiKey:
    """An API key of IAM: a caller's own, or the secret of a resource key."""

    account_id: str
    value: str = field(default_factory=ids.ibm_api_key)
    id: str = field(default_factory=lambda: "ApiKey-" + ids.guid())
    name: str = "caller"
    description: str = ""
    iam_id: str = field(default_factory=lambda: "IBMid-" + ids.hex_id()[:10].upper())
    #: Manager, Writer, Reader or None: the role on services. Any other string is a custom role.
    service_role: str = "Manager"
    #: Administrator, Editor, Operator, Viewer or None: the role on the platform.
    platform_role: str = "Administrator"
    #: GUID of the instance that the role is limited to (API keys of resource keys).
    instance_guid: str | None = None
    resource_key_guid: str | None = None
    locked: bool = False
    disabled: bool = False
    expires_at: str = ""
    #: IAM does not know the key before this time.
    active_at: float = 0.0
    deleted: bool = False
    created_at: str = field(default_factory=ids.iso8601)

    @property
    def crn(self) -> str:
        """The API key's CRN."""
        return f"crn:v1:bluemix:public:iam-identity::a/{self.account_id}::apikey:{self.id}"

    def known(self) -> bool:
        """Return whether IAM knows the key, and it is not deleted."""
        return not self.deleted and time.time() >= self.active_at

    def usable(self) -> bool:
        """Return whether the key works. A lock only protects a key from changes, so a locked key works."""
        expired = bool(self.expires_at) and ids.parse_time(self.expires_at) <= time.time()
        return self.known() and not self.disabled and not expired


@dataclasses.dataclass
class Instance:
    """A service instance."""

    account_id: str
    name: str
    guid: str = field(default_factory=ids.guid)
    region_id: str = "us-south"
    service_name: str = "voice-agent-with-watson"
    state: str = "active"
    type: str = "service_instance"
    sub_type: str = ""
    resource_id: str = "voice-agent-with-watson-catalog-id"
    resource_plan_id: str = "voice-agent-standard-plan"
    resource_group_id: str = "sandbox-default-group"
    #: New keys inherit this and keep it; the secret of a one-time key is in the create response only.
    onetime_credentials: bool = False
    #: GUID of an alias of Cloud Foundry days; keys can have it as their source.
    alias_guid: str | None = None
    locked: bool = False
    created_at: str = field(default_factory=ids.iso8601)
    updated_at: str = field(default_factory=ids.iso8601)

    @property
    def crn(self) -> str:
        """The instance's CRN: its third and sixth parts are all that says service and region."""
        return f"crn:v1:bluemix:public:{self.service_name}:{self.region_id}:a/{self.account_id}:{self.guid}::"

    @property
    def alias_crn(self) -> str | None:
        """The CRN of the instance's alias."""
        if self.alias_guid is None:
            return None
        return self.crn.removesuffix("::") + f":resource-alias:{self.alias_guid}"

    @property
    def is_agent(self) -> bool:
        """Return whether this is a live voice agent."""
        return self.service_name in AGENT_SERVICES and self.state == "active"


@dataclasses.dataclass
class ResourceKey:
    """A service credential. Deleting it only sets its state to ``removed``."""

    account_id: str
    instance_guid: str
    name: str
    crn: str
    source_crn: str
    api_key_id: str
    guid: str = field(default_factory=ids.guid)
    #: CRN of its role, which cannot change; None: no role.
    role: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    service_id: str = field(default_factory=lambda: "ServiceId-" + ids.guid())
    state: str = "active"
    onetime_credentials: bool = False
    #: Lists and GET do not show the key before this time.
    visible_at: float = 0.0
    created_at: str = field(default_factory=ids.iso8601)
    created_by: str = ""
    updated_at: str = field(default_factory=ids.iso8601)
    updated_by: str = ""
    deleted_at: str | None = None
    deleted_by: str | None = None
    #: For late lists: when the key was changed, and its previous name and state.
    past: list[list[Any]] = field(default_factory=list)

    def remember(self) -> None:
        """Remember the key's state before a change."""
        self.past.append([time.time(), self.name, self.state])

    def listed(self, stale: float) -> tuple[str, str]:
        """Return name and state as shown by a list that is this many seconds late."""
        then = time.time() - stale
        return next(((name, state) for changed, name, state in self.past if changed > then), (self.name, self.state))


@dataclasses.dataclass
class OrchestrateInstance:
    """An instance of watsonx Orchestrate."""

    account_id: str
    guid: str = field(default_factory=ids.guid)
    name: str = "orchestrate"
    #: ID of its subscription outside of IBM Cloud; None: its tokens name none.
    subscription: str | None = None


def _environments() -> dict[str, str]:
    return {name: ids.guid() for name in ("draft", "live")}


@dataclasses.dataclass
class OrchestrateAgent:
    """An agent of watsonx Orchestrate."""

    instance_guid: str
    name: str
    id: str = field(default_factory=ids.guid)
    #: IDs of its environments by name. One that is not deployed has no ``live``.
    environments: dict[str, str] = field(default_factory=_environments)


@dataclasses.dataclass
class Channel:
    """An agent's channel of the type twilio_sms."""

    agent_id: str
    environment_id: str
    name: str
    account_sid: str
    twilio_authentication_token: str
    description: str = ""
    phone_number: str | None = None
    id: str = field(default_factory=ids.guid)
    created_on: str = field(default_factory=ids.iso8601)


# --- Twilio ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class TwilioAccount:
    """A Twilio account, or the subaccount of one."""

    sid: str = field(default_factory=lambda: ids.sid("AC"))
    auth_token: str = field(default_factory=ids.auth_token)
    friendly_name: str = "Sandbox"
    status: str = "active"
    type: str = "Full"
    #: The parent's SID; None: a main account.
    owner_account_sid: str | None = None
    #: Countries (``US``) to which it may not send texts.
    geo_blocked: list[str] = field(default_factory=list)
    date_created: str = field(default_factory=ids.rfc2822)
    date_updated: str = field(default_factory=ids.rfc2822)


@dataclasses.dataclass
class TwilioKey:
    """An API key of a Twilio account."""

    account_sid: str
    sid: str = field(default_factory=lambda: ids.sid("SK"))
    secret: str = field(default_factory=ids.key_secret)
    friendly_name: str = "sandbox"
    #: main, standard (no Accounts resource) or restricted (only the operations in ``permissions``).
    kind: str = "standard"
    permissions: list[str] = field(default_factory=list)


def _sms_capable() -> dict[str, bool]:
    return {"voice": True, "sms": True, "mms": True, "fax": False}


@dataclasses.dataclass
class Number:
    """An incoming phone number. Unset SMS fields are empty strings, other unset ones null."""

    account_sid: str
    phone_number: str
    sid: str = field(default_factory=lambda: ids.sid("PN"))
    friendly_name: str = ""
    sms_url: str = ""
    sms_method: str = "POST"
    sms_fallback_url: str = ""
    sms_fallback_method: str = "POST"
    sms_application_sid: str = ""
    status_callback: str = ""
    status_callback_method: str = "POST"
    voice_url: str | None = None
    voice_method: str = "POST"
    voice_fallback_url: str | None = None
    voice_fallback_method: str = "POST"
    voice_application_sid: str | None = None
    voice_caller_id_lookup: bool = False
    voice_receive_mode: str = "voice"
    trunk_sid: str | None = None
    address_sid: str | None = None
    address_requirements: str = "none"
    identity_sid: str | None = None
    bundle_sid: str | None = None
    emergency_status: str = "Inactive"
    emergency_address_sid: str | None = None
    emergency_address_status: str = "unregistered"
    origin: str = "twilio"
    type: str = "local"
    status: str = "in-use"
    beta: bool = False
    api_version: str = "2010-04-01"
    capabilities: dict[str, bool] = field(default_factory=_sms_capable)
    date_created: str = field(default_factory=ids.rfc2822)
    date_updated: str = field(default_factory=ids.rfc2822)
    #: Every update, even of the webhook alone, is refused for regulatory reasons (21631 or 21613).
    bundle_required: bool = False
    address_required: bool = False


@dataclasses.dataclass
class Application:
    """A TwiML application: a number that names one uses its URLs."""

    account_sid: str
    sid: str = field(default_factory=lambda: ids.sid("AP"))
    friendly_name: str = "sandbox"
    sms_url: str = ""
    sms_method: str = "POST"
    sms_fallback_url: str = ""
    sms_fallback_method: str = "POST"
    sms_status_callback: str | None = None
    message_status_callback: str | None = None
    status_callback: str | None = None
    status_callback_method: str = "POST"
    voice_url: str | None = None
    voice_method: str = "POST"
    voice_fallback_url: str | None = None
    voice_fallback_method: str = "POST"
    voice_caller_id_lookup: bool = False
    public_application_connect_enabled: bool = False
    api_version: str = "2010-04-01"
    date_created: str = field(default_factory=ids.rfc2822)
    date_updated: str = field(default_factory=ids.rfc2822)


@dataclasses.dataclass
class ShortCode:
    """A short code: it has no application and no capabilities."""

    account_sid: str
    short_code: str
    sid: str = field(default_factory=lambda: ids.sid("SC"))
    friendly_name: str = "sandbox"
    sms_url: str = ""
    sms_method: str = "POST"
    sms_fallback_url: str = ""
    sms_fallback_method: str = "POST"
    api_version: str = "2010-04-01"
    date_created: str = field(default_factory=ids.rfc2822)
    date_updated: str = field(default_factory=ids.rfc2822)


@dataclasses.dataclass
class Sender:
    """A sender of another channel: ``whatsapp:+1555...`` or ``rcs:...``."""

    account_sid: str
    sender_id: str
    sid: str = field(default_factory=lambda: ids.sid("XE"))
    status: str = "ONLINE"
    callback_url: str | None = None
    callback_method: str = "POST"
    fallback_url: str | None = None
    fallback_method: str = "POST"
    status_callback_url: str | None = None
    status_callback_method: str = "POST"

    @property
    def channel(self) -> str:
        """The channel by which lists select."""
        return self.sender_id.partition(":")[0]


@dataclasses.dataclass
class Service:
    """A Messaging Service with its pool of numbers, short codes and senders."""

    account_sid: str
    sid: str = field(default_factory=lambda: ids.sid("MG"))
    friendly_name: str = "sandbox"
    #: True: the number's webhook is used. False: ``inbound_request_url`` is used, and null drops the text.
    use_inbound_webhook_on_number: bool = False
    inbound_request_url: str | None = None
    inbound_method: str = "POST"
    fallback_url: str | None = None
    fallback_method: str = "POST"
    status_callback: str | None = None
    sticky_sender: bool = True
    mms_converter: bool = True
    smart_encoding: bool = True
    scan_message_content: str = "inherit"
    fallback_to_long_code: bool = True
    area_code_geomatch: bool = True
    synchronous_validation: bool = False
    validity_period: int = 14400
    usecase: str = "undeclared"
    us_app_to_person_registered: bool = False
    date_created: str = field(default_factory=ids.iso8601)
    date_updated: str = field(default_factory=ids.iso8601)
    #: SIDs of the pool's numbers, in order; the values are not used (a dict makes lookups fast).
    pool: dict[str, None] = field(default_factory=dict)
    short_codes: dict[str, None] = field(default_factory=dict)
    senders: dict[str, None] = field(default_factory=dict)


@dataclasses.dataclass
class Address:
    """A Conversations address configuration."""

    account_sid: str
    address: str
    sid: str = field(default_factory=lambda: ids.sid("IG"))
    type: str = "sms"
    friendly_name: str | None = None
    #: Whether inbound texts become conversations, and the number's webhook is not called.
    auto_creation_enabled: bool = True
    auto_creation_type: str = "default"
    auto_creation_webhook_url: str | None = None
    auto_creation_webhook_method: str | None = None
    address_country: str | None = None
    date_created: str = field(default_factory=ids.iso8601)
    date_updated: str = field(default_factory=ids.iso8601)


@dataclasses.dataclass
class Alert:
    """An entry of the Monitor's debugger log."""

    account_sid: str
    error_code: str = "11200"
    sid: str = field(default_factory=lambda: ids.sid("NO"))
    log_level: str = "error"
    alert_text: str = ""
    request_url: str | None = None
    request_method: str | None = None
    request_variables: str | None = None
    request_headers: str | None = None
    response_body: str | None = None
    response_headers: str | None = None
    resource_sid: str | None = None
    service_sid: str | None = None
    #: When it happened, in seconds since 1970.
    at: float = field(default_factory=time.time)


@dataclasses.dataclass
class Event:
    """An entry of the Monitor's log of changes. ``event_data`` has the changes, including passwords in URLs."""

    account_sid: str
    resource_sid: str
    event_data: dict[str, Any] = field(default_factory=dict)
    sid: str = field(default_factory=lambda: ids.sid("AE"))
    event_type: str = "phone-number.updated"
    resource_type: str = "phone-number"
    actor_type: str = "account"
    actor_sid: str | None = None
    #: ``api`` or ``web`` (the console).
    source: str = "api"
    source_ip_address: str = "192.0.2.1"
    description: str | None = None
    #: When it happened, in seconds since 1970.
    at: float = field(default_factory=time.time)


@dataclasses.dataclass
class Message:
    """A text that came in or went out."""

    account_sid: str
    sender: str
    to: str
    body: str = ""
    #: inbound, outbound-api or outbound-reply.
    direction: str = "inbound"
    status: str = "received"
    sid: str = field(default_factory=lambda: ids.sid("SM"))
    error_code: int | None = None
    #: When it was made, in seconds since 1970.
    at: float = field(default_factory=time.time)


@dataclasses.dataclass
class Campaign:
    """The A2P 10DLC campaign of a Messaging Service."""

    account_sid: str
    service_sid: str
    sid: str = field(default_factory=lambda: ids.sid("QE"))
    brand_sid: str = field(default_factory=lambda: ids.sid("BN"))
    campaign_status: str = "VERIFIED"
    at: float = field(default_factory=time.time)


@dataclasses.dataclass
class Verification:
    """The verification of a toll-free number."""

    account_sid: str
    tollfree_phone_number_sid: str
    sid: str = field(default_factory=lambda: ids.sid("HH"))
    status: str = "TWILIO_APPROVED"
    at: float = field(default_factory=time.time)
