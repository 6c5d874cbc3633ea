# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds secrets in text, also if they are encoded."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

SHORTEST = 8  # a shorter one would be found by chance


def forms(secret: str) -> set[str]:
    """Return the forms of a secret in plain text, percent-encoded, and inside base64.

    Within base64 it depends on how many bytes stand before it; what its neighbours have a part in is left out.
    """
    data = secret.encode()
    found = {secret, quote(secret, safe=""), quote(secret, safe="").lower()}
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode()
        core = whole[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return found


class Leaks:
    """Searches text for secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Search for these secrets."""
        self._looks = {form: secret for secret in secrets if len(secret) >= SHORTEST for form in forms(secret)}

    def in_text(self, text: str) -> list[str]:
        """Return what was found, each with its surroundings."""
        found = []
        for form, secret in self._looks.items():
            place = text.find(form)
            if place >= 0:
                how = "plain" if form == secret else "encoded"
                found.append(f"{secret} ({how}): ...{text[max(0, place - 120) : place + len(form) + 20]}...")
        return found
