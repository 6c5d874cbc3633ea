# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds everything in an account and its subaccounts that can hold a webhook, and the passwords in these webhooks.

A credential may only be deleted if nothing holds its key: anything that does would silently lose texts (or calls).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .._http.errors import ApiError, SmsError
from .._http.urls import password_of, place
from .overrides import CHANNELS
from .rollout import read_all
from .webhook import settings_of

Row = Mapping[str, Any]
_VOICE = ("voice_url", "voice_fallback_url", "status_callback")
_SMS = ("sms_url", "sms_fallback_url")
_LIKE_A_KEY = re.compile(r"(?<![\w-])[\w-]{44}(?![\w-])", re.ASCII)  # as IBM Cloud makes them
MAX_NESTED = 8  # how often a URL within a URL is decoded
# HTTP statuses of lists that these credentials may not read, or that the account does not have.
UNREADABLE = (401, 403, 404)


@dataclass
class Kind:
    """A kind of thing that holds webhooks: how to list them, and how to find the webhooks in one."""

    name: str
    words: str
    read: Callable[[Any], Any]
    urls: Callable[[Row], dict[str, Any]]
    called: Callable[[Row], Any] = lambda row: row.get("friendly_name")


def _fields(*names: str) -> Callable[[Row], dict[str, Any]]:
    return lambda row: {name: row.get(name) for name in names}


def _inside(part: str, *names: str) -> Callable[[Row], dict[str, Any]]:
    def urls(row: Row) -> dict[str, Any]:
        inner = row.get(part)
        return {name: inner.get(name) for name in names} if isinstance(inner, Mapping) else {}

    return urls


def _senders(twilio: Any) -> list[dict[str, Any]]:
    rows = []
    for channel in CHANNELS:
        try:
            rows += twilio.senders(channel)
        except ApiError as error:
            if error.status != 400:  # Twilio answers 400 for a channel that it does not know here
                raise
    return rows


# All fields with URLs that Twilio calls, from its API descriptions (twilio-oai).
KINDS = (
    Kind("number", "phone numbers", lambda t: list(t.list()), _fields(*_SMS, *_VOICE), lambda row: row["phone_number"]),
    Kind(
        "application",
        "TwiML applications",
        lambda t: t.applications(),
        _fields(*_SMS, *_VOICE, "sms_status_callback", "message_status_callback"),
    ),
    Kind(
        "messaging_service",
        "Messaging Services",
        lambda t: t.messaging_services(),
        _fields("inbound_request_url", "fallback_url", "status_callback"),
    ),
    Kind("short_code", "short codes", lambda t: t.short_codes(), _fields(*_SMS), lambda row: row.get("short_code")),
    Kind(
        "sender",
        "WhatsApp and RCS senders",
        _senders,
        _inside("webhook", "callback_url", "fallback_url", "status_callback_url"),
        lambda row: row.get("sender_id"),
    ),
    Kind(
        "conversation",
        "Conversations address configurations",
        lambda t: t.conversation_addresses(),
        _inside("auto_creation", "webhook_url"),
        lambda row: row.get("friendly_name") or row.get("address"),
    ),
)


@dataclass
class Holders:
    """The passwords and what holds them, and what could not be read.

    *keys*: by password, the things that hold it: ``kind``, ``sid``, ``name``, ``account``, and ``fields``, Twilio's names
    of the URLs. A secret. *unseen*: descriptions of what could not be read. *places*: everything except numbers by where
    it leads (see :func:`place_of`), whatever the password. *numbers*: by account, the SMS settings of all its numbers at
    the same time, also a secret.
    """

    keys: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)
    places: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    numbers: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)


def find_holders(twilio: Any) -> Holders:
    """Read the credentials' account and, if they have access, all of its subaccounts.

    Takes seven requests for each account, and one more for each further 1000 things of a kind.

    :param twilio: a :class:`client.TwilioNumbers`
    :raises SmsError: if something could not be read for another reason than missing access
    """
    holders = Holders()
    accounts = [twilio.of_account(sid) for sid in dict.fromkeys([twilio.owner_sid, *_subaccounts(twilio, holders)])]
    looks = [(account, kind) for account in accounts for kind in KINDS]
    for (account, kind), rows in zip(looks, read_all(lambda look: _read(*look), looks), strict=True):
        if isinstance(rows, SmsError):
            holders.unseen.append(f"the {kind.words} of account {account.account_sid} ({rows.code})")
            continue
        if kind.name == "number":
            holders.numbers[account.account_sid] = {row["phone_number"]: settings_of(row) for row in rows}
        for row in rows:
            name, sid = str(kind.called(row) or ""), str(row.get("sid"))
            holder = {"kind": kind.name, "sid": sid, "name": name, "account": account.account_sid}
            urls = {name: url for name, url in kind.urls(row).items() if url and isinstance(url, str)}
            for key, fields in _keys_in(urls).items():
                holders.keys.setdefault(key, []).append({**holder, "fields": fields})
            for where in {place_of(url) for url in urls.values()} if kind.name != "number" else ():
                holders.places.setdefault(where, []).append(holder)
    return holders


def _subaccounts(twilio: Any, holders: Holders) -> list[str]:
    """Return the subaccounts that can be read, and add the others to *holders*."""
    try:
        family = twilio.family()
    except ApiError as error:
        if error.status not in UNREADABLE:
            raise
        holders.unseen.append(
            f"the subaccounts of account {twilio.owner_sid} ({error.code}), which an auth token can read"
        )
        return []
    readable = [sid for sid, status in family.items() if status == "active" and twilio.acts_for_subaccounts]
    holders.unseen += [f"subaccount {sid} ({family[sid]})" for sid in family if sid not in readable]
    return readable


def _read(account: Any, kind: Kind) -> list[Row] | SmsError:
    try:
        rows: list[Row] = kind.read(account)
        return rows
    except ApiError as error:
        if error.status in UNREADABLE:
            return error
        raise
    except SmsError as error:
        if error.code == "overrides_unknown":  # the subaccount's own token is not available
            return error
        raise


def place_of(url: str) -> str:
    """Return where a URL leads, without secrets, as a string."""
    return " ".join(map(str, place(url) or ()))


def _keys_in(urls: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the passwords in URLs, and what looks like an API key elsewhere in them, each with the names of the URLs.

    A relay may get the key as ``?key=...``, or a whole URL that contains it, which may contain another one.
    """
    keys: dict[str, list[str]] = {}
    for name, url in urls.items():
        like_a_key = [key for text in _decoded(url) for key in _LIKE_A_KEY.findall(text)]
        for key in dict.fromkeys([password_of(url), *like_a_key]):
            if key:
                keys.setdefault(key, []).append(name)
    return keys


def _decoded(text: str) -> list[str]:
    """Return a text as it is, and with its percent-encoding removed once, twice and so on, until nothing is encoded."""
    texts = [text]
    while len(texts) <= MAX_NESTED and (plain := unquote(texts[-1])) != texts[-1]:
        texts.append(plain)
    return texts


def describe_holder(holder: Mapping[str, Any]) -> str:
    """Describe a holder, for a warning."""
    words = {
        "number": "{name}",
        "application": "TwiML application '{name}' ({sid})",
        "messaging_service": "Messaging Service '{name}' ({sid})",
        "short_code": "short code {name}",
        "sender": "sender {name}",
        "conversation": "Conversations address configuration '{name}' ({sid})",
    }
    return words[holder["kind"]].format(**holder)
