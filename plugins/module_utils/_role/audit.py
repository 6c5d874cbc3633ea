# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gives each phone number a verdict: whether texts reach its agent, and if not, why. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from .._http.errors import NAMED, join
from .._http.urls import check_url, password_of, place, redact_url, same_url
from .._ibm.credential import ROLES
from .._ibm.receiver import HOSTS, PATH, host_for, is_api_key
from .._twilio.alerts import check_days
from .._twilio.changes import describe_change
from .._twilio.overrides import describe_override
from .._twilio.snapshot import Number, Snapshot
from .._twilio.webhook import URLS, shown
from . import tenants
from .channels import NOT_THERE
from .plan import IBM_VARIABLES, Distinct, access_of, account_label, account_of, channel_label, channel_of, numbers_of
from .steps import Group, groups_of, numbers_in

#: The statuses of a number, the worst first.
STATUSES = {
    "dead_key": "the webhook leads to the agent, with a key that the receiver refuses",
    "dropped": "its Messaging Service takes the texts and has no webhook: they are lost, and nothing logs it",
    **tenants.STATUSES,
    "elsewhere": "the webhook leads to something else",
    "not_connected": "there is no webhook",
    "overridden": "something else takes the texts, whatever the webhook is",
    "not_in_account": "the account has no such number",
    "no_sms": "the number cannot receive texts",
    "unknown": "it could not be determined",
    "connected": "texts reach the agent",
}
#: The statuses for which it matters who changed the webhook.
BLAMED = ("dead_key", "elsewhere", "not_connected")
#: The facts about a key in a verdict.
KEY_FACTS = ("accepted", "credential", "guid", "role", "age_days", "created_at", "locked", "instance", "region")
SECRET_VARIABLES = (
    *("receiver_url", "password", "ibmcloud_api_key", "iam_token", "orchestrate_api_key"),
    *("twilio_auth_token", "twilio_api_key_sid", "twilio_api_key_secret"),
)
#: Variables for a command that is shown, and their names on the command line.
SHOWN_VARIABLES = {
    **{name: name for name in ("region", "instance")},
    "orchestrate_agent": "orchestrate_agent",
    **{
        name: f"connect_sms_{name}"
        for name in (
            *(
                "fallback_region",
                "credential_name",
                "role",
                "receiver_host",
                "username",
                "iam_profile_id",
                "iam_endpoint",
            ),
            *("resource_controller_endpoint", "twilio_account_sid", "twilio_subaccount_sid", "twilio_edge"),
            *("twilio_region", "twilio_api_endpoint", "orchestrate_url", "orchestrate_environment"),
            *("orchestrate_channel", "orchestrate_auth_endpoint"),
        )
    },
}
DEFAULTS = (
    *(("credential_name", "twilio-sms"), ("role", "Writer")),
    *(("orchestrate_environment", "live"), ("orchestrate_channel", "twilio-sms")),
)
INSTANCE_FACTS = ("instance", "instance_guid", "instance_crn", "region")
#: Findings that can make a run fail, besides the statuses.
ANY, ERRORS = "any", "errors"
SHOWN = 1000  # maximum number of entries in a task's result; beyond it, only those that fail it
_PLACES = {place(f"https://{host}{PATH}") for hosts in HOSTS.values() for host in hosts}


def audit_plan(hosts: Mapping[str, Mapping[str, Any]], problems: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what has to be read for a batch, in the form of :func:`plan.make_plan`.

    A host without phone numbers (localhost) represents all numbers of its account. Its group has none.

    :param hosts: the role's variables of each host; ``connect_sms_region`` may be missing, then any receiver of IBM's
        counts as the agent's
    :param problems: the mistakes of hosts that are missing in *hosts*
    """
    identities, accounts, channels = Distinct(), Distinct(), Distinct()
    numbers: dict[str, list[str]] = {}
    errors = dict(problems or {})
    fail_on: dict[str, list[str]] = {}
    folders: dict[str, str] = {}
    options: dict[str, list[str] | None] = {}
    for host, values in hosts.items():
        everything = host == "localhost" and not values["connect_sms_phone_numbers"]
        try:
            expected = _expected(values)
            chosen = _fail_on(values)
            check_days(values["connect_sms_audit_days"], "connect_sms_audit_days")
            wanted = [] if everything else numbers_of(host, values)
        except ValueError as error:
            errors[host] = str(error)
            continue
        channel = channels.add(channel_of(values)) if values["connect_sms_orchestrate_agent"] else None
        identity = identities.add({"access": access_of(values, IBM_VARIABLES)})
        account = accounts.add(
            {**account_of(values), "state": "present", "on_override": "warn"},
            label=account_label(values),
            first_host=host,
            webhooks=[],
        )
        agent = {"region": values["connect_sms_region"], "instance": values["connect_sms_instance"]}
        group = {"host": host, "phone_numbers": ",".join(wanted), "expected": expected, "identity": identity, **agent}
        group["channel"] = channel
        group["tenants"] = values.get("connect_sms_tenants_file")
        accounts.items[account]["webhooks"].append(group)
        numbers[host] = wanted
        fail_on[host] = chosen
        if host == "localhost":
            options[host] = command_options(values)
        if values["connect_sms_audit_dir"]:
            folders[host] = values["connect_sms_audit_dir"]
    for item in accounts.items:
        for group in tenants.without_host(item["webhooks"]):
            item["webhooks"].append(group)
            numbers[group["host"]] += numbers_in(group) if numbers[group["host"]] else []
        texts = [group["phone_numbers"] for group in item["webhooks"]]
        item["phone_numbers"] = ",".join(texts) if all(texts) else ""  # one group without numbers represents all
    return {
        "credentials": identities.items,
        "channels": channels.items,
        "accounts": accounts.items,
        "numbers": numbers,
        "errors": errors,
        "fail_on": fail_on,
        "folders": folders,
        "options": options,
    }


def _fail_on(values: Mapping[str, Any]) -> list[str]:
    chosen = [name.strip() for name in values["connect_sms_audit_fail_on"] or () if name.strip()]
    wrong = sorted(set(chosen) - {*STATUSES, ANY, ERRORS})
    if wrong:
        raise ValueError(
            f"connect_sms_audit_fail_on: {join(wrong, ', ')} is none of {', '.join([*STATUSES, ANY, ERRORS])}"
        )
    return chosen


def command_options(values: Mapping[str, Any]) -> list[str] | None:
    """Return command-line options for the same agent and account as in an audit without an inventory.

    :returns: ``None`` if they would include a secret
    """
    if any(values.get(f"connect_sms_{name}") for name in SECRET_VARIABLES):
        return None
    words = []
    for name, option in SHOWN_VARIABLES.items():
        value = values.get(f"connect_sms_{name}")
        if value and (name, value) not in DEFAULTS:
            words += ["-e", f"{option}={value}"]
    return words


def _expected(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a host's texts should go: a literal ``url``, or a ``place`` and the ``password`` if it is known."""
    expected: dict[str, Any] = {"url": None, "place": None, "password": values["connect_sms_password"] or None}
    if values.get("connect_sms_tenants_file") is not None:
        if not values["connect_sms_receiver_host"]:
            raise ValueError(
                "connect_sms_tenants_file needs connect_sms_receiver_host, the gateway that has the tenants"
            )
        expected["gateway"] = True
    if values["connect_sms_orchestrate_agent"]:
        expected["url"] = NOT_THERE  # until its channel is found
    elif values["connect_sms_receiver_url"]:
        check_url(values["connect_sms_receiver_url"])
        expected["url"] = values["connect_sms_receiver_url"]
    elif values["connect_sms_receiver_host"] or len(HOSTS.get(values["connect_sms_region"] or "", ())) == 1:
        host = host_for(values["connect_sms_region"], values["connect_sms_receiver_host"])
        expected["place"] = [f"https://{host}{PATH}"]
    elif values["connect_sms_region"] in HOSTS:  # if there are several hosts, any of them is accepted
        expected["place"] = [f"https://{host}{PATH}" for host in HOSTS[values["connect_sms_region"]]]
    elif values["connect_sms_region"]:
        host_for(values["connect_sms_region"])
    return expected


def key_requests(plan: Mapping[str, Any], looked: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the plan's identities with the API keys to ask IAM about, ``api_keys`` (secret), and whether to ``ask``.

    If hosts name an agent of IBM, ``ask`` is also true without a key, to find credentials that were left behind.

    :param looked: the results of ``twilio_sms_webhook_info``, in the order of the plan's ``accounts``
    """
    return _requests(plan, list(groups_of(plan, looked)))


def _requests(plan: Mapping[str, Any], groups: list[Group]) -> list[dict[str, Any]]:
    keys: list[dict[str, None]] = [{} for _identity in plan["credentials"]]
    for _account, _look, group, snapshot in groups:
        for number, found in _members(group, snapshot):
            for url in _urls_of(number, found, snapshot) if found and snapshot else ():
                key = password_of(url)
                if _is_iams(url, group["expected"]) and is_api_key(key):
                    keys[group["identity"]][str(key)] = None
    named = {group["identity"] for _account, _look, group, _snapshot in groups if _is_of_ibm(group)}
    return [
        {**identity, "api_keys": list(found), "ask": bool(found) or index in named}
        for index, (identity, found) in enumerate(zip(plan["credentials"], keys, strict=True))
    ]


def verdicts(
    plan: Mapping[str, Any], looked: list[Mapping[str, Any]], asked: list[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[str], dict[str, str]]:
    """Return a verdict on each number, without secrets, notes on what is not known, and the reasons of failed hosts.

    :param looked: the results of ``twilio_sms_webhook_info``, in the order of the plan's ``accounts``
    :param asked: the results of ``iva_credential_info`` for :func:`key_requests`
    """
    groups = list(groups_of(plan, looked))  # snapshots of thousands of numbers are read once
    answers = _answers(plan, groups, asked)
    told: list[dict[str, Any]] = []
    notes: list[str] = []
    failures = dict(plan["errors"])
    for account, look, group, snapshot in groups:
        unread = f"{account['label']} could not be read"
        # The reason of a whole account or channel can be long: it is told once, and the numbers refer to it.
        problem = group.get("problem") if snapshot else str(look.get("msg") or unread)
        if problem:
            failures[group["host"]] = problem
            notes.append(problem)
        notes += _notes(snapshot) if snapshot else ()
        for number, found in _members(group, snapshot):
            entry = _verdict(number, found, snapshot, group, answers[group["identity"]], unread)
            told += [entry] if group.get("tenants") is None else tenants.joined(entry, found, snapshot, group)
    for host, numbers in plan.get("unplanned", {}).items():
        group = {"host": host, "region": None, "expected": {"url": None, "password": None}}
        refused = f"not looked at: the settings of host {host} were refused"
        told += [_verdict(number, None, None, group, {}, refused) for number in numbers]
    notes += [str(result["msg"]) for result in asked if result.get("msg") and "api_keys" not in result]
    notes += [str(warning) for result in asked for warning in result.get("warnings") or ()]
    order = {status: index for index, status in enumerate(STATUSES)}
    told.sort(key=lambda entry: (order[entry["status"]], not recent_errors(entry), entry["phone_number"]))
    return told, list(dict.fromkeys(notes)), failures


def audit_outcome(
    told: list[dict[str, Any]],
    failures: Mapping[str, str],
    fail_on: Mapping[str, list[str]],
    host: str | None = None,
) -> dict[str, Any]:
    """Return the result of a task that reports on a host, or on the whole batch.

    :param told: the verdicts of the host, or of the batch
    :param failures: as :func:`verdicts` returned them
    :param fail_on: by host: statuses, :data:`ANY` and :data:`ERRORS`
    """
    problems = told_once(failures, host)
    bad = [entry for entry in told if is_hit(entry, failures) or failing(entry, fail_on.get(entry["host"], []))]
    failed = bool(problems or bad)
    rows = bad if failed else told
    lines = [f"{entry['phone_number']}: {entry['status']}, {entry['msg']}" for entry in rows]
    if not failed and len(lines) > NAMED:
        counts = count_by_status(told).items()
        lines = [", ".join(f"{count} {name}" for name, count in counts if count)]
    return {
        "changed": False,
        "failed": failed,
        "msg": join([*problems, *lines], "; ") or "no phone numbers",
        "numbers": rows[:SHOWN] if failed or len(told) <= SHOWN else [],
    }


def told_once(failures: Mapping[str, str], host: str | None = None) -> list[str]:
    """Return each reason of *failures* once, or that of one *host*, which refers to the first host with the same reason."""
    if host is None:
        return list(dict.fromkeys(failures.values()))
    if host not in failures:
        return []
    first = next(name for name, reason in failures.items() if reason == failures[host])
    return [failures[host] if first == host else f"for the same reason as host {first}, nothing could be found out"]


def is_hit(entry: Mapping[str, Any], failures: Mapping[str, str]) -> bool:
    """Whether nothing is known of a number because its host has failed."""
    return entry["status"] == "unknown" and entry["host"] in failures


def failing(entry: Mapping[str, Any], fail_on: list[str]) -> bool:
    """Whether *fail_on* makes a run fail because of a number."""
    chosen = set(fail_on)
    return (
        entry["status"] in chosen
        or (ANY in chosen and entry["status"] != "connected")
        or (bool(chosen & {ANY, ERRORS}) and bool(entry["errors"] and entry["errors"]["count"]))
    )


def recent_errors(entry: Mapping[str, Any]) -> int:
    """Return the number's webhook errors since its last change; with errors, a connected number needs attention."""
    return int((entry.get("errors") or {}).get("since_change", 0))


def retired_credentials(told: list[dict[str, Any]], asked: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the service credentials that a rotation has replaced and that are not deleted, each with the
    ``phone_numbers`` whose webhooks hold its key.

    :param told: the verdicts
    :param asked: the results of ``iva_credential_info``
    """
    holders: dict[str, list[str]] = {}
    for entry in told:
        if entry["key"] and entry["key"]["guid"]:
            holders.setdefault(entry["key"]["guid"], []).append(entry["phone_number"])
    found = {each["guid"]: each for result in asked for each in result.get("retired") or ()}
    return [{**each, "phone_numbers": holders.get(guid, [])} for guid, each in found.items()]


def agents_of(plan: Mapping[str, Any], asked: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the agents' instances of an audit: those that hosts name, and those whose keys webhooks hold.

    :returns: :data:`INSTANCE_FACTS` of each, ``None`` for unknown facts
    """
    keys = [each for result in asked for each in result.get("api_keys") or () if each.get("instance_guid")]
    found = {each["instance_guid"]: {name: each.get(name) for name in INSTANCE_FACTS} for each in keys}
    named = []
    for group in [group for account in plan["accounts"] for group in account["webhooks"]]:
        wanted = {
            **dict.fromkeys(INSTANCE_FACTS),
            "instance": group["instance"] or None,
            "region": group["region"] or None,
        }
        if any(wanted.values()) and wanted not in named and not any(_is_meant(one, wanted) for one in found.values()):
            named.append(wanted)
    others = [{**dict.fromkeys(INSTANCE_FACTS), "instance": channel_label(each)} for each in plan["channels"]]
    return [*found.values(), *named, *others]


def _is_meant(agent: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    ids = (None, agent["instance"], agent["instance_guid"], agent["instance_crn"])
    return wanted["instance"] in ids and wanted["region"] in (None, agent["region"])


def count_by_status(told: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many numbers have each status, and how many had errors, in the order of :data:`STATUSES`."""
    counts = Counter(entry["status"] for entry in told)
    errors = sum(bool(entry["errors"] and entry["errors"]["count"]) for entry in told)
    return {**{status: counts[status] for status in STATUSES if counts[status]}, ERRORS: errors}


def counted(count: int, thing: str) -> str:
    """Return a count with a noun, in the plural if it is not one."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _members(group: Mapping[str, Any], snapshot: Snapshot | None) -> Iterator[tuple[str, Number | None]]:
    """Yield a group's numbers, or those of the whole account if it has none, each as the account shows it."""
    there = snapshot.numbers if snapshot else {}
    for number in numbers_in(group) or there:
        yield number, there.get(number)


def _urls_of(number: str, found: Number, snapshot: Snapshot) -> list[str]:
    """Return the webhooks that may take a number's texts: its own, and those of its service."""
    settings = [found.settings, snapshot.service_of(number) or {}]
    return [each[name] for each in settings for name in URLS if each.get(name)]


def _is_of_ibm(group: Mapping[str, Any]) -> bool:
    """Whether a group names an agent in IBM Cloud."""
    return bool(group["region"] or group["instance"]) and not (
        group["expected"]["url"] or group["expected"]["password"]
    )


def _is_iams(url: str, expected: Mapping[str, Any]) -> bool:
    """Whether the password in a webhook is an IBM Cloud API key."""
    if expected["url"] or expected["password"] or expected.get("gateway"):
        return False
    where = place(url)
    return where is not None and where in (_PLACES | {place(one) for one in expected["place"] or ()})


def _notes(snapshot: Snapshot) -> list[str]:
    """Return what is not known of an account."""
    problems = (snapshot.override_problem, snapshot.errors_problem, snapshot.changes_problem)
    notes = [each for each in problems if each]
    if snapshot.unjoined_errors:
        notes.append(
            f"Account {snapshot.account_sid}: {snapshot.unjoined_errors} more webhook errors, which could not be matched"
            " to numbers"
        )
    return notes


def _answers(
    plan: Mapping[str, Any], groups: list[Group], asked: list[Mapping[str, Any]]
) -> list[dict[str, Mapping[str, Any]]]:
    """Return IAM's answers about the API keys, for each identity of the plan."""
    answers = []
    for request, result in zip(_requests(plan, groups), asked, strict=False):
        told = result.get("api_keys")
        answers.append(dict(zip(request["api_keys"], told, strict=True)) if told else {})
    return answers + [{} for _rest in plan["credentials"][len(answers) :]]


def _verdict(
    number: str,
    found: Number | None,
    snapshot: Snapshot | None,
    group: Mapping[str, Any],
    answers: Mapping[str, Mapping[str, Any]],
    unread: str,
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "phone_number": number,
        "friendly_name": found.friendly_name if found else "",
        "host": group["host"],
        "account_sid": snapshot.account_sid if snapshot else None,
        "sid": found.sid if found else None,
        "region": _region_of(found, group),
        **(shown(found.settings) if found else dict.fromkeys(URLS, "")),
        "overridden_by": None,
        "via": None,
        "key": None,
        "errors": snapshot.errors_of(number) if snapshot and found else None,
        "changed_by": None,
    }
    if snapshot is None:
        return {**entry, "status": "unknown", "msg": unread}
    if found is None:
        return {**entry, "status": "not_in_account", "msg": f"account {snapshot.account_sid} has no such number"}
    override = _override(number, found, snapshot)
    service = None if found.settings["application_sid"] else snapshot.service_of(number)
    status, msg = _judge(found, override, service, snapshot, group["expected"], answers)
    carried = bool(service) and status in ("connected", "dead_key", "unknown")
    if carried and override and service:
        entry["via"] = {**override, "url": shown(service)["url"]}
    else:
        entry["overridden_by"] = override
    entry["key"] = _key((service if carried and service else found.settings)["url"], answers)
    if status in BLAMED:
        entry["changed_by"] = (snapshot.changes or {}).get(number)
    return {**entry, "status": status, "msg": "; ".join([msg, *_more(entry)])}


def _more(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield additional findings on a number: its webhook errors, and who changed its webhook."""
    errors, recent = entry["errors"], recent_errors(entry)
    if errors and errors["count"]:
        when = "" if recent == errors["count"] else f" ({recent} since its last change)"
        codes = ", ".join(f"{code} ({count})" for code, count in errors["codes"].items())
        yield f"webhook errors{when if recent else ' before its last change'}: {codes}"
    if entry["changed_by"]:
        yield describe_change(entry["changed_by"])


def _judge(
    found: Number,
    override: Mapping[str, Any] | None,
    service: Mapping[str, str] | None,
    snapshot: Snapshot,
    expected: Mapping[str, Any],
    answers: Mapping[str, Mapping[str, Any]],
) -> tuple[str, str]:
    """Return a number's status, and the reason.

    :param service: the Messaging Service whose webhooks take its texts
    """
    if not found.receives_sms:
        return "no_sms", "the number has no SMS capability"
    if override and override["kind"] == "application":
        return "overridden", f"TwiML application {override['sid']} takes its texts: connecting the number clears it"
    if override and not service:
        return "overridden", describe_override(override)
    if expected.get("problem"):
        return "unknown", expected["problem"]
    if override and service:
        return _judge_service(service, override, expected, answers)
    if not found.settings["url"]:
        return "not_connected", "no webhook is set"
    bad = _why_not(found.settings["url"], expected, answers, "its webhook")
    if bad:
        return bad
    if snapshot.override_problem:
        return "unknown", f"its webhook is right, but: {snapshot.override_problem}"
    return "connected", _connected(found.settings, expected, answers)


def _judge_service(
    service: Mapping[str, str],
    override: Mapping[str, Any],
    expected: Mapping[str, Any],
    answers: Mapping[str, Mapping[str, Any]],
) -> tuple[str, str]:
    """Return the status of a number whose texts a Messaging Service takes, and the reason."""
    if not service["url"]:
        return "dropped", f"{service['name']} takes its texts and has no webhook, so they are lost"
    bad = _why_not(service["url"], expected, answers, f"the webhook of {service['name']}")
    if bad and bad[0] == "elsewhere":
        return "overridden", describe_override(override)
    return bad or ("connected", f"{_connected(service, expected, answers)}, carried by {service['name']}")


def _why_not(
    url: str, expected: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]], what: str
) -> tuple[str, str] | None:
    """Return the verdict on a webhook, ``None`` if it leads to the agent with a working key.

    :param what: the webhook's name in messages
    """
    if expected["url"]:
        if place(url) != place(expected["url"]):
            return "elsewhere", f"its texts go to {redact_url(url)}"
        if not same_url(_without_fragment(url), _without_fragment(expected["url"])):
            return "dead_key", f"{what} leads to the wanted place, with another token or password"
        return None
    right = {place(one) for one in expected["place"]} if expected["place"] else _PLACES
    if place(url) not in right:
        return "elsewhere", f"its texts go to {redact_url(url)}"
    return _dead(url, expected, answers, what)


def _override(number: str, found: Number, snapshot: Snapshot) -> dict[str, Any] | None:
    if found.settings["application_sid"]:
        return {"kind": "application", "sid": found.settings["application_sid"], "name": ""}
    return (snapshot.overrides or {}).get(number)


def _dead(
    url: str, expected: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]], what: str
) -> tuple[str, str] | None:
    """Return the verdict on a webhook whose credentials may not work, ``None`` if they work."""
    password = password_of(url)
    if expected.get("gateway"):
        return None  # the comparison with its tenants shows more
    if not password:
        return "dead_key", f"{what} has no key"
    if expected["password"]:
        return None if password == expected["password"] else ("dead_key", f"{what} has another password")
    if not is_api_key(password):
        return "dead_key", f"{what} has something other than a key as its password"
    answer = answers.get(password)
    if answer is None:
        return "unknown", f"{what} is right, but IAM could not be asked about its key"
    name = f" of service credential '{answer['credential']}'" if answer["credential"] else ""
    if not answer["accepted"]:
        return "dead_key", f"the key{name} in {what} is dead: {answer['reason']}"
    role = answer["role"]
    if role and role.lower() not in {each.lower() for each in ROLES}:
        return (
            "dead_key",
            f"the key{name} in {what} has role {role}: the receiver takes {' and '.join(ROLES)} only",
        )
    return None


def _connected(
    settings: Mapping[str, str], expected: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]]
) -> str:
    parts = ["connected"]
    key = _key(settings["url"], answers)
    if key:
        name = (
            f"service credential '{key['credential']}'"
            if key["credential"]
            else "a key that belongs to no service credential"
        )
        age = "" if key["age_days"] is None else f", {counted(round(key['age_days']), 'day')} old"
        parts = [f"connected with {name}{age}"]
    fallback = settings["fallback_url"]
    if fallback and _is_iams(fallback, expected):
        dead = _dead(fallback, expected, answers, "its fallback")
        if dead:
            parts.append(f"its fallback does not work: {dead[1]}")
    return "; ".join(parts)


def _key(url: str, answers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the facts about the key in a webhook that may be shown."""
    answer = answers.get(password_of(url) or "")
    return None if answer is None else {name: answer.get(name) for name in KEY_FACTS}


def _region_of(found: Number | None, group: Mapping[str, Any]) -> str | None:
    """Return the IBM Cloud region of a number's agent: the configured one, or else that of its webhook."""
    if group["region"] or group["expected"]["url"] or group["expected"]["password"]:
        return group["region"] or None
    where = place(found.settings["url"]) if found else None
    return next((region for region, hosts in HOSTS.items() if where and where[1] in hosts), None)


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]
