# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests whether a webhook's receiver lets Twilio in, without a key: host name, certificate and challenge.

Twilio first calls a webhook without its credentials. It sends them only after a 401 whose ``WWW-Authenticate`` names a
realm (Twilio documentation, "Security", HTTP authentication).
"""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .errors import SmsError, TransportError
from .transport import Transport
from .urls import MASK, place

TRIES = 2  # requests to one receiver; a second one only if its answer may differ
PAUSE = 1.0
TIME_LIMIT = 15.0  # seconds; Twilio waits as long for an answer
_CHALLENGE = re.compile(r"(?i)(?:^|,)\s*(basic|digest)\s.*\brealm=")


@dataclass(frozen=True)
class Door:
    """The result of a test of a receiver.

    :ivar receiver: its URL without secrets
    :ivar status: the HTTP status of its answer, ``None`` if there was none or no request was sent
    :ivar state: ``open`` (as it should be), ``shut`` (texts cannot get in) or ``unknown``
    :ivar msg: the finding, for users
    """

    receiver: str
    status: int | None
    state: str
    msg: str

    def facts(self) -> dict[str, Any]:
        """Return the result for a module's ``receivers``."""
        return {"receiver": self.receiver, "status": self.status, "state": self.state, "msg": self.msg}


def shown(url: str) -> str:
    """Return a webhook's URL without credentials and query, and without its path if that may be the secret."""
    return _bare(url, urlsplit(url).path if _has_password(url) else "/") if place(url) else MASK


def try_door(
    url: str,
    method: str = "POST",
    *,
    transport: Transport | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Door:
    """Test a webhook's receiver, with two requests at most.

    A webhook with a user and a password gets the same request that Twilio sends first: without them, without its query
    and without a text. Any other webhook has its secret in the path or the query (watsonx Assistant, watsonx
    Orchestrate). There is no challenge to check, and a request would deliver a message. So this only connects to it.
    Redirects are not followed, and only the head of the answer is read.

    :param url: the webhook
    :param method: the HTTP method with which Twilio calls it
    :param transport: provides CA and proxies
    """
    transport = transport or Transport(timeout=TIME_LIMIT)
    door = _try_once(url, method, transport)
    for _more in range(TRIES - 1):
        if door.state == "open" or not (door.status is None or door.status == 429 or door.status >= 500):
            break
        if door.state == "shut" and door.status is None:  # a certificate does not change within seconds
            break
        sleep(PAUSE)
        door = _try_once(url, method, transport)
    return door


def _try_once(url: str, method: str, transport: Transport) -> Door:
    where = shown(url)
    if place(url) is None:
        return Door(where, None, "shut", "the webhook is not a URL")
    try:
        if not _has_password(url):
            with _connected(_bare(url, "/"), transport):
                return Door(where, None, "open", "its host name and certificate are valid; no request was sent")
        status, challenges = _ask(url, method, transport)
    except TransportError as error:
        if error.code == "tls":  # its hint is about the clouds' APIs: a CA file here does not help Twilio
            return Door(where, None, "shut", str(error).partition(": name the CA")[0])
        return Door(where, None, "unknown", f"from this machine, {error}")
    except SmsError as error:
        return Door(where, None, "unknown", str(error))
    return _judge(where, status, challenges)


def _judge(where: str, status: int, challenges: list[str]) -> Door:
    """Return the result for an answer to a request without credentials."""
    if status == 401 and any(_CHALLENGE.search(each) for each in challenges):
        return Door(where, status, "open", "it asks for credentials, as it must")
    never = "so Twilio never sends it the key"
    if status == 401:
        return Door(where, status, "shut", f"it answers 401 without a Basic challenge (WWW-Authenticate), {never}")
    if 200 <= status <= 299:
        return Door(
            where, status, "unknown", f"it answers HTTP {status} to a request without credentials: anybody can text it"
        )
    return Door(where, status, "shut", f"it answers HTTP {status} instead of a 401 with a Basic challenge, {never}")


def _ask(url: str, method: str, transport: Transport) -> tuple[int, list[str]]:
    """Return status and challenges of the answer to a request without credentials, query and text."""
    with _connected(_bare(url, urlsplit(url).path or "/"), transport) as (connection, target, headers):
        connection.request(method if method in ("GET", "POST") else "POST", target, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get_all("WWW-Authenticate") or []


@contextmanager
def _connected(url: str, transport: Transport) -> Iterator[tuple[http.client.HTTPConnection, str, dict[str, str]]]:
    """Connect to a URL without secrets, for :data:`TIME_LIMIT` at most, whatever the server does.

    :raises TransportError: if there is no connection, or it breaks
    """
    route, connection = transport.open(url)
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(TIME_LIMIT, cut)
    timer.daemon = True
    timer.start()
    try:
        yield connection, route.target(url), dict(route.headers)
        if late.is_set():  # a truncated head looks like a complete one
            raise TimeoutError
    except UnicodeError:
        raise TransportError(
            f"{shown(url)} cannot be asked: its path has characters that must be percent-encoded",
            code="bad_url",
            maybe_done=False,
        ) from None
    except (OSError, http.client.HTTPException):
        raise TransportError(f"{shown(url)} gave no answer", code="broken", maybe_done=True) from None
    finally:
        timer.cancel()
        connection.close()


def _bare(url: str, path: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def _has_password(url: str) -> bool:
    return bool(urlsplit(url).password)
