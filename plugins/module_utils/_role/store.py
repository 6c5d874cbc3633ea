# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""API keys for the user's own tasks to store: which ones, and the error message if they fail. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .._http.errors import join
from .steps import Results

NOTHING = "store/nothing.yml"  # beside the task that includes it


def keys_to_store(plan: Mapping[str, Any], found: Results) -> list[dict[str, Any]]:
    """Return the files to include as ``tasks``, and ``sms_key`` (secret) if a key was created.

    :param found: the results of ``iva_credential``, in the order of the plan's ``credentials``
    """
    return [
        {
            "tasks": path,
            "sms_key": {
                "api_key": result["api_key"],
                **{"credential": result["credential"]["name"]},
                **{name: result["credential"].get(name) for name in ("instance", "region")},
            },
        }
        for item, result in _made(plan, found)
        for path in item["store"]
    ] or [{"tasks": NOTHING}]


def not_stored(plan: Mapping[str, Any], found: Results, task: str) -> str:
    """Return the error message if the user's tasks failed.

    :param task: the name of the task that failed, if known
    """
    made = [
        f"'{result['credential']['name']}' ({result['credential']['guid']}) on {result['credential'].get('instance')}"
        for _item, result in _made(plan, found)
    ]
    files = list(dict.fromkeys(path for item, _result in _made(plan, found) for path in item["store"]))
    failed = f" (task '{task}' failed)" if task else ""
    return (
        f"the new API key was not stored by {join(files, ', ')}{failed}, so no number was touched. The new service credential"
        f" {join(made, ', ')} is kept, and nothing uses it: delete it in IBM Cloud, or store its key yourself, and run again"
    )


def _made(plan: Mapping[str, Any], found: Results) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield the credentials that this run has created and whose key has to be stored, each with its result."""
    for item, result in zip(plan["credentials"], found, strict=False):
        if result.get("api_key_source") == "created" and item.get("store") and not plan["dry_run"]:
            yield item, result
