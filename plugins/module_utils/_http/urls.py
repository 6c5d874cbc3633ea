# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Webhook URLs: comparing and redacting them. No I/O.

A webhook URL such as ``https://apikey:KEY@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv`` carries a
password, so the URL itself is a secret, and so is the one that is read back from a phone number.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, quote_plus, unquote, urlsplit, urlunsplit

MASK = "***"

_DEFAULT_PORTS = {"http": 80, "https": 443}

# scheme://anything@, also percent-encoded once or twice, as in a form body or in a query of a query. Up to the last @ of
# any encoding: one that is encoded belongs to the password. No scheme is long, and a bound keeps long texts cheap.
_USERINFO = re.compile(
    r"(?i)(\b[a-z][a-z0-9+.-]{0,30}(?::|%(?:25)*3a)(?:/|%(?:25)*2f){2})([^\s/?#\"'<>]*?)(@|%(?:25)*40)"
    r"(?![^\s/?#\"'<>]*?(?:@|%(?:25)*40))"
)

# The query of a URL, also percent-encoded once or twice: assistants keep a token there.
_QUERY = re.compile(
    r"(?i)(\b[a-z][a-z0-9+.-]{0,30}(?::|%(?:25)*3a)(?:/|%(?:25)*2f){2}[^\s?&#\"'<>]{0,600}?(?:\?|%(?:25)*3f))([^\s#\"'<>]+)"
)


def check_url(url: str) -> None:
    """Refuse a webhook URL that Twilio would refuse or never reach.

    :raises ValueError: with a message that does not hold the URL's password
    """
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in url):
        raise ValueError(f"webhook URL '{redact_bad_url(url)}' is not an absolute http or https URL")


def place(url: str | None) -> tuple[str, str, int | None, str] | None:
    """Return what says where a webhook leads: scheme, host, port and path, without credentials, query, fragment."""
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
    """Whether two webhook URLs do the same, however host, default port and credentials are written."""
    if (one or "") == (other or ""):
        return True
    left, right = _split(one or ""), _split(other or "")
    return left is not None and right is not None and bool(left.netloc) and _essence(left) == _essence(right)


@lru_cache(maxsize=1024)  # thousands of numbers have the same few URLs
def redact_url(url: str | None) -> str:
    """Return *url* fit to be shown: the password and the values of the query as ``***``. ``""`` for none."""
    if not url:
        return ""
    parts = _split(url)
    if parts is None:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    netloc = host
    if "@" in parts.netloc:
        user, colon, _password = parts.netloc.rpartition("@")[0].partition(":")
        # A user name without a password is a token as often as not.
        netloc = f"{user}:{MASK}@{host}" if colon else f"{MASK}@{host}"
    query = "&".join(name + equals + (MASK if value else "") for name, equals, value in _query(parts.query))
    return redact(urlunsplit((parts.scheme, netloc, parts.path, query, parts.fragment)))


def redact_bad_url(text: str) -> str:
    """Return what may be shown of a text that should be a URL and is none: where its password is, nobody can tell."""
    return MASK if "@" in text else redact_url(text)


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return *text* without userinfo and query of any URL in it, and without *secrets*, plain or percent-encoded."""
    for form in sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True):
        text = text.replace(form, MASK)
    return _QUERY.sub(_mask_query, _USERINFO.sub(_mask_userinfo, text))


def _forms(secret: str) -> list[str]:
    """Return *secret* as it is and percent-encoded once and twice, with capital and with small hexadecimal digits."""
    once = [quote(secret, safe=""), quote_plus(secret)]
    forms = [secret, *once, *(quote(form, safe="") for form in once)]
    return forms + [re.sub("%(?:25)*[0-9A-F]{2}", lambda code: code[0].lower(), form) for form in forms[1:]]


def _mask_userinfo(match: re.Match) -> str:
    user, colon, _password = re.split(r"(?i)(:|%(?:25)*3a|$)", match[2], maxsplit=1)
    return f"{match[1]}{user}{colon}{MASK}{match[3]}" if colon else f"{match[1]}{MASK}{match[3]}"


def _mask_query(match: re.Match) -> str:
    if not match[1].endswith("?"):
        return match[1] + MASK  # what of it is another field, nobody can tell
    return match[1] + "&".join(name + equals + (MASK if value else "") for name, equals, value in _query(match[2]))


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises ValueError for a port that is no number
    except ValueError:
        return None
    return parts


def _port(parts: SplitResult) -> int | None:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _query(query: str) -> list[tuple[str, str, str]]:
    return [piece.partition("=") for piece in query.split("&")] if query else []


def _essence(parts: SplitResult) -> tuple:
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return (parts.scheme, parts.hostname, _port(parts), user, password, parts.path or "/", parts.query, parts.fragment)
