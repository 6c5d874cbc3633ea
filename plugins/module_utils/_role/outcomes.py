# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results of a batch, for each of its hosts, and in one line for all of them. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .._http.errors import NAMED, join
from .._http.urls import place, printable
from .._module.packed import from_text, pack, to_text, unpack
from .._twilio.decision import why_nothing
from .._twilio.webhook import diff_header
from .channels import in_words
from .steps import Refusals, Results, blocked, found_for, groups_of, not_due, numbers_in, to_be_created

LISTED = 1000  # maximum number of entries in a report; beyond it, only those that need attention
STRIKING = ("failed", "overridden")
STATUSES = {"changed": "changed", "unchanged": "unchanged", "overridden": "overridden", "failed": "failed"}
_UNTOUCHED = {"sid": None, "changed": False, "overridden_by": None, "via": None, "before": None, "after": None}


class Batch(NamedTuple):
    """A plan and the results of its steps, in the order of its accounts or credentials."""

    plan: Mapping[str, Any]
    looked: Results  # of twilio_sms_webhook_info
    found: Results  # of iva_credential
    done: Results  # of twilio_sms_webhook
    ended: Results = []  # of iva_credential at the end of a disconnect

    @property
    def credentials(self) -> Results:
        """:attr:`found`, except for a disconnect, which ignores what an earlier part of the play found."""
        return found_for(self.plan, self.found)


def both_passes(first: Results, second: Results) -> list[Mapping[str, Any]]:
    """Return the results of two passes over the same accounts as one.

    A number that the first pass changed is changed, even if the second pass found it as wanted.

    :param first: results of ``twilio_sms_webhook`` of a pass whose credential another run retired meanwhile, or none
    :param second: those of the pass that followed
    """
    if not first:
        return list(second)
    return [_one_of(*pair) for pair in zip(first, second, strict=True)]


def _one_of(first: Mapping[str, Any], second: Mapping[str, Any]) -> Mapping[str, Any]:
    if not second:  # it could not do anything here, so what the first has set is of a retired credential
        return {name: value for name, value in first.items() if name != "entries"}
    if "entries" not in first or "entries" not in second:
        return second
    before = {entry["phone_number"]: entry for entry in from_text(first["entries"]) if entry["changed"]}
    entries = []
    for entry in from_text(second["entries"]):
        earlier = before.get(entry["phone_number"])
        if earlier:
            status = "changed" if entry["status"] == "unchanged" else entry["status"]
            entry = {**entry, "changed": True, "status": status, "before": earlier["before"]}
        entries.append(entry)
    services = {service["sid"]: service for service in first.get("services", ()) if service["changed"]}
    services |= {
        each["sid"]: each for each in second.get("services", ()) if each["changed"] or each["sid"] not in services
    }
    told = {name: [*first.get(name, ()), *second.get(name, ())] for name in ("diff", "warnings")}
    return {**second, **told, "entries": to_text(entries), "services": list(services.values())}


def numbers_outcome(batch: Batch, host: str | None = None) -> dict[str, Any]:
    """Return the results of one host's numbers, or of the whole batch's, as a task's result without secrets.

    :param host: a host of the batch; by default all of them
    :returns: ``changed``, ``failed``, ``msg``, ``numbers``, and ``diff`` and ``warnings`` if there are any. A failure
        lists only the numbers that failed
    """
    plan = batch.plan
    hosts = [host] if host else list(dict.fromkeys([*plan["numbers"], *plan["errors"]]))
    asked = {number for name in hosts for number in plan["numbers"].get(name, ())}
    problems = [plan["errors"][name] for name in hosts if name in plan["errors"]]
    entries = _entries(batch, asked)
    failed = [entry for entry in entries if entry["status"] == "failed"]
    written = unpack(plan.get("written") or pack({})) if failed else {}
    problems += [_line(entry, written) for entry in failed]
    services = _services(batch, hosts if host else None)
    problems += [text for text in _broken(services) if not any(text in problem for problem in problems)]
    for reason, numbers in _unreported(batch, asked - {entry["phone_number"] for entry in entries}, host).items():
        problems.append(f"{join(numbers, ', ')}: {reason}")
        entries += _untouched(numbers, reason)
    for name in hosts:
        entries += _untouched(plan.get("unplanned", {}).get(name, []), plan["errors"].get(name, ""))
    result = {
        "changed": any(entry["changed"] for entry in (*entries, *services)),
        "failed": bool(problems),
        "msg": join(list(dict.fromkeys(problems)), "; ") or _told(entries),
        "numbers": entries,
        **({"services": services} if services else {}),
    }
    diffs = _diffs(batch, asked, services)
    if result["failed"]:
        result["numbers"] = [entry for entry in entries if entry["status"] == "failed"]
    elif len(entries) > LISTED:
        result["numbers"] = [entry for entry in entries if entry["status"] in STRIKING]
    return {**result, **({"diff": diffs} if diffs else {})}


def batch_warnings(batch: Batch) -> list[str]:
    """Return the modules' warnings, each once."""
    results = [*batch.looked, *batch.done]
    return list(dict.fromkeys(str(warning) for result in results for warning in result.get("warnings", ())))


def summary_line(batch: Batch, entry_point: str, files: list[str] | None = None) -> str:
    """Return the results of the whole batch, in one line for the console.

    :param files: the records of previous settings
    """
    asked = {number for numbers in batch.plan["numbers"].values() for number in numbers}
    counts = Counter(entry["status"] for entry in _entries(batch, asked))
    counts["failed"] += len(asked) - counts.total()
    done = {"main": "connected", "rotate": "moved to the new key", "disconnect": "disconnected", "restore": "restored"}
    words = {**STATUSES, "changed": done.get(entry_point, "changed")}
    if batch.plan.get("dry_run"):
        words["changed"] = f"would be {words['changed']}"
    told = ", ".join(f"{counts[status]} {word}" for status, word in words.items() if counts[status])
    told += _of_services(_services(batch, None), dry_run=bool(batch.plan.get("dry_run")))
    lost = f"; {len(batch.plan['errors'])} hosts could not be planned" if batch.plan["errors"] else ""
    return "; ".join([(told or "no phone numbers") + lost, *_agents(batch), *_recorded(files or [])])


def credentials_outcome(plan: Mapping[str, Any], found: Results) -> dict[str, Any]:
    """Return the results of a batch's service credentials, as a task's result without secrets.

    :param plan: the result of :func:`plan.credential_plan`
    :param found: the results of ``iva_credential``
    :returns: ``changed``, ``failed``, ``msg``, ``credentials``, and ``diff`` if something changes
    """
    problems = list(dict.fromkeys([*plan["errors"].values(), *([plan["stopped"]] if plan.get("stopped") else [])]))
    texts, entries, diffs = [], [], []
    for request, result in zip(plan["credentials"], found, strict=False):
        if "credential" not in result:
            problems.append(f"service credential {request['label']}: {result.get('msg', 'no result')}")
            continue
        entry = {**result["credential"], "changed": bool(result.get("changed"))}
        entries.append(entry)
        texts.append(f"service credential {request['label']}: {_state_in_words(result)}")
        diffs += [result["diff"]] if entry["changed"] and result.get("diff") else []
    return {
        "changed": any(entry["changed"] for entry in entries),
        "failed": bool(problems),
        "msg": join(problems or texts or ["no host needs a service credential"], "; "),
        "credentials": entries,
        **({"diff": diffs} if diffs else {}),
    }


def credentials_line(found: Results) -> str:
    """Return the results of a batch's service credentials, in one line for the console."""
    texts = [f"{_agent(one['credential'])} {_state_in_words(one)}" for one in found if "credential" in one]
    return join(texts, "; ") or "no host needs a service credential"


def _state_in_words(result: Mapping[str, Any]) -> str:
    credential = result["credential"]
    if to_be_created(result):
        return "would be created"
    if result.get("changed"):
        return f"created ({credential['guid']})"
    if not credential["readable"]:
        return f"exists ({credential['guid']}), but its API key cannot be read by this identity"
    return f"exists ({credential['guid']})"


def _entries(batch: Batch, asked: set[str]) -> list[dict[str, Any]]:
    """Return the entries of the numbers *asked* for that were updated, or needed no update."""
    entries = [entry for result in batch.done for entry in from_text(result.get("entries", ""), asked)]
    msg = "unchanged: the API key is younger than connect_sms_max_age"
    idle = [
        {**_UNTOUCHED, "phone_number": number, "status": "unchanged", "msg": group.get("idle") or msg}
        for account in batch.plan["accounts"]
        for group in account["webhooks"]
        if not_due(group, batch.credentials)
        for number in numbers_in(group)
        if number in asked
    ]
    return entries + idle


def _untouched(numbers: list[str], reason: str) -> list[dict[str, Any]]:
    """Return the entries of numbers for which nothing was attempted."""
    msg = reason if len(numbers) <= NAMED else "not touched: the message of the task says why"
    return [{**_UNTOUCHED, "phone_number": number, "status": "failed", "msg": msg} for number in numbers]


def _unreported(batch: Batch, missing: set[str], host: str | None) -> dict[str, list[str]]:
    """Return the numbers that were never updated, by reason.

    If a whole account or credential failed, the first host concerned has the full message, and the others refer to it.
    """
    reasons: dict[str, list[str]] = {}
    if not missing:
        return reasons
    results = {id(account): result for account, result in zip(batch.plan["accounts"], batch.done, strict=False)}
    refusals = Refusals()
    for whole in groups_of(batch.plan, batch.looked):
        account, look, group, snapshot = whole.account, whole.look, whole.group, whole.snapshot
        for number in numbers_in(group) if missing else ():
            if number not in missing:
                continue
            shared: Mapping[str, Any] | None = account
            if snapshot is None:
                reason = look.get("msg")
            elif nothing := why_nothing(snapshot, account):
                reason = nothing
            elif own := refusals.of(number, whole):
                reason, shared = own, None
            elif stopped := blocked(group, batch.plan, batch.credentials):
                reason, shared = stopped
            else:
                reason = results[id(account)].get("msg")
            if shared and host and shared["first_host"] != host:
                reason = f"not touched, for the same reason as host {shared['first_host']} ({shared['label']})"
            reasons.setdefault(str(reason or "no result"), []).append(number)
    return reasons


def _services(batch: Batch, hosts: list[str] | None) -> list[Mapping[str, Any]]:
    """Return the results of services. Those of an account are reported once, by the first of its hosts.

    :param hosts: the hosts whose accounts to report; by default all
    """
    results = zip(batch.plan["accounts"], batch.done, strict=False)
    mine = [result for account, result in results if hosts is None or account["first_host"] in hosts]
    return [service for result in mine for service in result.get("services", ())]


def _words(service: Mapping[str, Any]) -> str:
    kind = "Messaging Service" if service["kind"] == "messaging_service" else "Conversations address configuration"
    return f"{kind} '{service['name']}' ({service['sid']})"


def _broken(services: list[Mapping[str, Any]]) -> list[str]:
    return [f"{_words(service)}: {service['msg']}" for service in services if service["status"] == "failed"]


def _diffs(batch: Batch, asked: set[str], services: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    headers = {diff_header(number) for number in asked} | {_words(service) for service in services}
    return [diff for result in batch.done for diff in result.get("diff", ()) if diff["before_header"] in headers]


def _of_services(services: list[Mapping[str, Any]], *, dry_run: bool) -> str:
    """Return the counts of changed services, for the end of the summary."""
    texts = []
    for kind, words in (("messaging_service", "Messaging Services"), ("conversation", "Conversations addresses")):
        count = sum(1 for service in services if service["changed"] and service["kind"] == kind)
        if count:
            texts.append(f"; {count} {words} {'would be ' if dry_run else ''}changed")
    return "".join(texts)


def _agents(batch: Batch) -> Iterator[str]:
    """Describe the agents: each credential with its instance, and the receivers."""
    yield from (_agent(result["credential"]) for result in batch.credentials if "credential" in result)
    yield from dict.fromkeys(_ended(batch))
    yield from in_words(batch.plan)
    groups = [group for account in batch.plan["accounts"] for group in account["webhooks"]]
    hosts = dict.fromkeys(host for group in groups if (host := _receiver_of(group)))
    yield from dict.fromkeys(group["idle"] for group in groups if group.get("idle"))
    if hosts:
        yield f"receiver {join(list(hosts), ', ')}"


def _agent(credential: Mapping[str, Any]) -> str:
    where = f" in {credential['region']}" if credential.get("region") else ""
    instance, name = printable(str(credential["instance"])), printable(str(credential["name"]))
    return f"instance '{instance}'{where}, credential '{name}'"


def _ended(batch: Batch) -> Iterator[str]:
    """Describe what became of each credential in a disconnect."""
    deleted = "would be deleted" if batch.plan.get("dry_run") else "deleted"
    for result in batch.ended:
        if "credential" in result and (result.get("kept") or result.get("changed")):
            yield f"{_agent(result['credential'])} {'kept' if result.get('kept') else deleted}"


def _receiver_of(group: Mapping[str, Any]) -> str | None:
    """Return the host of a group's receiver. Everything else in a URL may be a secret. A channel has a name instead."""
    if group.get("host") or group.get("channel") is not None:
        return group.get("host")
    where = place(group.get("url") or "")
    return where[1] if where else None


def _recorded(files: list[str]) -> Iterator[str]:
    if files:
        yield f"previous settings are in {join(files, ', ')}"


def _told(entries: list[dict[str, Any]]) -> str:
    if len(entries) <= NAMED:
        return join([_line(entry) for entry in entries], "; ") or "no phone numbers"
    counts = Counter(entry["status"] for entry in entries)
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def _line(entry: Mapping[str, Any], written: Mapping[str, str] | None = None) -> str:
    number = entry["phone_number"]
    shown = (written or {}).get(number)
    return f"{shown} (read as {number}): {entry['msg']}" if shown else f"{number}: {entry['msg']}"
