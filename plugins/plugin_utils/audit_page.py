# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit as one web page that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..module_utils._role.audit import ERRORS, STATUSES


def as_page(report: Mapping[str, Any], role_path: str) -> str:
    """Return the page.

    The content security policy lets nothing run but the page's own script and style, and nothing be loaded: what a
    phone number is named by others cannot do harm there.

    :param report: ``generated_at``, ``summary``, ``notes`` and ``numbers``, as in ``audit.json``
    :param role_path: folder of the role, which has the template
    """
    folder = os.path.join(role_path, "templates")
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("audit.html.j2").render(
        report=report, statuses=STATUSES, errors=ERRORS, policy=Markup("POLICY")
    )
    return page.replace("POLICY", _policy(page), 1)


def _policy(page: str) -> str:
    """Return a policy that knows the page's script and style by their hashes."""
    parts = []
    for element in ("script", "style"):
        hashes = []
        for text in re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            hashes.append(f"'sha256-{digest}'")
        parts.append(f"{element}-src {' '.join(hashes)}")
    return "; ".join(["default-src 'none'", *parts, "base-uri 'none'", "form-action 'none'"])
