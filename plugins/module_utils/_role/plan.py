# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans the work for a batch from the variables of its hosts, with as few calls as possible. No I/O.

The role handles a play's whole batch at once: it looks up each distinct service credential once and lists each Twilio
account once, whatever regions, instances and accounts the hosts belong to. An item of a plan is a complete call: it has
every value that its module needs, so that the role's tasks only pass it on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._http.errors import join
from .._http.urls import check_url, password_of, place
from .._ibm.receiver import HOSTS, USERNAME, build_url, host_for
from .._module.options import HTTP_OPTIONS, IBM_CLOUD_OPTIONS, TWILIO_OPTIONS
from .._module.packed import pack
from .._numbers.notation import Reading, number_of_host, read
from .._twilio.webhook import MAX_RETRIES, URLS

PREFIX = "connect_sms_"
# The role's variables behind the modules' options; those of both clouds share timeout and validate_certs.
IBM_VARIABLES = {name: PREFIX + name for name in IBM_CLOUD_OPTIONS}
TWILIO_VARIABLES = {name: PREFIX + ("" if name in HTTP_OPTIONS else "twilio_") + name for name in TWILIO_OPTIONS}

#: The role's variables behind the access options of ``orchestrate_sms_channel``, for both clouds.
CHANNEL_VARIABLES = {
    **IBM_VARIABLES,
    "instance_url": "connect_sms_orchestrate_url",
    "api_key": "connect_sms_orchestrate_api_key",
    "auth_endpoint": "connect_sms_orchestrate_auth_endpoint",
    **{name: TWILIO_VARIABLES[name] for name in ("account_sid", "auth_token")},
}

VERIFY_OPTIONS = ("verify_from", "verify_body", "verify_timeout", "verify_max", "verify_replies")
# Twilio's behaviour if the receiver fails: the webhook's options, and the role's variables behind them.
BEHAVIOUR = {"retries": "connect_sms_retries", "retry_on": "connect_sms_retry_on", "edges": "connect_sms_edges"}

NO_NUMBERS = (
    "no phone numbers are given. Give them in one of three ways: an inventory whose hosts have phone_number (-i), the"
    " extra variable phone_number or phone_numbers (-e phone_number=+15551234567), or numbers_file, a CSV file with"
    " the numbers (-e numbers_file=numbers.csv). An inventory that could not be read is named in a warning above"
)
NOTHING_TO_ROTATE = (
    "nothing to rotate: the webhook of a watsonx Orchestrate channel has no key (for Twilio's auth token see the module"
    " orchestrate_sms_channel, update_token)"
)
Values = Mapping[str, Any]  # the role's validated variables of one host, ``None`` if not given


def make_plan(
    hosts: Mapping[str, Values],
    problems: Mapping[str, str] | None = None,
    *,
    state: str = "present",
    rotate: bool = False,
) -> dict[str, Any]:
    """Return the work for a batch.

    :param problems: the mistakes of hosts that are missing in *hosts*, by host name
    :param rotate: whether to replace credentials that are older than ``connect_sms_max_age``
    :returns: ``credentials`` (the distinct service credentials to look up), ``channels`` (of watsonx Orchestrate),
        ``accounts`` (the Twilio accounts, each with groups of numbers that get the same webhook), ``numbers`` (by host)
        and ``errors`` (by host); it contains the secrets of the variables. A group's ``phone_numbers`` are one string, see
        :mod:`packed`, and so is ``written``, the original notation of numbers that were not written in E.164
    """
    credentials, accounts, channels = Distinct(), Distinct(), Distinct()
    numbers: dict[str, list[str]] = {}
    written: dict[str, str] = {}
    errors = dict(problems or {})
    webhooks: dict[tuple[str, str], tuple[str, Any]] = {}  # by account and number: the first host, and its webhook
    for host, values in hosts.items():
        try:
            receiver = _receiver(values)
            reading = _reading_of(host, values)
            wanted = reading.numbers
            requests = [credential_of(values, region) for region in receiver.pop("credential_regions")]
            if values["connect_sms_orchestrate_agent"]:
                receiver |= {"idle": NOTHING_TO_ROTATE} if rotate else {"channel": add_channel(channels, host, values)}
        except ValueError as error:
            errors[host] = str(error)
            continue
        label = account_label(values)  # hosts of an account may differ in their other options
        account = accounts.add(account_of(values, state), label=label, first_host=host, webhooks={})
        places = [_add_credential(credentials, host, values, request, rotate) for request in requests]
        webhook = {**receiver, "credentials": places}
        clash = next((n for n in wanted if webhooks.setdefault((label, n), (host, webhook))[1] != webhook), None)
        if clash:
            errors[host] = (
                f"{clash} is also the phone number of host {webhooks[label, clash][0]}, with another receiver"
            )
            continue
        numbers[host] = wanted
        written.update(reading.written)
        groups = accounts.items[account]["webhooks"]
        group = groups.setdefault(repr(sorted(webhook.items())), {**webhook, "phone_numbers": {}})
        group["phone_numbers"].update(dict.fromkeys(wanted))
    for item in accounts.items:
        _pack_numbers(item)
    return {
        "credentials": credentials.items,
        "channels": channels.items,
        "accounts": accounts.items,
        "numbers": numbers,
        "written": pack(written),
        "errors": errors,
    }


def credential_plan(hosts: Mapping[str, Values], problems: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the service credentials that a batch needs, in the form of :func:`make_plan`, whatever its numbers are.

    :param problems: the mistakes of hosts that are missing in *hosts*
    """
    credentials = Distinct()
    errors = dict(problems or {})
    for host, values in hosts.items():
        region, second = values["connect_sms_region"], values["connect_sms_fallback_region"]
        if needs_no_credential(values):
            continue
        if not region and not values["connect_sms_instance"]:
            errors[host] = (
                "neither region nor instance is given (variables connect_sms_region and connect_sms_instance)"
            )
            continue
        for where in dict.fromkeys([region, second] if second else [region]):
            _add_credential(credentials, host, values, credential_of(values, where), rotate=False)
    return {"credentials": credentials.items, "accounts": [], "numbers": {}, "errors": errors}


def restore_values(hosts: Mapping[str, Values]) -> Values:
    """Return the values of a restore by one or more hosts, with the phone numbers of all of them.

    A record belongs to accounts, not to hosts. So the hosts must agree on everything else.

    :raises ValueError: if they do not, or if only some of them have phone numbers
    """
    numbers = "connect_sms_phone_numbers"
    given = {host: values[numbers] or list(filter(None, [number_of_host(host)])) for host, values in hosts.items()}
    first, *others = hosts
    for host in others:
        differ = [name for name in hosts[first] if name != numbers and hosts[host][name] != hosts[first][name]]
        if differ:
            raise ValueError(
                f"host {host} differs from host {first} in {join(differ, ', ')}: a restore puts back one record. Restore the records"
                " one after the other"
            )
        if bool(given[host]) != bool(given[first]):
            without, has = (first, host) if given[host] else (host, first)
            raise ValueError(
                f"host {without} has no phone_number, so all numbers in the record would be restored, but host {has} has one:"
                " give each host one, or none"
            )
    return {**hosts[first], numbers: [number for each in given.values() for number in each]}


def restore_plan(
    host: str, record: Mapping[str, Any], values: Values, account_sid: str | None, folder: str | None = None
) -> dict[str, Any]:
    """Return the work to restore a backup, in the form of :func:`make_plan`.

    :param host: the host that reports on all of it
    :param record: the result of :func:`backup.read_record`
    :param account_sid: the account of the credentials; other accounts in the record are its subaccounts
    :param folder: the folder for the record of what the restore overwrites
    :returns: the plan; its ``credentials`` have the ``api_keys`` to ask IAM about, not credentials to look up
    """
    only, errors, _written = read(values["connect_sms_phone_numbers"])
    if errors:
        raise ValueError(join(errors, "; "))
    accounts, numbers = [], []
    for sid, changes in record["accounts"].items():
        # A service affects all of its numbers, so it is only restored together with the whole record.
        chosen = {number: change for number, change in changes.items() if not only or number in only}
        its_numbers = [number for number in chosen if number.startswith("+")]
        if not chosen:
            continue
        # How services are now is only looked up to record what is overwritten of them.
        on_override = "ignore" if len(its_numbers) == len(chosen) else "warn"
        item = {**account_of(values), "on_override": on_override, "pools": False, "backup_dir": folder}
        if sid != account_sid:
            item["access"] = {**item["access"], "subaccount_sid": sid}
        group = {"phone_numbers": dict.fromkeys(its_numbers), "credentials": []}
        item.update(label=f"Twilio account {sid}", first_host=host, webhooks={"": group}, restore=chosen)
        accounts.append(_pack_numbers(item))
        numbers += its_numbers
    missing = sorted(set(only) - set(numbers))
    if missing or not accounts:
        raise ValueError(f"the backup has no settings of {join(missing, ', ') or 'any phone number'}")
    keys = {key for account in accounts for change in account["restore"].values() for key in ibm_keys(change["before"])}
    checks = [{"access": access_of(values, IBM_VARIABLES), "api_keys": sorted(keys)}] if keys else []
    return {"credentials": checks, "accounts": accounts, "numbers": {host: numbers}, "errors": {}}


def finish_plan(play: Mapping[str, Values], others: Mapping[str, Values]) -> dict[str, Any]:
    """Return what to read and delete once, after a play's last batch, for entry points that delete credentials.

    :param play: the values of all hosts of the play, including those of earlier batches
    :param others: those of all other hosts of the inventory, which ``--limit`` may exclude; their accounts may hold the
        same keys
    :returns: ``credentials`` and ``channels`` of the play, and ``accounts`` of the whole inventory
    """
    credentials, accounts, channels = Distinct(), Distinct(), Distinct()
    for host, values in play.items():
        region, second = values["connect_sms_region"], values["connect_sms_fallback_region"]
        if values["connect_sms_orchestrate_agent"]:
            item = channel_of(values)
            channels.add(item, label=channel_label(item))
        for where in [] if needs_no_credential(values) else dict.fromkeys([region, second] if second else [region]):
            _add_credential(credentials, host, values, credential_of(values, where), rotate=False)
    for values in [*play.values(), *others.values()]:
        # An auth token gives access to the account and all of its subaccounts.
        access = {
            name: value for name, value in access_of(values, TWILIO_VARIABLES).items() if name != "subaccount_sid"
        }
        unseen = bool(values.get("connect_sms_delete_unseen"))
        accounts.add({"access": access, "delete_unseen": unseen}, label=account_label(values))
    return {"credentials": credentials.items, "channels": channels.items, "accounts": accounts.items}


def ibm_keys(settings: Mapping[str, str]) -> set[str]:
    """Return the API keys in webhooks that lead to a receiver of IBM. Other passwords are never sent to IAM."""
    receivers = {host for hosts in HOSTS.values() for host in hosts}
    urls = [settings.get(name, "") for name in URLS]
    return {str(password_of(url)) for url in urls if (place(url) or ("", ""))[1] in receivers and password_of(url)}


class Distinct:
    """A list of distinct dictionaries."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self._places: dict[str, int] = {}

    def add(self, identity: Mapping[str, Any], **more: Any) -> int:
        """Return the index of *identity*; if it is new, it is added with *more*."""
        place = self._places.setdefault(repr(sorted(identity.items())), len(self.items))
        if place == len(self.items):
            self.items.append({**identity, **more})
        return place


def numbers_of(host: str, values: Values) -> list[str]:
    """Return a host's phone numbers in E.164.

    :raises ValueError: if there are none, or one is not a phone number
    """
    return _reading_of(host, values).numbers


def numbers_if_known(host: str, values: Values) -> list[str]:
    """Return the phone numbers of a host whose settings were refused, as far as they could be read."""
    reading = read(values.get("connect_sms_phone_numbers"))
    named = number_of_host(host)
    return reading.numbers or ([named] if named and not reading.errors else [])


def _reading_of(host: str, values: Values) -> Reading:
    """Return a host's phone numbers as they were read. If it has none, its name may be the number."""
    reading = read(values["connect_sms_phone_numbers"])
    if reading.errors:
        raise ValueError(join(reading.errors, "; "))
    if reading.numbers:
        return reading
    named = number_of_host(host)
    if not named:
        raise ValueError(NO_NUMBERS if host == "localhost" else f"host {host} has no phone_number")
    return Reading([named], [], {})


def access_of(values: Values, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return a module's options for access to a cloud: only those that the host gives itself.

    If it gives none, the user's ``module_defaults`` apply, and then the environment.

    :param variables: :data:`IBM_VARIABLES` or :data:`TWILIO_VARIABLES`
    """
    return {option: values[name] for option, name in variables.items() if values.get(name) not in (None, "")}


def account_of(values: Values, state: str = "present") -> dict[str, Any]:
    """Return a host's Twilio account, and the options for the work there."""
    on_override = values.get("connect_sms_on_override") or "ignore"
    return {
        "access": access_of(values, TWILIO_VARIABLES),
        "state": state,
        "on_override": on_override,
        # Changing a Messaging Service affects all senders in its pool, so they must be known.
        "pools": on_override == "repair" or state == "absent",
        "repair_shared_services": bool(values.get("connect_sms_repair_shared_services")),
        "release_conversations": bool(values.get("connect_sms_release_conversations")),
        "backup_dir": values.get("connect_sms_backup_dir"),
        "concurrency": values.get("connect_sms_concurrency"),
        "force": bool(values.get("connect_sms_restore_force")),
        "alert_days": values.get("connect_sms_audit_days") or 0,
        "changed_by": bool(values.get("connect_sms_audit_blame")),
        **({"verify": verify} if (verify := _verify_options(values)) else {}),
    }


def _verify_options(values: Values) -> dict[str, Any]:
    """Return the options of ``twilio_sms_verify``, if the entry point has them."""
    return {name: values[PREFIX + name] for name in VERIFY_OPTIONS if PREFIX + name in values}


def account_label(values: Values) -> str:
    """Return the account's name for messages."""
    sid = values[TWILIO_VARIABLES["subaccount_sid"]] or values[TWILIO_VARIABLES["account_sid"]]
    return f"Twilio account {sid}" if sid else "the Twilio account of the environment"


def credential_of(values: Values, region: str | None) -> dict[str, Any]:
    """Return the options of ``iva_credential`` for a host's service credential in a region.

    ``connect_sms_instance`` only applies to the first region. Options that are not given are left out.
    """
    instance = values["connect_sms_instance"] if region == values["connect_sms_region"] else None
    return {
        "access": access_of(values, IBM_VARIABLES),
        "name": values["connect_sms_credential_name"],
        "role": values["connect_sms_role"],
        # Only the entry point main has this variable; the others that create a credential always do.
        "create": values.get("connect_sms_create_credential") is not False,
        **({"region": region} if region else {}),
        **({"instance": instance} if instance else {}),
    }


def _add_credential(credentials: Distinct, host: str, values: Values, identity: Mapping[str, Any], rotate: bool) -> int:
    """Return the index of a credential, and add this host's requirements to it."""
    region = identity.get("region")
    label = f"{identity['name']} on {identity.get('instance') or 'the SMS agent'}" + (f" in {region}" if region else "")
    index = credentials.add(identity, label=label, first_host=host, candidate_api_keys=[], store=[])
    item = credentials.items[index]
    tasks = values.get("connect_sms_store_key_tasks")
    if tasks and tasks not in item["store"]:
        item["store"].append(tasks)
    if rotate:  # if several hosts share a credential, the smallest maximum age applies
        item["max_age"] = min(values["connect_sms_max_age"], item.get("max_age", values["connect_sms_max_age"]))
    offered = values["connect_sms_api_key"]
    if offered and offered not in item["candidate_api_keys"]:
        item["candidate_api_keys"].append(offered)
    return index


def channel_of(values: Values) -> dict[str, Any]:
    """Return the options of ``orchestrate_sms_channel`` for a host's channel."""
    return {
        "access": access_of(values, CHANNEL_VARIABLES),
        "agent": values["connect_sms_orchestrate_agent"],
        "environment": values["connect_sms_orchestrate_environment"],
        "name": values["connect_sms_orchestrate_channel"],
    }


def add_channel(channels: Distinct, host: str, values: Values) -> int:
    """Return the index of a host's channel.

    :raises ValueError: if another host wants the same agent's channel with other options, since an environment has only one
    """
    identity = channel_of(values)
    index = channels.add(identity, label=channel_label(identity), first_host=host)
    for other in channels.items[:index]:
        if _channel_place(other) == _channel_place(identity):
            raise ValueError(
                f"host {other['first_host']} wants the same agent's channel with another name or Twilio account: an"
                " environment has one channel, and a channel serves one account"
            )
    return index


def _channel_place(channel: Mapping[str, Any]) -> tuple:
    return channel["access"].get("instance_url"), channel["agent"], channel["environment"]


def channel_label(channel: Mapping[str, Any]) -> str:
    """Return a channel's name for messages."""
    return f"channel '{channel['name']}' of agent '{channel['agent']}' ({channel['environment']})"


def needs_no_credential(values: Values) -> bool:
    """Whether a host's numbers need no service credential of IBM Cloud."""
    names = ("orchestrate_agent", "receiver_url", "password")
    return any(values.get(PREFIX + name) for name in names)


def _pack_numbers(account: dict[str, Any]) -> dict[str, Any]:
    """Pack the numbers of an account's groups into strings, one for each group and one for all, and return the account."""
    groups = list(account["webhooks"].values())
    account["phone_numbers"] = ",".join(dict.fromkeys(number for group in groups for number in group["phone_numbers"]))
    account["webhooks"] = [{**group, "phone_numbers": ",".join(group["phone_numbers"])} for group in groups]
    return account


def _receiver(values: Values) -> dict[str, Any]:
    """Return where a host's texts go: a literal ``url``, or the parts of one until the API keys are known."""
    region, second = values["connect_sms_region"], values["connect_sms_fallback_region"]
    receiver: dict[str, Any] = {"url": None, "host": None, "fallback_host": None, "credential_regions": []}
    behaviour = {name: values[one] for name, one in BEHAVIOUR.items() if values.get(one) not in (None, "", [])}
    if not 0 <= behaviour.get("retries", 0) <= MAX_RETRIES:
        raise ValueError(f"connect_sms_retries must be 0 to {MAX_RETRIES}")
    if values["connect_sms_orchestrate_agent"]:
        others = ("receiver_url", "receiver_host", "password", "fallback_region")
        given = [PREFIX + name for name in others if values[PREFIX + name]]
        if given:
            raise ValueError(
                f"connect_sms_orchestrate_agent cannot go with {join(given, ', ')}: which receiver is meant?"
            )
        return {**receiver, **behaviour, "username": None, "password": None}
    receiver.update(
        username=values["connect_sms_username"] or USERNAME, password=values["connect_sms_password"] or None
    )
    if values["connect_sms_receiver_url"]:
        if second:
            raise ValueError("connect_sms_fallback_region cannot go with connect_sms_receiver_url, which has no region")
        check_url(values["connect_sms_receiver_url"])
        return {**receiver, **behaviour, "url": values["connect_sms_receiver_url"]}
    try:
        receiver["host"] = host_for(region, values["connect_sms_receiver_host"])
        receiver["fallback_host"] = host_for(second) if second else None
    except ValueError as error:
        raise ValueError(f"{error} (variables connect_sms_region and connect_sms_receiver_host)") from None
    if receiver["password"]:
        if second and not any(receiver["host"] in hosts for hosts in HOSTS.values()):
            raise ValueError(
                f"connect_sms_fallback_region cannot go with connect_sms_password here: the password of {receiver['host']} would"
                f" be sent to {receiver['fallback_host']}"
            )
        build_url(receiver["host"], receiver["password"], receiver["username"])  # refuses what Twilio would refuse
    else:
        receiver["credential_regions"] = [region, second] if second else [region]
    return {**receiver, **behaviour}
