# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's vault, for plugins on the controller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleError

from ..module_utils._http.errors import SmsError


def encrypting(loader: Any) -> Callable[[str], bytes] | None:
    """Return a function that encrypts with the run's vault password, or ``None`` if there is none."""
    vault = loader._vault
    return vault.encrypt if vault.secrets else None


def decrypting(loader: Any) -> Callable[[bytes], bytes]:
    """Return a function that decrypts encrypted data, and returns other data unchanged.

    It raises SmsError if the vault password is missing or wrong.
    """
    vault = loader._vault

    def decrypt(data: bytes) -> bytes:
        if not vault.is_encrypted(data):
            return data
        try:
            return vault.decrypt(data)
        except AnsibleError:
            raise SmsError(
                "The backup is encrypted: give its vault password (--vault-id or --ask-vault-pass)", code="bad_backup"
            ) from None

    return decrypt
