# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors that clients raise and modules report."""

from __future__ import annotations

import re
from typing import Any

from .urls import printable

NAMED = 10  # the maximum number of items that a message lists


def join(items: list[str], separator: str) -> str:
    """Join *items* for a message: the first ten, then how many more."""
    more = f"{separator}and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return separator.join(items[:NAMED]) + more


def code_of(value: Any) -> str | None:
    """Return a provider's error code, or ``None`` if it does not look like one, since codes are shown unredacted."""
    return str(value) if value and re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", str(value)) else None


class SmsError(Exception):
    """An error for the user: what was tried, on which thing, why it failed and what to do next.

    The message never contains a secret or a response body. *code* is stable, for programs: a provider's own code
    (``20404``, ``BXNIM0415E``) or one of this collection's (``wrong_role``).
    """

    def __init__(self, message: str, *, code: str = "error", status: int | None = None):
        super().__init__(printable(message))
        self.code = code
        self.status = status

    def during(self, action: str) -> SmsError:
        """Add what could not be done because of this error to the message. Return the error itself."""
        self.args = (f"Could not {action}: {self}",)
        return self

    def facts(self) -> dict:
        """Return the module's ``failure``."""
        return {"code": self.code, "status": self.status}


class ApiError(SmsError):
    """A cloud refused a request, or gave an unusable answer."""


class TransportError(ApiError):
    """There was no answer: no connection, a broken connection, or a timeout.

    *maybe_done* is true if the request may have been processed anyway.
    """

    def __init__(self, message: str, *, code: str, maybe_done: bool):
        super().__init__(message, code=code)
        self.maybe_done = maybe_done
