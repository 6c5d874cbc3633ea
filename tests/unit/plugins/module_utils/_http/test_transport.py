# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gzip
import pathlib
import threading
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from unit.plugins.loopback import Loopback, Respond, make_certificate, say
from unit.plugins.scripted import Clock, Script, answer, step, transport

from ansible_collections.voiceagent.sms.plugins.module_utils._http import transport as transport_module
from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError, TransportError
from ansible_collections.voiceagent.sms.plugins.module_utils._http.pace import Pace
from ansible_collections.voiceagent.sms.plugins.module_utils._http.transport import (
    MAX_REFUSALS,
    MAX_TRIES,
    Reply,
    Transport,
    check_endpoint,
    retry_after,
)

URL = "https://api.example.com/things"
GET, POST = f"GET {URL}", f"POST {URL}"
OK = answer(200, {"fine": True})


def error(code: str, maybe_done: bool) -> TransportError:
    return TransportError("no answer", code=code, maybe_done=maybe_done)


BROKEN, TIMEOUT = error("broken", True), error("timeout", True)
UNREACHABLE, TLS = error("unreachable", False), error("tls", False)
NO_JSON = answer(200, "<html>not what was asked for</html>")
PLAY = Callable[..., Script]


# ---- what is repeated ----


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize(
    ("first", "again"),
    [
        pytest.param(answer(200, {}), "never", id="success"),
        pytest.param(answer(204), "never", id="success without content"),
        pytest.param(answer(302, Location="https://evil.example/"), "never", id="redirect"),
        pytest.param(answer(400, {}), "never", id="bad request"),
        pytest.param(answer(401, {}), "never", id="unauthorized"),
        pytest.param(answer(404, "no JSON here"), "never", id="not found"),
        pytest.param(answer(501, {}), "never", id="not implemented"),
        pytest.param(TLS, "never", id="certificate"),
        pytest.param(answer(429, {}), "always", id="too many requests: not processed"),
        pytest.param(UNREACHABLE, "always", id="not sent"),
        pytest.param(answer(500, {}), "repeatable", id="500"),
        pytest.param(answer(502, "<html>"), "repeatable", id="502 in HTML"),
        pytest.param(answer(503, {}), "repeatable", id="503"),
        pytest.param(answer(504), "repeatable", id="504"),
        pytest.param(BROKEN, "repeatable", id="connection broken"),
        pytest.param(TIMEOUT, "repeatable", id="time-out"),
        pytest.param(NO_JSON, "repeatable", id="success that is no JSON"),
        pytest.param(answer(200, '{"cut": '), "repeatable", id="cut JSON"),
    ],
)
def test_what_is_sent_again(first: Any, again: str, repeatable: bool, play: PLAY) -> None:
    is_again = again == "always" or (again == "repeatable" and repeatable)
    script = play(step(POST, first, sent={"a": "1"}), *[step(POST, OK, sent={"a": "1"})] * is_again)
    result: Any
    try:
        result = transport(script).request("POST", URL, {}, b"a=1", repeatable=repeatable)
    except TransportError as failure:
        result = failure
    if not is_again and isinstance(first, Reply) and first.ok and first.body and first.json is None:
        assert (result.code, result.maybe_done) == ("bad_answer", True)
    else:
        assert result is (OK if is_again else first)


def test_an_answer_need_not_be_json_where_nobody_wants_json(play: PLAY) -> None:
    assert transport(play(step(GET, NO_JSON))).request("GET", URL, {}, wants_json=False) is NO_JSON


@pytest.mark.parametrize("failure", [BROKEN, UNREACHABLE])
def test_the_last_failure_is_raised(failure: TransportError, play: PLAY) -> None:
    with pytest.raises(TransportError) as raised:
        transport(play(*[step(GET, failure)] * MAX_TRIES)).request("GET", URL, {})
    assert raised.value is failure


def test_the_last_bad_status_is_returned(play: PLAY) -> None:
    last = answer(503, {"n": "last"})
    script = play(*[step(GET, answer(500))] * (MAX_TRIES - 1), step(GET, last))
    assert transport(script).request("GET", URL, {}) is last


def test_refusals_end_some_time_too(play: PLAY, clock: Clock) -> None:
    last = answer(429, {"code": 20429})
    script = play(*[step(GET, answer(429))] * (MAX_REFUSALS - 1), step(GET, last))
    assert transport(script, clock).request("GET", URL, {}) is last
    assert 60 < sum(clock.slept) < 600, "long enough for others to end, and not for ever"


def test_refusals_and_failures_are_counted_apart(play: PLAY) -> None:
    mixed = [answer(429)] * 3 + [answer(503)] * (MAX_TRIES - 1) + [answer(429)] * 3 + [OK]
    assert transport(play(*[step(GET, reply) for reply in mixed])).request("GET", URL, {}) is OK


@pytest.mark.parametrize(
    ("told", "expected"),
    [("7", 7), ("123456", 123456), ("", None), ("-1", None), ("1.5", None), ("9" * 7, None), ("x", None)],
)
@pytest.mark.parametrize("status", [200, 429])
def test_the_account_s_load_is_for_the_pace(
    status: int, told: str, expected: int | None, play: PLAY, clock: Clock
) -> None:
    heard: list[Any] = []

    class Listener(Pace):
        def succeeded(self, concurrent: int | None = None) -> None:
            heard.append(concurrent)

        def refused(self, _number: int, _halt: float = 0.0, concurrent: int | None = None) -> None:
            heard.append(concurrent)

    script = play(step(GET, answer(status, twilio_concurrent_requests=told)), *[step(GET, OK)] * (status == 429))
    Transport(send=script, sleep=clock.sleep, pace=Listener(1)).request("GET", URL, {})
    assert heard[0] == expected


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("1", 1, 1.5),
        ("17", 17, 18),
        ("100000", 60, 180),  # nobody waits for a day
        ("soon", 0, 1),
        ("", 0, 1),
        ("-5", 0, 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 1),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 100, 121),  # nobody waits for years
        ("Wed, 41 Oct 2099 07:28:00 GMT", 0, 1),
        ("1.5", 0, 1),
        ("\u00b2", 0, 1),  # a digit of sorts
        ("\u0661\u0662", 0, 1),
        ("9" * 5000, 0, 1),
        ("1e9", 0, 1),
        ("7, 8", 0, 1),
        (" 7 ", 7, 8),
    ],
)
def test_retry_after(status: int, retry_after: str, least: float, most: float, play: PLAY, clock: Clock) -> None:
    script = play(step(GET, answer(status, retry_after=retry_after)), step(GET, OK))
    transport(script, clock).request("GET", URL, {})
    assert least <= sum(clock.slept) <= most


def test_a_date_counts_from_the_server_s_clock() -> None:
    later = {"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}
    now = 1792567680.0  # 07:28:00
    assert retry_after(later, now) == 30
    assert retry_after({**later, "Date": "Wed, 21 Oct 2026 07:28:20 GMT"}, now + 5000) == 10
    assert retry_after({**later, "Date": "yesterday"}, now) == 30
    assert retry_after({**later, "Date": "Wed, 21 Oct 2026 07:28:40 GMT"}, now) is None


def test_pauses_grow_and_have_jitter(play: PLAY) -> None:
    seen = []
    for _run in range(20):
        clock = Clock()
        transport(play(*[step(GET, answer(503))] * (MAX_TRIES - 1), step(GET, OK)), clock).request("GET", URL, {})
        seen.append(clock.slept)
    assert len({tuple(slept) for slept in seen}) > 1
    means = [sum(slept[n] for slept in seen) for n in range(MAX_TRIES - 1)]
    assert means == sorted(means)
    assert max(sum(slept) for slept in seen) < 30


def test_a_429_slows_all_who_share_the_pace(clock: Clock) -> None:
    replies = [answer(429, retry_after="7"), OK, OK]
    shared = transport(lambda *_request: replies.pop(0), clock, ceiling=8)
    shared.request("GET", URL, {})
    assert shared.pace.limit < 8
    assert clock.slept
    assert clock.slept[0] >= 7
    waited = len(clock.slept)
    shared.request("GET", URL, {})
    assert len(clock.slept) == waited


# ---- endpoints ----


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://iam.cloud.ibm.com", "https://iam.cloud.ibm.com"),
        ("https://iam.cloud.ibm.com/", "https://iam.cloud.ibm.com"),
        ("https://gw.example.com:8443/base/", "https://gw.example.com:8443/base"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://localhost:1/", "http://localhost:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_check_endpoint(url: str, base: str) -> None:
    assert check_endpoint(url, "iam_endpoint") == base


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://iam.cloud.ibm.com", "insecure_endpoint"),
        ("http://10.0.0.1", "insecure_endpoint"),
        ("http://localhost.example.com", "insecure_endpoint"),
        ("http://127.0.0.1.example.com", "insecure_endpoint"),
        ("http://0.0.0.0", "insecure_endpoint"),
        ("https://u:hidden@iam.cloud.ibm.com", "bad_endpoint"),
        ("https://hidden@iam.cloud.ibm.com", "bad_endpoint"),
        ("https://u:hid/hidden@iam.cloud.ibm.com", "bad_endpoint"),
        ("u:hidden@iam.cloud.ibm.com", "bad_endpoint"),
        ("http://u:hidden@127.0.0.1", "bad_endpoint"),
        ("https://iam.cloud.ibm.com/?x=hidden", "bad_endpoint"),
        ("https://iam.cloud.ibm.com/#x", "bad_endpoint"),
        ("iam.cloud.ibm.com", "bad_endpoint"),
        ("ftp://iam.cloud.ibm.com", "bad_endpoint"),
        ("https://iam:port", "bad_endpoint"),
        ("https://", "bad_endpoint"),
        ("", "bad_endpoint"),
    ],
)
def test_check_endpoint_refuses(url: str, code: str) -> None:
    with pytest.raises(SmsError, match="^iam_endpoint ") as refusal:
        check_endpoint(url, "iam_endpoint")
    assert refusal.value.code == code
    assert "hidden" not in str(refusal.value)


# ---- on a real connection ----


@pytest.fixture
def serve() -> Iterator[Callable[..., Loopback]]:
    """Return a function that starts a server."""
    servers: list[Loopback] = []

    def start(respond: Respond = say, certificate: pathlib.Path | None = None) -> Loopback:
        servers.append(Loopback(respond, certificate))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


SERVE = Callable[..., Loopback]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "loopback.pem")


def real(environ: dict[str, str] | None = None, **more: Any) -> Transport:
    """Return a transport that waits for no repetition."""
    clock = Clock()
    return Transport(environ=environ or {}, sleep=clock.sleep, **{"timeout": 5, **more})


def test_a_request_arrives_as_it_was_meant(serve: SERVE) -> None:
    bodies = []

    def respond(handler: Any) -> None:
        bodies.append(handler.content)
        say(handler, 201, b'{"a": 1}', Retry_After="3")

    server = serve(respond)
    reply = real().request("POST", server.url + "/x/y?z=%2B1", {"X-Own": "yes"}, b"n=%2B1")
    assert (reply.status, reply.json, reply.text) == (201, {"a": 1}, '{"a": 1}')
    assert reply.headers.get("retry-after") == "3"
    assert server.requests == [("POST", "/x/y?z=%2B1")]
    assert server.headers[0]["host"] == f"127.0.0.1:{server.port}"
    assert server.headers[0]["x-own"] == "yes"
    assert server.headers[0]["content-length"] == "6"
    assert bodies == [b"n=%2B1"]


def test_connections_are_reused_one_for_each_thread_at_most(serve: SERVE) -> None:
    server = serve()
    shared = real()
    for _request in range(5):
        shared.request("GET", server.url + "/", {})
    assert server.connections == 1
    threads = [
        threading.Thread(target=lambda: [shared.request("GET", server.url + "/", {}) for _n in range(10)])
        for _thread in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(server.requests) == 45
    assert server.connections <= 4


def test_a_connection_that_the_server_has_ended_is_not_used_again(serve: SERVE) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        say(handler)
        handler.close_connection = True  # without announcing it

    server = serve(respond)
    one = real()
    for _request in range(3):
        # A create, which is never repeated once it may have been sent.
        one.request("POST", server.url + "/", {}, b"x=1", repeatable=False)
        assert server.ended.acquire(timeout=5)
    assert len(server.requests) == 3


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_broken_connection(repeatable: bool, serve: SERVE) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        if len(server.requests) == 1:
            handler.close_connection = True
        else:
            say(handler)

    server = serve(respond)
    if repeatable:
        assert real().request("GET", server.url + "/", {}).ok
    else:
        with pytest.raises(TransportError, match="closed the connection") as failure:
            real().request("GET", server.url + "/", {}, repeatable=False)
        assert (failure.value.code, failure.value.maybe_done) == ("broken", True)
    assert len(server.requests) == 1 + repeatable


def test_a_cut_body_is_no_answer(serve: SERVE) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"{}")
        handler.close_connection = True

    with pytest.raises(TransportError) as failure:
        real().request("POST", serve(respond).url + "/", {}, b"x=1", repeatable=False)
    assert (failure.value.code, failure.value.maybe_done) == ("broken", True)


def test_a_time_out(serve: SERVE) -> None:
    over = threading.Event()
    server = serve(lambda handler: over.wait(5) and say(handler))
    try:
        with pytest.raises(TransportError, match="gave no answer within 0.1 s") as failure:
            real(timeout=0.1).request("POST", server.url + "/", {}, b"", repeatable=False)
    finally:
        over.set()
    assert (failure.value.code, failure.value.maybe_done) == ("timeout", True)


def test_nobody_listens(serve: SERVE) -> None:
    server = serve()
    server.stop()
    with pytest.raises(
        TransportError, match=f"http://127.0.0.1:{server.port} could not be reached.*refused"
    ) as failure:
        real().request("GET", server.url + "/x?y=hidden", {})
    assert (failure.value.code, failure.value.maybe_done) == ("unreachable", False)
    assert "hidden" not in str(failure.value)


@pytest.mark.parametrize(
    ("origin", "path", "reason"),
    [
        ("http://a..b", "/x", "not a host name"),
        ("https://" + "a" * 64 + ".example.com", "/x", "not a host name"),
        (None, "/\u00fcber?y=hidden", "percent-encoded"),
    ],
)
def test_a_url_that_cannot_be_asked(origin: str | None, path: str, reason: str, serve: SERVE) -> None:
    with pytest.raises(TransportError, match=reason) as failure:
        real().request("GET", (origin or serve().url) + path, {})
    assert failure.value.maybe_done is False
    assert "hidden" not in str(failure.value)


def test_netrc_is_never_read(serve: SERVE, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password hidden\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server = serve()
    real().request("GET", server.url + "/", {})
    assert "authorization" not in server.headers[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, serve: SERVE) -> None:
    other = serve()
    server = serve(lambda handler: say(handler, status, Location=other.url + "/"))
    reply = real().request("GET", server.url + "/", {"Authorization": "Basic hidden"})
    assert reply.status == status
    assert other.requests == []


# ---- proxies ----


@pytest.mark.parametrize(
    ("environ", "proxied"),
    [
        ({"HTTP_PROXY": "PROXY"}, True),
        ({"http_proxy": "PROXY"}, True),
        ({"ALL_PROXY": "PROXY"}, True),
        ({"HTTP_PROXY": "PROXY", "NO_PROXY": "other.example"}, True),
        ({"HTTP_PROXY": "", "http_proxy": "PROXY"}, True),
        ({"http_proxy": "PROXY", "HTTP_PROXY": ""}, True),
        ({"HTTPS_PROXY": "PROXY"}, False),
        ({"HTTP_PROXY": "PROXY", "NO_PROXY": "cloud.invalid"}, False),
        ({"HTTP_PROXY": "PROXY", "no_proxy": "a.example, .invalid"}, False),
        ({"HTTP_PROXY": "PROXY", "NO_PROXY": "*"}, False),
        ({}, False),
    ],
)
def test_proxies_of_the_given_environment(
    environ: dict[str, str], proxied: bool, serve: SERVE, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve()
    # The process's own environment is not used if another one is given.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    sender = real({name: value.replace("PROXY", proxy.url) for name, value in environ.items()})
    if proxied:
        assert sender.request("GET", "http://cloud.invalid/x?y=1", {"Authorization": "Basic mine"}).ok
        assert proxy.requests == [("GET", "http://cloud.invalid/x?y=1")]
        assert proxy.headers[0]["host"] == "cloud.invalid"
        assert "proxy-authorization" not in proxy.headers[0]
    else:
        with pytest.raises(TransportError) as failure:
            sender.request("GET", "http://cloud.invalid/x?y=1", {})
        assert failure.value.code == "unreachable"
        assert proxy.requests == []


def test_this_machine_is_reached_without_a_proxy(serve: SERVE) -> None:
    server = serve()
    assert (
        real({"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"})
        .request("GET", server.url + "/", {})
        .ok
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_s_login_is_decoded_and_goes_to_the_proxy(scheme: str, serve: SERVE) -> None:
    proxy = serve(lambda handler: say(handler, 407 if scheme == "https" else 200))
    environ = {"ALL_PROXY": f"http://us%2Fer:p%40ss@127.0.0.1:{proxy.port}"}
    sender = real(environ)
    if scheme == "http":
        sender.request("GET", "http://cloud.invalid/", {})
        assert proxy.requests == [("GET", "http://cloud.invalid/")]
    else:
        with pytest.raises(TransportError) as failure:
            sender.request("GET", "https://cloud.invalid/", {"Authorization": "Basic hidden"})
        assert failure.value.maybe_done is False
        assert "p%40ss" not in str(failure.value)
        assert set(proxy.requests) == {("CONNECT", "cloud.invalid:443")}
    assert proxy.headers[0]["proxy-authorization"] == "Basic " + b64encode(b"us/er:p@ss").decode()
    assert proxy.headers[0].get("authorization") is None


def test_https_through_a_proxy(serve: SERVE, certificate: pathlib.Path) -> None:
    proxy = serve(lambda handler: say(handler, 403))
    sender = real({"HTTPS_PROXY": proxy.url, "REQUESTS_CA_BUNDLE": str(certificate)})
    with pytest.raises(TransportError, match="https://cloud.invalid could not be reached through the proxy"):
        sender.request("POST", "https://cloud.invalid/x", {}, b"secret=1", repeatable=False)
    assert set(proxy.requests) == {("CONNECT", "cloud.invalid:443")}


@pytest.mark.parametrize(
    "proxy", ["socks5://u:hidden@127.0.0.1:1080", "http://u:hidden@127.0.0.1:port", "u:hidden@127.0.0.1:9", "http://"]
)
def test_a_proxy_that_cannot_be_used_is_an_error_without_its_password(proxy: str) -> None:
    with pytest.raises(SmsError, match="proxy") as failure:
        real({"HTTP_PROXY": proxy}).request("GET", "http://cloud.invalid/", {})
    assert "hidden" not in str(failure.value)


# ---- certificates ----


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_bundle_of_the_given_environment(name: str, serve: SERVE, certificate: pathlib.Path) -> None:
    server = serve(certificate=certificate)
    sender = real({name: str(certificate)})
    assert sender.request("GET", server.url + "/", {}).ok
    assert sender.request("GET", server.url + "/", {}).ok
    assert server.connections == 1


def test_certificates_are_read_once_for_all_hosts_and_accounts(
    certificate: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twilio has three hosts, and each account a transport of its own."""
    read = []
    original = transport_module.ssl.create_default_context
    monkeypatch.setattr(
        transport_module.ssl, "create_default_context", lambda **how: read.append(how) or original(**how)
    )
    transport_module._trusting.cache_clear()
    for _account in range(2):
        sender = real({"REQUESTS_CA_BUNDLE": str(certificate)})
        for host in ("a.example.com", "b.example.com"):
            sender._route_to(f"https://{host}")
    assert read == [{"cafile": str(certificate)}]


def test_a_certificate_of_nobody_is_refused_and_not_tried_again(serve: SERVE, certificate: pathlib.Path) -> None:
    server = serve(certificate=certificate)
    with pytest.raises(TransportError, match="showed no valid certificate.*REQUESTS_CA_BUNDLE") as failure:
        real().request("GET", server.url + "/", {"Authorization": "Basic hidden"})
    assert (failure.value.code, failure.value.maybe_done) == ("tls", False)
    assert server.requests == []
    assert server.connections <= 1


def test_a_certificate_of_another_host_is_refused(serve: SERVE, certificate: pathlib.Path) -> None:
    server = serve(certificate=certificate)
    with pytest.raises(TransportError) as failure:
        real({"REQUESTS_CA_BUNDLE": str(certificate)}).request("GET", f"https://localhost:{server.port}/", {})
    assert failure.value.code == "tls"


@pytest.mark.parametrize("environ", [{}, {"REQUESTS_CA_BUNDLE": "/nonexistent/ca.pem"}])
def test_certificates_are_not_looked_at_where_nobody_wants_it(
    environ: dict[str, str], serve: SERVE, certificate: pathlib.Path
) -> None:
    server = serve(certificate=certificate)
    assert real(environ, validate_certs=False).request("GET", server.url + "/", {}).ok


def test_a_ca_bundle_that_is_none(tmp_path: pathlib.Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(SmsError, match=f"CA bundle '{tmp_path}/{name}'") as failure:
            real({"REQUESTS_CA_BUNDLE": str(tmp_path / name)}).request("GET", "https://127.0.0.1:9/", {})
        assert failure.value.code == "no_ca_bundle"


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b'{"a": 1}')),
        ("GZIP", gzip.compress(b'{"a": 1}')),
        ("deflate", zlib.compress(b'{"a": 1}')),
        ("identity", b'{"a": 1}'),
    ],
)
def test_a_compressed_answer(encoding: str, packed: bytes, serve: SERVE) -> None:
    server = serve(lambda handler: say(handler, 200, packed, Content_Encoding=encoding))
    assert real().request("GET", server.url + "/", {}).json == {"a": 1}


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_without_end_is_refused_and_not_asked_for_again(
    packed: bool, serve: SERVE, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "MAX_BODY", 1024 * 1024)
    body = gzip.compress(b" " * 50_000_000) if packed else b" " * 1_100_000
    assert packed is (len(body) < 100_000)
    server = serve(lambda handler: say(handler, 200, body, **({"Content_Encoding": "gzip"} if packed else {})))
    with pytest.raises(TransportError, match="gave an answer of more than 1 MiB: check the endpoint") as failure:
        real().request("GET", server.url + "/", {})
    assert (failure.value.code, failure.value.maybe_done) == ("too_large", True)
    assert len(server.requests) == 1


def test_a_compressed_answer_that_is_damaged(serve: SERVE) -> None:
    server = serve(lambda handler: say(handler, 200, gzip.compress(b'{"a": 1}')[:-9] + b"x", Content_Encoding="gzip"))
    with pytest.raises(TransportError) as failure:
        real().request("POST", server.url + "/", {}, b"", repeatable=False)
    assert failure.value.maybe_done is True
