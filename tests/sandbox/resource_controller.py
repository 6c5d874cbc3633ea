# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IBM Cloud Resource Controller: service instances and their credentials (resource keys)."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from . import ids
from .answers import Answer, Refused, rc_error
from .gate import Call, Operation
from .iam import authorize
from .models import Instance, ResourceKey
from .state import SERVICE_ROLES, Token, role_name

MAX_PAGE = 100
NAME = re.compile(r"[\w .:-]{1,180}")
ROLE_CRN = re.compile(r"crn:v1:bluemix:public:[\w-]+::(a/\w+)?::(serviceRole|customRole):[\w-]+")
#: Platform roles that may create, rename and delete credentials.
EDITORS = ("Operator", "Editor", "Administrator")


# --- lists -----------------------------------------------------------------------------------------------------------


def _page(call: Call, path: str, rows: Iterable[Any], filters: tuple[str, ...], render: Any) -> Answer:
    """Answer one page of a list, in the order of names.

    A page may have fewer rows than requested, or none: only a null ``next_url`` marks the end. With ``start``, every
    other query parameter is ignored, so the token contains filters and limit.
    """
    cursor = _cursor(call, filters)
    after = cursor["after"]
    found = [row for row in rows if after is None or [row.name, row.guid] > after]
    found = [row for row in found if all(_matches(row, name, value) for name, value in cursor["filters"].items())]
    found.sort(key=lambda row: (row.name, row.guid))
    size = min(cursor["limit"], call.settings.page_limit)
    if call.settings.page_holes:
        size = 0 if cursor["page"] % 2 == 0 else max(1, size // 2)
    shown = found[:size]
    next_url = None
    if len(found) > size:
        cursor["page"] += 1
        if shown:
            cursor["after"] = [shown[-1].name, shown[-1].guid]
        token = base64.urlsafe_b64encode(json.dumps(cursor).encode()).rstrip(b"=").decode()
        next_url = f"{path}?start={token}"
    return Answer(200, {"rows_count": len(shown), "next_url": next_url, "resources": [render(row) for row in shown]})


def _cursor(call: Call, filters: tuple[str, ...]) -> dict[str, Any]:
    start = call.query.get("start")
    if start is not None:
        try:
            cursor: dict[str, Any] = json.loads(base64.urlsafe_b64decode(start + "=" * (-len(start) % 4)))
            return cursor
        except (binascii.Error, ValueError) as error:
            raise Refused(rc_error(400, "RC-InvalidStart", "The value of start is not valid.")) from error
    limit = call.query.get("limit", str(MAX_PAGE))
    if not limit.isdigit() or not 1 <= int(limit) <= MAX_PAGE:
        raise Refused(rc_error(400, "RC-InvalidLimit", f"The limit must be a number from 1 to {MAX_PAGE}."))
    # There is no filter by region: like the real API, this one ignores unknown parameters.
    chosen = {name: call.query[name] for name in filters if call.query.get(name)}
    return {"page": 0, "after": None, "limit": int(limit), "filters": chosen}


def _matches(row: Any, name: str, value: str) -> bool:
    if name in ("updated_from", "updated_to"):
        try:
            bound = ids.parse_time(value)
        except ValueError as error:
            raise Refused(rc_error(400, "RC-InvalidDate", f"The value of {name} is not a date.")) from error
        updated = ids.parse_time(row.updated_at)
        return updated >= bound if name == "updated_from" else updated <= bound
    if isinstance(row, ResourceKey) and name in ("resource_id", "resource_group_id"):
        return True  # all keys of an instance share these; filtered where the instance is known
    return str(getattr(row, name)) == value


# --- instances -------------------------------------------------------------------------------------------------------

_INSTANCE_FILTERS = (
    "guid",
    "name",
    "resource_group_id",
    "resource_id",
    "resource_plan_id",
    "type",
    "sub_type",
    "state",
    "updated_from",
    "updated_to",
)


def list_instances(call: Call) -> Answer:
    """List instances: without ``state`` only active and provisioning ones, of all regions."""
    rows: Iterable[Instance] = (row for row in call.state.instances if row.account_id == call.bearer.account_id)
    if not _cursor(call, _INSTANCE_FILTERS)["filters"].get("state"):
        rows = (row for row in rows if row.state in ("active", "provisioning"))
    return _page(call, "/v2/resource_instances", rows, _INSTANCE_FILTERS, instance_body)


def get_instance(call: Call) -> Answer:
    """Get an instance by GUID or URL-encoded CRN."""
    return Answer(200, instance_body(_instance(call, call.params["id"])))


def _instance(call: Call, wanted: str) -> Instance:
    found = call.state.instances.get(wanted)
    if found is None and wanted.startswith("crn:"):
        found = call.state.find_instance(wanted)
    if found is None or found.account_id != call.bearer.account_id:
        raise Refused(rc_error(404, "RC-InstanceNotFound", f"The instance {wanted} could not be found."))
    return found


def instance_body(instance: Instance) -> dict[str, Any]:
    """Return an instance as the API writes it."""
    path = f"/v2/resource_instances/{quote(instance.crn, safe='')}"
    group, plan = instance.resource_group_id, instance.resource_plan_id
    owner = f"a/{instance.account_id}"
    return {
        "id": instance.crn,
        "guid": instance.guid,
        "url": path,
        "crn": instance.crn,
        "name": instance.name,
        "account_id": instance.account_id,
        "resource_group_id": group,
        "resource_group_crn": f"crn:v1:bluemix:public:resource-controller::{owner}::resource-group:{group}",
        "resource_id": instance.resource_id,
        "resource_plan_id": plan,
        "target_crn": f"crn:v1:bluemix:public:globalcatalog::::deployment:{plan}%3A{instance.region_id}",
        "region_id": instance.region_id,
        "state": instance.state,
        "type": instance.type,
        "sub_type": instance.sub_type,
        "parameters": {},
        "allow_cleanup": False,
        "locked": instance.locked,
        "onetime_credentials": instance.onetime_credentials,
        "last_operation": {"type": "create", "state": "succeeded", "async": False, "description": "Completed"},
        "dashboard_url": f"https://dashboard.example/{instance.guid}",
        "resource_aliases_url": f"{path}/resource_aliases",
        "resource_bindings_url": f"{path}/resource_bindings",
        "resource_keys_url": f"{path}/resource_keys",
        "plan_history": [{"resource_plan_id": plan, "start_date": instance.created_at}],
        "extensions": {},
        "created_at": instance.created_at,
        "created_by": "IBMid-SANDBOX",
        "updated_at": instance.updated_at,
        "updated_by": "",
        "deleted_at": None,
        "deleted_by": "",
        "scheduled_reclaim_at": None,
        "scheduled_reclaim_by": "",
        "restored_at": None,
        "restored_by": "",
    }


# --- keys ------------------------------------------------------------------------------------------------------------

_KEY_FILTERS = ("guid", "name", "resource_group_id", "resource_id", "updated_from", "updated_to")


def _listed(call: Call, keys: Iterable[ResourceKey]) -> Iterable[ResourceKey]:
    """Leave out keys that lists do not show: those of other accounts, too new ones and (by default) removed ones."""
    now = time.time()
    for key in keys:
        shown = key.listed(call.settings.stale_lists)[1] != "removed" or call.settings.list_removed
        if shown and key.account_id == call.bearer.account_id and key.visible_at <= now:
            yield key


def list_keys(call: Call) -> Answer:
    """List the keys of all instances: there is no filter by instance."""
    rows = _listed(call, call.state.keys)
    for name, wanted in _cursor(call, _KEY_FILTERS)["filters"].items():
        if name in ("resource_id", "resource_group_id"):
            rows = [key for key in rows if getattr(_instance(call, key.instance_guid), name) == wanted]
    return _page(call, "/v2/resource_keys", rows, _KEY_FILTERS, lambda key: _row_body(call, key))


def list_instance_keys(call: Call) -> Answer:
    """List the keys of an instance: there is no filter by name."""
    instance = _instance(call, call.params["id"])
    rows = _listed(call, call.state.keys.by_instance.get(instance.guid, {}).values())
    path = f"/v2/resource_instances/{quote(call.params['id'], safe='')}/resource_keys"
    return _page(call, path, rows, (), lambda key: _row_body(call, key))


def _row_body(call: Call, key: ResourceKey) -> dict[str, Any]:
    """Return a key as a list writes it, which may be late."""
    name, state = key.listed(call.settings.stale_lists)
    return {**key_body(call, key), "name": name, "state": state}


def create_key(call: Call) -> Answer:
    """Create a key. Its secret is complete in this answer, and for a one-time key nowhere else."""
    _must_edit(call)
    name = _valid_name(call.fields.get("name"))
    source = call.fields.get("source")
    if not source or not isinstance(source, str):
        raise Refused(rc_error(400, "RC-MissingSource", "The source is required."))
    parameters = call.fields.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise Refused(rc_error(400, "RC-InvalidParameters", "The parameters are not an object."))
    instance = _instance(call, source)
    role = _role(call, call.fields.get("role") or parameters.get("role_crn"))
    settings = call.settings
    key, _api_key = call.state.create_key(
        instance,
        name,
        role,
        call.bearer.iam_id,
        parameters=parameters,
        source_crn=instance.alias_crn if source == instance.alias_crn else None,
        list_lag=settings.list_lag,
        activation_delay=settings.key_activation_delay,
        generated_names=settings.api_key_names == "generated",
    )
    return Answer(201, key_body(call, key, created=True))


def get_key(call: Call) -> Answer:
    """Get a key by GUID or URL-encoded CRN: soft delete, so a removed one still answers 200 with ``removed``."""
    return Answer(200, key_body(call, _key(call)))


def update_key(call: Call) -> Answer:
    """Rename a key; nothing else can change."""
    _must_edit(call)
    key = _key(call)
    if key.state == "removed":
        raise Refused(_gone(key))
    name = _valid_name(call.fields.get("name"))
    key.remember()
    key.name = name
    key.updated_at, key.updated_by = ids.iso8601(), call.bearer.iam_id
    return Answer(200, key_body(call, key))


def delete_key(call: Call) -> Answer:
    """Delete a key: 204, and 410 for one that is removed already."""
    _must_edit(call)
    key = _key(call)
    if key.state == "removed":
        raise Refused(_gone(key))
    call.state.remove_key(key, call.bearer.iam_id)
    return Answer(204)


def _gone(key: ResourceKey) -> Answer:
    return rc_error(410, "RC-KeyGone", f"The key {key.guid} is removed.")


def _key(call: Call) -> ResourceKey:
    key = call.state.find_key(call.params["id"])
    # A new key can be missing for a while, even for GET: 404 with this code.
    if key is None or key.account_id != call.bearer.account_id or key.visible_at > time.time():
        message = f"The key {call.params['id']} could not be found."
        raise Refused(rc_error(404, "RC-DatabaseErrorResponse", message))
    return key


def _must_edit(call: Call) -> None:
    if call.bearer.platform_role not in EDITORS:
        raise Refused(rc_error(403, "RC-Forbidden", "You do not have the required permission on this resource."))


def _valid_name(name: Any) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        message = "The name is required: up to 180 characters, special ones only space - . _ :"
        raise Refused(rc_error(400, "RC-InvalidName", message))
    return name


def _role(call: Call, role: Any) -> str | None:
    """Return the CRN of a role given by name or CRN; refuse one that is unknown, or that the caller does not have."""
    if role is None:
        return None
    name = role_name(str(role))
    if role in SERVICE_ROLES[1:]:
        role = f"crn:v1:bluemix:public:iam::::serviceRole:{role}"
    elif not ROLE_CRN.fullmatch(str(role)) or (":serviceRole:" in str(role) and name not in SERVICE_ROLES[1:]):
        raise Refused(rc_error(400, "RC-InvalidRole", f"The role {role} does not exist."))
    allowed = call.settings.editors_create_any_role or call.bearer.service_role == name
    if not allowed and _compare(call.bearer, name) is not True:
        raise Refused(rc_error(403, "RC-Forbidden", f'You do not have permission to assign the role "{name}".'))
    return str(role)


def _compare(caller: Token, role: str) -> bool | None:
    """Return whether the caller's service role covers another; None if the platform cannot compare them."""
    if role not in SERVICE_ROLES or caller.service_role not in SERVICE_ROLES:
        return None
    return SERVICE_ROLES.index(caller.service_role) >= SERVICE_ROLES.index(role)


def key_body(call: Call, key: ResourceKey, created: bool = False) -> dict[str, Any]:
    """Return a key as the API writes it for this caller."""
    path = f"/v2/resource_keys/{quote(key.crn, safe='')}"
    instance = call.state.instances.get(key.instance_guid)
    instance_path = f"/v2/resource_instances/{quote(key.crn.rsplit(':', 2)[0] + '::', safe='')}"
    by_alias = ":resource-alias:" in key.source_crn
    body = {
        "id": key.crn,
        "guid": key.guid,
        "url": path,
        "crn": key.crn,
        "name": key.name,
        "account_id": key.account_id,
        "resource_group_id": instance.resource_group_id if instance else "",
        "resource_id": instance.resource_id if instance else "",
        "source_crn": key.source_crn,
        "state": key.state,
        "parameters": key.parameters,
        "onetime_credentials": key.onetime_credentials,
        "credentials": _full_credentials(call, key) if created else _credentials(call, key),
        "iam_compatible": True,
        "migrated": False,
        "resource_instance_url": instance_path,
        "resource_alias_url": f"/v2/resource_aliases/{quote(key.source_crn, safe='')}" if by_alias else None,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "updated_at": key.updated_at,
        "updated_by": key.updated_by,
        "deleted_at": key.deleted_at,
        "deleted_by": key.deleted_by,
    }
    if key.role is not None:
        body["role"] = key.role
    return body


def _credentials(call: Call, key: ResourceKey) -> dict[str, Any]:
    """Return what the caller may read: a 200 may have REDACTED instead of the secret."""
    if key.onetime_credentials:
        return _one_time(call, key)
    covered = _compare(call.bearer, role_name(key.role))
    if covered is False:
        return {"REDACTED": "REDACTED"}
    # Administrators have resource-controller.credential.retrieve_all.
    if covered is None and call.bearer.platform_role != "Administrator":
        return {"REDACTED": "REDACTED_EXPLICIT"}
    return _full_credentials(call, key)


def _one_time(call: Call, key: ResourceKey) -> dict[str, Any]:
    """Return the result of reading a one-time key, which is not documented."""
    if call.settings.one_time_answer == "empty":
        return {}
    if call.settings.one_time_answer == "absent":
        return {name: value for name, value in _full_credentials(call, key).items() if name != "apikey"}
    return {"REDACTED": "REDACTED"}


def _full_credentials(call: Call, key: ResourceKey) -> dict[str, Any]:
    api_key = call.state.api_keys.get(key.api_key_id)
    if api_key is None:
        return {}
    credentials = {
        "apikey": api_key.value,
        "iam_apikey_description": api_key.description,
        "iam_apikey_name": api_key.name,
        "iam_serviceid_crn": f"crn:v1:bluemix:public:iam-identity::a/{key.account_id}::serviceid:{key.service_id}",
    }
    if call.settings.api_key_id_in_credentials:
        credentials["iam_apikey_id"] = api_key.id
    if key.role is not None:
        credentials["iam_role_crn"] = key.role
    return credentials


OPERATIONS = tuple(
    Operation(name, method, path, handler, authorize, cloud="ibm")
    for name, method, path, handler in (
        ("rc.list_instances", "GET", "/v2/resource_instances", list_instances),
        ("rc.get_instance", "GET", "/v2/resource_instances/{id}", get_instance),
        ("rc.list_instance_keys", "GET", "/v2/resource_instances/{id}/resource_keys", list_instance_keys),
        ("rc.list_keys", "GET", "/v2/resource_keys", list_keys),
        ("rc.create_key", "POST", "/v2/resource_keys", create_key),
        ("rc.get_key", "GET", "/v2/resource_keys/{id}", get_key),
        ("rc.update_key", "PATCH", "/v2/resource_keys/{id}", update_key),
        ("rc.delete_key", "DELETE", "/v2/resource_keys/{id}", delete_key),
    )
)
