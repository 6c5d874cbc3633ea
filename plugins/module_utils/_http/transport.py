# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP policy of both SDKs: timeouts, retries, connection reuse, CA and proxies.

Both SDKs send through :class:`Transport`. Their own policies differ and are not safe: no timeout (twilio), a create that
is repeated (IBM with retries on), a token request that is never repeated (IBM), a 429 that is never repeated (twilio).
This policy never reads ``.netrc``, follows a redirect, or logs.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import random
import re
import select
import ssl
import threading
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed knows it on macOS only

from .errors import SmsError, TransportError
from .pace import Pace
from .urls import redact, redact_bad_url

try:
    import certifi
except ImportError:  # both SDKs depend on it, and the modules report a missing SDK
    certifi = None  # type: ignore[assignment]

RETRIED_STATUSES = frozenset({500, 502, 503, 504})
NEVER_REPEATED = ("tls", "too_large", "bad_url")  # failures that would come again
MAX_TRIES = 4  # for a request with a 5xx answer, or none
STUBBORN = 3  # refusals of one request after which all requests pause
MAX_REFUSALS = 12  # 429 answers to one request; it was not processed, so repeating is safe
LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = 120.0
LONGEST_TIMEOUT = 86_400
LOAD = "Twilio-Concurrent-Requests"  # of the whole account, in each of Twilio's answers (documentation, error 20429)
MAX_BODY = 32 * 1024 * 1024  # bytes of an unpacked answer; the largest page of either cloud has a tenth of that


@dataclass
class Reply:
    """An HTTP answer: status, headers (case-insensitive mapping) and the undecoded body."""

    status: int
    headers: Mapping[str, str] | http.client.HTTPMessage
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status <= 299

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @cached_property
    def json(self) -> Any:
        """The decoded body, or ``None`` if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # RecursionError for thousands of brackets
            return None


def check_endpoint(url: str, option: str) -> str:
    """Return the base URL without a slash at its end.

    :param option: the name of its option, for the message
    :raises SmsError: if it is not a URL, or is plain http to another machine, since each request contains a secret
    """
    shown = redact(url)
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises ValueError for a port that is no number
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SmsError(
            f"{option} '{redact_bad_url(url)}' is not a base URL such as https://api.example.com", code="bad_endpoint"
        )
    if "@" in parts.netloc:
        raise SmsError(f"{option} '{shown}' must not contain a user name or password", code="bad_endpoint")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise SmsError(
            f"{option} '{shown}' is plain http, which is accepted for this machine's own addresses only:"
            " use https, because each request contains credentials",
            code="insecure_endpoint",
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Transport:
    """Sends requests of many threads over reused connections, and repeats them if that is safe.

    :param timeout: seconds for connecting and for each wait for data, more than 0 and at most a day
    :param validate_certs: whether servers must show a valid certificate
    :param pace: limits the number of concurrent requests
    :param environ: source of CA and proxies, read once; by default the process's environment
    :param send: replaces the network in tests: ``send(method, url, headers, body) -> Reply``
    :param sleep: replaces waiting in tests
    :raises SmsError: for an invalid timeout
    """

    def __init__(
        self,
        *,
        timeout: float = 30,
        validate_certs: bool = True,
        pace: Pace | None = None,
        environ: Mapping[str, str] | None = None,
        send: Callable[[str, str, Mapping[str, str], bytes | None], Reply] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ):
        if not 0 < timeout <= LONGEST_TIMEOUT:  # a socket would treat other values as "do not wait", or fail
            raise SmsError(
                f"timeout must be more than 0 and at most {LONGEST_TIMEOUT} seconds, not {timeout:g}",
                code="bad_timeout",
            )
        self.timeout = timeout
        self.validate_certs = validate_certs
        self.pace = pace or Pace(1, sleep=sleep)
        self._environ = os.environ if environ is None else environ
        self._sleep = sleep
        self._send = send or self._send_over_network
        self._routes: dict[str, _Route] = {}
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        repeatable: bool = True,
        wants_json: bool = True,
    ) -> Reply:
        """Send one request, and repeat it if that is safe and may help.

        A request that got a 429 was not processed, so it is always repeated. After a 5xx, a broken connection, a timeout
        or an unreadable answer it may have been processed, so only a *repeatable* one is sent again.

        :param url: absolute, with its query
        :param repeatable: whether processing it twice does no harm
        :param wants_json: whether a success without JSON counts as an unreadable answer
        :returns: the last answer, whatever its status
        :raises TransportError: if there was no answer
        """
        tries = refusals = 0
        while True:
            failure = None
            try:
                with self.pace.turn() as turn:
                    reply = self._send(method, url, headers, body)
                    if reply.status == 429:
                        refusals += 1
                        pause = self._pause(refusals, reply)
                        # If the provider asks for a pause, or refuses repeatedly, all requests wait.
                        everybody = "Retry-After" in reply.headers or refusals >= STUBBORN
                        self.pace.refused(turn, pause if everybody else 0.0, concurrent(reply.headers))
            except TransportError as error:
                failure = error
            if failure is None and reply.status == 429:
                if refusals >= MAX_REFUSALS:
                    return reply
                self._sleep(pause)
                continue
            if failure is None and reply.ok and wants_json and reply.body and reply.json is None:
                failure = TransportError(
                    f"{_origin(url)} gave an answer that is not JSON", code="bad_answer", maybe_done=True
                )
            if failure is None and reply.status not in RETRIED_STATUSES:
                self.pace.succeeded(concurrent(reply.headers))
                return reply
            tries += 1
            may_repeat = repeatable or (failure is not None and not failure.maybe_done)
            if not may_repeat or tries >= MAX_TRIES or (failure is not None and failure.code in NEVER_REPEATED):
                if failure is not None:
                    raise failure
                return reply
            self._sleep(self._pause(tries, reply if failure is None else None))

    def _pause(self, count: int, reply: Reply | None) -> float:
        """Seconds to wait before the next try: as the server asks, otherwise exponential with jitter."""
        asked = retry_after(reply.headers, time.time()) if reply is not None else None
        if asked is not None:
            return min(asked, LONGEST_RETRY_AFTER) + random.uniform(0, 0.25)
        # A request above the limit may be repeated soon: there is room as soon as another one is answered.
        first = 0.05 if reply is not None and reply.status == 429 else 0.25
        return min(LONGEST_PAUSE, first * 2**count) * random.uniform(0.5, 1.0)

    def open(self, url: str) -> tuple[_Route, http.client.HTTPConnection]:
        """Return the route to a URL's origin, and an unused connection to it.

        :raises TransportError: if no connection can be made
        """
        origin = _origin(url)
        route = self._routes.get(origin) or self._route_to(origin)
        connection = route.take()
        try:
            if connection.sock is None:
                connection.connect()
                connection.sock.settimeout(self.timeout)  # type: ignore[attr-defined]  # connect() has set it
        except (OSError, http.client.HTTPException, UnicodeError) as error:  # the last for what is no host name
            connection.close()
            raise _not_connected(origin, route.proxy, error) from None
        return route, connection

    def _send_over_network(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        origin = _origin(url)
        route, connection = self.open(url)
        try:
            connection.request(method, route.target(url), body=body, headers={**headers, **route.headers})
            response = connection.getresponse()
            reply = Reply(response.status, response.headers, _body(response))
        except TimeoutError:
            connection.close()
            raise TransportError(
                f"{origin} gave no answer within {self.timeout:g} s", code="timeout", maybe_done=True
            ) from None
        except _TooLarge:
            connection.close()
            raise TransportError(
                f"{origin} gave an answer of more than {MAX_BODY // 1024 // 1024} MiB: check the endpoint",
                code="too_large",
                maybe_done=True,
            ) from None
        except UnicodeError:
            connection.close()
            raise TransportError(
                f"{origin} was not asked: the URL has characters that must be percent-encoded",
                code="bad_url",
                maybe_done=False,
            ) from None
        except (OSError, http.client.HTTPException, zlib.error):
            connection.close()
            raise TransportError(f"{origin} closed the connection", code="broken", maybe_done=True) from None
        route.give_back(connection)
        return reply

    def _route_to(self, origin: str) -> _Route:
        """Create the route to *origin*. CA and proxies are looked up here, once, and not for every request."""
        with self._lock:
            if origin not in self._routes:
                context = self._tls() if origin.startswith("https://") else None
                self._routes[origin] = _Route(origin, _proxy_for(origin, self._environ), min(self.timeout, 10), context)
            return self._routes[origin]

    def _tls(self) -> ssl.SSLContext:
        if not self.validate_certs:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        named = self._environ.get("REQUESTS_CA_BUNDLE") or self._environ.get("CURL_CA_BUNDLE")
        bundle = os.path.expanduser(named) if named else certifi.where()
        if not os.path.exists(bundle):
            raise SmsError(f"the CA bundle '{bundle}' named by REQUESTS_CA_BUNDLE does not exist", code="no_ca_bundle")
        try:
            return _trusting(bundle)
        except OSError:  # an SSLError for a file without certificates
            raise SmsError(f"the CA bundle '{bundle}' cannot be read as certificates", code="no_ca_bundle") from None


@lru_cache(maxsize=8)
def _trusting(bundle: str) -> ssl.SSLContext:
    """Return a context with the certificates of a file or folder. Reading them takes longer than a request."""
    if os.path.isdir(bundle):
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


class _Route:
    """The route to one origin, with the open, idle connections.

    Uses the standard library's ``http.client``, not a pool of requests or urllib3: these take more than half of an
    update's CPU time for features that are not needed here (`make bench`).
    """

    def __init__(self, origin: str, proxy: str | None, connect_timeout: float, context: ssl.SSLContext | None):
        self.proxy = proxy if not proxy or "://" in proxy else f"http://{proxy}"
        self.headers: dict[str, str] = {}
        self._tunnel_headers: dict[str, str] = {}
        self._timeout = connect_timeout
        self._context = context
        self._origin = origin
        self._idle: list[http.client.HTTPConnection] = []
        target = urlsplit(origin)
        self._target = (target.hostname or "", target.port or (443 if context else 80))
        self._address = self._target
        if self.proxy:
            self._use_proxy(self.proxy)

    def _use_proxy(self, proxy: str) -> None:
        parts = urlsplit(proxy)
        try:
            self._address = (parts.hostname or "", parts.port or 80)
        except ValueError:  # a port that is not a number
            self._address = ("", 0)
        if parts.scheme != "http" or not self._address[0]:
            raise SmsError(
                f"the proxy '{redact_bad_url(proxy)}' cannot be used: only proxies such as http://proxy.example.com:3128"
                " are supported",
                code="bad_proxy",
            )
        if parts.username:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            authorization = {"Proxy-Authorization": "Basic " + b64encode(login).decode()}
            if self._context:
                self._tunnel_headers = authorization
            else:
                self.headers = authorization

    def target(self, url: str) -> str:
        """Return the target for the request line: a proxy for plain http needs the whole URL."""
        return url if self.proxy and not self._context else url[len(self._origin) :] or "/"

    def take(self) -> http.client.HTTPConnection:
        """Return an unused connection: an idle one that the server has not closed, or a new one."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            waiting = select.poll()
            waiting.register(connection.sock, select.POLLIN)
            if not waiting.poll(0):
                return connection
            connection.close()  # readable without a request: the server has closed it
        connection = self._new()
        connection.set_debuglevel(0)  # set for all connections elsewhere, it would print the headers
        return connection

    def _new(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(*self._address, timeout=self._timeout)
        secure = http.client.HTTPSConnection(*self._address, timeout=self._timeout, context=self._context)
        if self.proxy:
            secure.set_tunnel(*self._target, headers=self._tunnel_headers)
        return secure

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Keep a connection for the next request, unless the server has closed it."""
        if connection.sock is not None:
            self._idle.append(connection)


def retry_after(headers: Mapping[str, str] | http.client.HTTPMessage, now: float) -> float | None:
    """Return how many seconds a server asks to wait, ``None`` if it does not say so in a form of RFC 9110.

    A date is relative to the server's own clock, if the answer has it. A past date is ignored.

    :param now: the time here (Unix time)
    """
    asked = (headers.get("Retry-After") or "").strip()
    if re.fullmatch("[0-9]{1,9}", asked):
        return float(asked)
    until = _date(asked)
    if until is None:
        return None
    began = _date(headers.get("Date") or "")
    seconds = until - (now if began is None else began)
    return seconds if seconds > 0 else None


def concurrent(headers: Mapping[str, str] | http.client.HTTPMessage) -> int | None:
    """Return how many concurrent requests the provider counts for the account, ``None`` if it does not say so."""
    told = headers.get(LOAD) or ""
    return int(told) if re.fullmatch("[0-9]{1,6}", told) else None


def _date(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


class _TooLarge(Exception):
    """An answer is larger than any expected one."""


def _body(response: http.client.HTTPResponse) -> bytes:
    """Return an answer's uncompressed body. An SDK may ask for compression, and a gateway may apply it unasked.

    :raises _TooLarge: above :data:`MAX_BODY`, since a few bytes may unpack to gigabytes
    """
    body = response.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise _TooLarge
    if response.length:  # when reading with a limit, http.client does not report a body that ends too early
        raise http.client.IncompleteRead(b"")
    if body and response.headers.get("Content-Encoding", "").lower() in ("gzip", "x-gzip", "deflate"):
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # either form
        body = unpacker.decompress(body, MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise _TooLarge
        if not unpacker.eof:
            raise zlib.error("the answer is truncated")
    return body


def _not_connected(origin: str, proxy: str | None, error: Exception) -> TransportError:
    """Return the error about a failed connection. Nothing was sent, so repeating is safe."""
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", None) or error.reason or "handshake failed"
        return TransportError(
            f"{origin} showed no valid certificate ({reason}): name the CA's file in REQUESTS_CA_BUNDLE",
            code="tls",
            maybe_done=False,
        )
    reason = getattr(error, "strerror", None) or "connection failed"
    if isinstance(error, TimeoutError):
        reason = "no answer"
    elif isinstance(error, UnicodeError):
        reason = "not a host name"
    through = f" through the proxy {redact(proxy)}" if proxy else ""
    return TransportError(
        f"{origin} could not be reached{through} ({reason}): check the address, the network and the proxy",
        code="unreachable",
        maybe_done=False,
    )


def _proxy_for(origin: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy that the usual variables name for *origin*, if any; never for this machine's own addresses."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    named = ((name.lower(), value) for name, value in environ.items())
    proxies = {name.removesuffix("_proxy"): value for name, value in named if name.endswith("_proxy") and value}
    if _is_loopback(host) or proxy_bypass_environment(host, proxies):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")


def _origin(url: str) -> str:
    end = url.find("/", url.find("://") + 3)
    return url if end < 0 else url[:end]
