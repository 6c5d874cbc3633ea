# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts what tests have tried, for the summary, because a passing table says little without its size."""

from __future__ import annotations

import collections

#: By name: ``faults``, ``kills``, ``forms of secrets``.
TRIED: collections.Counter[str] = collections.Counter()


def tried(what: str, count: int = 1) -> None:
    """Count something that was tried."""
    TRIED[what] += count


def summary() -> list[str]:
    """Return the lines for the end of a run."""
    return [f"{what} tried: {count}" for what, count in sorted(TRIED.items())]
