# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides what to do about Messaging Services and Conversations that take texts instead of a number's webhook.

A service that leads to the wanted receiver delivers its numbers' texts, and its webhook gets the wanted key. A service
that leads elsewhere can defer to its numbers (``on_override: repair``). This changes where the texts of its whole pool go,
so all senders in the pool must be wanted there. All functions except :func:`carry_out` are pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._http.errors import SmsError, join
from .._http.urls import password_of, place
from .overrides import DEFERS, describe_override, own_url, service_from, service_settings
from .provider import Provider
from .snapshot import Snapshot
from .webhook import SERVICE_FIELDS, URLS, changes, disconnected, in_service, leading, restored, settings_of, unheeded

ADDRESS_FIELDS = {"auto_creation_enabled": ("AutoCreation.Enabled", "auto_creation_enabled")}
FIELDS = {"messaging_service": SERVICE_FIELDS, "conversation": ADDRESS_FIELDS}
ALLOW = "or allow it with repair_shared_services"


@dataclass
class Change:
    """The change of a service (or an address configuration), and the numbers of the run that depend on it.

    *needs_all*: only change it once all of these numbers have their webhooks. *refusal*: why it is left alone.
    """

    kind: str
    sid: str
    name: str
    before: dict[str, str]
    after: dict[str, str]
    numbers: list[str] = field(default_factory=list)
    needs_all: bool = False
    refusal: str | None = None
    along: list[str] = field(default_factory=list)  # other numbers of the pool, which are carried to the same place

    @property
    def words(self) -> str:
        """Its kind, name and SID, for messages."""
        kind = "Messaging Service" if self.kind == "messaging_service" else "Conversations address configuration"
        return f"{kind} '{self.name}' ({self.sid})"

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the update, empty if none is needed."""
        return changes(self.before, self.after, FIELDS[self.kind])


@dataclass
class Verdict:
    """What services mean for the numbers of a run.

    *via*: the service that sends a number's texts to the wanted receiver. *overridden*: what takes its texts otherwise.
    *refusals*: why a number is left alone. Each by number.
    """

    changes: list[Change] = field(default_factory=list)
    via: dict[str, dict[str, Any]] = field(default_factory=dict)
    overridden: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)


def services_verdict(snapshot: Snapshot, wanted: Mapping[str, Mapping[str, Any]], params: Mapping[str, Any]) -> Verdict:
    """Return what services mean for the numbers of a run, and how they change.

    :param wanted: the webhook options of each number
    :param params: ``state``, ``on_override``, ``repair_shared_services`` and ``release_conversations``
    """
    if snapshot.overrides is None or params["on_override"] == "ignore":
        return Verdict()
    present = params["state"] == "present"
    usable = {
        number: options
        for number, options in wanted.items()
        if (found := snapshot.numbers.get(number)) and (found.receives_sms or not present)
    }
    verdict = Verdict(overridden={n: what for n, what in snapshot.overrides.items() if n in usable} if present else {})
    for service in snapshot.services:
        members = [number for number in service["pool"] or () if number in usable]
        if members:
            (_connect if present else _disconnect)(service, members, usable, params, verdict)
    if present and params["on_override"] == "repair":
        _release(snapshot, params, verdict)
    return verdict


def _connect(
    service: Mapping[str, Any],
    members: list[str],
    wanted: Mapping[str, Mapping[str, Any]],
    params: Mapping[str, Any],
    verdict: Verdict,
) -> None:
    """Decide about one service whose pool has numbers to connect."""
    change = _change(service, members)
    takes = service[DEFERS] != "true"
    others = [one for one in service["pool"] if one not in members]
    carried, after = _carried(change, members, wanted)
    if (
        after
        and after != change.before
        and takes
        and others
        and _is_foreign(change, (wanted[number] for number in carried), params)
    ):
        carried, after = [], None
    change.after, change.along = after or change.after, others if takes else []
    left = [number for number in members if number not in carried] if takes else []
    if left and params["on_override"] == "repair":
        strangers = _strangers(service, [wanted[number] for number in left], set(members))
        if strangers and not params.get("repair_shared_services"):
            text = f"left alone: {change.words} takes its texts and those of {join(strangers, ', ')}, and would change"
            text += f" where all of them go: include these in the same run, {ALLOW}"
            verdict.refusals.update(dict.fromkeys(left, text))
        else:
            change.after = {**change.after, DEFERS: "true"}
            change.needs_all = True
            carried, takes = [], False
            for number in members:
                verdict.overridden.pop(number, None)
    elif left and params["on_override"] == "fail":
        refused = {number: f"left alone: {describe_override(verdict.overridden[number])}" for number in left}
        verdict.refusals.update(refused)
    for number in carried if takes else ():
        verdict.via[number] = verdict.overridden.pop(number)
    if change.fields:
        change.numbers = members if change.needs_all else carried if takes else []
        verdict.changes.append(change)


def _is_foreign(change: Change, wanted: Iterable[Mapping[str, Any]], params: Mapping[str, Any]) -> bool:
    """Whether a service holds the key of another agent, which others in its pool may need.

    At one place there are many agents: the key says which. Numbers that only share the pool with those of this run would
    be answered by another agent from now on.
    """
    if params.get("repair_shared_services"):
        return False
    foreign = {password for options in wanted for password in options.get("foreign_passwords") or ()}
    return bool({password_of(change.before[name]) for name in URLS} & foreign)


def _carried(
    change: Change, members: list[str], wanted: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], dict[str, str] | None]:
    """Return the numbers whose texts the service sends to the right place, and its settings with their key.

    A service has one webhook: if its numbers want several at that place, only the current one can be kept.
    """
    there = place(change.before["url"])
    ways: list[tuple[dict[str, str], list[str]]] = []
    for number in members if there else ():
        if place(wanted[number]["url"]) == there:
            after = leading(change.before, wanted[number])
            same = next((numbers for settings, numbers in ways if settings == after), None)
            if same is None:
                ways.append((after, [number]))
            else:
                same.append(number)
    if len(ways) != 1:
        ways = [way for way in ways if way[0] == change.before]
    return (ways[0][1], ways[0][0]) if ways else ([], None)


def _disconnect(
    service: Mapping[str, Any],
    members: list[str],
    wanted: Mapping[str, Mapping[str, Any]],
    params: Mapping[str, Any],
    verdict: Verdict,
) -> None:
    """Decide about one service whose pool has numbers to disconnect."""
    change = _change(service, members)
    for number in members:
        if wanted[number].get("url"):  # without a URL it is not known which services to clear
            change.after = disconnected(change.after, wanted[number])
    if not change.fields:
        return
    others = [one["name"] for one in service["others"] or ()]
    strangers = list(dict.fromkeys([*(one for one in service["pool"] if one not in members), *others]))
    if not strangers or params.get("repair_shared_services"):
        change.numbers = members
        verdict.changes.append(change)
    elif service[DEFERS] != "true":
        text = (
            f"left alone: {change.words} leads its texts there, and those of {join(strangers, ', ')}: disconnect these"
        )
        text += f" in the same run, remove the number from the service's sender pool, {ALLOW}"
        verdict.refusals.update(dict.fromkeys(members, text))


def _strangers(service: Mapping[str, Any], wanted: list[Mapping[str, Any]], members: set[str]) -> list[str]:
    """Return the senders of a pool that are not in this run, and whose own webhooks do not lead to a *wanted* receiver.

    Nobody is led there by a key that does not work, or by none: the service has taken the texts until now.
    """
    places = {place(options["url"]) for options in wanted} - {None}
    dead = {password for options in wanted for password in options.get("dead_passwords") or ()}
    if all(password_of(options["url"]) for options in wanted):
        dead.add("")
    others = service["others"]
    if others is None:  # they were not read
        return [one for one in service["pool"] if one not in members]
    known = {one["name"] for one in others}
    left_out = [one for one in service["pool"] if one not in members and one not in known]
    lost = (one for one in others if place(one["url"]) not in places or (password_of(one["url"]) or "") in dead)
    return left_out + [one["name"] for one in lost]


def _release(snapshot: Snapshot, params: Mapping[str, Any], verdict: Verdict) -> None:
    """Decide about the conversations of numbers that no service takes, or whose service will defer."""
    repaired = {number for change in verdict.changes if change.needs_all for number in change.numbers}
    for number, conversation in snapshot.conversations.items():
        if number not in repaired and verdict.overridden.get(number, {}).get("kind") != "conversation":
            continue
        if not params.get("release_conversations"):
            verdict.overridden[number] = conversation
            continue
        verdict.overridden.pop(number, None)
        settings = {"auto_creation_enabled": "true"}
        sid, name = str(conversation["sid"]), str(conversation["name"])
        change = Change("conversation", sid, name, settings, {"auto_creation_enabled": "false"}, [number], True)
        verdict.changes.append(change)


def _change(service: Mapping[str, Any], members: list[str]) -> Change:
    settings = service_settings(service)
    return Change(
        "messaging_service", service["sid"], service["friendly_name"], settings, dict(settings), list(members)
    )


def is_service_change(value: Any) -> bool:
    """Whether *value* is the change of a service in a backup."""
    return (
        isinstance(value, dict)
        and value.get("kind") in FIELDS
        and isinstance(value.get("name"), str)
        and all(
            isinstance(value.get(when), dict)
            and set(value[when]) == set(FIELDS[value["kind"]])
            and all(isinstance(setting, str) for setting in value[when].values())
            for when in ("before", "after")
        )
    )


def restore_changes(twilio: Provider, recorded: Mapping[str, Mapping[str, Any]], *, force: bool) -> list[Change]:
    """Read recorded services and return the changes that restore them.

    :param recorded: by SID, changes that :func:`is_service_change` accepts
    :raises SmsError: if the services cannot be read
    """
    kinds = {change["kind"] for change in recorded.values()}
    present: dict[str, dict[str, str]] = {}
    if "messaging_service" in kinds:
        services = [service_from(row) for row in twilio.messaging_services()]
        present.update({service["sid"]: service_settings(service) for service in services})
    if "conversation" in kinds:
        present.update({str(row.get("sid")): address_settings(row) for row in twilio.conversation_addresses()})
    return [put_back(sid, change, present.get(sid), force=force) for sid, change in recorded.items()]


def put_back(sid: str, recorded: Mapping[str, Any], now: dict[str, str] | None, *, force: bool) -> Change:
    """Return what puts a recorded service back.

    :param now: its present settings, ``None`` if it is not there any more
    """
    change = Change(recorded["kind"], sid, recorded["name"], now or recorded["after"], now or recorded["after"])
    if now is None:
        change.refusal = "does not exist any more"
        return change
    after = restored(now, recorded, force=force)
    if after is None:
        change.refusal = "left alone: changed since by somebody else (force restores it anyway)"
    elif recorded.get("refusal") and after != now and not force:
        change.refusal = f"left alone: {recorded['refusal']} (force restores it anyway)"
    else:
        change.after = after
    return change


def spare_others(
    twilio: Provider,
    changes: list[Change],
    numbers: Iterable[str],
    recorded: Mapping[str, Mapping[str, Any]],
    *,
    force: bool,
) -> None:
    """Leave services alone that a restore would let take the texts of others away from their own webhooks.

    While a service defers, others may have been connected. Also notes which of the restored *numbers* depend on a service:
    their webhooks must not be put back while it still defers to them, whatever the reason. Costs a request or two for each
    such service.

    :param recorded: as for :func:`restore_changes`
    :param force: whether to restore these services all the same
    :raises SmsError: if a pool cannot be read
    """
    mine = set(numbers)
    for change in changes:
        deferred = recorded[change.sid]["before"].get(DEFERS)
        if change.kind != "messaging_service" or (change.before[DEFERS], deferred) != ("true", "false"):
            continue
        pool = {str(row.get("phone_number")) for row in twilio.pool(change.sid)}
        change.numbers = sorted(pool & mine)
        if force or change.refusal:
            continue
        others = twilio.find(sorted(pool - mine)) if pool - mine else {}
        there = place(change.after["url"])
        lost = [n for n, row in others.items() if in_service(settings_of(row)) and place(own_url(row)) != there]
        if lost:
            change.after = change.before
            change.refusal = (
                f"left alone: it would take the texts of {join(lost, ', ')}, which are not restored, away from their own"
                " webhooks (force restores it anyway)"
            )


def address_settings(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of an address configuration that a run may change."""
    automatic = row.get("auto_creation")
    enabled = isinstance(automatic, dict) and bool(automatic.get("enabled"))
    return {"auto_creation_enabled": "true" if enabled else "false"}


def carry_out(twilio: Provider, change: Change) -> dict[str, str]:
    """Make a change and return the settings in Twilio's answer.

    :raises SmsError: if Twilio refuses it, or reports success but shows other settings
    """
    if change.kind == "messaging_service":
        row = twilio.update_service(change.name, change.sid, change.fields)
        not_done = unheeded(change.fields, row)
        after = service_settings(service_from(row))
    else:
        row = twilio.update_address(change.name, change.sid, change.fields)
        after = address_settings(row)
        not_done = [] if after == change.after else list(change.fields)
    if not_done:
        raise not_as_asked(change.words, not_done)
    return after


def not_as_asked(words: str, fields: list[str]) -> SmsError:
    """Return the error about an update for which Twilio reported success, but shows other settings."""
    return SmsError(
        f"Twilio reported success for the update of {words}, but does not show the new {' and '.join(sorted(fields))}:"
        " check it in the console, and run again",
        code="not_as_asked",
    )


def recorded_changes(verdict: Verdict) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the services that are about to change, for a backup: SID, and a change that :func:`is_service_change` accepts."""
    for change in verdict.changes:
        if change.fields:
            yield change.sid, {"kind": change.kind, "name": change.name, "before": change.before, "after": change.after}
