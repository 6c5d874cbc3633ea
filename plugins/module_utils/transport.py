# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one HTTP policy behind both SDKs: time limits, repetitions, connection reuse, CA and proxies.

Both SDKs send through :class:`Transport`. Their own policies differ from each other and from what is safe: no time
limit (twilio), a create that is sent again (IBM with retries on), a token call that is never repeated (IBM), a 429
that is never repeated (twilio). What the policy never does: read ``.netrc``, follow a redirect, or log.
"""

from __future__ import annotations

import ipaddress
import json
import os
import random
import threading
import time
import traceback
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Callable, Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass, proxy_bypass_environment

from .errors import SmsError, TransportError
from .pace import Pace
from .receiver import redact, redact_bad_url

HTTP_IMPORT_ERROR: str | None = None
try:
    import certifi
    import urllib3
    from urllib3 import exceptions as failures
except ImportError:  # both SDKs bring them; module mains report what is missing
    HTTP_IMPORT_ERROR = traceback.format_exc()

RETRIED_STATUSES = frozenset({500, 502, 503, 504})
MAX_TRIES = 4  # of a request that is answered 5xx, or not at all
MAX_REFUSALS = 12  # of a request that is answered 429: it was not processed, and others wait as well
LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = 120.0


@dataclass
class Reply:
    """An HTTP answer: status, headers (case-insensitive mapping) and the undecoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status <= 299

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @cached_property
    def json(self) -> Any:
        """The decoded body, or ``None`` where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def check_endpoint(url: str, option: str) -> str:
    """Return the base URL without a slash at its end.

    :param option: the name of the option that holds it, for the message
    :raises SmsError: when it is no URL, or plain http to anything but this machine: a secret travels with each request
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
        raise SmsError(f"{option} '{shown}' must not hold a user name or password", code="bad_endpoint")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise SmsError(
            f"{option} '{shown}' is plain http, which is accepted for this machine's own addresses only:"
            " use https, because credentials travel with each request",
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
    """Sends requests of many threads over reused connections, and repeats those that may be repeated.

    :param timeout: seconds for connecting and for each wait for data
    :param validate_certs: whether servers must show a valid certificate
    :param pace: how many requests may be under way at once
    :param environ: where CA and proxies are read from, once
    :param send: replaces the network in tests: ``send(method, url, headers, body) -> Reply``
    :param sleep: replaces waiting in tests
    """

    def __init__(
        self,
        *,
        timeout: float = 30,
        validate_certs: bool = True,
        pace: Pace | None = None,
        environ: Mapping[str, str] = os.environ,
        send: Callable[..., Reply] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.timeout = timeout
        self.validate_certs = validate_certs
        self.pace = pace or Pace(1, sleep=sleep)
        self._environ = environ
        self._sleep = sleep
        self._send = send or self._send_with_urllib3
        self._pools: dict[str, Any] = {}
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
        """Send one request, and send it again while that is safe and promising.

        A 429 was not processed, so every request is repeated after one. After a 5xx, a broken connection, a time-out
        or an unreadable answer the request may have been carried out: only a *repeatable* one is sent again.

        :param url: absolute, with its query
        :param repeatable: whether carrying it out twice does no harm
        :param wants_json: whether a success without JSON in it counts as an unreadable answer
        :returns: the last answer, whatever its status
        :raises TransportError: when there was none
        """
        tries = refusals = 0
        while True:
            failure = None
            try:
                with self.pace.turn() as turn:
                    reply = self._send(method, url, headers, body)
                    if reply.status == 429:
                        refusals += 1
                        self.pace.refused(turn, self._pause(refusals, reply))
            except TransportError as error:
                failure = error
            if failure is None and reply.status == 429:
                if refusals >= MAX_REFUSALS:
                    return reply
                continue  # the pace holds everybody back, this request included
            if failure is None and reply.ok and wants_json and reply.body and reply.json is None:
                failure = TransportError(
                    f"{_origin(url)} gave an answer that is no JSON", code="bad_answer", maybe_done=True
                )
            if failure is None and reply.status not in RETRIED_STATUSES:
                self.pace.succeeded()
                return reply
            tries += 1
            may_repeat = repeatable or (failure is not None and not failure.maybe_done)
            if not may_repeat or tries >= MAX_TRIES or (failure is not None and failure.code == "tls"):
                if failure is not None:
                    raise failure
                return reply
            self._sleep(self._pause(tries, reply if failure is None else None))

    def _pause(self, count: int, reply: Reply | None) -> float:
        """Seconds to wait before the next try: what the server asks for, else exponential with jitter."""
        asked = reply.headers.get("Retry-After", "") if reply is not None else ""
        if asked.isdigit():
            return min(float(asked), LONGEST_RETRY_AFTER) + random.uniform(0, 0.25)
        return min(LONGEST_PAUSE, 0.25 * 2**count) * random.uniform(0.5, 1.0)

    def _send_with_urllib3(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        origin = _origin(url)
        pool = self._pools.get(origin) or self._open_pool(origin)
        target = url if getattr(pool, "_proxy_absolute", False) else url[len(origin) :] or "/"
        try:
            answer = pool.urlopen(
                method, target, body=body, headers=headers, retries=False, redirect=False, assert_same_host=False
            )
        except failures.HTTPError as error:
            raise _explain(origin, error, self.timeout) from None
        return Reply(answer.status, answer.headers, answer.data)

    def _open_pool(self, origin: str) -> Any:
        """Make the pool for *origin*. CA and proxies are looked up here, once, and not at every request."""
        with self._lock:
            if origin in self._pools:
                return self._pools[origin]
            limits: dict[str, Any] = {
                "timeout": urllib3.Timeout(connect=min(self.timeout, 10), read=self.timeout),
                "maxsize": self.pace.ceiling,
                "retries": False,
            }
            if origin.startswith("https://"):
                limits.update(self._tls())
            proxy = _proxy_for(origin, self._environ)
            if proxy:
                manager: Any = _proxy_manager(proxy, limits)
            else:
                manager = urllib3.PoolManager(**limits)
            pool = manager.connection_from_url(origin)
            pool._proxy_absolute = bool(proxy) and origin.startswith("http://")
            self._pools[origin] = pool
            return pool

    def _tls(self) -> dict[str, Any]:
        if not self.validate_certs:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the user said so, once is enough
            return {"cert_reqs": "CERT_NONE"}
        bundle = self._environ.get("REQUESTS_CA_BUNDLE") or self._environ.get("CURL_CA_BUNDLE") or certifi.where()
        if not os.path.exists(bundle):
            raise SmsError(f"the CA bundle '{bundle}' named by REQUESTS_CA_BUNDLE does not exist", code="no_ca_bundle")
        return {"cert_reqs": "CERT_REQUIRED", "ca_cert_dir" if os.path.isdir(bundle) else "ca_certs": bundle}


def _proxy_manager(proxy: str, limits: dict[str, Any]) -> Any:
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if parts.scheme not in ("http", "https"):
        raise SmsError(f"proxy scheme '{parts.scheme}' is not supported: use an http or https proxy", code="bad_proxy")
    proxy_headers = None
    if parts.username:
        proxy_headers = urllib3.make_headers(proxy_basic_auth=f"{parts.username}:{parts.password or ''}")
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return urllib3.ProxyManager(address, proxy_headers=proxy_headers, **limits)


def _proxy_for(origin: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy that the usual variables name for *origin*, if any."""
    parts = urlsplit(origin)
    if environ is os.environ:
        proxies, bypass = getproxies(), proxy_bypass(parts.hostname or "")
    else:
        proxies = {k.lower()[:-6]: v for k, v in environ.items() if k.lower().endswith("_proxy") and v}
        bypass = proxy_bypass_environment(parts.hostname or "", proxies)
    return None if bypass else proxies.get(parts.scheme) or proxies.get("all")


def _origin(url: str) -> str:
    end = url.find("/", url.find("://") + 3)
    return url if end < 0 else url[:end]


def _explain(origin: str, error: Exception, timeout: float) -> TransportError:
    """Translate urllib3's failure into what it means for the user and for a repetition."""
    cause: Any = error
    if isinstance(error, failures.MaxRetryError) and error.reason is not None:
        cause = error.reason
    if isinstance(cause, failures.ProxyError):
        return TransportError(
            f"the proxy for {origin} could not be used: check HTTPS_PROXY and NO_PROXY", code="proxy", maybe_done=False
        )
    if isinstance(cause, failures.SSLError):
        return TransportError(
            f"{origin} showed no valid certificate ({_short(cause)}): name the CA's file in REQUESTS_CA_BUNDLE",
            code="tls",
            maybe_done=False,
        )
    if isinstance(cause, (failures.NewConnectionError, failures.ConnectTimeoutError)):
        return TransportError(
            f"{origin} could not be reached ({_short(cause)}): check the address, the network and the proxy",
            code="unreachable",
            maybe_done=False,
        )
    if isinstance(cause, failures.TimeoutError):
        return TransportError(f"{origin} gave no answer within {timeout:g} s", code="timeout", maybe_done=True)
    return TransportError(f"{origin} broke the connection off", code="broken", maybe_done=True)


def _short(error: Exception) -> str:
    """The innermost reason, such as ``Connection refused``, without urllib3's object names and addresses."""
    text = str(error)
    for mark in ("] ", ": "):
        text = text.rpartition(mark)[2] or text
    return redact(text.strip("()'\" "))[:120]
