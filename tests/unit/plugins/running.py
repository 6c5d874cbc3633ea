# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module in this process, and keeps its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Result(dict[str, Any]):
    """A module's result, with its output and its requests."""

    text: str
    warnings: list[str]
    requests: list[dict[str, Any]]

    @property
    def operations(self) -> list[str]:
        return [request["operation"] for request in self.requests]

    @property
    def writes(self) -> list[dict[str, Any]]:
        return [request["fields"] for request in self.requests if request["write"]]

    @property
    def code(self) -> Any:
        """The code of the failure, ``None`` for none."""
        return self["failure"]["code"] if self.get("failed") else None


Run = Callable[..., Result]
