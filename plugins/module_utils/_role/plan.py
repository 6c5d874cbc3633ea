# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the variables of a batch's hosts to the least work for all of them, and back to each host's outcome. No I/O.

The role handles a play's whole batch at once: each distinct service credential is looked up once and each Twilio
account is listed once, whatever regions, instances and accounts the hosts belong to.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .._http.errors import NAMED, join
from .._http.urls import check_url, password_of, place
from .._ibm.receiver import HOSTS, PATH, USERNAME, build_url, host_for, is_api_key
from .._module.options import HTTP_OPTIONS, IBM_CLOUD_OPTIONS, TWILIO_OPTIONS
from .._module.packed import from_text, pack, unpack_snapshot
from .._numbers.notation import normalize_all
from .._twilio.snapshot import Snapshot, why_not
from .._twilio.webhook import URLS, connected, diff_header, disconnected, in_service

PREFIX = "connect_sms_"
# The role's variables behind the modules' options; those of both clouds share timeout and validate_certs.
IBM_VARIABLES = {name: PREFIX + name for name in IBM_CLOUD_OPTIONS}
TWILIO_VARIABLES = {name: PREFIX + ("" if name in HTTP_OPTIONS else "twilio_") + name for name in TWILIO_OPTIONS}
MAX_CANDIDATES = 20  # each is a request to IAM where the stored key cannot be read
LISTED = 1000  # how many numbers a report lists; of more, only those that somebody has to look at
STRIKING = ("failed", "overridden")
PLACEHOLDER = "KEY-TO-BE-CREATED"  # stands for the API key in a dry run that would create the credential

NO_NUMBERS = (
    "no phone numbers are given. Name them in one of three ways: an inventory whose hosts have phone_number (-i), the"
    " extra variable phone_number or phone_numbers (-e phone_number=+15551234567), or numbers_file, a CSV file with"
    " the numbers (-e numbers_file=numbers.csv)"
)


class Group(NamedTuple):
    """Numbers of an account that get the same webhook, and what is known of them."""

    account: Mapping[str, Any]
    look: Mapping[str, Any]  # the result of twilio_sms_webhook_info
    group: Mapping[str, Any]
    snapshot: Snapshot | None  # None where the account could not be read


def make_plan(
    hosts: Mapping[str, Mapping[str, Any]], problems: Mapping[str, str] | None = None, *, state: str = "present"
) -> dict[str, Any]:
    """Return the work for a batch.

    :param hosts: the role's variables (validated, ``None`` where not given) of each host, by host name
    :param problems: what is wrong with hosts that are therefore not in *hosts*, by host name
    :returns: ``credentials`` (the distinct service credentials to look up), ``accounts`` (the Twilio accounts, each
        with groups of numbers that get the same webhook), ``numbers`` (by host) and ``errors`` (by host); it holds
        the secrets of the variables. A group's ``phone_numbers`` are one text, see :mod:`entries`
    """
    credentials = Distinct()
    accounts = Distinct()
    numbers: dict[str, list[str]] = {}
    errors = dict(problems or {})
    webhooks: dict[tuple[int, str], tuple[str, Any]] = {}  # of a number in an account: who asked first, for what
    for host, values in hosts.items():
        try:
            receiver = _receiver(values)
            wanted = numbers_of(host, values)
            requests = [_credential_request(values, region) for region in receiver.pop("credential_regions")]
        except ValueError as error:
            errors[host] = str(error)
            continue
        account = accounts.add(
            {**account_of(values), "state": state}, label=account_label(values), webhooks={}, restore=None
        )
        webhook = {**receiver, "credentials": [credentials.add(**request) for request in requests]}
        clash = next((n for n in wanted if webhooks.setdefault((account, n), (host, webhook))[1] != webhook), None)
        if clash:
            errors[host] = (
                f"{clash} is also the phone number of host {webhooks[account, clash][0]}, with another receiver"
            )
            continue
        numbers[host] = wanted
        groups = accounts.items[account]["webhooks"]
        group = groups.setdefault(repr(sorted(webhook.items())), {**webhook, "phone_numbers": {}})
        group["phone_numbers"].update(dict.fromkeys(wanted))
        if values["connect_sms_api_key"]:
            for index in webhook["credentials"]:
                offered = credentials.items[index]["candidate_api_keys"]
                offered += [key for key in [values["connect_sms_api_key"]] if key not in offered]
    for item in accounts.items:
        groups = item["webhooks"].values()
        item["webhooks"] = [{**group, "phone_numbers": ",".join(group["phone_numbers"])} for group in groups]
    return {"credentials": credentials.items, "accounts": accounts.items, "numbers": numbers, "errors": errors}


def credential_plan(
    hosts: Mapping[str, Mapping[str, Any]], problems: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the service credentials that a batch needs, in the form of :func:`make_plan`, whatever its numbers are.

    :param hosts: the role's variables of each host
    :param problems: what is wrong with hosts that are therefore not in *hosts*
    """
    credentials = Distinct()
    errors = dict(problems or {})
    for host, values in hosts.items():
        region, second = values["connect_sms_region"], values["connect_sms_fallback_region"]
        if values["connect_sms_receiver_url"] or values["connect_sms_password"]:
            continue  # connected without IBM Cloud
        if not region and not values["connect_sms_instance"]:
            errors[host] = (
                "neither region nor instance is given (variables connect_sms_region and connect_sms_instance)"
            )
            continue
        for where in dict.fromkeys([region, second] if second else [region]):
            credentials.add(**_credential_request(values, where))
    return {"credentials": credentials.items, "accounts": [], "numbers": {}, "errors": errors}


def credential_requests(plan: Mapping[str, Any], looked: list[Mapping[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Return the plan's credentials with what the look at the numbers adds to them.

    ``needed`` is false where no number can be connected with the credential, so that it is not created for nothing.
    ``wait`` tells that numbers are in service now, which must not be switched to a key that IAM does not accept yet.
    The passwords of present webhooks join the candidates, for credentials whose key cannot be read.

    :param looked: the results of ``twilio_sms_webhook_info``, in the order of the plan's ``accounts``; without them all
        credentials are needed, and their keys have to work once this run is over
    """
    if looked is None:
        return [{**credential, "needed": True, "wait": True} for credential in plan["credentials"]]
    requests = [{**credential, "needed": False, "wait": False} for credential in plan["credentials"]]
    for account, _look, group, snapshot in groups_of(plan, looked):
        usable = [number for number in numbers_in(group) if not _refusal(number, account, snapshot)]
        for index in group["credentials"] if usable else ():
            request = requests[index]
            settings = [snapshot.numbers[number].settings for number in usable] if snapshot else []
            found = {password_of(one[name]) for one in settings for name in URLS}
            new = sorted(str(key) for key in found if is_api_key(key) and key not in request["candidate_api_keys"])
            request.update(
                needed=True,
                wait=request["wait"] or any(in_service(one) for one in settings),
                candidate_api_keys=request["candidate_api_keys"] + new[:MAX_CANDIDATES],
            )
    return requests


def webhooks(
    plan: Mapping[str, Any], looked: list[Mapping[str, Any]], found: list[Mapping[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Return the plan's accounts with the webhook URLs filled in, for ``twilio_sms_webhook``.

    Groups whose credential is not to be had are left out: :func:`outcome` tells why. To disconnect, the URLs only tell
    the places, and no credential is needed.

    :param looked: the results of ``twilio_sms_webhook_info``, in the order of the plan's ``accounts``
    :param found: the results of ``iva_credential``, in the order of the plan's ``credentials``
    """
    accounts = []
    for account, look in zip(plan["accounts"], looked, strict=False):
        groups = []
        for group in account["webhooks"] if "snapshot" in look else ():
            if account["restore"]:
                groups.append(group)
            elif account["state"] == "absent":
                groups.append({"phone_numbers": group["phone_numbers"], **_places(group)})
            elif not _blocked(group, plan, found or []) and not _not_due(group, found or []):
                groups.append({"phone_numbers": group["phone_numbers"], **_urls(group, found or [])})
        restore = account["restore"] and _with_refusals(account["restore"], plan["credentials"], found or [])
        accounts.append({**account, "webhooks": groups, "snapshot": look.get("snapshot"), "restore": restore})
    return accounts


def due_changes(
    plan: Mapping[str, Any], looked: list[Mapping[str, Any]], found: list[Mapping[str, Any]]
) -> Iterator[tuple[str, str, dict[str, dict[str, Any]]]]:
    """Yield what is about to change in accounts whose previous settings are to be recorded.

    :returns: folder, account SID, and by number the settings ``before`` and ``after``, passwords included
    """
    for account in webhooks(plan, looked, found):
        if not account["backup_dir"] or not account["snapshot"]:
            continue
        snapshot = unpack_snapshot(account["snapshot"])
        changes = {}
        for group in account["webhooks"]:
            for number in numbers_in(group):
                if why_not(number, snapshot, account) is None:
                    before = snapshot.numbers[number].settings
                    after = disconnected(before, group) if account["state"] == "absent" else connected(before, group)
                    if after != before:
                        changes[number] = {"before": before, "after": after}
        yield account["backup_dir"], snapshot.account_sid, changes


def restore_plan(
    host: str, record: Mapping[str, Any], values: Mapping[str, Any], account_sid: str | None
) -> dict[str, Any]:
    """Return the work of putting back what a backup recorded, in the form of :func:`make_plan`.

    :param host: the host that reports on all of it
    :param record: what :func:`backup.read` returned
    :param values: the role's variables
    :param account_sid: the account whose credentials are used; other accounts in the record are its subaccounts
    :returns: with ``credentials`` holding the ``api_keys`` that IAM has to be asked about, not what is to be looked up
    """
    only, errors = normalize_all(_pieces(values["connect_sms_phone_numbers"]))
    if errors:
        raise ValueError(join(errors, "; "))
    accounts, numbers = [], []
    for sid, changes in record["accounts"].items():
        chosen = {number: change for number, change in changes.items() if not only or number in only}
        if not chosen:
            continue
        options = {**account_of(values), "state": "present", "on_override": "ignore", "backup_dir": None}
        if sid != account_sid:
            options["subaccount_sid"] = sid
        group = {"phone_numbers": ",".join(chosen), "credentials": []}
        accounts.append({**options, "label": f"Twilio account {sid}", "webhooks": [group], "restore": chosen})
        numbers += list(chosen)
    missing = sorted(set(only) - set(numbers))
    if missing or not numbers:
        raise ValueError(f"the backup holds nothing of {join(missing, ', ') or 'any phone number'}")
    keys = {
        key for account in accounts for change in account["restore"].values() for key in _ibm_keys(change["before"])
    }
    options = {option: values[variable] for option, variable in IBM_VARIABLES.items()}
    checks = [{**options, "api_keys": sorted(keys)}] if keys else []
    return {"credentials": checks, "accounts": accounts, "numbers": {host: numbers}, "errors": {}}


def _ibm_keys(settings: Mapping[str, str]) -> set[str]:
    """Return the API keys in webhooks that lead to a receiver of IBM's: those of others are not for IAM to judge."""
    receivers = {host for hosts in HOSTS.values() for host in hosts}
    urls = [settings[name] for name in URLS]
    return {str(password_of(url)) for url in urls if (place(url) or ("", ""))[1] in receivers and password_of(url)}


def _with_refusals(restore: Mapping[str, Any], checks: list[Mapping[str, Any]], found: list[Mapping[str, Any]]) -> str:
    """Return what is to be put back, as text, with the reason for each number whose recorded key is not to be used."""
    answers: dict[str, bool | None] = {}
    for check, result in zip(checks, found, strict=False):
        known = result.get("api_keys") or [{"accepted": None}] * len(check["api_keys"])
        answers.update({key: answer["accepted"] for key, answer in zip(check["api_keys"], known, strict=True)})
    reasons = {False: "its recorded API key is dead", None: "it is not known whether its recorded API key still works"}
    changes = {}
    for number, change in restore.items():
        bad = [answers[key] for key in _ibm_keys(change["before"]) if not answers.get(key)]
        changes[number] = {**change, "refusal": reasons[bad[0]] if bad else None}
    return pack(changes)


def key_usage(looked: list[Mapping[str, Any]], planned: list[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Return which API keys the webhooks of whole accounts hold, and what holds them.

    :param looked: the results of ``twilio_sms_webhook_info`` for all numbers of the accounts
    :param planned: what :func:`webhooks` returned for the same accounts, in a dry run, to be taken for done
    :returns: ``keys`` (secret), ``holders`` (numbers and services, a list for each key) and ``problem``: why it is not
        known of all webhooks, so that no key may be taken for unused
    """
    users: dict[str, list[str]] = {}
    for position, look in enumerate(looked):
        if "snapshot" not in look:
            return {"keys": [], "holders": [], "problem": str(look.get("msg", "an account could not be read"))}
        snapshot = unpack_snapshot(look["snapshot"])
        if snapshot.override_problem:
            return {"keys": [], "holders": [], "problem": snapshot.override_problem}
        holders = {number: found.settings for number, found in snapshot.numbers.items()}
        todo: Mapping[str, Any] = planned[position] if planned else {"webhooks": [], "state": "present"}
        for group in todo["webhooks"]:
            change = disconnected if todo["state"] == "absent" else connected
            holders.update({n: change(holders[n], group) for n in numbers_in(group) if n in holders})
        holders.update({service["name"]: service for service in snapshot.services})
        for holder, urls in holders.items():
            for key in {password_of(urls[name]) for name in URLS}:
                if is_api_key(key):
                    users.setdefault(str(key), []).append(holder)
    return {"keys": list(users), "holders": list(users.values()), "problem": None}


def kept_credentials(deleted: list[Mapping[str, Any]], usage: Mapping[str, Any]) -> list[str]:
    """Return, in words, which credentials were not deleted and why.

    :param deleted: the results of ``iva_credential`` with ``state: absent``
    :param usage: what :func:`key_usage` returned
    """
    if usage["problem"]:
        return [f"No credential was deleted, because it is not known which are in use: {usage['problem']}"]
    texts = []
    for result in deleted:
        if "credential" not in result and not result.get("skipped"):
            texts.append(f"A credential could not be deleted: {result.get('msg', 'no result')}")
        for kept in result.get("kept", ()):
            holders = [holder for index in kept["keys_in_use"] for holder in usage["holders"][index]]
            texts.append(
                f"Service credential '{kept['name']}' ({kept['guid']}) is kept, because its key is still in use by"
                f" {join(holders, ', ')}"
            )
    return texts


def outcome(
    plan: Mapping[str, Any],
    looked: list[Mapping[str, Any]],
    found: list[Mapping[str, Any]],
    done: list[Mapping[str, Any]],
    host: str | None = None,
) -> dict[str, Any]:
    """Return what became of one host's numbers, or of the whole batch's, as a task's result without secrets.

    :param looked: the results of ``twilio_sms_webhook_info``, in the order of the plan's ``accounts``
    :param found: the results of ``iva_credential``, in the order of the plan's ``credentials``
    :param done: the results of ``twilio_sms_webhook``, in the order of the plan's ``accounts``
    :param host: a host of the batch; without it, all of them
    :returns: ``changed``, ``failed``, ``msg``, ``numbers``, and ``diff`` and ``warnings`` where there are any
    """
    if any(account["state"] == "absent" for account in plan["accounts"]):
        found = []  # what an earlier part of the play found is of no interest to a disconnect
    hosts = [host] if host else list(dict.fromkeys([*plan["numbers"], *plan["errors"]]))
    asked = {number for name in hosts for number in plan["numbers"].get(name, ())}
    problems = [plan["errors"][name] for name in hosts if name in plan["errors"]]
    entries: list[Mapping[str, Any]] = []
    diffs: list[Mapping[str, Any]] = []
    warnings: list[str] = []
    headers = {diff_header(number) for number in asked}
    for look, result in zip(looked, done, strict=False):
        entries += from_text(result.get("entries", ""), asked)
        diffs += [diff for diff in result.get("diff", ()) if diff["before_header"] in headers]
        warnings += [str(warning) for warning in (*look.get("warnings", ()), *result.get("warnings", ()))]
    entries += [entry for entry in _idle(plan, found) if entry["phone_number"] in asked]
    reported = {entry["phone_number"] for entry in entries}
    missing = asked - reported
    for reason, numbers in _unreported(plan, looked, found, done, missing).items() if missing else ():
        problems.append(f"{join(numbers, ', ')}: {reason}")
    problems += [_line(entry) for entry in entries if entry["status"] == "failed"]
    counts = Counter(entry["status"] for entry in entries)
    summary = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no phone numbers"
    texts = [_line(entry) for entry in entries] if len(entries) <= NAMED else [summary]
    result = {
        "changed": any(entry["changed"] for entry in entries),
        "failed": bool(problems),
        "msg": join(list(dict.fromkeys(problems)) or texts, "; "),
        "numbers": entries if len(entries) <= LISTED else [entry for entry in entries if entry["status"] in STRIKING],
    }
    if diffs:
        result["diff"] = diffs
    if warnings and not host:
        result["warnings"] = list(dict.fromkeys(warnings))
    return result


def credential_outcome(plan: Mapping[str, Any], found: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what became of a batch's service credentials, as a task's result without secrets.

    :param plan: what :func:`credential_plan` returned
    :param found: the results of ``iva_credential``, in the order of the plan's ``credentials``
    :returns: ``changed``, ``failed``, ``msg``, ``credentials``, and ``diff`` where something changes
    """
    problems = list(dict.fromkeys(plan["errors"].values()))
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


def _state_in_words(result: Mapping[str, Any]) -> str:
    credential = result["credential"]
    if _to_be_created(result):
        return "would be created"
    if result.get("changed"):
        return f"created ({credential['guid']})"
    if not credential["readable"]:
        return f"is there ({credential['guid']}), but its API key cannot be read by this identity"
    return f"is there ({credential['guid']})"


def _idle(plan: Mapping[str, Any], found: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return entries for numbers that are left as they are because their key is young enough."""
    entry = {"sid": None, "changed": False, "status": "unchanged", "overridden_by": None, "before": None, "after": None}
    return [
        {**entry, "phone_number": number, "msg": "left as it is: the API key is younger than connect_sms_max_age"}
        for account in plan["accounts"]
        for group in account["webhooks"]
        if _not_due(group, found)
        for number in numbers_in(group)
    ]


def _not_due(group: Mapping[str, Any], found: list[Mapping[str, Any]]) -> bool:
    """Whether no rotation is due for any credential of a group."""
    results = [found[index] for index in group["credentials"] if index < len(found)]
    return bool(results) and all(result.get("rotation_due") is False for result in results)


def _unreported(
    plan: Mapping[str, Any],
    looked: list[Mapping[str, Any]],
    found: list[Mapping[str, Any]],
    done: list[Mapping[str, Any]],
    asked: set[str],
) -> dict[str, list[str]]:
    """Return why numbers never came to their update: the numbers by reason."""
    results = {id(account): result for account, result in zip(plan["accounts"], done, strict=False)}
    reasons: dict[str, list[str]] = {}
    for account, look, group, snapshot in groups_of(plan, looked):
        for number in numbers_in(group):
            if number in asked:
                reason = (
                    (_refusal(number, account, snapshot) if snapshot else look.get("msg"))
                    or _blocked(group, plan, found)
                    or results[id(account)].get("msg")
                )
                reasons.setdefault(str(reason or "no result"), []).append(number)
    return reasons


def groups_of(plan: Mapping[str, Any], looked: list[Mapping[str, Any]]) -> Iterator[Group]:
    """Yield every group of every account, each with the look at its account."""
    for account, look in zip(plan["accounts"], looked, strict=False):
        snapshot = unpack_snapshot(look["snapshot"]) if "snapshot" in look else None
        for group in account["webhooks"]:
            yield Group(account, look, group, snapshot)


def numbers_in(group: Mapping[str, Any]) -> list[str]:
    """Return the phone numbers of a group."""
    return group["phone_numbers"].split(",") if group["phone_numbers"] else []


def _refusal(number: str, account: Mapping[str, Any], snapshot: Snapshot | None) -> str | None:
    if snapshot is None:
        return "the account could not be read"
    if snapshot.override_problem and account["on_override"] == "fail":
        return snapshot.override_problem
    return why_not(number, snapshot, account)


class Distinct:
    """A list of dictionaries in which each distinct one stands once."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self._places: dict[str, int] = {}

    def add(self, identity: Mapping[str, Any], **more: Any) -> int:
        """Return the place of *identity* in the list, where *more* is added to it the first time."""
        place = self._places.setdefault(repr(sorted(identity.items())), len(self.items))
        if place == len(self.items):
            self.items.append({**identity, **more})
        return place


def numbers_of(host: str, values: Mapping[str, Any]) -> list[str]:
    """Return a host's phone numbers in E.164.

    :raises ValueError: when there are none, or one is none
    """
    numbers, errors = normalize_all(_pieces(values["connect_sms_phone_numbers"]))
    if errors:
        raise ValueError(join(errors, "; "))
    if not numbers:
        raise ValueError(NO_NUMBERS if host == "localhost" else f"host {host} has no phone_number")
    return numbers


def _pieces(given: list[str] | str | None) -> list[str]:
    """One extra variable or survey answer may hold several numbers, one a line or separated by commas."""
    values = [given] if isinstance(given, str) else given or ()
    return [piece for value in values for piece in re.split(r"[,;\n]+", str(value)) if piece.strip()]


def _receiver(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a host's texts go: a literal ``url``, or what is put together once the API keys are known."""
    region, second = values["connect_sms_region"], values["connect_sms_fallback_region"]
    receiver: dict[str, Any] = {"url": None, "host": None, "fallback_host": None, "credential_regions": []}
    receiver.update(
        username=values["connect_sms_username"] or USERNAME, password=values["connect_sms_password"] or None
    )
    if values["connect_sms_receiver_url"]:
        if second:
            raise ValueError("connect_sms_fallback_region cannot go with connect_sms_receiver_url, which has no region")
        check_url(values["connect_sms_receiver_url"])
        return {**receiver, "url": values["connect_sms_receiver_url"]}
    try:
        receiver["host"] = host_for(region, values["connect_sms_receiver_host"])
        receiver["fallback_host"] = host_for(second) if second else None
    except ValueError as error:
        raise ValueError(f"{error} (variables connect_sms_region and connect_sms_receiver_host)") from None
    if receiver["password"]:
        build_url(receiver["host"], receiver["password"], receiver["username"])  # refuses what Twilio would refuse
    else:
        receiver["credential_regions"] = [region, second] if second else [region]
    return receiver


def _credential_request(values: Mapping[str, Any], region: str | None) -> dict[str, Any]:
    name = values["connect_sms_credential_name"]
    second = region != values["connect_sms_region"]
    instance = None if second else values["connect_sms_instance"]
    identity = {
        "name": name,
        "region": region or None,
        "instance": instance or None,
        "role": values["connect_sms_role"],
        # Only connecting knows this variable; all other entry points that make a credential are there to do so.
        "create": values.get("connect_sms_create_credential") is not False,
        **{option: values[variable] for option, variable in IBM_VARIABLES.items()},
    }
    label = f"{name} on {instance or 'the SMS agent'}" + (f" in {region}" if region else "")
    return {"identity": identity, "label": label, "candidate_api_keys": []}


def account_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return which Twilio account a host's variables mean, and what to do there."""
    options = {option: values[variable] for option, variable in TWILIO_VARIABLES.items()}
    on_override = values.get("connect_sms_on_override") or "ignore"
    return {**options, "on_override": on_override, "backup_dir": values.get("connect_sms_backup_dir")}


def account_label(values: Mapping[str, Any]) -> str:
    """Return the account in words."""
    sid = values[TWILIO_VARIABLES["subaccount_sid"]] or values[TWILIO_VARIABLES["account_sid"]]
    return f"Twilio account {sid}" if sid else "the Twilio account of the environment"


def _blocked(group: Mapping[str, Any], plan: Mapping[str, Any], found: list[Mapping[str, Any]]) -> str | None:
    """Return why a group's API key is not to be had, or ``None``."""
    for index in group["credentials"] if found else ():
        result, name = found[index], plan["credentials"][index]["label"]
        if "credential" not in result:
            return str(result.get("msg", "no result")) + _what_to_run(result)
        if not is_api_key(result.get("api_key")) and not _to_be_created(result):
            once = result["credential"].get("one_time")
            why = "was shown only once, when it was created" if once else "is hidden from this identity (redacted)"
            return (
                f"the API key of service credential {name} {why}, and no key at hand belongs to it. Give the key as"
                " connect_sms_api_key, or replace the credential with the playbook rotate_sms_key"
            )
    return None


def _what_to_run(result: Mapping[str, Any]) -> str:
    """Return what makes a credential that this run was not allowed to make."""
    if (result.get("failure") or {}).get("code") != "missing_credential":
        return ""
    return (
        ". Run the playbook voiceagent.sms.ensure_sms_credential first, with the same region, instance and name"
        " (in a controller: the job template before this one), or connect with connect_sms_create_credential=true"
    )


def _to_be_created(result: Mapping[str, Any]) -> bool:
    """Whether this is a dry run's prediction. In a real run a credential that was changed is there."""
    return bool(result.get("changed")) and result["credential"].get("state") == "absent"


def _urls(group: Mapping[str, Any], found: list[Mapping[str, Any]]) -> dict[str, Any]:
    if group["url"]:
        return {"url": group["url"], "method": "POST", "fallback_url": None}
    keys = [PLACEHOLDER if _to_be_created(found[i]) else found[i]["api_key"] for i in group["credentials"]]
    keys = keys or [group["password"]]
    second = build_url(group["fallback_host"], keys[-1], group["username"]) if group["fallback_host"] else None
    return {"url": build_url(group["host"], keys[0], group["username"]), "method": "POST", "fallback_url": second}


def _places(group: Mapping[str, Any]) -> dict[str, Any]:
    second = f"https://{group['fallback_host']}{PATH}" if group["fallback_host"] else None
    return {"url": group["url"] or f"https://{group['host']}{PATH}", "fallback_url": second}


def _line(entry: Mapping[str, Any]) -> str:
    return f"{entry['phone_number']}: {entry['msg']}"
