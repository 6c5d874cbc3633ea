# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors that clients raise and modules report."""

from __future__ import annotations

import re
from typing import Any

from .urls import printable

NAMED = 10  # how many things a message names


def join(items: list[str], separator: str) -> str:
    """Join *items* for a message: the first ten, then how many more."""
    more = f"{separator}and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return separator.join(items[:NAMED]) + more


def code_of(value: Any) -> str | None:
    """Return a provider's error code, or ``None`` for what cannot be one: it is shown as it is."""
    return str(value) if value and re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", str(value)) else None


class SmsError(Exception):
    """Something that the user has to know: what was tried, on which thing, why it failed and what to do next.

    The message is made for the user and never holds a secret or a response body. *code* is stable and made for
    programs: a provider's own code (``20404``, ``BXNIM0415E``) or one of our named outcomes (``wrong_role``).
    """

    def __init__(self, message: str, *, code: str = "error", status: int | None = None):
        super().__init__(printable(message))
        self.code = code
        self.status = status

    def during(self, action: str) -> SmsError:
        """Say what could not be done because of this error. Returns the error itself."""
        self.args = (f"Could not {action}: {self}",)
        return self

    def facts(self) -> dict:
        """Return what a module returns as ``failure``."""
        return {"code": self.code, "status": self.status}


class ApiError(SmsError):
    """A cloud refused a request, or gave an answer that is none."""


class TransportError(ApiError):
    """No answer came: nobody listened, the connection broke, or it took too long.

    *maybe_done* tells that the request may have been carried out all the same.
    """

    def __init__(self, message: str, *, code: str, maybe_done: bool):
        super().__init__(message, code=code)
        self.maybe_done = maybe_done
