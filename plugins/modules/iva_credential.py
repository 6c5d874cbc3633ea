#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iva_credential
short_description: Manage the service credential of an SMS agent's instance in IBM Cloud
version_added: 1.0.0
description:
  - Ensures that an instance of Voice Agent has exactly one service credential with the given name, and returns its API key.
  - Phone numbers need this API key in their webhook URL, see M(voiceagent.sms.twilio_sms_webhook).
  - Never creates a second credential with the same name. If the key of an existing one cannot be read, the module says so instead.
author:
  - voiceagent.sms authors (@voiceagent-sms)
seealso:
  - module: voiceagent.sms.iva_credential_info
extends_documentation_fragment:
  - voiceagent.sms.ibm_cloud
  - voiceagent.sms.attributes
  - voiceagent.sms.attributes.action_group_ibm_cloud
options:
  name:
    description: Name of the service credential.
    type: str
    required: true
  instance:
    description:
      - Name, GUID or CRN of the service instance.
      - By default the only instance in O(region) that belongs to one of O(service_names).
    type: str
  region:
    description:
      - IBM Cloud region id, such as V(us-south).
      - If given, the instance must be in this region. Required without O(instance).
    type: str
  role:
    description:
      - Role of the credential. SMS agents need one of the two.
      - The role of an existing credential cannot be changed. If it has another role, the module fails.
    type: str
    choices: [Writer, Manager]
    default: Writer
  state:
    description:
      - V(present) ensures that the credential exists.
      - V(retiring) is the first step of a deletion. It appends C(:retiring) to the credential's name, as a rotation does, so that no
        other run starts to use it. Its key keeps working. A credential that is in use (O(keys_in_use)) is not renamed.
      - V(absent) deletes the credential and the retired credentials of the same name. Their API keys stop working at once, so first
        clear the webhooks that hold them, and give the keys that are still in use as O(keys_in_use). If several runs may be active at
        the same time, first use V(retiring), then find out what holds the key, then delete with O(retired=true).
      - If IBM Cloud refuses a deletion, the module tries all others and then fails.
    type: str
    choices: [present, retiring, absent]
    default: present
  create:
    description:
      - Whether to create the credential if it does not exist. If false, the module fails if it is missing, also in check mode.
      - Use V(false) for runs in parallel, such as the slices of a controller's job, after a single run has created the credential.
      - Cannot be false with O(max_age), O(state=retiring) or O(state=absent).
    type: bool
    default: true
  candidate_api_keys:
    description:
      - API keys that you already have, from a vault or from a webhook.
      - If the key of an existing credential cannot be read (redacted, or shown only once), these are tried in order. The first
        that belongs to the credential, according to IAM, is used.
    type: list
    elements: str
    default: []
  other_api_keys:
    description:
      - API keys of webhooks that others share. RV(foreign) shows which of them belong to other instances, RV(dead) which do not work.
    type: list
    elements: str
    default: []
    version_added: 1.1.0
  max_age:
    description:
      - With O(state=present), replaces a credential that is older than this number of days. This starts a rotation.
      - The old credential gets C(:retiring) appended to its name and keeps working. Move the webhooks to the new key, then
        delete the old credential with O(state=absent) and O(retired=true).
      - An unfinished rotation is continued. It gets no further credential, so that retired credentials do not accumulate.
        RV(rotation) shows whether a rotation was begun or continued.
      - A credential whose key is dead is replaced whatever its age.
    type: float
  run_id:
    description:
      - An ID that is the same in all tasks of one Ansible run. With O(max_age), a credential that the same run has created on this
        machine is not replaced again, for example by the next batch of a play with C(serial).
      - If another machine created a credential with the same name slightly earlier, the one that this run has created is retired.
        Without O(run_id) the module fails.
    type: str
  guid:
    description: With O(state=absent), delete only the credential with this GUID, if it is among those that would be deleted.
    type: str
  retired:
    description: With O(state=absent), delete only retired credentials, not the current one.
    type: bool
    default: false
  reinstate:
    description:
      - With O(state=absent) and O(retired=true), give a credential that is kept its old name back, unless another credential has that
        name now. This undoes O(state=retiring) if something started to use the key meanwhile.
    type: bool
    default: false
  keys_in_use:
    description:
      - With O(state=retiring) and O(state=absent), API keys that webhooks still hold. A credential to which one of them belongs
        or may belong is kept, and listed in RV(kept).
    type: list
    elements: str
    default: []
  service_names:
    description: Service names, as in an instance's CRN, that count as SMS agents if O(instance) is not given.
    type: list
    elements: str
    default: [voiceagent, voice-agent, voice-agent-with-watson]
  return_iam_token:
    description: Whether to return RV(iam_token), so that later tasks of the same run need not request another token.
    type: bool
    default: false
  wait_until_accepted:
    description:
      - Whether to wait, after the credential was created, until IAM accepts its API key. That takes some seconds. Until then, texts
        to a number that already uses the key would be refused.
      - For an existing credential, the module always asks IAM about the key. If IAM refuses it, the module fails
        (RV(failure.code=dead_key)).
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Ensure that the agent in Dallas has a credential for Twilio
  voiceagent.sms.iva_credential:
    name: twilio-sms
    region: us-south
  register: sms_credential
  no_log: true # the result holds the API key

- name: Use one of several instances, and a key from the vault if the stored one cannot be read
  voiceagent.sms.iva_credential:
    name: twilio-sms
    instance: support-agent
    region: us-east
    role: Manager
    candidate_api_keys:
      - "{{ vault_twilio_sms_key }}"
  register: sms_credential
  no_log: true

- name: Find the credential, but never create one
  voiceagent.sms.iva_credential:
    name: twilio-sms
    region: us-south
    create: false
  register: sms_credential
  no_log: true

- name: Begin a rotation of a key that is older than 90 days
  voiceagent.sms.iva_credential:
    name: twilio-sms
    region: us-south
    max_age: 90
  register: sms_credential
  no_log: true

- name: Finish it, once the webhooks hold the new key
  voiceagent.sms.iva_credential:
    name: twilio-sms
    region: us-south
    state: absent
    retired: true
    keys_in_use: "{{ keys_that_webhooks_hold }}"

- name: Delete the credential
  voiceagent.sms.iva_credential:
    name: twilio-sms
    instance: support-agent
    state: absent
"""

RETURN = r"""
credential:
  description: The service credential.
  returned: success
  type: dict
  contains:
    name: {description: Its name., type: str, sample: twilio-sms}
    guid: {description: Its GUID; null for one that does not exist., type: str, sample: 5d0c1f4e-7a0c-4b7e-9a53-0a0f2f2b3c11}
    id: {description: Its CRN; null for one that does not exist., type: str}
    role: {description: Its role., type: str, sample: Writer}
    state: {description: "V(active), V(removed), or V(absent) for one that does not exist.", type: str, sample: active}
    region: {description: Region id of its instance., type: str, sample: us-south}
    instance: {description: Name of its instance., type: str, sample: sms-agent}
    instance_guid: {description: GUID of its instance., type: str}
    service_id: {description: "ID of the service ID behind it, null if it is not shown.", type: str}
    created_at: {description: When it was created (ISO 8601)., type: str, sample: "2026-11-22T10:00:00.000Z"}
    one_time: {description: Whether its key was shown only once., type: bool}
    readable: {description: Whether its key is known., type: bool}
api_key:
  description:
    - The API key. A secret, so use C(no_log) on the task.
    - Null if it cannot be read, in check mode if the credential would be created, and with O(state=retiring) and O(state=absent).
  returned: success
  type: str
api_key_source:
  description: Where the key comes from, V(created), V(read) or V(candidate). Null if it is not known.
  returned: success
  type: str
  sample: created
iam_token:
  description: The token that was requested from IBM Cloud. A secret, so use C(no_log) on the task.
  returned: with O(return_iam_token), unless the token was given as O(iam_token)
  type: str
rotation_due:
  description: Whether the credential was older than O(max_age), or a rotation was in progress. If false, nothing was done.
  returned: with O(max_age)
  type: bool
rotation:
  description:
    - V(begun) if a successor was created, also by an earlier batch of the same run; V(continued) if the credential is the successor
      of an earlier rotation; V(not_due) if nothing was done.
    - V(overdue) if the credential is older than O(max_age), but was not replaced because an earlier one is still retired.
  returned: with O(max_age)
  type: str
  sample: begun
kept:
  description: The credentials that were kept because their keys are in use.
  returned: with O(state=retiring) and O(state=absent)
  type: list
  elements: dict
  contains:
    name: {description: Name of the credential., type: str}
    guid: {description: GUID of the credential., type: str}
    keys_in_use: {description: "Which of O(keys_in_use), as indexes from 0.", type: list, elements: int}
foreign:
  description:
    - Which of O(other_api_keys), as indexes from 0, work and belong to no credential of this instance. Includes keys that could
      not be checked.
  returned: with O(other_api_keys)
  type: list
  elements: int
  version_added: 1.1.0
dead:
  description: Which of O(other_api_keys), by their places from 0, do not work, or are not known to.
  returned: with O(other_api_keys)
  type: list
  elements: int
  version_added: 1.1.0
failure:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    code: {description: "The provider's code, or V(wrong_role), V(dead_key), V(missing_credential) and so on.", type: str}
    status: {description: The HTTP status if there was one., type: int}
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._http.errors import SmsError, TransportError
from ..module_utils._ibm import credential as credentials
from ..module_utils._ibm.client import IBM_IMPORT_ERROR, IbmCloud, find_instance
from ..module_utils._ibm.mint import Mint
from ..module_utils._ibm.receiver import is_api_key
from ..module_utils._module.access import ibm_cloud
from ..module_utils._module.edge import run
from ..module_utils._module.options import IBM_CLOUD_OPTIONS

ACCEPTED_WITHIN = 120  # seconds; terraform-provider-ibm #3561 saw fresh keys refused for some seconds
FRESH = 15.0  # seconds of age; IAM may not accept a key yet if somebody else created its credential this recently
SETTLING = 2.0  # seconds after a rename: a run that just read the old name may still be writing
LATE_LIST = 30.0  # seconds for which a list may still show a credential under its old name


class Rotation(NamedTuple):
    """What ``max_age`` means for the current credential: whether to *retire* it, and the rotation's name in the result."""

    retire: bool
    name: str
    asked: bool = False  # whether IAM has already confirmed that its key works


class LateList(Exception):
    """The list showed a credential under its old name."""


def ensure_present(
    module: AnsibleModule, cloud: IbmCloud, instance: Mapping[str, Any], wanted: credentials.Wanted
) -> dict:
    """Find or create the credential and its API key; with ``max_age``, begin or continue a rotation."""
    credentials.check_active(instance)
    mint = Mint(cloud, str(instance["guid"]), wanted, run=module.params["run_id"])
    deadline = time.monotonic() + LATE_LIST
    while True:
        try:
            return find_or_create(module, cloud, mint, instance, wanted)
        except LateList:
            if time.monotonic() > deadline:
                raise SmsError(
                    f"IBM Cloud still lists service credential '{wanted.name}' under its old name; run again",
                    code="late_list",
                ) from None
            time.sleep(1)


def find_or_create(
    module: AnsibleModule, cloud: IbmCloud, mint: Mint, instance: Mapping[str, Any], wanted: credentials.Wanted
) -> dict:
    """Do what :func:`ensure_present` does, based on what the list shows now."""
    params = module.params
    key, retiring = look(cloud, mint, instance, wanted)
    if key is None and not params["create"]:
        key = mint.noted()  # created a moment ago on this machine, and not listed yet
        if key is None:
            raise credentials.missing(instance, wanted)
    before = after = in_diff(instance, wanted)
    more, asked, retired, renamed = {}, False, None, 0.0
    if params["max_age"] is not None:
        plan = rotation(cloud, mint, key, retiring, wanted, params)
        asked = plan.asked
        more = {"rotation_due": plan.name != "not_due", "rotation": plan.name}
        if key is not None and plan.retire:
            before = in_diff(instance, credentials.Wanted(wanted.name, credentials.role_of(key)), created="before")
            after = in_diff(instance, wanted, created="by this run")
            if not module.check_mode and cloud.rename_key(str(key["guid"]), credentials.retired_name(wanted.name)):
                retired, renamed = key, time.monotonic()
            key = None
    if key is None and before == after:
        before = {}
    if key is None and module.check_mode:
        return result_of(None, instance, wanted, before=before, after=after, **more)
    listed = key is not None
    key, created = (key, False) if key is not None else mint.create()
    credentials.check_role(key, wanted)
    if created:
        api_key, source = credentials.api_key_of(key), "created"
        if api_key and params["wait_until_accepted"]:
            wait_until_accepted(cloud, api_key, key)
    else:
        before = after
        api_key, source = known_api_key(cloud, key, params["candidate_api_keys"])
        if api_key and source == "read" and not asked:  # IAM has just been asked about a candidate
            check_alive(cloud, key, api_key, FRESH if listed and not mint.shared else ACCEPTED_WITHIN)
    if retired is not None:
        settle(cloud, instance, retired, renamed)
    return result_of(key, instance, wanted, before=before, after=after, api_key=api_key, source=source, **more)


def settle(cloud: IbmCloud, instance: Mapping[str, Any], retired: Mapping[str, Any], renamed: float) -> None:
    """Wait until other runs can know of a rename, so that the search for holders can follow.

    A run that read the old name before the rename gets some time to write its numbers. A run that reads the list after its
    numbers are written must not find the old name there any more.

    :param retired: the credential as it was
    :param renamed: when it was renamed, in the time of :func:`time.monotonic`
    """
    time.sleep(max(0.0, renamed + SETTLING - time.monotonic()))
    with suppress(SmsError):  # the deletion reads the list again
        while time.monotonic() < renamed + LATE_LIST:
            same = (key for key in cloud.keys(str(instance["guid"])) if key["guid"] == retired["guid"])
            if all(key.get("name") != retired.get("name") for key in same):
                return
            time.sleep(1)


def look(
    cloud: IbmCloud, mint: Mint, instance: Mapping[str, Any], wanted: credentials.Wanted
) -> tuple[Mapping[str, Any] | None, list[Mapping[str, Any]]]:
    """Return the one credential with the name, or ``None``, and the retired ones.

    :raises SmsError: if several credentials have the name
    """
    on_instance = cloud.keys(str(instance["guid"]))
    keys = mint.settled(credentials.named(on_instance, wanted.name))
    if len(keys) > 1:
        keys = [key for key in keys if mint.lives(key)]
    if len(keys) > 1 and mint.made(keys[-1]):
        # Another machine created the same credential slightly earlier. This run's numbers use its own until they are moved.
        cloud.rename_key(str(keys[-1]["guid"]), credentials.retired_name(wanted.name))
        keys.pop()
    if len(keys) > 1:
        raise credentials.duplicates(keys, wanted)
    return keys[0] if keys else None, credentials.named(on_instance, credentials.retired_name(wanted.name))


def rotation(
    cloud: IbmCloud,
    mint: Mint,
    key: Mapping[str, Any] | None,
    retiring: list[Mapping[str, Any]],
    wanted: credentials.Wanted,
    params: Mapping[str, Any],
) -> Rotation:
    """Return what to do about a credential's age.

    :raises SmsError: if a credential in use would have to be retired although another one is still retired
    """
    if key is None:
        return Rotation(False, "begun")
    if mint.made(key):
        return Rotation(False, "begun")
    fits = credentials.role_of(key).lower() in ("", wanted.role.lower())
    age = credentials.age_in_days(key, time.time())
    # With a clock behind IBM's the age is negative; a key that leaked must be replaced (max_age 0) nevertheless.
    old = age is None or max(0.0, age) >= params["max_age"]
    if not retiring and (old or not fits):
        return Rotation(True, "begun")
    api_key, _source = known_api_key(cloud, key, params["candidate_api_keys"], dead_too=True)
    accepted = api_key is not None and cloud.accepts(api_key)
    alive = accepted or (api_key is not None and is_younger(key, FRESH))
    if not retiring:
        # If the key of a young credential cannot be read, somebody who has the key may be using it.
        return Rotation(True, "begun") if api_key and not alive else Rotation(False, "not_due", accepted)
    if not alive:
        return Rotation(True, "begun")  # its key is of no use, so it is deleted together with the retired one
    if not fits:
        raise retained(key, retiring)
    # The successor exists already. It may itself be too old by now, if the retired credential stays in use for long.
    return Rotation(False, "overdue" if old and params["max_age"] > 0 else "continued", accepted)


def retained(key: Mapping[str, Any], retiring: list[Mapping[str, Any]]) -> SmsError:
    """Return the error about a rotation that would leave two retired credentials."""
    return SmsError(
        f"Service credential {credentials.in_words(key)} is not replaced, because an earlier one is still retired:"
        f" {', '.join(credentials.in_words(each) for each in retiring)}. Run rotate_sms_key with the current role first: it"
        " deletes the retired one once nothing holds its key, and names what does",
        code="retired_credential",
    )


def is_younger(key: Mapping[str, Any], seconds: float) -> bool:
    """Whether a credential was created less than *seconds* ago, so that IAM may not accept its key yet.

    One that was created much later than now, according to clocks that differ, does not count.
    """
    age = credentials.age_in_days(key, time.time())
    return age is not None and abs(age) * 86400 < seconds


def known_api_key(
    cloud: IbmCloud, key: Mapping[str, Any], candidates: list[str], *, dead_too: bool = False
) -> tuple[str | None, str | None]:
    """Return the API key of an existing credential and where it comes from: IBM Cloud, or the caller's candidates.

    :param dead_too: whether to return a candidate that is disabled or expired
    """
    api_key = credentials.api_key_of(key)
    if api_key is None and not key.get("onetime_credentials"):
        # A list may hide what reading the single credential shows.
        api_key = credentials.api_key_of(cloud.key(str(key["guid"])) or {})
    if api_key is not None:
        return api_key, "read"
    for candidate in candidates:
        details = cloud.api_key_details(candidate) if is_api_key(candidate) else None
        alive = dead_too or (details and credentials.usable(details, time.time()))
        if details and credentials.belongs(details, key) and alive:
            return candidate, "candidate"
    return None, None


def check_alive(cloud: IbmCloud, key: Mapping[str, Any], api_key: str, patience: float) -> None:
    """Ask IAM about the key of an existing credential.

    :param patience: the age in seconds up to which IAM may not know the key yet, and the longest wait
    :raises SmsError: if the key is dead
    :raises LateList: if the credential was renamed or deleted meanwhile
    """
    deadline = time.monotonic() + patience
    while not cloud.accepts(api_key):
        if not credentials.is_named(cloud.key(str(key["guid"])) or key, str(key.get("name"))):
            raise LateList
        details = cloud.api_key_details(api_key)
        out_of_use = details and not credentials.usable(details, time.time())
        if out_of_use or not is_younger(key, patience) or time.monotonic() > deadline:
            raise credentials.dead(key, details, time.time())
        time.sleep(1)


def wait_until_accepted(cloud: IbmCloud, api_key: str, key: Mapping[str, Any]) -> None:
    """Wait until IAM accepts the API key of a credential that was just created.

    IAM may be out of order for a moment. An error at once would throw the key away, and IBM Cloud may not show it again.

    :raises SmsError: if IAM does not accept it in time; the message names the credential, which exists
    """
    deadline = time.monotonic() + ACCEPTED_WITHIN
    while True:
        failure = None
        try:
            if cloud.accepts(api_key):
                return
        except SmsError as error:
            failure = error
        if time.monotonic() > deadline or (failure is not None and not passes(failure)):
            raise not_accepted(key, failure)
        time.sleep(1)


def passes(error: SmsError) -> bool:
    """Whether an error may be over in a moment: no answer, too many requests, or a fault of the server."""
    if isinstance(error, TransportError):
        return error.code != "tls"
    return error.status == 429 or (error.status or 0) >= 500


def not_accepted(key: Mapping[str, Any], failure: SmsError | None) -> SmsError:
    """Return the error about a new credential whose API key IAM has not accepted.

    :param failure: IAM's last answer, ``None`` if it refused the key
    """
    why = f": {failure}" if failure else f" within {ACCEPTED_WITHIN} s"
    to_do = "run again later"
    if key.get("onetime_credentials"):
        to_do = "its API key was shown only once, so replace the credential with the playbook rotate_sms_key"
    return SmsError(
        f"Service credential {credentials.in_words(key)} was created, but IAM did not accept its API key{why}."
        f" No webhook was touched; {to_do}",
        code="key_not_accepted",
        status=failure.status if failure else None,
    )


def ensure_retiring(
    module: AnsibleModule, cloud: IbmCloud, instance: Mapping[str, Any], wanted: credentials.Wanted
) -> dict:
    """Rename the credential, unless its key is in use."""
    keys = credentials.named(cloud.keys(str(instance["guid"])), wanted.name)
    if len(keys) > 1:
        raise credentials.duplicates(keys, wanted)
    unused, kept = sort_out(cloud, keys, module.params["keys_in_use"])
    for key in [] if module.check_mode else unused:
        if cloud.rename_key(str(key["guid"]), credentials.retired_name(wanted.name)):
            settle(cloud, instance, key, time.monotonic())
    before = present(instance, unused)
    after = {**before, "name": credentials.retired_name(wanted.name)} if unused else {}
    return result_of(next(iter(keys), None), instance, wanted, before=before, after=after, kept=kept)


def ensure_absent(
    module: AnsibleModule, cloud: IbmCloud, instance: Mapping[str, Any], wanted: credentials.Wanted
) -> dict:
    """Delete the credential, or only its retired predecessors, unless their keys are in use."""
    params = module.params
    on_instance = cloud.keys(str(instance["guid"]))
    keys = credentials.named(on_instance, credentials.retired_name(wanted.name))
    named = credentials.named(on_instance, wanted.name)
    if not params["retired"]:
        if len(named) > 1:
            raise credentials.duplicates(named, wanted)
        keys = named + keys
    keys = [key for key in keys if params["guid"] in (None, "", key.get("guid"))]
    unused, kept = sort_out(cloud, keys, params["keys_in_use"])
    refused = [] if module.check_mode else delete_all(cloud, unused)
    if params["reinstate"] and params["retired"] and len(kept) == 1 and not named and not module.check_mode:
        kept = [{**kept[0], "name": reinstated(cloud, instance, str(kept[0]["guid"]), wanted)}]
    key = next((key for key in keys if key.get("name") == wanted.name and key not in unused), None)
    if refused:
        return {**not_deleted(refused), "changed": len(refused) < len(unused), "kept": kept}
    return result_of(key, instance, wanted, before=present(instance, unused), after={}, kept=kept)


def reinstated(cloud: IbmCloud, instance: Mapping[str, Any], guid: str, wanted: credentials.Wanted) -> str:
    """Give a retired credential its name back, and return its name: another run may have made a successor meanwhile."""
    cloud.rename_key(guid, wanted.name)
    if all(key["guid"] == guid for key in credentials.named(cloud.keys(str(instance["guid"])), wanted.name)):
        return wanted.name
    cloud.rename_key(guid, credentials.retired_name(wanted.name))
    return credentials.retired_name(wanted.name)


def sort_out(
    cloud: IbmCloud, keys: list[Mapping[str, Any]], in_use: list[str]
) -> tuple[list[Mapping[str, Any]], list[dict[str, Any]]]:
    """Return the credentials that nothing uses, and the entries of ``kept`` for the others."""
    owners = {index: cloud.api_key_details(value) for index, value in enumerate(in_use) if keys}
    unused, kept = [], []
    for key in keys:
        uses = [
            index
            for index, details in owners.items()
            if in_use[index] == credentials.api_key_of(key) or credentials.may_belong(details, key)
        ]
        if uses:
            kept.append({"name": key.get("name"), "guid": key.get("guid"), "keys_in_use": uses})
        else:
            unused.append(key)
    return unused, kept


def delete_all(cloud: IbmCloud, keys: list[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], SmsError]]:
    """Delete credentials, and return those that IBM Cloud refused to delete, each with its error."""
    refused = []
    for key in keys:
        try:
            cloud.delete_key(str(key["guid"]))
        except SmsError as error:
            refused.append((key, error))
    return refused


def not_deleted(refused: list[tuple[Mapping[str, Any], SmsError]]) -> dict[str, Any]:
    """Return the part of the result that reports refused deletions."""
    texts = [f"Service credential {credentials.in_words(key)} was not deleted: {error}" for key, error in refused]
    return {
        "failed": True,
        "msg": f"{'; '.join(texts)}. Its API key still works: run again, or delete it in IBM Cloud",
        "failure": {**refused[0][1].facts(), "not_deleted": [str(key.get("guid")) for key, _error in refused]},
    }


def others(
    cloud: IbmCloud, instance: Mapping[str, Any], api_keys: list[str], result: Mapping[str, Any]
) -> dict[str, list[int]]:
    """Return which of some API keys are ``foreign`` and which are ``dead``, by their places."""
    asked = {index: value for index, value in enumerate(api_keys) if value != result["api_key"] and is_api_key(value)}
    keys = cloud.keys(str(instance["guid"])) if asked else []
    told: dict[str, list[int]] = {"foreign": [], "dead": []}
    for index, value in asked.items():
        try:
            details = cloud.api_key_details(value)
        except SmsError:  # not every identity may ask for details
            if not credentials.owner_of(value, keys, None):
                told["foreign"].append(index)
                told["dead"].append(index)
            continue
        if not details or not credentials.usable(details, time.time()):
            told["dead"].append(index)
        elif not credentials.owner_of(value, keys, details):
            told["foreign"].append(index)
    return told


def present(instance: Mapping[str, Any], keys: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the first credential as a diff shows it, ``{}`` if there is none."""
    shown = [in_diff(instance, credentials.Wanted(str(key.get("name")), credentials.role_of(key))) for key in keys]
    return shown[0] if shown else {}


def in_diff(instance: Mapping[str, Any], wanted: credentials.Wanted, **more: Any) -> dict[str, Any]:
    """Return a credential as a diff shows it, without what the server assigns, so that check mode shows the same."""
    return {
        "name": wanted.name,
        "role": wanted.role,
        "instance": instance.get("name"),
        "region": credentials.region_of(instance),
        **more,
    }


def result_of(
    key: Mapping[str, Any] | None,
    instance: Mapping[str, Any],
    wanted: credentials.Wanted,
    *,
    before: dict[str, Any],
    after: dict[str, Any],
    api_key: str | None = None,
    source: str | None = None,
    **more: Any,
) -> dict:
    """Return the module's result."""
    return {
        "changed": before != after,
        "credential": credentials.describe(key, instance, wanted, readable=api_key is not None),
        "api_key": api_key,
        "api_key_source": source if api_key else None,
        "diff": {"before": before, "after": after},
        **more,
    }


def manage(module: AnsibleModule) -> dict:
    """Do what the options ask for and return the module's result."""
    params = module.params
    wanted = credentials.Wanted(params["name"], params["role"])
    credentials.check_name(wanted.name)
    if not params["create"] and (params["max_age"] is not None or params["state"] != "present"):
        raise SmsError(
            "create=false cannot be combined with max_age, state=retiring or state=absent", code="bad_options"
        )
    cloud = ibm_cloud(params)
    instance = find_instance(
        cloud, instance=params["instance"], region=params["region"], service_names=params["service_names"]
    )
    ensure = {"present": ensure_present, "retiring": ensure_retiring, "absent": ensure_absent}[params["state"]]
    result = ensure(module, cloud, instance, wanted)
    if params["other_api_keys"]:
        result.update(others(cloud, instance, params["other_api_keys"], result))
    if params["return_iam_token"] and not cloud.has_ready_token:
        result["iam_token"] = cloud.token()
    for option in ("candidate_api_keys", "other_api_keys"):
        # tried or not: a key that could be read may be among them
        if result.get("api_key") in params[option]:
            # Ansible masks every value of a no_log option in the result too, but this one is what the caller asks for.
            module.no_log_values.discard(result["api_key"])
            params[option] = ["VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"]
    return result


ARGUMENTS: dict[str, Any] = {
    "argument_spec": {
        **IBM_CLOUD_OPTIONS,
        "name": {"type": "str", "required": True},
        "instance": {"type": "str"},
        "region": {"type": "str"},
        "role": {"type": "str", "choices": list(credentials.ROLES), "default": "Writer"},
        "state": {"type": "str", "choices": ["present", "retiring", "absent"], "default": "present"},
        "create": {"type": "bool", "default": True},
        "candidate_api_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "other_api_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "max_age": {"type": "float"},
        "run_id": {"type": "str"},
        "guid": {"type": "str"},
        "return_iam_token": {"type": "bool", "default": False},
        "retired": {"type": "bool", "default": False},
        "reinstate": {"type": "bool", "default": False},
        "keys_in_use": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "service_names": {"type": "list", "elements": "str", "default": list(credentials.SERVICE_NAMES)},
        "wait_until_accepted": {"type": "bool", "default": True},
    },
    "supports_check_mode": True,
}
NEEDS = {"ibm-platform-services": IBM_IMPORT_ERROR}


def main() -> None:
    run(AnsibleModule(**ARGUMENTS), manage, NEEDS)


if __name__ == "__main__":
    main()
