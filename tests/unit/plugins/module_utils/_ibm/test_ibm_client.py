# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import gzip
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from unit.plugins.loopback import Loopback, say
from unit.plugins.scripted import Clock, Script, Step, answer, jwt, step, transport

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import ApiError, SmsError, TransportError
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm.client import IbmCloud, find_instance
from ansible_collections.voiceagent.sms.plugins.module_utils._module.access import ibm_cloud

IAM, RC = "https://iam.example", "https://rc.example"
KEY = "caller-key-0123456789-hidden"
OPTIONS = {"ibmcloud_api_key": KEY, "iam_endpoint": IAM, "resource_controller_endpoint": RC}
GRANT = "urn:ibm:params:oauth:grant-type:"
GUID = "11111111-2222-4333-8444-555555555555"
CRN = f"crn:v1:bluemix:public:voiceagent:us-south:a/acc:{GUID}::"
TOKEN, NEW_TOKEN = jwt(number=1), jwt(number=2)
LIMIT = {"limit": "100"}
KEYS = f"GET {RC}/v2/resource_instances/{GUID}/resource_keys"
BROKEN = TransportError("broke", code="broken", maybe_done=True)
PLAY = Callable[..., Script]


def token(access_token: str = TOKEN, api_key: str = KEY) -> Step:
    form = {"grant_type": GRANT + "apikey", "apikey": api_key, "response_type": "cloud_iam"}
    return step(f"POST {IAM}/identity/token", answer(200, {"access_token": access_token}), sent=form, auth="")


def bearer(request: str, reply: Any, access_token: str = TOKEN, **more: Any) -> Step:
    return step(request, reply, auth=f"Bearer {access_token}", **more)


def rc_error(status: int, code: str = "RC-Error", message: str = "no") -> Any:
    return answer(status, {"status_code": status, "error_code": code, "message": message})


def connect(script: Script, clock: Clock | None = None, **options: Any) -> IbmCloud:
    return ibm_cloud({**OPTIONS, **options}, transport(script, clock))


# ---- tokens ----


def test_a_token_is_fetched_once(play: PLAY) -> None:
    cloud = connect(
        play(
            token(),
            bearer(f"GET {RC}/v2/resource_instances/{GUID}", answer(200, {"guid": GUID})),
            bearer(f"GET {RC}/v2/resource_keys/k1", answer(200, {"guid": "k1"})),
            bearer(f"GET {IAM}/v1/apikeys/details", answer(200, {"id": "ApiKey-1"})),
        )
    )
    assert cloud.instance(GUID) == {"guid": GUID}
    assert cloud.key("k1") == {"guid": "k1"}
    assert cloud.identity() == "IBMid-TEST"
    assert cloud.api_key_details("some-other-key-here") == {"id": "ApiKey-1"}


def test_a_token_that_is_refused_in_mid_run_is_renewed_once(play: PLAY) -> None:
    cloud = connect(
        play(
            token(),
            bearer(f"GET {RC}/v2/resource_keys/k1", answer(200, {"guid": "k1"})),
            bearer(f"GET {RC}/v2/resource_keys/k2", rc_error(401, "RC-Unauthorized")),
            token(NEW_TOKEN),
            bearer(f"GET {RC}/v2/resource_keys/k2", answer(200, {"guid": "k2"}), NEW_TOKEN),
            bearer(f"GET {RC}/v2/resource_keys/k3", answer(200, {"guid": "k3"}), NEW_TOKEN),
        )
    )
    assert [cloud.key(guid) for guid in ("k1", "k2", "k3")] == [{"guid": "k1"}, {"guid": "k2"}, {"guid": "k3"}]


@pytest.mark.parametrize(
    "failure", [rc_error(404), rc_error(403), answer(400, "<html>"), BROKEN], ids=["404", "403", "HTML", "broken"]
)
def test_a_failure_of_another_kind_costs_no_new_token(failure: Any, play: PLAY) -> None:
    request = f"DELETE {RC}/v2/resource_keys/k1"
    failures = [bearer(request, failure)] * (4 if failure is BROKEN else 1)
    cloud = connect(play(token(), *failures, bearer(f"GET {RC}/v2/resource_keys/k2", answer(200, {"guid": "k2"}))))
    with contextlib.suppress(ApiError):
        cloud.delete_key("k1")
    assert cloud.key("k2") == {"guid": "k2"}


def test_a_create_that_is_refused_for_its_token_is_sent_again_with_a_new_one(play: PLAY) -> None:
    body = {"name": "twilio-sms", "source": GUID, "role": "Writer"}
    cloud = connect(
        play(
            token(),
            bearer(f"POST {RC}/v2/resource_keys", rc_error(401), sent=body),
            token(NEW_TOKEN),
            bearer(f"POST {RC}/v2/resource_keys", answer(201, {"guid": "k1"}), NEW_TOKEN, sent=body),
        )
    )
    assert cloud.create_key("twilio-sms", GUID, "Writer") == {"guid": "k1"}


def test_a_token_is_not_renewed_for_ever(play: PLAY) -> None:
    cloud = connect(
        play(
            token(),
            bearer(f"GET {RC}/v2/resource_keys/k1", rc_error(401)),
            token(NEW_TOKEN),
            bearer(f"GET {RC}/v2/resource_keys/k1", rc_error(401, "RC-Unauthorized"), NEW_TOKEN),
        )
    )
    with pytest.raises(ApiError, match="HTTP 401 \\(RC-Unauthorized\\).*check ibmcloud_api_key") as failure:
        cloud.key("k1")
    assert (failure.value.code, failure.value.status) == ("RC-Unauthorized", 401)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_api_key(status: int, play: PLAY) -> None:
    body = {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}
    refused = token()._replace(answer=answer(status, body))
    cloud = connect(play(refused))
    with pytest.raises(ApiError) as failure:
        cloud.key("k1")
    assert failure.value.code == "BXNIM0415E"
    assert "Could not get an IAM token" in str(failure.value)
    assert "check ibmcloud_api_key and iam_endpoint" in str(failure.value)
    assert "hidden" not in str(failure.value)


def test_after_a_failed_token_call_the_next_one_does_not_wait(play: PLAY, monkeypatch: pytest.MonkeyPatch) -> None:
    # The SDK's own token manager would sleep for up to 60 s here.
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("somebody sleeps"))
    cloud = connect(
        play(
            token()._replace(answer=answer(400, {"errorCode": "BXNIM0415E"})),
            token()._replace(answer=TransportError("broken", code="tls", maybe_done=True)),
            token()._replace(answer=answer(200, {"access_token": "this is no JWT"})),
            token()._replace(answer=answer(200, {"nothing": "of use"})),
            token(),
            bearer(f"GET {RC}/v2/resource_keys/k1", answer(200, {"guid": "k1"})),
        )
    )
    for code in ("BXNIM0415E", "tls", "bad_answer", "bad_answer"):
        with pytest.raises(SmsError) as failure:
            cloud.key("k1")
        assert failure.value.code == code
    assert cloud.key("k1") == {"guid": "k1"}


def test_a_token_call_is_repeated(play: PLAY, clock: Clock) -> None:
    script = play(
        token()._replace(answer=answer(503)),
        token()._replace(answer=TransportError("broken", code="broken", maybe_done=True)),
        token()._replace(answer=answer(429, retry_after="3")),
        token(),
        bearer(f"GET {RC}/v2/resource_keys/k1", answer(200, {"guid": "k1"})),
    )
    assert connect(script, clock).key("k1") == {"guid": "k1"}
    assert sum(clock.slept) >= 3


def test_a_ready_token(play: PLAY) -> None:
    cloud = connect(
        play(bearer(f"GET {RC}/v2/resource_keys/k1", rc_error(401))), ibmcloud_api_key=None, iam_token=f"Bearer {TOKEN}"
    )
    with pytest.raises(ApiError, match="check iam_token"):
        cloud.key("k1")
    assert cloud.identity() == "IBMid-TEST"


def test_a_ready_token_that_is_no_jwt_has_no_identity(play: PLAY) -> None:
    assert connect(play(), ibmcloud_api_key=None, iam_token="opaque").identity() is None


def test_a_trusted_profile_is_assumed_through_the_same_transport(play: PLAY, clock: Clock) -> None:
    assume = {"grant_type": GRANT + "assume", "access_token": TOKEN, "profile_id": "Profile-1"}
    script = play(
        token()._replace(answer=answer(429)),  # repeated, which the SDK's own way would not do
        token(),
        step(f"POST {IAM}/identity/token", answer(200, {"access_token": NEW_TOKEN}), sent=assume, auth=""),
        bearer(f"GET {RC}/v2/resource_keys/k1", answer(200, {"guid": "k1"}), NEW_TOKEN),
    )
    assert connect(script, clock, iam_profile_id="Profile-1").key("k1") == {"guid": "k1"}


@pytest.mark.parametrize(
    "iam_endpoint",
    [IAM, IAM + "/", IAM + "/identity/token"],  # the SDK's users know the last form
)
def test_forms_of_the_iam_endpoint(iam_endpoint: str, play: PLAY) -> None:
    cloud = connect(play(token(), bearer(f"GET {RC}/v2/resource_keys/k1", answer(404, {}))), iam_endpoint=iam_endpoint)
    assert cloud.key("k1") is None


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"ibmcloud_api_key": ""}, "missing_credentials"),
        ({"ibmcloud_api_key": " "}, "missing_credentials"),
        ({"ibmcloud_api_key": '"hidden"'}, "bad_api_key"),
        ({"ibmcloud_api_key": "{hidden}"}, "bad_api_key"),
        ({"iam_endpoint": "http://iam.example"}, "insecure_endpoint"),
        ({"resource_controller_endpoint": "http://rc.example"}, "insecure_endpoint"),
        ({"resource_controller_endpoint": "https://u:hidden@rc.example"}, "bad_endpoint"),
    ],
)
def test_what_is_refused_before_any_request(options: dict[str, str], code: str, play: PLAY) -> None:
    with pytest.raises(SmsError) as refusal:
        connect(play(), **options)
    assert refusal.value.code == code
    assert "hidden" not in str(refusal.value)


def test_missing_credentials_name_options_and_variables(play: PLAY) -> None:
    with pytest.raises(SmsError, match="ibmcloud_api_key.*IC_API_KEY.*IBMCLOUD_API_KEY.*iam_token.*IC_IAM_TOKEN"):
        connect(play(), ibmcloud_api_key=None)


@pytest.mark.parametrize("variable", ["IC_API_KEY", "IBMCLOUD_API_KEY"])
def test_the_environment_s_key(variable: str, play: PLAY, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "key-of-the-environment")
    script = play(
        token(api_key="key-of-the-environment"), bearer(f"GET {RC}/v2/resource_keys/k1", answer(200, {"guid": "k1"}))
    )
    assert connect(script, ibmcloud_api_key=None).key("k1") == {"guid": "k1"}


@pytest.mark.parametrize("written", ["hidden-token", " hidden-token\n", "Bearer hidden-token", "bearer  hidden-token "])
def test_a_ready_token_in_any_form(written: str, play: PLAY) -> None:
    script = play(bearer(f"GET {RC}/v2/resource_keys/k1", answer(200, {"guid": "k1"}), "hidden-token"))
    assert connect(script, ibmcloud_api_key=None, iam_token=written).key("k1") == {"guid": "k1"}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"ibmcloud_api_key": "hidden key"}, "ibmcloud_api_key"),
        ({"ibmcloud_api_key": "hidden\r\nX-Evil: 1"}, "ibmcloud_api_key"),
        ({"ibmcloud_api_key": None, "iam_token": "Bearer hidden\nhidden"}, "iam_token"),
    ],
)
def test_a_secret_that_would_break_a_header_is_named_and_not_shown(options: dict, named: str, play: PLAY) -> None:
    with pytest.raises(SmsError, match=f"^{named} contains white space or other characters") as refusal:
        connect(play(), **options)
    assert refusal.value.code == "bad_secret"
    assert "hidden" not in str(refusal.value)


def test_white_space_around_options_is_none_of_them(play: PLAY, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBMCLOUD_IAM_API_ENDPOINT", f" {IAM}\n")
    script = play(token(), bearer(f"GET {RC}/v2/resource_keys/k1", answer(200, {"guid": "k1"})))
    options = {"ibmcloud_api_key": f"\t{KEY}\n", "iam_endpoint": " ", "resource_controller_endpoint": f"{RC}/ "}
    assert connect(script, **options).key("k1") == {"guid": "k1"}


def test_the_sdk_s_own_configuration_is_not_read(play: PLAY, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "ibm-credentials.env").write_text(
        "RESOURCE_CONTROLLER_APIKEY=other\nRESOURCE_CONTROLLER_URL=https://x\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RESOURCE_CONTROLLER_URL", "https://elsewhere.example")
    monkeypatch.setenv(
        "VCAP_SERVICES", '{"resource_controller": [{"credentials": {"url": "https://x", "apikey": "y"}}]}'
    )
    script = play(token(), bearer(f"GET {RC}/v2/resource_keys/k1", answer(200, {"guid": "k1"})))
    assert connect(script).key("k1") == {"guid": "k1"}


# ---- lists ----


@pytest.mark.parametrize(
    ("call", "path", "query"),
    [
        (lambda cloud: cloud.instances(), "/v2/resource_instances", {"type": "service_instance"}),
        (
            lambda cloud: cloud.instances("sms agent"),
            "/v2/resource_instances",
            {"type": "service_instance", "name": "sms agent"},
        ),
        (lambda cloud: cloud.keys(GUID), f"/v2/resource_instances/{GUID}/resource_keys", {}),
    ],
)
def test_lists_are_followed_to_their_end(call: Any, path: str, query: dict[str, str], play: PLAY) -> None:
    def page(start: str | None, names: list[str], following: str | None) -> Step:
        body = {
            "rows_count": len(names),
            "next_url": following,
            "resources": [{"guid": name, "name": name} for name in names],
        }
        sent = {**query, "limit": "100", **({"start": start} if start else {})}
        return bearer(f"GET {RC}{path}", answer(200, body), query=sent)

    cloud = connect(
        play(
            token(),
            page(None, [], f"{path}?start=a%2Bb"),  # an empty page is not the end
            page("a+b", ["one", "two"], f"{path}?limit=100&start=c"),
            page("c", [], f"https://foreign.example{path}?start=d"),  # another host is not gone to
            page("d", ["three"], None),
        )
    )
    assert [row["name"] for row in call(cloud)] == ["one", "two", "three"]


@pytest.mark.parametrize(("second", "rows"), [("a", []), ("b", [{"guid": "one"}])], ids=["cursor", "rows"])
def test_a_list_that_repeats_itself_ends(second: str, rows: list, play: PLAY) -> None:
    def page(rows: list, following: str, **query: str) -> Step:
        body = {"resources": rows, "next_url": f"/v2/x?start={following}"}
        return bearer(KEYS, answer(200, body), query={**LIMIT, **query})

    script = play(token(), page([{"guid": "one"}], "a"), page(rows, second, start="a"))
    with pytest.raises(ApiError, match="the list repeats itself: check the endpoint"):
        connect(script).keys(GUID)


RESTRICTED = "Access denied due to context-based restriction on the resource"


@pytest.mark.parametrize(
    ("call", "request_line", "hint", "never"),
    [
        (lambda cloud: cloud.delete_key("k1"), f"DELETE {RC}/v2/resource_keys/k1", "Editor or Administrator", "create"),
        (
            lambda cloud: cloud.rename_key("k1", "x"),
            f"PATCH {RC}/v2/resource_keys/k1",
            "Editor or Administrator",
            "can only create",
        ),
        (lambda cloud: cloud.key("k1"), f"GET {RC}/v2/resource_keys/k1", "platform role Viewer", "create"),
        (
            lambda cloud: cloud.create_key("n", GUID, "Writer"),
            f"POST {RC}/v2/resource_keys",
            "you can only create credentials with roles that you have",
            "Viewer",
        ),
    ],
    ids=["delete", "rename", "read", "create"],
)
def test_the_hint_of_a_403_fits_what_was_tried(call: Any, request_line: str, hint: str, never: str, play: PLAY) -> None:
    create = {"name": "n", "source": GUID, "role": "Writer"}
    for message, said, not_said in (("no", hint, never), (RESTRICTED, "run in an allowed network", hint)):
        sent = {"DELETE": {}, "GET": {}, "PATCH": {"sent": {"name": "x"}}}.get(
            request_line.split()[0], {"sent": create}
        )
        cloud = connect(play(token(), bearer(request_line, rc_error(403, "RC-Forbidden", message), **sent)))
        with pytest.raises(ApiError, match="HTTP 403") as failure:
            call(cloud)
        assert said in str(failure.value)
        assert not_said not in str(failure.value).split("; ", 1)[1]


def test_a_token_that_is_not_at_the_endpoint(play: PLAY) -> None:
    for status in (404, 405):
        with pytest.raises(
            ApiError, match=f"an IAM token: HTTP {status}; check iam_endpoint: there is no IAM at {IAM}"
        ):
            connect(play(token()._replace(answer=answer(status, "<html>")))).key("k1")
    refused = answer(403, {"errorCode": "BXNIM0513E", "errorMessage": "IP address 192.0.2.1 is not allowed"})
    with pytest.raises(ApiError, match="list of allowed IP addresses") as failure:
        connect(play(token()._replace(answer=refused))).key("k1")
    assert "check ibmcloud_api_key" not in str(failure.value)


@pytest.mark.parametrize("wanted", ["nobody", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_instance_is_told_what_there_is(wanted: str, play: PLAY) -> None:
    row = {"guid": GUID, "crn": CRN, "id": CRN, "name": "support", "region_id": "us-south"}
    database = {**row, "crn": CRN.replace("voiceagent", "databases"), "name": "data", "guid": "d"}
    every = f"GET {RC}/v2/resource_instances"
    first = (
        bearer(every, answer(200, {"resources": []}), query={"type": "service_instance", "name": wanted, **LIMIT})
        if wanted == "nobody"
        else bearer(f"{every}/{wanted}", rc_error(404, "RC-NotFound"))
    )
    query = {"type": "service_instance", **LIMIT}
    for answered, shown in (([row, database], "support"), ([database], "data"), (None, "")):
        reply = rc_error(500) if answered is None else answer(200, {"resources": answered})
        again = [bearer(every, reply, query=query)] * (4 if answered is None else 1)
        with pytest.raises(SmsError, match=f"There is no service instance '{wanted}'") as failure:
            find_instance(
                connect(play(token(), first, *again)), instance=wanted, region=None, service_names=("voiceagent",)
            )
        assert failure.value.code == "unknown_instance"
        assert (f"; there is {shown} (" in str(failure.value)) is bool(shown)


def test_what_ibm_cloud_says_is_shown_without_commands_for_a_terminal(play: PLAY) -> None:
    reply = rc_error(400, "RC-Bad", "\x1b[2J\x1b]0;x\x07bad\nname \u202e https://u:hidden@gw/x?hidden")
    with pytest.raises(ApiError) as failure:
        connect(play(token(), bearer(f"DELETE {RC}/v2/resource_keys/k1", reply))).delete_key("k1")
    assert "(RC-Bad): bad name https://u:***@gw/x?***" in str(failure.value)
    assert str(failure.value).isprintable()


def test_a_page_without_next_url_is_the_last(play: PLAY) -> None:
    script = play(
        token(),
        bearer(f"GET {RC}/v2/resource_instances/{GUID}/resource_keys", answer(200, {"resources": []}), query=LIMIT),
    )
    assert connect(script).keys(GUID) == []


def test_removed_keys_are_left_out(play: PLAY) -> None:
    rows = [{"guid": "a", "state": "active"}, {"guid": "b", "state": "removed"}, {"guid": "c"}]
    cloud = connect(play(token(), bearer(KEYS, answer(200, {"resources": rows}), query=LIMIT)))
    assert [row["guid"] for row in cloud.keys(GUID)] == ["a", "c"]


@pytest.mark.parametrize(
    "body",
    [
        {"resources": None},
        {"resources": ["text"]},
        {},
        [],
        '"text"',
        {"resources": [], "next_url": "/v2/resource_instances?no=start"},
        {"resources": [], "next_url": 5},
    ],
)
def test_a_list_that_is_none(body: Any, play: PLAY) -> None:
    with pytest.raises(ApiError, match="Could not list the service credentials of instance") as failure:
        connect(play(token(), bearer(KEYS, answer(200, body), query=LIMIT))).keys(GUID)
    assert failure.value.code == "bad_answer"


# ---- one thing ----


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda cloud: cloud.instance(CRN), f"/v2/resource_instances/{quote(CRN, safe='')}"),
        (lambda cloud: cloud.key("k1"), "/v2/resource_keys/k1"),
    ],
)
def test_what_is_not_there_is_none(call: Any, path: str, play: PLAY) -> None:
    script = play(token(), bearer(f"GET {RC}{path}", rc_error(404, "RC-DatabaseErrorResponse")))
    assert call(connect(script)) is None


def test_rename(play: PLAY) -> None:
    renamed = answer(200, {"guid": "k1", "name": "old"})
    cloud = connect(play(token(), bearer(f"PATCH {RC}/v2/resource_keys/k1", renamed, sent={"name": "old"})))
    assert cloud.rename_key("k1", "old") is True


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_gone_cannot_be_renamed(play: PLAY, status: int) -> None:
    gone = answer(status, {"error_code": "RC-KeyGone", "message": "removed"})
    cloud = connect(play(token(), bearer(f"PATCH {RC}/v2/resource_keys/k1", gone, sent={"name": "old"})))
    assert cloud.rename_key("k1", "old") is False


@pytest.mark.parametrize(("reply", "was_there"), [(answer(204), True), (rc_error(404), False), (rc_error(410), False)])
def test_delete(reply: Any, was_there: bool, play: PLAY) -> None:
    cloud = connect(play(token(), bearer(f"DELETE {RC}/v2/resource_keys/k1", reply)))
    assert cloud.delete_key("k1") is was_there


def test_delete_is_repeated_and_a_refusal_is_told(play: PLAY) -> None:
    cloud = connect(
        play(
            token(),
            bearer(f"DELETE {RC}/v2/resource_keys/k1", answer(503)),
            bearer(f"DELETE {RC}/v2/resource_keys/k1", rc_error(403, "RC-Forbidden", "not you")),
        )
    )
    with pytest.raises(ApiError, match="Could not delete .* k1: HTTP 403 .*not you.*lacks the permission"):
        cloud.delete_key("k1")


@pytest.mark.parametrize(
    ("reply", "code", "maybe_done"),
    [
        (answer(502, "<html>Bad Gateway, hidden</html>"), "http_502", None),
        (rc_error(503, "RC-Busy"), "RC-Busy", None),
        (TransportError("broke", code="broken", maybe_done=True), "broken", True),
        (answer(201, '{"guid": "k1", "cre'), "bad_answer", True),
        (rc_error(422, "BXNIM0151E", "too many API keys"), "BXNIM0151E", None),
    ],
)
def test_a_create_is_never_repeated_by_itself(reply: Any, code: str, maybe_done: bool | None, play: PLAY) -> None:
    cloud = connect(
        play(
            token(),
            bearer(f"POST {RC}/v2/resource_keys", reply, sent={"name": "n", "source": GUID, "role": "Manager"}),
        )
    )
    with pytest.raises(ApiError, match="Could not create service credential 'n'") as failure:
        cloud.create_key("n", GUID, "Manager")
    assert failure.value.code == code
    assert getattr(failure.value, "maybe_done", None) is maybe_done
    assert "hidden" not in str(failure.value)


def test_a_create_that_was_not_processed_is_repeated(play: PLAY) -> None:
    body = {"name": "n", "source": GUID, "role": "Writer"}
    request = f"POST {RC}/v2/resource_keys"
    unreachable = TransportError("no route", code="unreachable", maybe_done=False)
    replies = [answer(429), unreachable, answer(201, {"guid": "k1"})]
    cloud = connect(play(token(), *[bearer(request, reply, sent=body) for reply in replies]))
    assert cloud.create_key("n", GUID, "Writer") == {"guid": "k1"}


# ---- whose key ----


@pytest.mark.parametrize("status", [400, 404])
def test_a_key_that_iam_does_not_know(status: int, play: PLAY) -> None:
    unknown = answer(status, {"errors": [{"code": "BXNIM0415E", "message": "no"}]})
    script = play(token(), bearer(f"GET {IAM}/v1/apikeys/details", unknown))
    assert connect(script).api_key_details("some-candidate-key") is None
    assert script.headers[-1]["iam-apikey"] == "some-candidate-key"


def test_a_question_that_iam_refuses_is_no_answer(play: PLAY) -> None:
    refused = answer(403, {"errors": [{"code": "BXNIM0513E", "message": "not you"}]})
    script = play(token(), bearer(f"GET {IAM}/v1/apikeys/details", refused))
    with pytest.raises(ApiError, match="BXNIM0513E") as failure:
        connect(script).api_key_details("candidate-hidden-key")
    assert "hidden" not in str(failure.value)


@pytest.mark.parametrize(("status", "accepted"), [(200, True), (400, False), (401, False), (403, False)])
def test_accepts(status: int, accepted: bool, play: PLAY) -> None:
    asked = token(api_key="fresh-key")._replace(answer=answer(status, {"access_token": TOKEN}))
    assert connect(play(asked)).accepts("fresh-key") is accepted


def test_accepts_cannot_tell_while_iam_is_down(play: PLAY) -> None:
    down = token(api_key="fresh-key")._replace(answer=answer(503))
    with pytest.raises(ApiError, match="HTTP 503"):
        connect(play(*[down] * 4)).accepts("fresh-key")


# ---- error bodies ----


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"errorCode": "BXNIM1", "errorMessage": "iam says"}, "BXNIM1", "iam says"),
        ({"error_code": "RC-1", "message": "rc says"}, "RC-1", "rc says"),
        ({"errors": [{"code": "E1", "message": "list says"}], "trace": "x"}, "E1", "list says"),
        ({"code": 7, "message": "two\n lines"}, "7", "two lines"),
        ({"message": "see https://apikey:hidden@gw/x"}, "http_409", "https://apikey:\\*\\*\\*@gw/x"),
        ({"message": "x" * 1000}, "http_409", "x{200}$"),
        ({"errors": []}, "http_409", "HTTP 409$"),
        ("<html>hidden</html>", "http_409", "HTTP 409$"),
        (["hidden"], "http_409", "HTTP 409$"),
        ("", "http_409", "HTTP 409$"),
    ],
)
def test_error_bodies(body: Any, code: str, said: str, play: PLAY) -> None:
    cloud = connect(play(token(), bearer(f"GET {RC}/v2/resource_keys/k1", answer(409, body))))
    with pytest.raises(ApiError, match=said) as failure:
        cloud.key("k1")
    assert (failure.value.code, failure.value.status) == (code, 409)
    assert "hidden" not in str(failure.value)


def test_redirects_are_not_followed(play: PLAY) -> None:
    moved = answer(302, "", Location="https://foreign.example/")
    with pytest.raises(ApiError):
        connect(play(token(), bearer(f"GET {RC}/v2/resource_keys/k1", moved))).key("k1")


def test_answers_may_be_compressed() -> None:
    def respond(handler: Any) -> None:
        body = b'{"access_token": "%s"}' % TOKEN.encode() if handler.command == "POST" else b'{"guid": "k1"}'
        if "gzip" in handler.headers.get("Accept-Encoding", ""):
            say(handler, 200, gzip.compress(body), Content_Encoding="gzip", Content_Type="application/json")
        else:
            say(handler, 200, body, Content_Type="application/json")

    server = Loopback(respond)
    try:
        options = {**OPTIONS, "iam_endpoint": server.url, "resource_controller_endpoint": server.url}
        assert ibm_cloud(options).key("k1") == {"guid": "k1"}
    finally:
        server.stop()
