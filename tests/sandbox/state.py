# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole state of the two clouds."""

from __future__ import annotations

import dataclasses
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from . import ids
from .models import (
    Address,
    Alert,
    ApiKey,
    Application,
    Campaign,
    Channel,
    Event,
    IbmAccount,
    Instance,
    Message,
    Number,
    OrchestrateAgent,
    OrchestrateInstance,
    Profile,
    ResourceKey,
    Sender,
    Service,
    ShortCode,
    TwilioAccount,
    TwilioKey,
    Verification,
)
from .tables import ApiKeys, Numbers, ResourceKeys, Table

#: Role names in ascending order: each includes those before it.
SERVICE_ROLES = ("None", "Reader", "Writer", "Manager")


def role_name(role: str | None) -> str:
    """Return the name in a role's CRN (its last part), ``None`` without a role."""
    return "None" if role is None else role.rsplit(":", 1)[-1]


@dataclasses.dataclass(frozen=True)
class Token:
    """An issued IAM token, with its bearer's permissions."""

    account_id: str
    iam_id: str
    service_role: str
    platform_role: str
    expires_at: float


class State:
    """The accounts of both clouds and what is in them."""

    def __init__(self) -> None:
        """Start with nothing at all."""
        self.ibm_accounts = Table(IbmAccount, "id")
        self.profiles = Table(Profile, "id")
        self.api_keys = ApiKeys()
        self.instances = Table(Instance, "guid")
        self.keys = ResourceKeys()
        self.orchestrate_instances = Table(OrchestrateInstance, "guid")
        self.orchestrate_agents = Table(OrchestrateAgent, "id")
        self.channels = Table(Channel, "id")
        self.tokens: dict[str, Token] = {}
        self.twilio_accounts = Table(TwilioAccount, "sid")
        self.twilio_keys = Table(TwilioKey, "sid")
        self.numbers = Numbers()
        self.applications = Table(Application, "sid")
        self.short_codes = Table(ShortCode, "sid")
        self.senders = Table(Sender, "sid")
        self.services = Table(Service, "sid")
        self.addresses = Table(Address, "sid")
        self.alerts = Table(Alert, "sid")
        self.events = Table(Event, "sid")
        self.messages = Table(Message, "sid")
        self.campaigns = Table(Campaign, "sid")
        self.verifications = Table(Verification, "sid")
        #: By a number's SID: its previous state, and until when lists show it (with ``twilio_list_lag``).
        self.earlier: dict[str, tuple[float, dict[str, Any]]] = {}
        #: The receivers' texts: one entry for each, accepted or refused.
        self.texts: list[dict[str, Any]] = []
        self._url_passwords: set[str] = set()

    @property
    def tables(self) -> dict[str, dict[str, Table[Any]]]:
        """All tables by cloud and by their name in the control API."""
        return {
            "ibm": {
                "accounts": self.ibm_accounts,
                "profiles": self.profiles,
                "api_keys": self.api_keys,
                "instances": self.instances,
                "keys": self.keys,
                "orchestrate_instances": self.orchestrate_instances,
                "orchestrate_agents": self.orchestrate_agents,
                "channels": self.channels,
            },
            "twilio": {
                "accounts": self.twilio_accounts,
                "api_keys": self.twilio_keys,
                "numbers": self.numbers,
                "applications": self.applications,
                "short_codes": self.short_codes,
                "senders": self.senders,
                "services": self.services,
                "addresses": self.addresses,
                "alerts": self.alerts,
                "events": self.events,
                "messages": self.messages,
                "campaigns": self.campaigns,
                "verifications": self.verifications,
            },
        }

    # --- IBM Cloud ---

    def find_instance(self, wanted: str | None) -> Instance | None:
        """Return the instance with this GUID, CRN, alias CRN or (if only one has it) name."""
        if wanted is None:
            return None
        found = self.instances.get(wanted)
        if found is not None:
            return found
        if wanted.startswith("crn:"):
            return next((each for each in self.instances if wanted in (each.crn, each.alias_crn)), None)
        named = [each for each in self.instances if each.name == wanted]
        return named[0] if len(named) == 1 else None

    def find_key(self, wanted: str) -> ResourceKey | None:
        """Return the resource key with this GUID or CRN."""
        return self.keys.get(wanted.rsplit(":", 1)[-1])

    def create_key(
        self,
        instance: Instance,
        name: str,
        role: str | None,
        created_by: str,
        *,
        parameters: dict[str, Any] | None = None,
        source_crn: str | None = None,
        list_lag: float = 0.0,
        activation_delay: float = 0.0,
        generated_names: bool = False,
    ) -> tuple[ResourceKey, ApiKey]:
        """Create a resource key with its service ID and API key. Names need not be unique."""
        guid, now = ids.guid(), time.time()
        crn = instance.crn.removesuffix("::") + f":resource-key:{guid}"
        parameters = dict(parameters or {})
        if role is not None:
            parameters.setdefault("role_crn", role)
        service_id = str(parameters.get("serviceid_crn") or "").rsplit(":", 1)[-1] or "ServiceId-" + ids.guid()
        api_key = self.api_keys.add(
            ApiKey(
                account_id=instance.account_id,
                name=f"auto-generated-apikey-{guid}" if generated_names else name,
                description=f"Auto-generated for key {crn}",
                iam_id="iam-" + service_id,
                service_role=role_name(role),
                platform_role="None",
                instance_guid=instance.guid,
                resource_key_guid=guid,
                active_at=now + activation_delay,
            )
        )
        key = ResourceKey(
            account_id=instance.account_id,
            instance_guid=instance.guid,
            name=name,
            crn=crn,
            source_crn=source_crn or instance.crn,
            api_key_id=api_key.id,
            guid=guid,
            role=role,
            parameters=parameters,
            service_id=service_id,
            onetime_credentials=instance.onetime_credentials,
            visible_at=now + list_lag,
            created_by=created_by,
            updated_by=created_by,
        )
        return self.keys.add(key), api_key

    def remove_key(self, key: ResourceKey, removed_by: str) -> None:
        """Delete a key softly: it stays readable as ``removed``; its API key dies at once."""
        api_key = self.api_keys.get(key.api_key_id)
        if api_key is not None:
            api_key.deleted = True
        key.remember()
        key.state = "removed"
        key.deleted_at = key.updated_at = ids.iso8601()
        key.deleted_by = key.updated_by = removed_by

    # --- Twilio ---

    def services_of(self, account_sid: str) -> list[Service]:
        """Return an account's Messaging Services."""
        return [each for each in self.services if each.account_sid == account_sid]

    def short_code(self, wanted: str) -> ShortCode | None:
        """Return the short code with these digits, or with this SID."""
        return next((each for each in self.short_codes if wanted in (each.sid, each.short_code)), None)

    def address_of(self, account_sid: str, wanted: str) -> Address | None:
        """Return an account's address configuration, by its SID or by the address itself."""
        for each in self.addresses:
            if each.account_sid == account_sid and wanted in (each.sid, each.address):
                return each
        return None

    def change_number(self, number: Number, changes: dict[str, Any], **actor: Any) -> None:
        """Change a number, and log the change in the Monitor."""
        before = {name: getattr(number, name, None) for name in changes}
        self.numbers.change(number, changes)
        changed = {name: value for name, value in changes.items() if name != "date_updated" and before[name] != value}
        if changed:
            properties = {name: {"previous": before[name], "updated": value} for name, value in changed.items()}
            values = {"account_sid": number.account_sid, "resource_sid": number.sid, **actor}
            self.events.create({**values, "event_data": {"resource_properties": properties}})

    # --- the whole ---

    def remember_url(self, url: str | None) -> None:
        """Remember the password of a URL, so that :meth:`secrets` also knows it after it was overwritten."""
        if url and "@" in url:
            try:
                password = urlsplit(url).password
            except ValueError:
                return
            if password:
                self._url_passwords.update((password, unquote(password)))

    def remember_secret(self, value: str) -> None:
        """Remember a secret, so that :meth:`secrets` also knows it after it was replaced."""
        self._url_passwords.add(value)

    def expire_tokens(self, account_id: str | None = None) -> None:
        """Let the IAM tokens of an account expire at once, or all."""
        for value, token in self.tokens.items():
            if account_id in (None, token.account_id):
                self.tokens[value] = dataclasses.replace(token, expires_at=0.0)

    def secrets(self) -> list[str]:
        """Return every secret value that tests should never find in an output."""
        found = {each.value for each in self.api_keys} | {each.secret for each in self.twilio_keys}
        found |= {each.auth_token for each in self.twilio_accounts}
        found |= {each.twilio_authentication_token for each in self.channels}
        found |= self._url_passwords | set(self.tokens)
        return sorted(found)

    def dump(self) -> dict[str, Any]:
        """Return the whole state as plain data, secrets included."""
        clouds: dict[str, Any] = {
            cloud: {name: [table.plain(row) for row in table] for name, table in tables.items()}
            for cloud, tables in self.tables.items()
        }
        return {**clouds, "receiver": {"texts": self.texts}}

    @classmethod
    def load(cls, data: dict[str, Any]) -> State:
        """Return the state that :meth:`dump` wrote. IAM tokens are not part of it: callers get new ones."""
        state = cls()
        for cloud, tables in state.tables.items():
            for name, table in tables.items():
                for row in data.get(cloud, {}).get(name, []):
                    table.create(row)
                    for value in row.values():
                        state.remember_url(value if isinstance(value, str) else None)
        state.texts = list(data.get("receiver", {}).get("texts", []))
        return state
