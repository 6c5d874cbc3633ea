# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client for IBM Cloud: instances, service credentials (resource keys), and the owners of API keys.

Uses the raw answers of ibm-platform-services, because its models drop ``role`` and fail on a page without ``next_url``.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .._http.errors import ApiError, SmsError, code_of
from .._http.transport import Transport
from .._http.urls import said
from .credential import choose_instance, service_of, unknown_instance

IBM_IMPORT_ERROR: str | None = None
try:
    import jwt
    import requests
    from ibm_cloud_sdk_core import ApiException
    from ibm_cloud_sdk_core.authenticators import (
        BearerTokenAuthenticator,
        IAMAssumeAuthenticator,
        IAMAuthenticator,
    )
    from ibm_platform_services import IamIdentityV1, ResourceControllerV2
    from requests.adapters import BaseAdapter
    from requests.structures import CaseInsensitiveDict
except ImportError:  # the module's main reports it
    IBM_IMPORT_ERROR = traceback.format_exc()
    BaseAdapter = object

TOKEN_PATH = "/identity/token"
PAGE_LIMIT = 100  # Resource Controller's maximum
MAX_PAGES = 1000  # protects against an endless list
_RESTRICTED = re.compile(r"(?i)context|restriction|network zone|ip address|BXNIM0(?:513|503)")
_ID = re.compile(r"(?i)crn:.+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NoToken(ApiError):
    """IAM gave no token. Its status says nothing about the requested thing."""


class PolicyAdapter(BaseAdapter):
    """Lets a ``requests`` session send through :class:`Transport`."""

    def __init__(self, transport: Transport):
        super().__init__()
        self._transport = transport

    def send(self, request: Any, **_session_settings: Any) -> Any:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        reply = self._transport.request(
            request.method,
            request.url,
            dict(request.headers),
            body,
            # A repeated create would make two credentials. A token request changes nothing.
            repeatable=request.method != "POST" or request.path_url.endswith(TOKEN_PATH),
        )
        response = requests.Response()
        response.status_code = reply.status
        response.headers = CaseInsensitiveDict(reply.headers)
        response.headers.pop(
            "Location", None
        )  # a redirect is never followed, because it would send the credentials elsewhere
        response._content = reply.body
        response.url, response.request = request.url, request
        return response

    def close(self) -> None:
        """Do nothing: the transport's connections end with the process."""


def _session(transport: Transport) -> Any:
    session = requests.Session()
    session.trust_env = False  # no .netrc; the transport provides proxies and CA
    adapter = PolicyAdapter(transport)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class IbmCloud:
    """One IBM Cloud account, accessed with one identity.

    :param authenticator: signs the requests
    :param transport: the HTTP policy
    :param identity: the options with the identity, for error messages
    """

    def __init__(
        self,
        authenticator: Any,
        transport: Transport,
        *,
        iam_endpoint: str,
        resource_controller_endpoint: str,
        identity: str = "ibmcloud_api_key",
    ):
        self.address = resource_controller_endpoint
        self._authenticator = authenticator
        self._iam_endpoint = iam_endpoint
        self._identity = identity
        self._session = _session(transport)
        for manager in self._token_managers():
            _send_through(manager, self._session)

    # Created on first use, because each of the SDK's clients reads all CA certificates of the machine.
    @cached_property
    def _controller(self) -> Any:
        return self._service(ResourceControllerV2, self.address)

    @cached_property
    def _identities(self) -> Any:
        return self._service(IamIdentityV1, self._iam_endpoint)

    def _service(self, kind: Callable[..., Any], url: str) -> Any:
        """Return the SDK's client for a service."""
        service = kind(authenticator=self._authenticator)
        service.set_service_url(url)
        service.set_http_client(self._session)
        return service

    def instances(self, name: str | None = None) -> list[dict]:
        """Return the service instances of the account in all regions, optionally only those with a *name*."""
        query = {"type": "service_instance", "name": name}
        return list(self._pages("list the service instances", self._controller.list_resource_instances, **query))

    def instance(self, guid_or_crn: str) -> dict | None:
        """Return one instance by its GUID or CRN, or ``None``."""
        return self._find(
            f"read service instance {guid_or_crn}", lambda: self._controller.get_resource_instance(guid_or_crn)
        )

    def keys(self, instance_guid: str) -> list[dict]:
        """Return the service credentials of an instance that are not removed.

        A removed credential stays readable with ``state: removed`` (soft delete).
        """
        rows = self._pages(
            f"list the service credentials of instance {instance_guid}",
            self._controller.list_resource_keys_for_instance,
            id=instance_guid,
        )
        return [row for row in rows if row.get("state") != "removed"]

    def all_keys(self) -> list[dict]:
        """Return the service credentials of the whole account, including those of other services."""
        rows = self._pages("list the account's service credentials", self._controller.list_resource_keys)
        return [row for row in rows if row.get("state") != "removed"]

    def key(self, guid: str) -> dict | None:
        """Return one service credential, also a removed one, or ``None`` if it is unknown or not visible yet."""
        return self._find(f"read service credential {guid}", lambda: self._controller.get_resource_key(guid))

    def create_key(self, name: str, instance_guid: str, role: str) -> dict:
        """Create a service credential and return it, including its secret.

        Not repeated after a lost answer.

        :raises TransportError: with ``maybe_done`` if the credential may exist anyway
        """
        return self._expect_dict(
            f"create service credential '{name}'",
            lambda: self._controller.create_resource_key(name=name, source=instance_guid, role=role),
        )

    def rename_key(self, guid: str, name: str) -> bool:
        """Rename a service credential; its secret does not change. Return whether it still exists."""
        try:
            self._expect_dict(
                f"rename service credential {guid} to '{name}'",
                lambda: self._controller.update_resource_key(guid, name=name),
            )
        except ApiError as error:
            if _says(error, 404, 410):
                return False
            raise
        return True

    def delete_key(self, guid: str) -> bool:
        """Delete a service credential. Return whether it existed: 404 and 410 mean that it is already gone."""
        try:
            self._call(f"delete service credential {guid}", lambda: self._controller.delete_resource_key(guid))
        except ApiError as error:
            if _says(error, 404, 410):
                return False
            raise
        return True

    def api_key_details(self, api_key: str) -> dict | None:
        """Return IAM's details of an API key (id, owner, locked, disabled, expiry), or ``None`` if IAM does not know it.

        Only IAM's own 404 counts, not a gateway's: a credential may be deleted if its key is unknown.
        """
        try:
            return self._expect_dict(
                "ask IAM about an API key", lambda: self._identities.get_api_keys_details(iam_api_key=api_key)
            )
        except ApiError as error:
            if _says(error, 400, 404) and error.code.startswith("BXNIM"):
                return None
            raise

    def accepts(self, api_key: str) -> bool:
        """Whether IAM exchanges *api_key* for a token now; a new key may take some seconds."""
        manager = IAMAuthenticator(api_key, url=self._iam_endpoint).token_manager
        _send_through(manager, self._session)
        try:
            self._call("get an IAM token", manager.get_token, ours=False)
        except ApiError as error:
            if error.status in (400, 401, 403):
                return False
            raise
        return True

    @property
    def has_ready_token(self) -> bool:
        """Whether the caller gave a token, so that none is requested. Ansible masks it in every result."""
        return isinstance(self._authenticator, BearerTokenAuthenticator)

    def token(self) -> str:
        """Return the token used for requests. A secret."""
        if self.has_ready_token:
            return str(self._authenticator.bearer_token)
        return str(self._call("get an IAM token", self._authenticator.token_manager.get_token))

    def identity(self) -> str | None:
        """Return the IAM id of the identity, as in ``created_by``, or ``None`` if the token is not a JWT."""
        return _claims(self.token()).get("iam_id")

    def _pages(self, action: str, operation: Callable[..., Any], **query: Any) -> Iterator[dict]:
        """Follow ``next_url`` to the end. A short or even empty page is not the end, because rows may be hidden."""
        start = None
        seen: set[str] = set()
        before: list = []
        for _page in range(MAX_PAGES):
            page = self._expect_dict(action, lambda: operation(**query, limit=PAGE_LIMIT, start=start))  # noqa: B023
            rows = page.get("resources")
            if not isinstance(rows, list) or not all(_is_resource(row) for row in rows):
                raise _unexpected(action)
            yield from rows
            following = page.get("next_url")
            if not following:
                return
            start = _start_in(following)
            if not start:
                raise _unexpected(action)
            if start in seen or (rows and rows == before):
                raise ApiError(f"Could not {action}: the list repeats itself: check the endpoint", code="bad_answer")
            seen.add(start)
            before = rows
        raise ApiError(f"Could not {action}: the list does not end", code="bad_answer")

    def _find(self, action: str, call: Callable[[], Any]) -> dict | None:
        try:
            found = self._expect_dict(action, call)
        except ApiError as error:
            if error.status == 404 and not isinstance(error, NoToken):
                return None
            raise
        if not _is_resource(found):
            raise _unexpected(action)
        return found

    def _expect_dict(self, action: str, call: Callable[[], Any]) -> dict:
        result = self._call(action, call).get_result()
        if not isinstance(result, dict):
            raise _unexpected(action)
        return result

    def _call(self, action: str, call: Callable[[], Any], renewed: bool = False, ours: bool = True) -> Any:
        """Run an SDK call and translate its errors. If the token is refused during the run, it is renewed once.

        :param ours: whether the call uses the client's own token; an answer about another key says nothing about it
        """
        try:
            return call()
        except ApiException as error:
            managers = self._token_managers()
            token_was_asked = TOKEN_PATH in (getattr(error.http_response, "url", None) or "")
            refused = error.status_code == 401 and not token_was_asked
            if not (refused and managers and not renewed):
                raise self._explain(action, error, token_was_asked, ours) from None
        except SmsError as error:
            self._forget_token(refused=False)
            raise error.during(action) from None
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
            jwt.PyJWTError,
        ):  # an answer that the SDK did not expect
            self._forget_token()
            raise _unexpected(action) from None
        self._forget_token()
        return self._call(action, call, renewed=True)

    def _explain(self, action: str, error: Any, token_was_asked: bool, ours: bool) -> ApiError:
        self._forget_token(refused=ours and (token_was_asked or error.status_code == 401))
        status, code, text = error.status_code, *_error_body(error.http_response)
        shown = f"HTTP {status}" + (f" ({code})" if code else "") + (f": {text}" if text else "")
        if token_was_asked:
            action = "get an IAM token"
        hint = self._hint(action, status, text, token_was_asked)
        kind = NoToken if token_was_asked else ApiError
        return kind(f"Could not {action}: {shown}{hint}", code=str(code or f"http_{status}"), status=status)

    def _hint(self, action: str, status: int, text: str, token_was_asked: bool) -> str:
        """Return a hint what to do about a refusal."""
        if status == 403 and _RESTRICTED.search(text):
            return (
                "; a context-based restriction or the list of allowed IP addresses of the account refuses requests from"
                " here, whatever the identity's roles: run in an allowed network, or add this one"
            )
        if token_was_asked and status in (400, 401, 403):
            return f"; check {self._identity} and iam_endpoint"
        if token_was_asked and status in (404, 405):
            return f"; check iam_endpoint: there is no IAM at {self._iam_endpoint}"
        if status == 401:
            return f"; check {self._identity}"
        if status != 403:
            return ""
        lacks = f"; the identity of {self._identity} lacks the permission"
        if action.startswith("create"):
            return f"{lacks}: you can only create credentials with roles that you have on the instance yourself"
        if action.startswith(("delete", "rename")):
            return f"{lacks}: it needs the platform role Editor or Administrator on the instance"
        return f"{lacks}: it needs the platform role Viewer"

    def _token_managers(self) -> list[Any]:
        manager = getattr(self._authenticator, "token_manager", None)
        delegate = getattr(manager, "iam_delegate", None)
        return [m for m in (manager, delegate) if m is not None]

    def _forget_token(self, refused: bool = True) -> None:
        for manager in self._token_managers():
            if refused:
                manager.expire_time = 0
            # After a failure the SDK would sleep for up to 60 s before it requests a token again.
            manager.request_time = 0


def find_instance(
    cloud: IbmCloud, *, instance: str | None, region: str | None, service_names: Sequence[str]
) -> Mapping[str, Any]:
    """Return the matching instance, or raise an error that lists the existing ones.

    :param instance: name, GUID or CRN
    :param region: IBM Cloud region id; without *instance* the only SMS agent in it
    :param service_names: CRN service names of SMS agents
    """
    if not instance and not region:
        raise SmsError("give an instance, or a region with only one SMS agent", code="missing_instance")
    if instance and _ID.fullmatch(instance):
        found = cloud.instance(instance)
        instances = [found] if found else []
    else:
        instances = cloud.instances(instance or None)
    try:
        return choose_instance(instances, instance=instance or None, region=region or None, service_names=service_names)
    except SmsError as error:
        if error.code != "unknown_instance" or not instance:
            raise
        try:
            everything = cloud.instances()
        except SmsError:
            raise error from None
    # Nothing has that name, so list the instances. Those of other services only help if there is no agent.
    agents = [one for one in everything if service_of(one) in tuple(service_names)]
    raise unknown_instance(agents or everything, instance=instance, region=region or None)


def authenticator(
    iam_endpoint: str, *, api_key: str | None = None, token: str | None = None, profile_id: str | None = None
) -> Any:
    """Return the SDK's authenticator for a ready *token*, or for *api_key*, optionally with a trusted profile.

    :raises SmsError: if the API key is malformed
    """
    if token:
        return BearerTokenAuthenticator(token)
    try:
        if profile_id:
            return IAMAssumeAuthenticator(api_key, iam_profile_id=profile_id, url=iam_endpoint)
        return IAMAuthenticator(api_key, url=iam_endpoint)
    except ValueError:  # the SDK refuses braces and quotes around a key
        raise SmsError(
            "ibmcloud_api_key is not an API key: it begins or ends with a brace or a quote", code="bad_api_key"
        ) from None


def _send_through(manager: Any, session: Any) -> None:
    """Let a token manager send through *session*, because on its own it does not retry and ignores CA, proxy and timeout."""

    def send(method: str, url: str, *, headers=None, params=None, data=None, auth_tuple=None, **_ignored: Any) -> dict:
        response = session.request(method, url, headers=headers, params=params, data=data, auth=auth_tuple)
        if not 200 <= response.status_code <= 299:
            raise ApiException(response.status_code, http_response=response)
        return response.json()

    manager._request = send


def _says(error: ApiError, *statuses: int) -> bool:
    """Whether IBM Cloud itself answered with one of *statuses* and a code, and not a gateway."""
    return error.status in statuses and error.code != f"http_{error.status}" and not isinstance(error, NoToken)


def _is_resource(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("guid"), str) and bool(row["guid"])


def _start_in(next_url: Any) -> str | None:
    """Return where the next page starts, or ``None``."""
    try:
        return next(iter(parse_qs(urlsplit(str(next_url)).query).get("start", ())), None)
    except ValueError:
        return None


def lasts(token: str, seconds: float) -> bool:
    """Whether an IAM token is still valid after so many seconds. What is not a JWT counts as valid: IAM decides."""
    expiry = _claims(token).get("exp")
    return expiry is None or expiry > time.time() + seconds


def _claims(token: str) -> dict:
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}


def _error_body(response: Any) -> tuple[str | None, str]:
    """Return code and message of an error answer. IAM and Resource Controller name them differently."""
    try:
        body = response.json()
    except (ValueError, AttributeError, RecursionError):
        return None, ""
    if not isinstance(body, dict):
        return None, ""
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        body = {**body, **errors[0]}
    code = body.get("errorCode") or body.get("error_code") or body.get("code")
    text = body.get("errorMessage") or body.get("message") or ""
    return code_of(code), said(text)


def _unexpected(action: str) -> ApiError:
    return ApiError(f"Could not {action}: the answer does not match IBM Cloud's documentation", code="bad_answer")
