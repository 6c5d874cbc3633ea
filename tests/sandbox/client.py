# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the sandbox and drive it from tests, with nothing but the standard library.

    with Sandbox.start(seed="demo") as sandbox:
        number = sandbox.add_numbers({"phone_number": "+15550100042"})[0]
        run_something(env={**os.environ, **sandbox.environment})
        assert not sandbox.writes()
        assert sandbox.text("+15550100042")["handled_by"] == "number"

Every method that adds things returns them as the sandbox keeps them, secrets included. A refusal by the control API is
a :class:`SandboxError` that gives the reason.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

START_TIMEOUT = 60.0
#: Proxies of the environment are not used for loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SandboxError(Exception):
    """The sandbox did not start, or refused a test's request."""


class Sandbox:
    """A running sandbox."""

    def __init__(
        self,
        url: str,
        environment: dict[str, str],
        process: subprocess.Popen[bytes] | None = None,
        folder: pathlib.Path | None = None,
    ) -> None:
        """Connect to the sandbox at ``url``; ``process`` and ``folder`` are those that :meth:`start` created."""
        self.url = url
        #: The variables that point the collection to the sandbox.
        self.environment = environment
        self._process = process
        self._folder = folder

    # --- start and stop ---

    @classmethod
    def start(cls, seed: str = "empty", max_age: float = 3600.0, port: int = 0) -> Sandbox:
        """Start a sandbox and wait until it listens. It ends with :meth:`stop`, or with this process."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="sandbox-"))
        ready = folder / "ready.json"
        root = pathlib.Path(__file__).resolve().parent.parent
        path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-m", "sandbox", "--ready-file", str(ready), "--seed", seed]
        command += ["--max-age", str(max_age), "--port", str(port)]
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                reason = (folder / "log").read_text(errors="replace")
                shutil.rmtree(folder, ignore_errors=True)
                raise SandboxError(f"the sandbox did not start: {reason}")
            time.sleep(0.02)
        said = json.loads(ready.read_text())
        return cls(said["url"], said["environment"], process, folder)

    @classmethod
    def attach(cls, ready_file: str | os.PathLike[str]) -> Sandbox:
        """Connect to a sandbox that was started with ``--ready-file``; it is not stopped by this object."""
        said = json.loads(pathlib.Path(ready_file).read_text())
        return cls(said["url"], said["environment"])

    @property
    def pid(self) -> int:
        """The server's process."""
        return int(self.get("/health")["pid"])

    def output(self) -> str:
        """Return the server's output, including its alarms."""
        return "" if self._folder is None else (self._folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """End a sandbox that :meth:`start` started."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # --- the control API ---

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the control API (``path`` without ``/_sandbox``) and return what it answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sandbox{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with _OPENER.open(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise SandboxError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error

    def get(self, path: str) -> Any:
        """Read from the control API."""
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        """Post to the control API."""
        return self.call("POST", path, {} if body is None else body)

    def reset(self, seed: str | None = None) -> None:
        """Reset state, settings, faults and log; the credentials in ``environment`` stay valid."""
        self.post("/reset", {} if seed is None else {"seed": seed})

    def state(self) -> dict[str, Any]:
        """Return the whole state: ``ibm``, ``twilio``, ``receiver``, ``settings``."""
        state: dict[str, Any] = self.get("/state")
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Replace the whole state by one that :meth:`state` gave."""
        self.call("PUT", "/state", state)

    def secrets(self) -> list[str]:
        """Return all secrets: keys, auth tokens, IAM tokens, passwords in past and current URLs."""
        secrets: list[str] = self.get("/secrets")
        return secrets

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings, if any are given, and return all of them."""
        settings: dict[str, Any] = self.call("PATCH", "/settings", changes) if changes else self.get("/settings")
        return settings

    # --- what was asked of the clouds ---

    def requests(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the logged requests, in the order of arrival: all, or those of ``cloud``, ``operation``, ``since``."""
        requests: list[dict[str, Any]] = self.get(f"/requests?{urllib.parse.urlencode(wanted)}")
        return requests

    def operations(self, **wanted: Any) -> list[str]:
        """Return the names of the logged operations, in the order of arrival."""
        return [request["operation"] for request in self.requests(**wanted)]

    def writes(self) -> list[dict[str, Any]]:
        """Return the logged write requests, including refused ones."""
        writes: list[dict[str, Any]] = self.get("/writes")
        return writes

    def summary(self) -> dict[str, Any]:
        """Return counts by operation and status, peaks of concurrency by cloud, alarms, and counts of texts."""
        summary: dict[str, Any] = self.get("/requests/summary")
        return summary

    def clear_log(self) -> None:
        """Forget the logged requests."""
        self.call("DELETE", "/requests")

    # --- programs that meet ---

    def meet(self, seed: int, lanes: dict[str, dict[str, Any]], watch: list[str]) -> None:
        """Let requests of programs through one at a time, in an order that *seed* chooses, until :meth:`part`.

        :param lanes: by the name under which a program knows the sandbox (``127.0.0.1``, ``localhost``): ``cut_at``, at
            which of its requests it is cut off for good, and ``works``, whether the work of that one is done
        :param watch: numbers that get a text after each request for a change
        """
        self.post("/meeting", {"seed": seed, "lanes": lanes, "watch": watch})

    def meeting(self) -> dict[str, Any]:
        """Return ``lanes`` (``passed cut ended``), ``refused`` (texts that were not delivered) and ``texts``."""
        meeting: dict[str, Any] = self.get("/meeting")
        return meeting

    def has_ended(self, lane: str) -> None:
        """Say that a program has ended, so that nobody waits for its next request."""
        self.call("DELETE", f"/meeting/{lane}")

    def part(self) -> dict[str, Any]:
        """Let all requests through at once again, and return what :meth:`meeting` does."""
        meeting: dict[str, Any] = self.call("DELETE", "/meeting")
        return meeting

    # --- faults ---

    def fault(self, operation: str, **values: Any) -> int:
        """Let requests of an operation (or pattern) fail, and return the fault's number.

        ``status``, ``code``, ``message``, ``retry_after``, ``body`` (json, html, truncated, problem, empty, unheeded), ``mode``
        (answer, answer_after, reset_before, reset_after, hang, hang_after), ``times`` (1; None: always), ``skip``,
        ``seconds``, ``match`` (a text in the path or in a sent value).
        """
        return int(self.post("/faults", {"operation": operation, **values})["id"])

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults with their ``hits``."""
        faults: list[dict[str, Any]] = self.get("/faults")
        return faults

    def hits(self, number: int) -> int:
        """Return how many requests a fault has affected."""
        return next((int(fault["hits"]) for fault in self.faults() if fault["id"] == number), 0)

    def clear_faults(self) -> None:
        """Forget all faults."""
        self.call("DELETE", "/faults")

    @contextmanager
    def failing(self, operation: str, **values: Any) -> Iterator[int]:
        """Let requests fail within a ``with`` block."""
        number = self.fault(operation, **values)
        try:
            yield number
        finally:
            self.call("DELETE", f"/faults/{number}")

    @contextmanager
    def meanwhile(self, operation: str, do: Callable[[], object], seconds: float = 3) -> Iterator[None]:
        """Do something within a ``with`` block, while the first request of a kind waits for its answer, its work done.

        :param seconds: how long that request waits
        """
        fault = self.fault(operation, mode="hang_after", seconds=seconds)

        def wait() -> None:
            deadline = time.monotonic() + 120
            while not self.hits(fault) and time.monotonic() < deadline:
                time.sleep(0.02)
            do()

        other = threading.Thread(target=wait)
        other.start()
        try:
            yield
        finally:
            other.join()

    # --- IBM Cloud ---

    def add_ibm_account(self, **values: Any) -> dict[str, Any]:
        """Add an account with an administrator's ``api_key``; ``environment`` leads there."""
        return self._add("/ibm/accounts", values)

    def add_caller(self, **values: Any) -> dict[str, Any]:
        """Add a caller's API key: ``service_role``, ``platform_role``, ``account_id``; its ``value`` is the key."""
        return self._add("/ibm/api_keys", values)

    def add_profile(self, **values: Any) -> dict[str, Any]:
        """Add a trusted profile: ``name``, ``service_role``, ``platform_role``."""
        return self._add("/ibm/profiles", values)

    def add_instance(self, name: str = "sms-agent", region: str = "us-south", **values: Any) -> dict[str, Any]:
        """Add a service instance: ``service_name``, ``state``, ``onetime_credentials``, ``alias=True``, ..."""
        return self._add("/ibm/instances", {"name": name, "region": region, **values})

    def add_key(
        self, instance: str, name: str = "twilio-sms", role: str | None = "Writer", **values: Any
    ) -> dict[str, Any]:
        """Add a credential of an instance (GUID, CRN or name); the secret is at ``["api_key"]["value"]``.

        ``api_key={...}`` sets fields of its API key (``disabled``, ``locked``, ``expires_at``), other values fields of
        the credential (``state``, ``onetime_credentials``, ...).
        """
        return self._add("/ibm/keys", {"instance": instance, "name": name, "role": role, **values})

    def token(self, api_key: str | None = None) -> str:
        """Return a ready IAM token of a caller (default: the announced one); the log does not show this."""
        return str(self.post("/ibm/tokens", {} if api_key is None else {"api_key": api_key})["access_token"])

    def expire_tokens(self) -> None:
        """Let all IAM tokens expire at once."""
        self.call("DELETE", "/ibm/tokens")

    def api_key_of(self, key_guid: str) -> str:
        """Return the API key value of a resource key."""
        for api_key in self.get("/ibm/api_keys"):
            if api_key["resource_key_guid"] == key_guid:
                return str(api_key["value"])
        raise SandboxError(f"there is no resource key {key_guid}")

    # --- watsonx Orchestrate ---

    def add_orchestrate(self, **values: Any) -> dict[str, Any]:
        """Add an instance: ``subscription``, ``account_id``; its ``url`` and ``environment`` lead there."""
        return self._add("/ibm/orchestrate_instances", values)

    def add_orchestrate_agent(self, name: str = "support_agent", **values: Any) -> dict[str, Any]:
        """Add an agent: ``instance_guid`` (default: the first instance), ``live=False`` for one that is not deployed."""
        return self._add("/ibm/orchestrate_agents", {"name": name, **values})

    def add_channel(self, agent: dict[str, Any], **values: Any) -> dict[str, Any]:
        """Add an SMS channel: ``name``, ``environment`` (live), ``account_sid``, ``twilio_authentication_token``, ..."""
        return self._add("/ibm/channels", {"agent_id": agent["id"], **values})

    # --- Twilio ---

    def add_twilio_account(self, **values: Any) -> dict[str, Any]:
        """Add an account, or a subaccount of ``owner_account_sid``; ``environment`` leads there."""
        return self._add("/twilio/accounts", values)

    def add_twilio_key(self, **values: Any) -> dict[str, Any]:
        """Add an API key: ``account_sid``, ``kind`` (main, standard, restricted), ``permissions`` (operations)."""
        return self._add("/twilio/api_keys", values)

    def add_numbers(
        self, numbers: dict[str, Any] | list[dict[str, Any]] | None = None, **values: Any
    ) -> list[dict[str, Any]]:
        """Add numbers and return them: one (a dict), a list of dicts, or ``count=N, prefix="+1555..."``."""
        added: list[dict[str, Any]] = self.post("/twilio/numbers", {**values} if numbers is None else numbers)
        return added

    def add_service(self, **values: Any) -> dict[str, Any]:
        """Add a Messaging Service; ``pool``, ``short_codes`` and ``senders`` list its members by name or SID."""
        return self._add("/twilio/services", values)

    def add_address(self, address: str, **values: Any) -> dict[str, Any]:
        """Add a Conversations address configuration: ``auto_creation_enabled`` (True), ``type``, ..."""
        return self._add("/twilio/addresses", {"address": address, **values})

    def add_application(self, **values: Any) -> dict[str, Any]:
        """Add a TwiML application: ``sms_url``, ..."""
        return self._add("/twilio/applications", values)

    def add_short_code(self, short_code: str = "99990", **values: Any) -> dict[str, Any]:
        """Add a short code: ``sms_url``, ..."""
        return self._add("/twilio/short_codes", {"short_code": short_code, **values})

    def add_sender(self, sender_id: str = "whatsapp:+15550109999", **values: Any) -> dict[str, Any]:
        """Add a WhatsApp or RCS sender: ``callback_url``, ..."""
        return self._add("/twilio/senders", {"sender_id": sender_id, **values})

    def add_alert(self, **values: Any) -> dict[str, Any]:
        """Add a Monitor alert: ``error_code``, ``request_url``, ``at`` (seconds since 1970), ..."""
        return self._add("/twilio/alerts", values)

    def add_message(self, sender: str, to: str, **values: Any) -> dict[str, Any]:
        """Add a message: ``direction`` (inbound), ``status``, ``at`` (seconds since 1970), ..."""
        return self._add("/twilio/messages", {"sender": sender, "to": to, **values})

    def add_campaign(self, service_sid: str, **values: Any) -> dict[str, Any]:
        """Add the A2P campaign of a Messaging Service: ``campaign_status`` (VERIFIED)."""
        return self._add("/twilio/campaigns", {"service_sid": service_sid, **values})

    def add_verification(self, number_sid: str, **values: Any) -> dict[str, Any]:
        """Add the verification of a toll-free number: ``status`` (TWILIO_APPROVED)."""
        return self._add("/twilio/verifications", {"tollfree_phone_number_sid": number_sid, **values})

    def number(self, phone_number: str) -> dict[str, Any]:
        """Return a number as the sandbox stores it, for comparison in tests."""
        for number in self.get("/twilio/numbers"):
            if number["phone_number"] == phone_number:
                found: dict[str, Any] = number
                return found
        raise SandboxError(f"there is no number {phone_number}")

    # --- both ---

    def rows(self, cloud: str, kind: str) -> list[dict[str, Any]]:
        """Return all things of a kind: ``rows("ibm", "keys")``."""
        rows: list[dict[str, Any]] = self.get(f"/{cloud}/{kind}")
        return rows

    def change(self, cloud: str, kind: str, key: str, **values: Any) -> dict[str, Any]:
        """Change a thing without a logged request: ``change("twilio", "numbers", "+1555...", sms_url="")``."""
        changed: dict[str, Any] = self.call("PATCH", f"/{cloud}/{kind}/{urllib.parse.quote(key, safe='')}", values)
        return changed

    def remove(self, cloud: str, kind: str, key: str) -> None:
        """Remove a thing without a trace; a resource key softly, as somebody in IBM's console would."""
        self.call("DELETE", f"/{cloud}/{kind}/{urllib.parse.quote(key, safe='')}")

    def text(self, to: str, body: str = "hello", sender: str = "+15557650000") -> dict[str, Any]:
        """Let a text arrive at a number or short code, and return its result.

        ``delivered``, ``handled_by`` (application, messaging_service, conversation, number, fallback, dropped),
        ``status``, ``attempts``, ``reply``, ``error``.
        """
        outcome: dict[str, Any] = self.post("/inbound", {"to": to, "from": sender, "body": body})
        return outcome

    def texts(self) -> list[dict[str, Any]]:
        """Return the texts that the receivers got, including refused ones."""
        texts: list[dict[str, Any]] = self.state()["receiver"]["texts"]
        return texts

    def _add(self, path: str, values: dict[str, Any]) -> dict[str, Any]:
        added: dict[str, Any] = self.post(path, values)
        return added
