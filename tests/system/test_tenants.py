# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit with the tenants of a self-hosted SMS Gateway."""

from __future__ import annotations

import json
from typing import Any

from system.conftest import Accounts, url
from system.playing import Player

GATEWAY = "gateway.example.com:9443"
SECRETS = ("p4ssw0rd-of-a-tenant", "p4ssw0rd-of-nobody", "p4ssw0rd-of-the-gateway")


def tenant(number: str, **more: Any) -> dict[str, Any]:
    """Return a tenant, whose number stands in the file without a plus."""
    return {"tenantPhoneNumber": number.removeprefix("+"), "description": "One", **more}


def test_numbers_and_tenants_that_do_not_fit(play: Player, accounts: Accounts) -> None:
    own = {"webHookCredentials": {"username": "twilio", "password": SECRETS[0]}}
    right, wrong, plain, lonely = (
        accounts.number(sms_url=url(password, GATEWAY, "twilio"))
        for password in (SECRETS[0], SECRETS[1], SECRETS[2], SECRETS[2])
    )
    nobody = "+15559990001"
    file = play.folder / "tenantConfig.json"
    rows = [tenant(right, **own), tenant(wrong, **own), tenant(plain), tenant(nobody, **own)]
    file.write_text(json.dumps({"tenants": rows}))
    given = {
        "connect_sms_receiver_host": GATEWAY,
        "connect_sms_username": "twilio",
        "connect_sms_password": SECRETS[2],
        "connect_sms_tenants_file": str(file),
    }
    run = play("-e", "audit_fail_on=no_tenant", playbook="audit_sms", variables=given, secrets=SECRETS)
    assert (run.code, run.writes) == (2, []), run.output
    lines = dict(line.split()[:2] for line in run.stdout.splitlines() if line.strip().startswith("+1"))
    assert lines == {
        right: "connected",
        plain: "connected",
        wrong: "wrong_password",
        lonely: "no_tenant",
        nobody: "tenant_without_number",
    }
    assert not [name for name in run.operations if name.startswith(("iam.", "rc."))], (
        "a gateway's password is not for IAM"
    )

    file.write_text('{"tenants": [{"webHookCredentials": {"password": "' + SECRETS[0] + '"}}]}')
    run = play(playbook="audit_sms", variables=given, secrets=SECRETS)
    assert (run.code, run.requests) == (2, []), run.output
    assert "tenant 1: tenantPhoneNumber" in run.output
