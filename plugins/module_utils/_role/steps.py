# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Computes the items of each of the role's tasks from the plan and the results of earlier tasks. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from .._http.errors import join
from .._http.urls import password_of
from .._ibm.credential import is_retired
from .._ibm.receiver import PATH, is_api_key
from .._module.packed import pack, unpack, unpack_snapshot
from .._twilio.decision import Decision, decide, why_not, why_nothing
from .._twilio.holders import describe_holder
from .._twilio.overrides import service_settings
from .._twilio.services import Verdict, put_back, recorded_changes, services_verdict
from .._twilio.snapshot import Snapshot
from .._twilio.webhook import FIELDS, SERVICE_FIELDS, URLS, in_service
from .plan import BEHAVIOUR, ibm_keys

MAX_CANDIDATES = 20  # each takes a request to IAM if the credential's key cannot be read
PLACEHOLDER = "KEY-TO-BE-CREATED"  # the API key in a dry run that would create the credential
URL = "__connect_sms_url"  # the fact in which a task of the role stores each receiver's URL
Results = list[Mapping[str, Any]]  # of a module, in the order of the plan's ``accounts`` or ``credentials``


class Group(NamedTuple):
    """Numbers of an account that get the same webhook, with the results of their account."""

    account: Mapping[str, Any]
    look: Mapping[str, Any]  # the result of twilio_sms_webhook_info
    group: Mapping[str, Any]
    snapshot: Snapshot | None  # None if the account could not be read


def groups_of(plan: Mapping[str, Any], looked: Results) -> Iterator[Group]:
    """Yield every group of every account, with the results of its account."""
    for account, look in zip(plan["accounts"], looked, strict=False):
        snapshot = unpack_snapshot(look["snapshot"]) if "snapshot" in look else None
        for group in account["webhooks"]:
            yield Group(account, look, group, snapshot)


class Decisions(NamedTuple):
    """The decisions about an account: about its numbers, and what services mean for them."""

    numbers: dict[str, Decision]
    verdict: Verdict


def decisions_on(account: Mapping[str, Any], snapshot: Snapshot) -> Decisions:
    """Return what ``twilio_sms_webhook`` will do with an account.

    :param account: one of those that :func:`webhooks` returned
    """
    if "restore" in account:
        wanted = {place: one for place, one in unpack(account["restore"]).items() if place.startswith("+")}
        verdict = Verdict()
    else:
        wanted = {number: group for group in account["webhooks"] for number in numbers_in(group)}
        verdict = services_verdict(snapshot, wanted, account)
    return Decisions({n: decide(n, one, snapshot, verdict, account) for n, one in wanted.items()}, verdict)


def numbers_in(group: Mapping[str, Any]) -> list[str]:
    """Return the phone numbers of a group."""
    return group["phone_numbers"].split(",") if group["phone_numbers"] else []


def found_for(plan: Mapping[str, Any], found: Results) -> Results:
    """Return the results of ``iva_credential``. A disconnect has none: they are of an earlier part of the play."""
    return [] if any(account["state"] == "absent" for account in plan["accounts"]) else found


def credential_requests(plan: Mapping[str, Any], looked: Results | None = None) -> list[dict[str, Any]]:
    """Return the plan's credentials with additions from reading the numbers.

    ``needed`` is false if no number can be connected with the credential, so that it is not created in vain.
    ``wait`` is true if numbers are in service now, because these must not get a key that IAM does not accept yet.
    The passwords of current webhooks are added to the candidates, for credentials whose key cannot be read.

    In a second pass, no key is too young: numbers hold one that another run has retired.

    :param looked: the results of ``twilio_sms_webhook_info``; without them all credentials are needed, and their keys
        must work at the end of the run
    """
    if looked is None:
        return [{**one, "other_api_keys": [], "needed": True, "wait": True} for one in plan["credentials"]]
    requests = [{**one, "other_api_keys": [], "needed": False, "wait": "max_age" in one} for one in plan["credentials"]]
    if plan.get("second_pass"):
        requests = [{name: value for name, value in one.items() if name != "max_age"} for one in requests]
    refusals = Refusals()
    for whole in groups_of(plan, looked):
        group, snapshot = whole.group, whole.snapshot
        usable = [number for number in numbers_in(group) if not refusals.of(number, whole)]
        for index in group["credentials"] if usable else ():
            request = requests[index]
            settings = _present_settings(group, usable, snapshot) if snapshot else []
            found = {password_of(one[name]) for one in settings for name in URLS}
            new = sorted(str(key) for key in found if is_api_key(key) and key not in request["candidate_api_keys"])
            request.update(
                needed=True,
                wait=request["wait"]
                or any(in_service(one) for one in settings)
                or any(_taken_until_repaired(number, whole) for number in usable),
                candidate_api_keys=request["candidate_api_keys"] + new[:MAX_CANDIDATES],
            )
            shared = _shared_keys(whole, usable) if snapshot else set()
            request["other_api_keys"] = sorted(shared.union(request["other_api_keys"]))[:MAX_CANDIDATES]
    return requests


def _taken_until_repaired(number: str, whole: Group) -> bool:
    """Whether a service or a conversation takes a number's texts somewhere now, and a repair will end that."""
    snapshot = whole.snapshot
    if snapshot is None or whole.account["on_override"] != "repair" or number not in (snapshot.overrides or {}):
        return False
    service = snapshot.service_of(number)
    return not service or bool(service["url"])


def _shared_keys(whole: Group, numbers: list[str]) -> set[str]:
    """Return the API keys of services that carry *numbers* and others that are not in this run.

    A receiver serves many agents, and only the key shows which of them the service leads to.
    """
    snapshot, wanted = whole.snapshot, places_of(whole.group)
    if snapshot is None:
        return set()
    mine = set(whole.account["phone_numbers"].split(","))
    carriers = {one["sid"]: one for number in numbers if (one := snapshot.carrier_of(number, wanted))}
    shared = [one for one in carriers.values() if not mine.issuperset(one["pool"])]
    urls = [one[name] for one in shared for name in URLS]
    if whole.account["on_override"] == "repair":  # from now on their own webhooks count
        services = {one["sid"]: one for number in numbers if (one := snapshot.service_of(number))}
        urls += [other["url"] for one in services.values() for other in one["others"] or ()]
    return {key for url in urls if is_api_key(key := password_of(url) or "")}


def _judged_keys(plan: Mapping[str, Any], looked: Results, found: Results, what: str) -> list[set[str]]:
    """Return for each credential which keys of other senders IBM Cloud knows to be ``foreign`` or ``dead``."""
    places = [result.get(what, ()) for result in found]
    if not any(places):
        return [set() for _credential in plan["credentials"]]
    requests = credential_requests(plan, looked)
    return [{one["other_api_keys"][index] for index in indexes} for one, indexes in zip(requests, places, strict=False)]


def _passwords(group: Mapping[str, Any], foreign: list[set[str]], dead: list[set[str]]) -> dict[str, list[str]]:
    """Return the facts about others' keys, as options of a group. Each of its regions has its own key."""
    ours = group["credentials"]
    told = {
        "foreign_passwords": set.intersection(*(foreign[index] for index in ours)) if ours else set(),
        "dead_passwords": set[str]().union(*(dead[index] for index in ours)),
    }
    return {name: sorted(keys) for name, keys in told.items() if keys}


def _present_settings(group: Mapping[str, Any], numbers: list[str], snapshot: Snapshot) -> list[Mapping[str, str]]:
    """Return the webhooks of numbers, and those of the services that send their texts to the wanted receiver."""
    wanted = places_of(group)
    carriers = {one["sid"]: one for number in numbers if (one := snapshot.carrier_of(number, wanted))}
    services = [{**dict.fromkeys(FIELDS, ""), **{name: one[name] for name in URLS}} for one in carriers.values()]
    return [*(snapshot.numbers[number].settings for number in numbers), *services]


def receivers(plan: Mapping[str, Any], found: Results) -> list[dict[str, str]]:
    """Return each distinct receiver with its credentials (secret), as arguments of the filter ``receiver_url``.

    :param found: the results of ``iva_credential``
    """
    groups = [group for account in plan["accounts"] if account["state"] == "present" for group in account["webhooks"]]
    doors = dict.fromkeys(door for group in groups for door in _doors(group, plan, found))
    return [{"receiver_host": host, "username": username, "api_key": key} for host, username, key in doors]


def _doors(group: Mapping[str, Any], plan: Mapping[str, Any], found: Results) -> list[tuple[str, str, str]]:
    """Return host, user name and key of a group's receiver, then of its fallback; none if no URL has to be built."""
    if group.get("url") or not group.get("host") or blocked(group, plan, found) or not_due(group, found):
        return []
    keys = [PLACEHOLDER if to_be_created(found[i]) else found[i]["api_key"] for i in group["credentials"]]
    keys = keys or [group["password"]]
    hosts = [(group["host"], keys[0])] + ([(group["fallback_host"], keys[-1])] if group["fallback_host"] else [])
    return [(host, group["username"], key) for host, key in hosts]


def with_urls(plan: Mapping[str, Any], found: Results, built: Results | None) -> Mapping[str, Any]:
    """Return the plan with the URLs of its receivers in its groups.

    :param built: the results of ``set_fact`` with :data:`URL` for :func:`receivers`, in order
    """
    wanted = receivers(plan, found)
    if not wanted:
        return plan  # even if there are results of an earlier part of the play
    urls = {tuple(one.values()): each["ansible_facts"][URL] for one, each in zip(wanted, built or (), strict=True)}

    def with_url(group: Mapping[str, Any]) -> Mapping[str, Any]:
        first, *second = [urls[door] for door in _doors(group, plan, found)] or [group.get("url")]
        return {**group, "url": first, "fallback_url": second[0] if second else None}

    accounts = [{**one, "webhooks": [with_url(group) for group in one["webhooks"]]} for one in plan["accounts"]]
    return {**plan, "accounts": accounts}


def webhooks(plan: Mapping[str, Any], looked: Results, found: Results | None = None) -> list[dict[str, Any]]:
    """Return the plan's accounts with their webhooks, for ``twilio_sms_webhook``.

    Groups whose credential is not available are left out; :mod:`outcomes` reports why. To disconnect, only the places of
    the URLs matter, and no credential is needed.

    :param plan: as :func:`with_urls` returned it
    :param looked: the results of ``twilio_sms_webhook_info``
    :param found: the results of ``iva_credential``
    """
    accounts, found = [], found_for(plan, found or [])
    foreign, dead = (_judged_keys(plan, looked, found, what) for what in ("foreign", "dead"))
    for account, look in zip(plan["accounts"], looked, strict=False):
        groups = []
        for group in account["webhooks"] if "snapshot" in look else ():
            if "restore" in account:
                groups.append({"phone_numbers": group["phone_numbers"]})
            elif group.get("problem") or plan.get("stopped"):
                continue
            elif account["state"] == "absent":
                groups.append({"phone_numbers": group["phone_numbers"], **places_of(group)})
            elif not blocked(group, plan, found) and not not_due(group, found):
                more = _passwords(group, foreign, dead)
                groups.append({"phone_numbers": group["phone_numbers"], **_webhook(group), **more})
        accounts.append({**account, "webhooks": groups, "snapshot": look.get("snapshot")})
        if "restore" in account:
            accounts[-1]["restore"] = _with_refusals(account["restore"], plan["credentials"], found)
    return accounts


def due_changes(
    plan: Mapping[str, Any], looked: Results, found: Results
) -> Iterator[tuple[str, str, dict[str, dict[str, Any]]]]:
    """Yield the upcoming changes in accounts whose previous settings have to be recorded.

    :returns: folder, account SID, and the settings ``before`` and ``after``, including passwords, by number, and for
        services by SID
    """
    for account in webhooks(plan, looked, found):
        if not account["backup_dir"] or not account["snapshot"]:
            continue
        snapshot = unpack_snapshot(account["snapshot"])
        decided = decisions_on(account, snapshot)
        services = _restored_services(account, snapshot) if "restore" in account else recorded_changes(decided.verdict)
        numbers = {
            number: {"before": one.before, "after": one.after}
            for number, one in decided.numbers.items()
            if one.before != one.after
        }
        yield account["backup_dir"], snapshot.account_sid, {**dict(services), **numbers}


def _restored_services(account: Mapping[str, Any], snapshot: Snapshot) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the services that a restore will overwrite."""
    present = {service["sid"]: service_settings(service) for service in snapshot.services}
    enabled = {one["sid"] for one in snapshot.conversations.values()}
    for sid, change in unpack(account["restore"]).items():
        if sid.startswith("+"):
            continue
        if snapshot.overrides is None:
            present.setdefault(sid, change["after"])  # not known; the recorded settings are likely
        elif change["kind"] == "conversation":
            present[sid] = {"auto_creation_enabled": "true" if sid in enabled else "false"}
        due = put_back(sid, change, present.get(sid), force=account["force"])
        if due.fields:
            yield sid, {"kind": due.kind, "name": due.name, "before": due.before, "after": due.after}


def unknown_yet(plan: Mapping[str, Any]) -> tuple[Mapping[str, Any], Results]:
    """Return the plan, and placeholders for the results of ``iva_credential``, as if each credential were new."""
    found: Results = [{"changed": True, "credential": {"state": "absent"}} for _credential in plan["credentials"]]
    urls = (f"https://{PLACEHOLDER}@{one['receiver_host']}{PATH}" for one in receivers(plan, found))
    return with_urls(plan, found, [{"ansible_facts": {URL: url}} for url in urls]), found


def keys_in_use(
    looked: Results,
    planned: Results | None = None,
    problem: str | None = None,
    accounts: list[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the API keys in use in the accounts, and what uses them.

    :param looked: the results of ``twilio_sms_webhook_info`` with ``holders``
    :param planned: in a dry run, the result of :func:`webhooks`, treated as done
    :param problem: why not even the accounts are known, if so
    :param accounts: the plan's accounts that were read, and whether to delete what may be in use elsewhere
    :returns: ``keys`` (secret), ``holders`` (a list of descriptions for each key) and ``problem``: why not everything is
        known, so that no key counts as unused
    """
    users: dict[str, dict[str, Mapping[str, Any]]] = {}
    unseen: list[str] = []
    for look, account in zip(looked, accounts or [{}] * len(looked), strict=True):
        if problem or "holders" not in look:
            return {
                "keys": [],
                "holders": [],
                "problem": problem or str(look.get("msg", "an account could not be read")),
            }
        found = unpack(look["holders"])
        unseen += [] if account.get("delete_unseen") else [text for text in found["unseen"] if text not in unseen]
        for key, holders in found["keys"].items():
            if is_api_key(key):  # two credentials may have read the same account
                users.setdefault(key, {}).update({f"{one['account']} {one['sid']}": one for one in holders})
    if unseen:
        problem = f"these credentials cannot read {join(unseen, '; ')} (connect_sms_delete_unseen=true deletes anyway)"
    for account in planned or ():
        _take_for_done(users, account)
    named = {key: [describe_holder(one) for one in holders.values()] for key, holders in users.items() if holders}
    return {"keys": list(named), "holders": list(named.values()), "problem": problem}


def _take_for_done(users: dict[str, dict[str, Mapping[str, Any]]], account: Mapping[str, Any]) -> None:
    """Apply the planned changes of an account to the keys and their users."""
    if not account["snapshot"] or "restore" in account:
        return
    snapshot = unpack_snapshot(account["snapshot"])
    decided = decisions_on(account, snapshot)
    for number, one in decided.numbers.items():
        if one.before and one.after and not one.refusal:
            sid = snapshot.numbers[number].sid
            holder = {"kind": "number", "sid": sid, "name": number, "account": snapshot.account_sid}
            _move(users, holder, one.before, one.after, FIELDS)
    for change in decided.verdict.changes:
        if change.kind == "messaging_service":
            holder = {"kind": change.kind, "sid": change.sid, "name": change.name, "account": snapshot.account_sid}
            _move(users, holder, change.before, change.after, SERVICE_FIELDS)


def _move(
    users: dict[str, dict[str, Mapping[str, Any]]],
    holder: Mapping[str, Any],
    before: Mapping[str, str],
    after: Mapping[str, str],
    fields: Mapping[str, tuple[str, str]],
) -> None:
    """Move a holder from the keys in *before* to those in *after*; its other keys are not changed."""
    place = f"{holder['account']} {holder['sid']}"
    ours = {fields[name][1] for name in URLS}
    for name in URLS:
        held = users.get(str(password_of(before[name])), {})
        if place in held and set(held[place].get("fields", ())) <= ours:
            del held[place]
    for name in URLS:
        key = password_of(after[name])
        if key and is_api_key(key):
            users.setdefault(key, {})[place] = {**holder, "fields": [fields[name][1]]}


class Refusals:
    """Why numbers must be left alone. What is the same for all numbers of an account or a group is computed once."""

    def __init__(self) -> None:
        self._verdicts: dict[int, Verdict] = {}
        self._groups: dict[int, Callable[[str], str | None]] = {}

    def of(self, number: str, whole: Group) -> str | None:
        """Return why a number of a group must be left alone, for messages, or ``None``."""
        if id(whole.group) not in self._groups:
            self._groups[id(whole.group)] = self._of_group(whole)
        return self._groups[id(whole.group)](number)

    def _of_group(self, whole: Group) -> Callable[[str], str | None]:
        snapshot = whole.snapshot
        if snapshot is None:
            return lambda _number: "the account could not be read"
        if unknown := why_nothing(snapshot, whole.account):
            return lambda _number: unknown
        account = dict(whole.account)  # plain: each look into Ansible's own containers takes longer than a decision
        if not _leads_somewhere(whole.group):  # a restore, or the receiver is not known yet
            account["on_override"] = "ignore"
            return lambda number: why_not(number, {}, snapshot, Verdict(), account)
        wanted, verdict = places_of(whole.group), self._verdict(whole.account, snapshot)
        return lambda number: why_not(number, wanted, snapshot, verdict, account)

    def _verdict(self, account: Mapping[str, Any], snapshot: Snapshot) -> Verdict:
        if id(account) not in self._verdicts:
            groups = [group for group in account["webhooks"] if _leads_somewhere(group)]
            wanted = {
                number: places for group in groups for places in [places_of(group)] for number in numbers_in(group)
            }
            self._verdicts[id(account)] = services_verdict(snapshot, wanted, account)
        return self._verdicts[id(account)]


def blocked(
    group: Mapping[str, Any], plan: Mapping[str, Any], found: Results
) -> tuple[str, Mapping[str, Any] | None] | None:
    """Return why a group's webhook is not available, and the plan's item that causes it, or ``None``."""
    if plan.get("stopped"):
        return plan["stopped"], {"first_host": next(iter(plan["numbers"])), "label": "the new API key"}
    if group.get("problem"):
        return group["problem"], plan["channels"][group["channel"]] if group.get("channel") is not None else None
    for index in group["credentials"] if found else ():
        result, name = found[index], plan["credentials"][index]["label"]
        if "credential" not in result:
            return str(result.get("msg", "no result")) + _what_to_run(result), plan["credentials"][index]
        if not is_api_key(result.get("api_key")) and not to_be_created(result):
            once = result["credential"].get("one_time")
            why = "was shown only once, when it was created" if once else "is hidden from this identity (redacted)"
            return (
                f"the API key of service credential {name} {why}, and no given key belongs to it. Give the key as"
                " connect_sms_api_key, or replace the credential with the playbook rotate_sms_key",
                plan["credentials"][index],
            )
    return None


def not_due(group: Mapping[str, Any], found: Results) -> bool:
    """Whether no rotation is due for any credential of a group."""
    results = [found[index] for index in group["credentials"] if index < len(found)]
    return bool(group.get("idle")) or bool(results) and all(result.get("rotation_due") is False for result in results)


def to_be_created(result: Mapping[str, Any]) -> bool:
    """Whether this is a dry run's prediction. In a real run a changed credential exists."""
    return bool(result.get("changed")) and result["credential"].get("state") == "absent"


def _what_to_run(result: Mapping[str, Any]) -> str:
    """Return how to create a credential that this run was not allowed to create."""
    if (result.get("failure") or {}).get("code") != "missing_credential":
        return ""
    return (
        ". Run the playbook voiceagent.sms.ensure_sms_credential first, with the same region, instance and name"
        " (in a controller: the job template before this one), or connect with connect_sms_create_credential=true"
    )


def _webhook(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group's webhook, with the options for Twilio's behaviour if the receiver fails, if they are given."""
    behaviour = {name: group[name] for name in BEHAVIOUR if name in group}
    return {"url": group["url"], "method": "POST", "fallback_url": group.get("fallback_url"), **behaviour}


def _leads_somewhere(group: Mapping[str, Any]) -> bool:
    """Whether a group's receiver is known, unlike in an audit, or before its channel is found."""
    return "fallback_host" in group and bool(group["url"] or group["host"])


def places_of(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a group's texts should go, without the keys."""
    second = f"https://{group['fallback_host']}{PATH}" if group["fallback_host"] else None
    return {"url": group["url"] or f"https://{group['host']}{PATH}", "fallback_url": second}


def _with_refusals(restore: Mapping[str, Any], checks: Results, found: Results) -> str:
    """Return what to restore, as a string, with the reason for each number whose recorded key must not be used."""
    reasons: dict[str, str | None] = {}
    for check, result in zip(checks, found, strict=False):
        known = result.get("api_keys") or [{"accepted": None}] * len(check["api_keys"])
        reasons.update({key: _why_unusable(row) for key, row in zip(check["api_keys"], known, strict=True)})
    changes = {}
    for number, change in restore.items():
        why = [reasons.get(key, _why_unusable({})) for key in sorted(ibm_keys(change["before"]))]
        changes[number] = {**change, "refusal": next(filter(None, why), None)}
    return pack(changes)


def _why_unusable(row: Mapping[str, Any]) -> str | None:
    """Return why a recorded API key must not be restored, or ``None``.

    :param row: the entry of ``iva_credential_info`` about it
    """
    if row.get("accepted") is None:
        return "it is not known whether its recorded API key still works"
    if not row["accepted"]:
        return "its recorded API key is dead"
    if is_retired({"name": row.get("credential")}):
        return (
            f"its recorded API key is of the retired service credential '{row['credential']}' ({row.get('guid')}), which is"
            " deleted as soon as nothing is seen to hold it"
        )
    return None
