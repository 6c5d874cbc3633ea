# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of the demo: a text arrives, the agent answers, and the printed output contains no secret.

Usage: demo_text.py SANDBOX_URL FILE_WITH_ALL_OUTPUT
"""

from __future__ import annotations

import base64
import http.client
import json
import pathlib
import sys
from typing import Any
from urllib.parse import quote, urlsplit

TEXT = {"to": "+15550100001", "from": "+15550199999", "body": "Hello"}


def ask(url: str, method: str, path: str, sent: Any = None) -> Any:
    """Send a request to the sandbox's control API, without a proxy."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request(method, f"/_sandbox{path}", body=None if sent is None else json.dumps(sent))
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        sys.exit(f"The sandbox answered {answer.status} to {method} {path}: {text}")
    return json.loads(text)


def disguises(secret: str) -> set[str]:
    """Return the encoded forms in which a search could miss a secret."""
    raw = secret.encode()
    pair = f"apikey:{secret}".encode()
    return {secret, quote(secret, safe=""), base64.b64encode(raw).decode(), base64.b64encode(pair).decode()}


def main(url: str, output: str) -> None:
    print(f"{TEXT['from']} -> {TEXT['to']}: {TEXT['body']}")
    outcome = ask(url, "POST", "/inbound", TEXT)
    if not outcome["delivered"] or not outcome["reply"]:
        sys.exit(f"The text was not delivered: {json.dumps(outcome, indent=2)}")
    print(f"{TEXT['to']} -> {TEXT['from']}: {outcome['reply']}")

    secrets = ask(url, "GET", "/secrets")
    printed = pathlib.Path(output).read_text(encoding="utf-8")
    leaked = sum(any(form in printed for form in disguises(secret)) for secret in secrets)
    if not secrets or not printed or leaked:
        sys.exit(f"{leaked} of the sandbox's {len(secrets)} secrets were found in {len(printed)} characters of output.")
    print(f"None of the sandbox's {len(secrets)} secrets is in the {len(printed)} characters that were printed.")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
