# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares and redacts webhook URLs. No I/O.

A webhook URL such as ``https://apikey:KEY@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv`` contains a
password, so the URL itself is a secret, also when it is read from a phone number.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, quote_plus, unquote, urlsplit

MASK = "***"
MOST_SAID = 200  # characters of a provider's text
MAX_URL = 4000  # characters; from Twilio's error 21609, about status callbacks

_DEFAULT_PORTS = {"http": 80, "https": 443}

# A URL in a text, also percent-encoded once or more, as in a form body or a nested query. Schemes are short, so a bound
# keeps the search in long texts fast.
_URL = re.compile(
    r"(?i)\b[a-z][a-z0-9+.-]{0,30}(?::|%(?:25)*3a)(?:/|%(?:25)*2f){2}[^\s\"'<>]{0,4000}",
)
_PLAIN = re.compile(r"(?i)[a-z][a-z0-9+.-]*://")
_USERINFO = re.compile(r"(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})*(?::(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})*)?")
_HOST = re.compile(r"(?i)(?=.{1,254}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
# Twilio's connection overrides (documentation, "Webhooks: connection overrides"): the only fragments without secrets.
_OVERRIDES = re.compile(
    r"(?:(?:(?:ct|rt|tt|rc)=[0-9]{1,6}|rp=[0-9a-z,]{1,40}|e=[a-z,-]{1,100}|sni=[A-Za-z0-9.-]{1,80})(?:&(?!$)|$))+"
)
_IDENTIFIER = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?-i:[A-Z]{2})[0-9a-f]{32}|(?-i:crn:v1:.*)")
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
# Terminal escape sequences, then control characters and those that change the writing direction.
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return *text* on one line, without terminal escape sequences."""
    return _CONTROL.sub("", " ".join(_SEQUENCE.sub("", text).split()))


def said(text: object, secrets: tuple[str, ...] = ()) -> str:
    """Return a provider's text for a message: one short line, without control characters, secrets of URLs and *secrets*.

    It is cut last, since a part of a secret would not be recognized.
    """
    return redact(printable(str(text)), secrets)[:MOST_SAID]


def looks_like_token(text: str) -> bool:
    """Whether a part of a path looks like a secret: long, with letters and digits in no pattern.

    GUIDs and Twilio's SIDs do not count: they are names that messages need.
    """
    text = unquote(text)
    if len(text) < 16 or _IDENTIFIER.fullmatch(text):
        return False
    for run in _RUN.findall(text):
        digits = sum(char.isdigit() for char in run)
        if 0 < digits < len(run) or (digits == len(run) >= 20):
            return True
    upper, lower = sum(char.isupper() for char in text), sum(char.islower() for char in text)
    mixed = 4 * min(upper, lower) >= len(text)  # CamelCase has fewer capitals
    return len(text) >= 20 and (mixed or (min(upper, lower) >= 3 and any(char.isdigit() for char in text)))


def check_url(url: str) -> None:
    """Refuse a webhook URL that Twilio would refuse or could never reach.

    Twilio's error 11100 lists characters that it does not accept in a URL's user name and password.

    :raises ValueError: with a message that does not contain the URL's password
    """
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in url):
        raise ValueError(f"webhook URL '{redact_bad_url(url)}' is not an absolute http or https URL")
    if not url.isascii():
        raise ValueError(
            f"webhook URL '{redact_url(url)[:100]}' has characters outside ASCII: percent-encode them, and write a host"
            " name as xn--..."
        )
    if ":" not in parts.hostname and not _HOST.fullmatch(parts.hostname):
        raise ValueError(
            f"webhook URL '{redact_url(url)[:100]}' has no valid host name: between its dots there must be 1 to 63 letters,"
            " digits and hyphens"
        )
    if len(url) > MAX_URL:
        raise ValueError(
            f"webhook URL '{redact_url(url)[:100]}' has {len(url)} characters: at most {MAX_URL} are allowed"
        )
    if not _USERINFO.fullmatch(parts.netloc.rpartition("@")[0]):
        raise ValueError(
            f"webhook URL '{redact_url(url)}' has a user name or password that Twilio does not accept in a URL: use letters,"
            " digits, '-', '.', '_' and '~', or percent-encode the others"
        )


@lru_cache(maxsize=1024)
def place(url: str | None) -> tuple[str, str, int | None, str] | None:
    """Return where a webhook leads: scheme, host, port and path, without credentials, query and fragment."""
    parts = _split(url or "")
    if parts is None or not parts.hostname:
        return None
    return (parts.scheme, parts.hostname, _port(parts), parts.path or "/")


def password_of(url: str | None) -> str | None:
    """Return the password inside *url*, decoded, or ``None``."""
    parts = _split(url or "")
    return unquote(parts.password) if parts is not None and parts.password else None


def fragment_of(url: str | None) -> str:
    """Return the fragment of *url*, where Twilio keeps connection overrides such as ``#rc=2``, or ``""``."""
    parts = _split(url or "")
    return parts.fragment if parts is not None else ""


def same_url(one: str | None, other: str | None) -> bool:
    """Whether two webhook URLs are equivalent, however host, default port, credentials and fragment are written."""
    if (one or "") == (other or ""):
        return True
    left, right = _split(one or ""), _split(other or "")
    return left is not None and right is not None and bool(left.netloc) and _essence(left) == _essence(right)


@lru_cache(maxsize=1024)  # thousands of numbers have the same few URLs
def redact_url(url: str | None) -> str:
    """Return *url* for messages: without its password, the values of its query, and anything else that may be a secret.

    These are parameters after a semicolon, a fragment other than connection overrides, and parts of the path that look
    like tokens. ``""`` for none.
    """
    if not url:
        return ""
    if _split(url) is None or ("@" in url and not _PLAIN.match(url)):
        return MASK
    return printable(_masked(url) if _PLAIN.match(url) else redact(url))


def redact_bad_url(text: str) -> str:
    """Return what may be shown of an invalid URL, in which the password could be anywhere."""
    return MASK if "@" in text else redact_url(text)


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return *text* with its URLs redacted by :func:`redact_url`, and without *secrets*, plain or percent-encoded."""
    for form in sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True):
        text = text.replace(form, MASK)
    return _URL.sub(_mask_url, text)


def _forms(secret: str) -> list[str]:
    """Return *secret* plain and percent-encoded once and twice, with hexadecimal digits in upper and lower case."""
    once = [quote(secret, safe=""), quote_plus(secret)]
    forms = [secret, *once, *(quote(form, safe="") for form in once)]
    return forms + [re.sub("%(?:25)*[0-9A-F]{2}", lambda code: code[0].lower(), form) for form in forms[1:]]


def _mask_url(match: re.Match) -> str:
    """Mask a URL in a text, in its encoding there."""
    url, times = match[0], 0
    while not _PLAIN.match(url):
        url, times = unquote(url), times + 1
    url = _masked(url)
    for _time in range(times):
        url = quote(url, safe="*")
    return url


def _masked(url: str) -> str:
    """Return a URL without its secrets. A part whose meaning is not clear is treated as a secret."""
    scheme, _colon, rest = url.partition("://")
    user, rest = _user_and_rest(rest)
    host, mark, rest = _cut(rest, "/;?#")
    path, query, fragment = "", "", ""
    rest, _hash, fragment = (mark + rest).partition("#")
    path, question, query = rest.partition("?")
    path = "/".join(_mask_segment(segment) for segment in path.split("/"))
    query = "&".join(_mask_pair(pair) for pair in query.split("&")) if query else ""
    if fragment and not _OVERRIDES.fullmatch(fragment):
        fragment = MASK
    return f"{scheme}://{user}{host}{path}{question}{query}" + (f"#{fragment}" if fragment else "")


def _user_and_rest(rest: str) -> tuple[str, str]:
    """Split what follows ``://`` into the masked user and the rest.

    A password may contain ``/``, ``?``, ``#`` and ``@`` that should have been percent-encoded. So it ends at the very last
    ``@``, unless that is clearly in the query or fragment of a URL without user and port.
    """
    at = rest.rfind("@")
    if at < 0:
        return "", rest
    authority, mark, _rest = _cut(rest, "/?#")
    before_query = _cut(rest, "?#")[0]
    if mark == "/" and ":" not in authority and "@" not in before_query:
        return "", rest
    user, colon, _password = rest[:at].partition(":")
    # A user name without a password is often a token.
    shown = user if colon and re.fullmatch(r"[\w.~%+-]{0,64}", user) and not looks_like_token(user) else MASK
    return (f"{shown}:{MASK}@" if colon else f"{MASK}@"), rest[at + 1 :]


def _cut(text: str, marks: str) -> tuple[str, str, str]:
    """Cut *text* at the first of *marks*."""
    end = min((place for place in map(text.find, marks) if place >= 0), default=len(text))
    return text[:end], text[end : end + 1], text[end + 1 :]


def _mask_segment(segment: str) -> str:
    name, *parameters = segment.split(";")
    return ";".join([MASK if looks_like_token(name) else name, *(_mask_pair(each) for each in parameters)])


def _mask_pair(pair: str) -> str:
    """Mask the value of ``name=value``; text without a name is a value."""
    name, equals, value = pair.partition("=")
    if not equals or looks_like_token(name):
        return MASK if pair else ""
    return name + equals + (MASK if value else "")


@lru_cache(maxsize=1024)
def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises ValueError for a port that is no number
    except ValueError:
        return None
    return parts


def _port(parts: SplitResult) -> int | None:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _essence(parts: SplitResult) -> tuple:
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    where = (parts.scheme, parts.hostname, _port(parts), user, password, parts.path or "/", parts.query)
    return (*where, overrides_of(parts.fragment))


def overrides_of(fragment: str) -> dict[str, frozenset[str]]:
    """Return the connection overrides in a webhook's fragment by name, regardless of their order.

    ``rc=2&rp=ct,5xx`` (Twilio documentation, webhooks, connection overrides).
    """
    pairs = [piece.partition("=") for piece in fragment.split("&") if piece]
    return {name: frozenset(value.split(",")) for name, _equals, value in pairs}
