# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client for Twilio: phone numbers, and everything else that determines where their texts go.

Sends through the twilio SDK's client, which authenticates and chooses the host by edge and region. It uses the raw
answers, because the SDK's resources take most of an update's CPU time, and their page errors contain whole bodies.
It has no requests to buy (POST on the list), release (DELETE) or move (``AccountSid``) a number.
"""

from __future__ import annotations

import itertools
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from .._http.errors import ApiError, SmsError, code_of
from .._http.transport import Reply, Transport
from .._http.urls import said

TWILIO_IMPORT_ERROR: str | None = None
try:
    from base64 import b64encode

    from twilio.http import HttpClient
    from twilio.rest import Client
except ImportError:  # the module's main reports it
    TWILIO_IMPORT_ERROR = traceback.format_exc()
    HttpClient = object

HOSTS = {
    product: f"https://{product}.twilio.com" for product in ("api", "messaging", "conversations", "monitor", "accounts")
}
PAGE_SIZE = 1000  # the maximum for the list of phone numbers
ADDRESS_PAGE_SIZE = 50  # the maximum for the list of address configurations
TEXTS = "/Messages.json"
MAX_PAGES = 10_000  # protects against an endless list
TOKENS_LAST = 60.0  # seconds for which the auth tokens of subaccounts are used before they are read again
Rows = list[dict[str, Any]]  # Twilio's descriptions of things
_PATH = re.compile("/[!-~]*")
_SID = re.compile("[A-Z]{2}[0-9A-Za-z]+")
_ACCOUNT = re.compile("AC[0-9A-Za-z]+")
UNAUTHORIZED_CODES = ("20003", "20005", "20403", "70051")
# The only fields that an update may have. AccountSid would move a number to another account.
NUMBER_FIELDS = frozenset(("SmsUrl", "SmsMethod", "SmsFallbackUrl", "SmsFallbackMethod", "SmsApplicationSid"))
SERVICE_FIELDS = frozenset(
    ("InboundRequestUrl", "InboundMethod", "FallbackUrl", "FallbackMethod", "UseInboundWebhookOnNumber")
)
ADDRESS_FIELDS = frozenset(("AutoCreation.Enabled",))
PARENT_CANNOT_KNOW = (
    "a parent account's credentials cannot see the Messaging Services and Conversations of its subaccounts:"
    " use the subaccount's own credentials (its SID as account_sid)"
)
SERVICE_PERMISSION = "the API key needs the permission /twilio/messaging/services/update"
ADDRESS_PERMISSION = "the API key needs the permission to update Conversations address configurations"


class PolicyHttpClient(HttpClient):
    """Lets the twilio SDK send through :class:`Transport`."""

    def __init__(self, transport: Transport):
        self._transport = transport
        self._signatures: dict[tuple[str, str], str] = {}

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Reply:
        sent = dict(headers or {})
        if auth is not None:
            if auth not in self._signatures:
                self._signatures[auth] = "Basic " + b64encode(":".join(auth).encode()).decode()
            sent["Authorization"] = self._signatures[auth]
        if params:
            url = f"{url}?{urlencode(params)}"
        # All requests may be repeated, because they read, or set fields to given values. Only a text must not be.
        repeatable = not (method == "POST" and url.endswith(TEXTS))
        body = urlencode(data).encode() if data else None
        return self._transport.request(method, url, sent, body, repeatable=repeatable)


class TwilioNumbers:
    """The phone numbers of one Twilio account.

    :param client: the SDK's client
    :param account_sid: the account of the numbers
    :param owner_sid: the account of the credentials; a parent account may read and update its subaccounts' numbers
    :param api_endpoint: one base URL instead of Twilio's hosts
    :param sign_in: creates an SDK client from an account's SID, a user name and a password; only given with an auth
        token, which may act for subaccounts
    """

    def __init__(
        self,
        client: Any,
        account_sid: str,
        *,
        owner_sid: str | None = None,
        api_endpoint: str | None = None,
        sign_in: Callable[[str, str, str], Any] | None = None,
        family: _Family | None = None,
    ):
        self._client = client
        self._endpoint = api_endpoint
        self._sign_in = sign_in
        self._family = family or _Family()
        self._own_client: Any = None
        self.account_sid = account_sid
        self.owner_sid = owner_sid or account_sid
        self._bases = dict.fromkeys(HOSTS, api_endpoint) if api_endpoint else HOSTS
        self._listed: set[str] | None = None  # the numbers in the last list
        self._path = f"/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers"

    @classmethod
    def connect(
        cls,
        account_sid: str,
        username: str,
        password: str,
        transport: Transport,
        *,
        subaccount_sid: str | None = None,
        api_endpoint: str | None = None,
        edge: str | None = None,
        region: str | None = None,
    ) -> TwilioNumbers:
        """Return a client. Nothing is sent.

        :param account_sid: the account of the credentials
        :param username: *account_sid*, or the SID of an API key
        :param password: the auth token, or the API key's secret
        :param subaccount_sid: the account of the numbers, if it is not *account_sid*
        :param api_endpoint: one base URL instead of Twilio's hosts; overrides *edge* and *region*
        """
        http_client = PolicyHttpClient(transport)

        def sign_in(sid: str, user: str, secret: str) -> Any:
            return Client(
                user,
                secret,
                account_sid=sid,
                http_client=http_client,
                # Edge and region would change the one base URL. The SDK must not read the environment, which it does if
                # the mapping is empty.
                environment={"TWILIO_ACCOUNT_SID": sid},
                edge=None if api_endpoint else edge,
                region=None if api_endpoint else region,
            )

        return cls(
            sign_in(account_sid, username, password),
            subaccount_sid or account_sid,
            owner_sid=account_sid,
            api_endpoint=api_endpoint,
            sign_in=sign_in if username == account_sid else None,
            # A task works on many subaccounts, and one list has the tokens of all.
            family=_FAMILIES.setdefault((account_sid, password, api_endpoint, edge, region), _Family()),
        )

    @property
    def sees_overrides(self) -> bool:
        """Whether these credentials can read the account's Messaging Services, Conversations and alerts.

        Those products only cover the credentials' own account (Twilio documentation, IAM, subaccounts). With an auth token
        the client can read a subaccount's own token and use that.
        """
        return self.account_sid == self.owner_sid or self._sign_in is not None

    @property
    def acts_for_subaccounts(self) -> bool:
        """Whether these credentials have access to subaccounts: an auth token has, an API key never."""
        return self._sign_in is not None

    def of_account(self, account_sid: str) -> TwilioNumbers:
        """Return a client with the same credentials for another account of the family."""
        return TwilioNumbers(
            self._client,
            account_sid,
            owner_sid=self.owner_sid,
            api_endpoint=self._endpoint,
            sign_in=self._sign_in,
            family=self._family,
        )

    def find(self, wanted: Sequence[str]) -> dict[str, dict]:
        """Return the account's numbers among *wanted* (E.164), by number; others are left out.

        One or two are requested separately; more are selected from the account's list, with 1000 in each request. The
        match is exact, unlike Twilio's own filter, which finds parts of numbers.
        """
        found: dict[str, dict] = {}
        missing_numbers = set(wanted)
        queries = [{"PhoneNumber": number} for number in wanted] if len(wanted) <= 2 else [{}]
        self._listed = set() if queries == [{}] else None
        for query in queries:
            for row in self.list(**query):
                number = row["phone_number"]
                if self._listed is not None:
                    self._listed.add(number)
                if number in missing_numbers:
                    found[number] = row
                    missing_numbers.discard(number)
                    if not missing_numbers:
                        return found
        return found

    def near(self, missing: Sequence[str]) -> set[str]:
        """Return numbers that the user may have meant instead of those that :meth:`find` did not find.

        These are all numbers of a list that was read, or else those with the same last digits, also after YAML's octal
        reading.
        """
        if self._listed is not None:
            return self._listed
        digits = [number[1:] for number in missing]
        digits += [format(int(each), "o") for each in digits if len(each) <= 10]
        parts = sorted({each[-7:] for each in digits})
        return {row["phone_number"] for part in parts for row in self.list(PhoneNumber=part)}

    def list(self, **query: str) -> Iterator[dict]:
        """Yield the account's numbers as Twilio describes them, all or those that match Twilio's *query*."""
        action = f"list the phone numbers of account {self.account_sid}"
        url = f"{self._bases['api']}{self._path}.json?{urlencode({**query, 'PageSize': PAGE_SIZE})}"
        for page in self._pages(action, url, lambda page: page.get("next_page_uri")):
            for row in self._rows(action, page, "incoming_phone_numbers"):
                if not (isinstance(row.get("sid"), str) and isinstance(row.get("phone_number"), str)):
                    raise _unexpected(action)
                yield row

    def subaccounts(self) -> Sequence[str]:
        """Return the SIDs of the active subaccounts of the credentials' account."""
        return [sid for sid, status in self._accounts({"Status": "active"}).items() if status == "active"]

    def family(self) -> dict[str, str]:
        """Return the subaccounts of the credentials' account that are not closed: SID and status."""
        return {sid: status for sid, status in self._accounts({}).items() if status != "closed"}

    def _accounts(self, query: Mapping[str, str]) -> dict[str, str]:
        """Return SID and status of the subaccounts of the credentials' account.

        The rows contain the subaccounts' auth tokens. They stay in this client, for products that require them.
        """
        action = f"list the subaccounts of account {self.owner_sid}"
        url = f"{self._bases['api']}/2010-04-01/Accounts.json?{urlencode({**query, 'PageSize': PAGE_SIZE})}"
        pages = self._pages(action, url, lambda page: page.get("next_page_uri"))
        rows = [row for page in pages for row in self._rows(action, page, "accounts")]
        if not all(isinstance(row.get("sid"), str) and _ACCOUNT.fullmatch(row["sid"]) for row in rows):
            raise _unexpected(action)
        self._family.keep({row["sid"]: row["auth_token"] for row in rows if row.get("auth_token")})
        return {row["sid"]: str(row.get("status")) for row in rows if row["sid"] != self.owner_sid}

    def update(self, number: str, sid: str, fields: Mapping[str, str]) -> dict:
        """Change *fields* of a number and return it as Twilio describes it afterwards.

        :param number: in E.164, for messages
        :param sid: its SID, from :meth:`find`
        :param fields: Twilio's names (``SmsUrl``); an empty string clears a field, other fields are not changed
        """
        _check_fields(fields, NUMBER_FIELDS)
        action = f"update phone number {number}"
        url = f"{self._bases['api']}{self._path}/{sid}.json"
        try:
            row = self._request(action, "POST", url, data=fields)
        except ApiError as error:
            if error.status != 404:
                raise
            # Twilio sometimes answers 404 to valid requests (twilio-node #936), and this number was just listed.
            row = self._request(action, "POST", url, data=fields)
        if row.get("sid") != sid:
            raise _unexpected(action)
        return row

    def messaging_services(self) -> Rows:
        """Return the account's Messaging Services."""
        return self._v1("list the Messaging Services", "messaging", "/v1/Services", "services", PAGE_SIZE)

    def pool(self, service_sid: str) -> Rows:
        """Return the numbers in a Messaging Service's sender pool."""
        action = f"list the numbers of Messaging Service {service_sid}"
        return self._v1(action, "messaging", f"/v1/Services/{service_sid}/PhoneNumbers", "phone_numbers", PAGE_SIZE)

    def pool_short_codes(self, service_sid: str) -> Rows:
        """Return the short codes in a Messaging Service's sender pool."""
        action = f"list the short codes of Messaging Service {service_sid}"
        return self._v1(action, "messaging", f"/v1/Services/{service_sid}/ShortCodes", "short_codes", PAGE_SIZE)

    def pool_senders(self, service_sid: str) -> Rows:
        """Return the senders of other channels in a Messaging Service's sender pool."""
        action = f"list the senders of Messaging Service {service_sid}"
        return self._v1(action, "messaging", f"/v1/Services/{service_sid}/ChannelSenders", "senders", PAGE_SIZE)

    def update_service(self, name: str, sid: str, fields: Mapping[str, str]) -> dict:
        """Change *fields* of a Messaging Service, which affects all texts of its pool.

        :param name: for messages
        :param fields: Twilio's names (``InboundRequestUrl``); an empty string clears a field, other fields are not changed
        """
        _check_fields(fields, SERVICE_FIELDS)
        action = f"update Messaging Service '{name}' ({sid})"
        return self._update_product(action, "messaging", f"/v1/Services/{sid}", sid, fields, SERVICE_PERMISSION)

    def update_address(self, name: str, sid: str, fields: Mapping[str, str]) -> dict:
        """Change *fields* of an address configuration of Conversations.

        :param name: for messages
        :param fields: Twilio's names (``AutoCreation.Enabled``)
        """
        _check_fields(fields, ADDRESS_FIELDS)
        action = f"update Conversations address configuration '{name}' ({sid})"
        path = f"/v1/Configuration/Addresses/{sid}"
        return self._update_product(action, "conversations", path, sid, fields, ADDRESS_PERMISSION)

    def _update_product(
        self, action: str, product: str, path: str, sid: str, fields: Mapping[str, str], permission: str
    ) -> dict:
        try:
            row = self._request(action, "POST", f"{self._bases[product]}{path}", data=fields)
        except ApiError as error:
            if error.status in (401, 403):
                raise ApiError(f"{error}; {permission}", code=error.code, status=error.status) from None
            raise
        if row.get("sid") != sid:
            raise _unexpected(action)
        return row

    def applications(self) -> Rows:
        """Return the account's TwiML applications."""
        return self._v2010(f"list the TwiML applications of account {self.account_sid}", "Applications", "applications")

    def short_codes(self) -> Rows:
        """Return the account's short codes."""
        return self._v2010(f"list the short codes of account {self.account_sid}", "SMS/ShortCodes", "short_codes")

    def senders(self, channel: str) -> Rows:
        """Return the account's senders of a channel: ``whatsapp`` or ``rcs``."""
        action = f"list the {channel} senders of account {self.account_sid}"
        return self._v1(action, "messaging", "/v2/Channels/Senders", "senders", PAGE_SIZE, {"Channel": channel})

    def conversation_addresses(self) -> Rows:
        """Return the account's address configurations of Conversations."""
        action = "list the Conversations address configurations"
        path = "/v1/Configuration/Addresses"
        return self._v1(action, "conversations", path, "address_configurations", ADDRESS_PAGE_SIZE)

    def alerts(self, since: str) -> Rows:
        """Return the alerts in Twilio's Monitor since a given time (ISO 8601, at most 30 days ago)."""
        query = {"LogLevel": "error", "StartDate": since}
        return self._v1("list the Monitor's alerts", "monitor", "/v1/Alerts", "alerts", PAGE_SIZE, query)

    def alert(self, sid: str) -> dict[str, Any]:
        """Return one alert with the request to the webhook."""
        action = f"read alert {sid}"
        if not _SID.fullmatch(str(sid)):
            raise _unexpected(action)
        return self._request(action, "GET", f"{self._bases['monitor']}/v1/Alerts/{sid}")

    def number_updates(self, since: str) -> Rows:
        """Return the changes of the account's phone numbers in Twilio's Monitor since a given time (ISO 8601).

        They contain previous webhooks, including passwords.
        """
        query = {"EventType": "phone-number.updated", "StartDate": since}
        return self._v1("list the Monitor's events", "monitor", "/v1/Events", "events", PAGE_SIZE, query)

    def messages(self, query: Mapping[str, str], *, newest: int | None = None) -> Rows:
        """Return the account's messages that match Twilio's *query*, the newest first.

        :param query: ``To``, ``From``, ``DateSent>``
        :param newest: approximate maximum number of messages
        """
        action = f"list the messages of account {self.account_sid}"
        size = PAGE_SIZE if newest is None else newest
        url = f"{self._bases['api']}/2010-04-01/Accounts/{self.account_sid}{TEXTS}"
        pages = self._pages(
            action, f"{url}?{urlencode({**query, 'PageSize': size})}", lambda page: page.get("next_page_uri")
        )
        if newest is not None:
            pages = itertools.islice(pages, 1)
        return [row for page in pages for row in self._rows(action, page, "messages")]

    def send_text(self, sender: str, to: str, body: str) -> dict[str, Any]:
        """Send one real text, which costs money, and return it as Twilio describes it. Never repeated.

        :raises TransportError: with ``maybe_done`` if it is not known whether it was sent
        """
        url = f"{self._bases['api']}/2010-04-01/Accounts/{self.account_sid}{TEXTS}"
        fields = {"To": to, "From": sender, "Body": body}
        return self._request(f"send a text from {sender} to {to}", "POST", url, data=fields)

    def campaigns(self, service_sid: str) -> Rows:
        """Return the A2P 10DLC campaigns of a Messaging Service."""
        action = f"read the A2P campaign of Messaging Service {service_sid}"
        path = f"/v1/Services/{service_sid}/Compliance/Usa2p"
        return self._v1(action, "messaging", path, "compliance", ADDRESS_PAGE_SIZE)

    def tollfree_verifications(self, number_sid: str) -> Rows:
        """Return the verifications of a toll-free number."""
        query = {"TollfreePhoneNumberSid": number_sid}
        path = "/v1/Tollfree/Verifications"
        action = "read the toll-free verifications"
        return self._v1(action, "messaging", path, "verifications", ADDRESS_PAGE_SIZE, query)

    def geo_permissions(self) -> Rows:
        """Return the account's permissions to send texts, by country."""
        action = "read the messaging geo permissions"
        page = self._request(action, "GET", f"{self._bases['accounts']}/v1/Messaging/GeoPermissions")
        return self._rows(action, page, "permissions")

    def _v2010(self, action: str, path: str, key: str) -> Rows:
        base = f"{self._bases['api']}/2010-04-01/Accounts/{self.account_sid}"
        url = f"{base}/{path}.json?{urlencode({'PageSize': PAGE_SIZE})}"
        pages = self._pages(action, url, lambda page: page.get("next_page_uri"))
        return [row for page in pages for row in self._rows(action, page, key)]

    def _v1(
        self, action: str, product: str, path: str, key: str, page_size: int, query: Mapping[str, str] | None = None
    ) -> Rows:
        url = f"{self._bases[product]}{path}?{urlencode({**(query or {}), 'PageSize': page_size})}"
        pages = self._pages(action, url, lambda page: _meta(page).get("next_page_url"))
        return [row for page in pages for row in self._rows(action, page, key)]

    def _pages(self, action: str, url: str, following: Any) -> Iterator[dict]:
        """Follow the provider's cursor, on the same host only, so that credentials are not sent anywhere else."""
        base = urlsplit(url)
        seen = {url}
        before: dict = {}
        for _page in range(MAX_PAGES):
            page = self._request(action, "GET", url)
            yield page
            cursor = following(page)
            if not cursor:
                return
            try:
                parts = urlsplit(cursor)
                following_path = f"{parts.path}?{parts.query}"
            except (ValueError, TypeError, AttributeError):
                raise _unexpected(action) from None
            if not _PATH.fullmatch(following_path):  # without a leading slash it would be a part of the host
                raise _unexpected(action)
            url = f"{base.scheme}://{base.netloc}{following_path}"
            if url in seen or _repeats(page, before):
                raise ApiError(f"Could not {action}: the list repeats itself: check the endpoint", code="bad_answer")
            seen.add(url)
            before = page
        raise ApiError(f"Could not {action}: the list does not end", code="bad_answer")

    def _rows(self, action: str, page: dict, key: str) -> Rows:
        rows = page.get(key)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _unexpected(action)
        return rows

    def _request(self, action: str, method: str, url: str, **arguments: Any) -> dict:
        client = self._client if "/2010-04-01/" in url else self._product_client()
        try:
            reply = client.request(method, url, **arguments)
        except SmsError as error:
            raise error.during(action) from None
        if not reply.ok:
            raise self._explain(action, reply)
        if not isinstance(reply.json, dict):
            raise _unexpected(action)
        return reply.json

    def _product_client(self) -> Any:
        """Return the client for other products than the numbers. It always uses the account's own credentials.

        :raises SmsError: if those are not available
        """
        if self.account_sid == self.owner_sid:
            return self._client
        with self._family.lock:
            if self._own_client is None:
                if self._sign_in is None:
                    raise SmsError(PARENT_CANNOT_KNOW, code="overrides_unknown")
                if self.account_sid not in self._family.tokens or self._family.is_old():
                    self._accounts({})
                token = self._family.tokens.get(self.account_sid)
                if not token:
                    raise SmsError(PARENT_CANNOT_KNOW, code="overrides_unknown")
                self._own_client = self._sign_in(self.account_sid, self.account_sid, token)
            return self._own_client

    def _explain(self, action: str, reply: Reply) -> ApiError:
        body = reply.json if isinstance(reply.json, dict) else {}
        its_code = code_of(body.get("code"))
        code = its_code or f"http_{reply.status}"
        # Some products answer RFC 9457 problem details instead of Twilio's own form.
        text = said(body.get("message") or body.get("detail") or body.get("title") or "")
        shown = f"HTTP {reply.status}" + (f" ({code})" if its_code else "") + (f": {text}" if text else "")
        hint = ""
        if reply.status in (401, 403) or code in UNAUTHORIZED_CODES:
            hint = "; check account_sid with auth_token, or api_key_sid with api_key_secret"
            if self.account_sid != self.owner_sid:
                hint += ", and that subaccount_sid is a subaccount of account_sid"
            if code == "70051":  # Twilio documentation, error 70051
                hint += "; a restricted API key may also lack the permission for this"
        elif reply.status == 404:
            hint = f"; check that account {self.account_sid} is the right one (account_sid, subaccount_sid)"
        return ApiError(f"Could not {action}: {shown}{hint}", code=code, status=reply.status)


class _Family:
    """The auth tokens of an account's subaccounts, after they were read. Never shown, returned or stored."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.lock = threading.RLock()
        self._read_at = -TOKENS_LAST

    def keep(self, tokens: Mapping[str, str]) -> None:
        """Keep tokens that were just read."""
        self.tokens.update(tokens)
        self._read_at = time.monotonic()

    def is_old(self) -> bool:
        """Whether the tokens may have changed since they were read."""
        return time.monotonic() - self._read_at > TOKENS_LAST


_FAMILIES: dict[tuple[str | None, ...], _Family] = {}  # of this process, by credentials and endpoint


def _check_fields(fields: Mapping[str, str], known: frozenset[str]) -> None:
    if not set(fields) <= known:
        raise ValueError(f"not for this client: {sorted(set(fields) - known)}")


def _repeats(page: dict, before: dict) -> bool:
    """Whether two pages have the same rows: a proxy that ignores the cursor would return one page forever."""
    rows = [value for value in page.values() if isinstance(value, list) and value]
    return bool(rows) and rows == [value for value in before.values() if isinstance(value, list) and value]


def _meta(page: dict) -> dict:
    meta = page.get("meta")
    return meta if isinstance(meta, dict) else {}


def _unexpected(action: str) -> ApiError:
    return ApiError(f"Could not {action}: the answer does not match Twilio's documentation", code="bad_answer")
