# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processing of an inbound text at Twilio."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from typing import Any
from urllib.parse import SplitResult, unquote, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree

import aiohttp
import yarl

from .gate import World
from .messages import answer
from .models import Address, Alert, Number, Service, ShortCode
from .orchestrate import signature
from .receiver import LOOPBACK

#: Seconds that a webhook has to answer.
TIMEOUT = 15.0
FETCH_FAILED, CONNECTION_FAILED, BAD_HOST, BAD_URL = "11200", "11205", "11210", "11100"


@dataclasses.dataclass
class Webhook:
    """The destination of a text, and what determined it."""

    handled_by: str
    url: str | None = None
    method: str = "POST"
    fallback_url: str | None = None
    fallback_method: str = "POST"


@dataclasses.dataclass
class Result:
    """The result of one request to a webhook."""

    status: int | None
    body: str = ""
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Return whether the webhook accepted the text."""
        return self.error is None


def decide(world: World, number: Number | ShortCode) -> Webhook:
    """Return where the inbound texts of a number or short code go; its own webhook comes last."""
    state = world.state
    if isinstance(number, ShortCode):
        own = next((each for each in state.services_of(number.account_sid) if number.sid in each.short_codes), None)
        if own is not None and not own.use_inbound_webhook_on_number:
            return _of_service(own)
        return _own(number)
    application = state.applications.get(number.sms_application_sid)
    if application is not None:  # all sms_*_url of the number are ignored
        return Webhook(
            "application",
            application.sms_url,
            application.sms_method,
            application.sms_fallback_url,
            application.sms_fallback_method,
        )
    service = next((each for each in state.services_of(number.account_sid) if number.sid in each.pool), None)
    if service is not None and not service.use_inbound_webhook_on_number:
        return _of_service(service)
    address = state.address_of(number.account_sid, number.phone_number)
    if address is not None and address.auto_creation_enabled:
        return _of_conversation(address)
    return _own(number)


def _own(number: Number | ShortCode) -> Webhook:
    kind = "short_code" if isinstance(number, ShortCode) else "number"
    return Webhook(kind, number.sms_url, number.sms_method, number.sms_fallback_url, number.sms_fallback_method)


def _of_conversation(address: Address) -> Webhook:
    """Return a conversation's webhook, or None."""
    url = address.auto_creation_webhook_url if address.auto_creation_type == "webhook" else None
    return Webhook("conversation", url, (address.auto_creation_webhook_method or "post").upper())


def _of_service(service: Service) -> Webhook:
    return Webhook(
        "messaging_service",
        service.inbound_request_url,  # null: dropped, and not logged
        service.inbound_method,
        service.fallback_url,
        service.fallback_method,
    )


class Inbound:
    """Delivers texts to webhooks, on loopback only."""

    def __init__(self, world: World) -> None:
        """Deliver the texts of this world."""
        self._world = world
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections to webhooks."""
        if self._session is not None:
            await self._session.close()

    async def text(self, number: Number | ShortCode, sender: str, body: str, depth: int = 0) -> dict[str, Any]:
        """Deliver a text and return its result. An answer becomes a message, too."""
        own = number.short_code if isinstance(number, ShortCode) else number.phone_number
        arrived = self._world.state.messages.create(
            {"account_sid": number.account_sid, "sender": sender, "to": own, "body": body}
        )
        outcome = await self._text(number, sender, body, arrived.sid)
        if outcome["reply"]:
            answer(self._world, own, sender, outcome["reply"], "outbound-reply", depth)
        return outcome

    async def _text(self, number: Number | ShortCode, sender: str, body: str, sid: str) -> dict[str, Any]:
        webhook = decide(self._world, number)
        account = self._world.state.twilio_accounts.get(number.account_sid)
        sms = isinstance(number, ShortCode) or number.capabilities.get("sms", False)
        able = sms and account is not None and account.status == "active"
        if webhook.handled_by == "conversation" and not webhook.url and able:
            return _outcome(True, "conversation", [], None)
        if not webhook.url or not able:
            return _outcome(False, "dropped", [], None)
        attempts: list[dict[str, Any]] = []
        message = _message(number, sender, body, sid)
        result = await self._deliver(number, webhook.url, webhook.method, message, attempts)
        handled_by = webhook.handled_by
        if not result.ok and webhook.fallback_url:
            handled_by, failed = "fallback", result
            message = {**message, "ErrorCode": str(failed.error), "ErrorUrl": without_credentials(webhook.url)}
            result = await self._deliver(number, webhook.fallback_url, webhook.fallback_method, message, attempts)
            result.error = result.error or (None if result.ok else failed.error)
        return _outcome(result.ok, handled_by, attempts, result)

    async def _deliver(
        self,
        number: Number | ShortCode,
        url: str,
        method: str,
        message: dict[str, str],
        attempts: list[dict[str, Any]],
    ) -> Result:
        """Call a webhook, with the retries of its connection overrides, and log a failure."""
        parts = urlsplit(url)
        retries, reasons = _retries(parts.fragment)
        result = await self._try(url, parts, method, message, attempts)
        while retries and _reason(result) & reasons:
            retries -= 1
            result = await self._try(url, parts, method, message, attempts)
        if not result.ok:
            self._alert(number, url, method, message, result)
        return result

    async def _try(
        self, url: str, parts: SplitResult, method: str, message: dict[str, str], attempts: list[dict[str, Any]]
    ) -> Result:
        """Call a webhook without its credentials, and again with them after a 401 with a realm."""
        result, realm = await self._call(parts, method, message, {})
        attempts.append({"url": masked(url), "status": result.status, "with_credentials": False})
        if result.status == 401 and realm and parts.username is not None:
            result, realm = await self._call(parts, method, message, _basic(parts))
            attempts.append({"url": masked(url), "status": result.status, "with_credentials": True})
        return result

    async def _call(
        self, parts: SplitResult, method: str, message: dict[str, str], authorization: dict[str, str]
    ) -> tuple[Result, bool]:
        """Send one request; return its result, and whether the answer named a realm."""
        try:
            target, host = self._target(parts)
        except LookupError:
            return Result(None, error=BAD_HOST), False
        except ValueError:
            return Result(None, error=BAD_URL), False
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # A new connection each time, because on a reused one aiohttp silently repeats an interrupted GET.
                connector=aiohttp.TCPConnector(force_close=True),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            )
        if method == "GET":
            target += ("&" if urlsplit(target).query else "?") + urlencode(message)
        try:
            async with self._session.request(
                method,
                yarl.URL(target, encoded=True),
                data=message if method == "POST" else None,
                headers={
                    "Host": host,
                    "User-Agent": "TwilioProxy/1.1",
                    "X-Twilio-Signature": self._signature(parts, host, method, message),
                    **authorization,
                },
                allow_redirects=False,  # a redirect could lead off loopback
            ) as response:
                body = await response.text(errors="replace")
                error = None if 200 <= response.status < 300 else FETCH_FAILED
                realm = "realm" in response.headers.get("WWW-Authenticate", "").lower()
                return Result(response.status, body, error), realm
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError):
            return Result(None, error=CONNECTION_FAILED), False

    def _signature(self, parts: SplitResult, host: str, method: str, message: dict[str, str]) -> str:
        """Return the signature that proves that a text comes from Twilio; its secret is the account's auth token."""
        account = self._world.state.twilio_accounts.get(message["AccountSid"])
        path, query = parts.path or "/", parts.query
        if method == "GET":
            query += ("&" if query else "") + urlencode(message)
        url = urlunsplit((parts.scheme, host, path, query, ""))
        return signature(account.auth_token if account else "", url, {} if method == "GET" else message)

    def _target(self, parts: SplitResult) -> tuple[str, str]:
        """Return the loopback URL for a webhook and its Host header. Raise LookupError for a host that is unknown.

        The fragment has Twilio's connection overrides and is never sent.
        """
        host = (parts.hostname or "").lower()
        netloc = parts.netloc.rpartition("@")[2].lower()
        receivers = self._world.settings.receivers
        if netloc in receivers or host in receivers:
            base = urlsplit(self._world.url)
            return urlunsplit((base.scheme, base.netloc, parts.path or "/", parts.query, "")), netloc
        if host in LOOPBACK:
            return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, "")), netloc
        raise LookupError(host)

    def _alert(
        self, number: Number | ShortCode, url: str, method: str, message: dict[str, str], result: Result
    ) -> None:
        """Log a failure in the Monitor, with the URL as it was called."""
        self._world.state.alerts.add(
            Alert(
                account_sid=number.account_sid,
                error_code=str(result.error),
                alert_text=urlencode({"ErrorCode": result.error or "", "httpResponse": result.status or ""}),
                request_url=urlunsplit(urlsplit(url)._replace(fragment="")),
                request_method=method,
                request_variables=urlencode(message),
                response_body=result.body,
                resource_sid=message["MessageSid"],
            )
        )


def _retries(fragment: str) -> tuple[int, set[str]]:
    """Return the retry settings in the fragment of a webhook (``rc``, ``rp``)."""
    overrides = dict(each.partition("=")[::2] for each in fragment.split("&"))
    count = overrides.get("rc", "1")
    return (int(count) if count.isdigit() else 1), set(overrides.get("rp", "ct").split(","))


def _reason(result: Result) -> set[str]:
    """Return the names of a failure in ``rp``."""
    if result.ok:
        return set()
    if result.status is None:
        return {"ct", "rt", "all"} if result.error == CONNECTION_FAILED else set()
    return {f"{result.status // 100}xx", "all"}


def _basic(parts: SplitResult) -> dict[str, str]:
    """Return the header for the credentials in a URL."""
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _message(number: Number | ShortCode, sender: str, body: str, sid: str) -> dict[str, str]:
    """Return the parameters of a text."""
    return {
        "ToCountry": "US",
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "SmsSid": sid,
        "SmsStatus": "received",
        "Body": body,
        "To": number.short_code if isinstance(number, ShortCode) else number.phone_number,
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": number.account_sid,
        "From": sender,
        "ApiVersion": "2010-04-01",
    }


def _outcome(delivered: bool, handled_by: str, attempts: list[dict[str, Any]], result: Result | None) -> dict[str, Any]:
    return {
        "delivered": delivered,
        "handled_by": handled_by,
        "status": result.status if result else None,
        "attempts": attempts,
        "reply": _reply(result.body) if result and result.ok else None,
        "error": int(result.error) if result and result.error else None,
    }


def _reply(twiml: str) -> str | None:
    """Return the text of a TwiML answer's message."""
    try:
        message = ElementTree.fromstring(twiml).find("Message")
    except ElementTree.ParseError:
        return None
    return None if message is None else "".join(message.itertext())


def masked(url: str) -> str:
    """Return a URL as it is called, without its fragment, with its password hidden."""
    parts = urlsplit(url)._replace(fragment="")
    userinfo, at, host = parts.netloc.rpartition("@")
    user, colon, _password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=f"{user}{colon}{'***' if colon else ''}{at}{host}"))


def without_credentials(url: str) -> str:
    """Return a URL without user, password and fragment."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
