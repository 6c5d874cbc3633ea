# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit as a self-contained web page."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timezone
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..module_utils._http.times import from_iso
from ..module_utils._role.audit import ERRORS, STATUSES, counted, recent_errors
from ..module_utils._role.audit_report import ADVICE, HEADER, state_of

FIRST = 200  # numbers in the initial layout, because thousands take seconds
ERRORS_MEANING = "the webhook had errors in the last days; those since a number's last change are highlighted"
WARNED = "connected, with errors"
#: Minimum number of audits for the line of connected numbers over time.
PAST = 10
_TWILIO, _IBM = "https://console.twilio.com/us1", "https://cloud.ibm.com"


def as_page(
    report: Mapping[str, Any],
    role_path: str,
    *,
    options: Iterable[str] | None = (),
    inventory: Iterable[str] = (),
) -> str:
    """Return the page.

    The content security policy allows only the page's own script and style, and no loading. So a phone number's name,
    which others can set, can do no harm.

    :param report: what :func:`audit_report.make_report` returned, as in ``audit.json``
    :param role_path: folder of the role, which has the template
    :param options: command-line options for numbers that are not hosts of an inventory; ``None`` if they would contain a
        secret
    :param inventory: the inventories of hosts, as paths for a command line
    """
    environment = Environment(
        loader=FileSystemLoader(os.path.join(role_path, "templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(when=when, words=words, counted=counted, recent=recent_errors)
    accounts = list(dict.fromkeys(row["account_sid"] for row in report["numbers"] if row["account_sid"]))
    region = next(iter(Counter(row["region"] for row in report["numbers"] if row["region"]).most_common(1)), (None,))[0]
    settings = {
        "header": HEADER,
        "accounts": accounts,
        "region": region,
        "options": None if options is None else shlex.join(options),
        "inventory": shlex.join(part for each in inventory for part in ("-i", each)),
    }
    page = environment.get_template("audit.html.j2").render(
        report=report,
        meanings={**STATUSES, ERRORS: ERRORS_MEANING},
        warned=WARNED,
        advice=ADVICE,
        first=FIRST,
        changes=_changes(report),
        accounts=accounts,
        region=region,
        bar=shares(report["numbers"]),
        past=past(report["history"]),
        settings=Markup(json.dumps(settings).replace("<", "\\u003c")),  # nothing in it ends the element
        number_link=f"{_TWILIO}/develop/phone-numbers/manage/incoming/",
        service_link=f"{_TWILIO}/service/sms/",
        instance_link=instance_link,
        policy=Markup("POLICY"),
    )
    return page.replace("POLICY", _policy(page), 1)


def when(text: Any) -> str:
    """Return a readable time in UTC: ``25 Nov 2026, 18:02``. Anything that is not a time is returned unchanged."""
    moment = from_iso(text)
    if moment is None:
        return str(text)
    moment = moment.astimezone(timezone.utc) if moment.tzinfo else moment
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def words(status: str) -> str:
    """Return a readable status."""
    return status.replace("_", " ")


def shares(numbers: Iterable[Mapping[str, Any]], width: int = 1000) -> list[tuple[str, float, float]]:
    """Return the segments of a bar chart: status, start and width of each, the worst first.

    Each segment is wide enough to be visible.
    """
    counts = Counter(state_of(row) for row in numbers)
    shown = [(state, counts[state]) for state in [*list(STATUSES)[:-1], "warned", "connected"] if counts[state]]
    least = width / 100
    total = sum(max(count * width / sum(counts.values()), least) for _state, count in shown)
    pieces, start = [], 0.0
    for state, count in shown:
        size = max(count * width / sum(counts.values()), least) * width / total
        pieces.append((state, round(start, 2), round(size, 2)))
        start += size
    return pieces


def past(history: list[Mapping[str, Any]], width: int = 240, height: int = 36) -> dict[str, Any] | None:
    """Return the line of connected numbers over time, ``None`` if there are too few audits."""
    if len(history) < PAST:
        return None
    shares = [each["connected"] / each["numbers"] if each["numbers"] else 0.0 for each in history]
    step = width / (len(shares) - 1)
    points = [f"{round(step * place, 1)},{round(height - share * height, 1)}" for place, share in enumerate(shares)]
    return {"points": " ".join(points), "first": history[0], "last": history[-1], "count": len(history)}


def instance_link(crn: str | None) -> str | None:
    """Return the URL of an instance's service credentials in IBM Cloud's console."""
    service = (crn or "").split(":")[4:5]
    return (
        f"{_IBM}/services/{quote(service[0], safe='')}/{quote(str(crn), safe='')}?paneId=credentials"
        if service
        else None
    )


def _changes(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the changes since the previous audit, by number: ``new``, or the previous status."""
    since = report["since"] or {"new": (), "changed": ()}
    return {**dict.fromkeys(since["new"], "new"), **{each["phone_number"]: each["was"] for each in since["changed"]}}


def _policy(page: str) -> str:
    """Return a policy that allows the page's script and style by their hashes."""
    parts = []
    for element in ("script", "style"):
        hashes = []
        for text in re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            hashes.append(f"'sha256-{digest}'")
        parts.append(f"{element}-src {' '.join(hashes)}")
    return "; ".join(["default-src 'none'", *parts, "base-uri 'none'", "form-action 'none'"])
