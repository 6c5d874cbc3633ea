# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from unit.plugins.loopback import Loopback, say

from ansible_collections.voiceagent.sms.plugins.module_utils._http import door
from ansible_collections.voiceagent.sms.plugins.module_utils._http.door import shown, try_door
from ansible_collections.voiceagent.sms.plugins.module_utils._http.transport import Transport

BASIC = {"WWW_Authenticate": 'Basic realm="sms"'}


@pytest.mark.parametrize(
    ("status", "headers", "state", "asked"),
    [
        (401, BASIC, "open", 1),
        (401, {"WWW_Authenticate": 'basic  realm="sms", charset="UTF-8"'}, "open", 1),
        (401, {"WWW_Authenticate": 'Digest realm="sms", nonce="1"'}, "open", 1),
        (401, {"WWW_Authenticate": 'Bearer, Basic realm="sms"'}, "open", 1),
        (401, {}, "shut", 1),
        (401, {"WWW_Authenticate": "Basic"}, "shut", 1),  # Twilio wants a realm
        (401, {"WWW_Authenticate": 'Bearer realm="sms"'}, "shut", 1),
        (403, BASIC, "shut", 1),
        (404, {}, "shut", 1),
        (302, {"Location": "/elsewhere"}, "shut", 1),
        (500, {}, "shut", 2),
        (503, {}, "shut", 2),
        (429, {}, "shut", 2),
        (200, {}, "unknown", 1),  # texts come in, but anybody's
    ],
)
def test_what_a_door_looks_like(serve: Any, status: int, headers: dict[str, str], state: str, asked: int) -> None:
    server = serve(lambda handler: say(handler, status, **headers))
    url = f"http://apikey:s3cret@127.0.0.1:{server.port}/in?token=t0ken#rc=2"
    found = try_door(url, transport=Transport(environ={}), sleep=lambda _seconds: None)
    assert (found.state, found.status) == (state, status)
    assert found.receiver == f"http://127.0.0.1:{server.port}/in"
    assert server.requests == [("POST", "/in")] * asked
    assert not any(name in each for each in server.headers for name in ("authorization", "cookie"))
    assert all(each.get("content-length") == "0" for each in server.headers)
    assert not [word for word in ("s3cret", "t0ken") if word in f"{found} {server.headers}"]


@pytest.mark.parametrize(
    "path",
    ["/in/t0ken", "/in?token=t0ken", "", "?token=t0ken", "/in#rc=1"],
    ids=["path", "query", "none", "bare", "other"],
)
@pytest.mark.parametrize("user", ["", "t0ken@", "t0ken:@"])
def test_without_a_password_nothing_is_asked(serve: Any, path: str, user: str) -> None:
    server = serve()
    found = try_door(f"http://{user}127.0.0.1:{server.port}{path}", transport=Transport(environ={}))
    assert (found.state, found.status, server.requests) == ("open", None, [])
    assert "t0ken" not in str(found)


def test_the_method_is_the_webhook_s(serve: Any) -> None:
    server = serve(lambda handler: say(handler, 401, **BASIC))
    for method, asked in (("GET", "GET"), ("POST", "POST"), ("DELETE", "POST")):
        try_door(f"http://u:p@127.0.0.1:{server.port}", method, transport=Transport(environ={}))
        assert server.requests.pop() == (asked, "/")


def test_a_door_that_never_ends_is_left(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that keeps sending a little more cannot block the run."""
    monkeypatch.setattr(door, "TIME_LIMIT", 0.3)

    def drip(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 401 No\r\n")
        for _each in range(30):
            handler.wfile.write(b"X-More: again\r\n")
            handler.wfile.flush()
            time.sleep(0.1)

    server = serve(drip)
    begun = time.monotonic()
    found = try_door(
        f"http://u:p@127.0.0.1:{server.port}/", transport=Transport(environ={}), sleep=lambda _seconds: None
    )
    assert time.monotonic() - begun < 2.5
    assert (found.state, found.status) == ("unknown", None)


def test_a_long_body_is_not_read(serve: Any) -> None:
    def pour(handler: Any) -> None:
        handler.send_response(401)
        handler.send_header("WWW-Authenticate", 'Basic realm="x"')
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()

    server = serve(pour)
    assert try_door(f"http://u:p@127.0.0.1:{server.port}/", transport=Transport(environ={})).state == "open"


@pytest.mark.parametrize("url", ["http://u:p@127.0.0.1:1/x", "http://u:p@name.invalid/x", "http://127.0.0.1:1/"])
def test_nobody_there_is_no_verdict(url: str) -> None:
    found = try_door(url, transport=Transport(environ={}), sleep=lambda _seconds: None)
    assert (found.state, found.status) == ("unknown", None)
    assert "from this machine" in found.msg


@pytest.mark.parametrize(
    "url",
    [
        "http://u:s3cret@127.0.0.1:{port}/\u00fcber",
        "http://u:s3cret@a..b:{port}/x",
        "http://a..b:{port}/x",
        "https://u:s3cret@" + "a" * 64 + ".example.com/x",
        "http://u:s3cret@" + "a" * 64 + ".example.com/x",
    ],
)
def test_what_cannot_be_asked_is_no_verdict(serve: Any, url: str) -> None:
    """Not every URL in an account is one that Python can call, and the other numbers are verified all the same."""
    found = try_door(url.format(port=serve().port), transport=Transport(environ={}), sleep=lambda _seconds: None)
    assert (found.state, found.status) == ("unknown", None)
    assert "from this machine" in found.msg
    assert "s3cret" not in str(found)


@pytest.mark.parametrize("url", ["", "nonsense", "https://h:port/", "https://[/"])
def test_what_is_no_url_is_shut(url: str) -> None:
    assert try_door(url).state == "shut"
    assert shown(url) == "***"


@pytest.fixture
def serve() -> Iterator[Any]:
    servers: list[Loopback] = []

    def start(respond: Any = say) -> Loopback:
        servers.append(Loopback(respond))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
