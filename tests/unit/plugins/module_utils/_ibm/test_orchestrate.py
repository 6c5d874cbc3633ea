# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from unit.plugins.scripted import Script, answer, step, transport

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import ApiError, SmsError, TransportError
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm import orchestrate
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm.client import NoToken
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm.orchestrate import Instance, Orchestrate, Tokens
from ansible_collections.voiceagent.sms.plugins.module_utils._module.orchestrate import orchestrate as from_options

Play = Callable[..., Script]
GUID = "20250508-1234-5678-9abc-def012345678"
IN_IBM_CLOUD = f"https://api.us-south.watson-orchestrate.cloud.ibm.com/instances/{GUID}"
ELSEWHERE = f"https://api.dl.watson-orchestrate.ibm.com/instances/{GUID}"
V1 = "POST https://iam.platform.saas.ibm.com/siusermgr/api/1.0/apikeys/token"
V2 = f"POST https://account-iam.platform.saas.ibm.com/api/2.0/services/{GUID}/apikeys/token"
V2_QUERY = {
    "includeBuiltinActions": "false",
    "includeCustomActions": "false",
    "includeRoles": "true",
    "prefixRolesWithDefinitionScope": "false",
}
IAM = "POST https://iam.cloud.ibm.com/identity/token"
KEY = "the-api-key-of-orchestrate"
PLACE = ("agent-1", "env-1")
CHANNELS = f"{ELSEWHERE}/v1/orchestrate/agents/agent-1/environments/env-1/channels/twilio_sms"


def token(**claims: Any) -> str:
    now = int(time.time())
    parts: tuple[dict[str, Any], ...] = ({"alg": "RS256"}, {"iat": now, "exp": now + 3600, **claims}, {"s": 1})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)


TOKEN = token(subscriptionId="sub-1")


def v1(value: Any = TOKEN, status: int = 200) -> Any:
    return step(V1, answer(status, {"token": value} if status == 200 else {"detail": value}), sent={"apikey": KEY})


def v2(value: Any = TOKEN, status: int = 200) -> Any:
    body = {"token": value} if status == 200 else {"detail": value}
    return step(V2, answer(status, body), sent={"apikey": KEY}, query=V2_QUERY)


def client(script: Script, url: str = ELSEWHERE, **options: Any) -> Orchestrate:
    params = {"instance_url": url, "api_key": KEY, **options}
    return from_options(params, transport(script), secrets=("twilio-token-4711",))


# ---- the instance's URL, and the webhook ----


@pytest.mark.parametrize(
    ("url", "kind", "channels"),
    [
        (IN_IBM_CLOUD, "iam", "https://channels.us-south.watson-orchestrate.cloud.ibm.com"),
        (ELSEWHERE + "/", "mcsp", "https://channels.dl.watson-orchestrate.ibm.com"),
        (f" {ELSEWHERE} ", "mcsp", "https://channels.dl.watson-orchestrate.ibm.com"),
        (f"http://127.0.0.1:8080/instances/{GUID}", "mcsp", "http://127.0.0.1:8080"),
        (f"https://orchestrate.corp.example/wxo/instances/{GUID}", "mcsp", "https://orchestrate.corp.example/wxo"),
    ],
)
def test_instances(url: str, kind: str, channels: str) -> None:
    instance = Instance.parse(url)
    assert (instance.kind, instance.guid, instance.channels) == (kind, GUID, channels)
    path = f"tenants/sub-1_{GUID}/agents/a/environments/e/channels/twilio_sms/c/events"
    assert instance.webhook("sub-1", "a", "e", "c") == f"{channels}/{path}"
    assert f"/tenants/{GUID}/agents/a%2Fb/" in instance.webhook(None, "a/b", "e", "c")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://cpd-wxo.apps.example.com/instances/1", "cloud_pak"),
        ("https://api.us-south.watson-orchestrate.cloud.ibm.com", "bad_instance_url"),
        (IN_IBM_CLOUD + "/v1/orchestrate", "bad_instance_url"),
        ("https://api.example.com/instances/a/b", "bad_instance_url"),
        ("https://api.example.com/instances/", "bad_instance_url"),
        (f"http://api.example.com/instances/{GUID}", "insecure_endpoint"),
        (f"https://me:s3cret@api.example.com/instances/{GUID}", "bad_endpoint"),
        (f"https://api.example.com/instances/{GUID}?token=s3cret", "bad_endpoint"),
        ("orchestrate", "bad_endpoint"),
    ],
)
def test_instances_that_are_none(url: str, code: str) -> None:
    with pytest.raises(SmsError) as refused:
        Instance.parse(url)
    assert refused.value.code == code
    assert "instance_url" in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("claims", "subscription"),
    [
        ({"subscriptionId": "sub-1", "account": {"bss": "acc-1"}}, "sub-1"),
        ({"account": {"bss": "acc-1"}}, "acc-1"),
        ({"subscriptionId": "", "account": {"bss": "acc-1"}}, "acc-1"),
        ({"account": {}}, None),
        ({"account": "acc-1"}, None),
        ({}, None),
    ],
)
def test_the_subscription_is_in_the_token(claims: dict[str, Any], subscription: str | None) -> None:
    assert orchestrate.subscription_of(token(**claims)) == subscription


def test_a_token_that_cannot_be_read_builds_no_webhook(play: Play) -> None:
    cloud = client(play(), IN_IBM_CLOUD, api_key=None, iam_token="opaque")
    with pytest.raises(SmsError, match="not a JWT") as refused:
        cloud.webhook(*PLACE, "c")
    assert refused.value.code == "bad_token"


# ---- tokens ----


def test_in_ibm_cloud_iam_gives_the_token(play: Play) -> None:
    fields = {
        "grant_type": "urn:ibm:params:oauth:grant-type:apikey",
        "apikey": KEY,
        "response_type": "cloud_iam",
    }
    value = token(account={"bss": "acc-1"})
    script = play(step(IAM, answer(200, {"access_token": value, "refresh_token": "no"}), sent=fields))
    url = client(script, IN_IBM_CLOUD).webhook(*PLACE, "c")
    assert url.startswith(
        f"https://channels.us-south.watson-orchestrate.cloud.ibm.com/tenants/acc-1_{GUID}/agents/agent-1"
    )


def test_the_ibm_cloud_options_stand_in_for_the_api_key(play: Play) -> None:
    value = token(account={"bss": "acc-1"})
    script = play(step(f"GET {IN_IBM_CLOUD}/v1/orchestrate/agents", answer(200, []), query=ALL, auth=f"Bearer {value}"))
    assert client(script, IN_IBM_CLOUD, api_key=None, iam_token=f"Bearer {value}").agent(UUID) is None
    endpoint = "https://iam.private.example.com"
    fields = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": "ibm", "response_type": "cloud_iam"}
    script = play(step(f"POST {endpoint}/identity/token", answer(200, {"access_token": value}), sent=fields))
    client(script, IN_IBM_CLOUD, api_key=None, ibmcloud_api_key="ibm", iam_endpoint=endpoint).webhook(*PLACE, "c")


def test_a_key_of_one_s_own_wins_over_the_environment(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WO_API_KEY", "of-the-environment")
    monkeypatch.setenv("IC_IAM_TOKEN", "of-the-environment")
    fields = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": "own", "response_type": "cloud_iam"}
    script = play(step(IAM, answer(200, {"access_token": TOKEN}), sent=fields))
    client(script, IN_IBM_CLOUD, api_key=None, ibmcloud_api_key="own").webhook(*PLACE, "c")


def test_elsewhere_the_first_way_of_mcsp_is_enough(play: Play) -> None:
    cloud = client(play(v1()))
    assert f"/tenants/sub-1_{GUID}/" in cloud.webhook(*PLACE, "c")
    cloud.webhook(*PLACE, "d")  # the token is kept


@pytest.mark.parametrize(
    "first",
    [
        v1("no such key", 401),
        v1("not here", 404),
        v1("not a token"),
        v1(None),
        step(V1, answer(200, "<html>"), sent={"apikey": KEY}),
        step(V1, TransportError("unreachable", code="tls", maybe_done=False), sent={"apikey": KEY}),
    ],
    ids=["401", "404", "no JWT", "null", "a page", "no TLS"],
)
def test_the_second_way_is_tried_when_the_first_fails(play: Play, first: Any) -> None:
    again = [first] * (4 if first.answer.__class__.__name__ == "Reply" and first.answer.body == b"<html>" else 1)
    cloud = client(play(*again, v2()))
    assert f"/tenants/sub-1_{GUID}/" in cloud.webhook(*PLACE, "c")


def test_both_refusals_are_told(play: Play) -> None:
    with pytest.raises(NoToken) as refused:
        client(play(v1("bad key", 401), v2("unknown service", 404))).webhook(*PLACE, "c")
    text = str(refused.value)
    assert text == (
        "Could not get a token from MCSP: HTTP 401: bad key; Could not get a token from MCSP v2: HTTP 404: unknown"
        " service; check api_key, instance_url and auth_endpoint"
    )
    assert (refused.value.status, refused.value.code) == (401, "http_401")


def test_an_sdk_without_the_second_way_says_what_the_first_was_answered(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orchestrate, "MCSPV2Authenticator", None)
    with pytest.raises(NoToken, match="from MCSP: HTTP 401"):
        client(play(v1("bad key", 401))).webhook(*PLACE, "c")


def test_a_key_in_braces_is_refused_before_any_request(play: Play) -> None:
    with pytest.raises(SmsError) as refused:
        client(play(), IN_IBM_CLOUD, api_key="{secret}")
    assert refused.value.code == "bad_api_key"
    assert "secret}" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [
        ({"instance_url": ""}, "missing_instance", "WO_INSTANCE"),
        ({"api_key": " "}, "missing_credentials", "WO_API_KEY"),
        ({"auth_endpoint": "http://iam.example.com"}, "insecure_endpoint", "auth_endpoint"),
    ],
)
def test_what_is_missing_is_named(play: Play, options: dict[str, str], code: str, named: str) -> None:
    with pytest.raises(SmsError, match=named) as refused:
        client(play(), **options)
    assert refused.value.code == code


def test_an_endpoint_of_one_s_own_serves_both_ways(play: Play) -> None:
    endpoint = "https://iam.example.com"
    refused = step(f"POST {endpoint}/siusermgr/api/1.0/apikeys/token", answer(404, {}), sent={"apikey": KEY})
    given = step(
        f"POST {endpoint}/api/2.0/services/{GUID}/apikeys/token",
        answer(200, {"token": TOKEN}),
        sent={"apikey": KEY},
        query=V2_QUERY,
    )
    client(play(refused, given), auth_endpoint=endpoint + "/").webhook(*PLACE, "c")


def test_a_refused_token_is_renewed_once(play: Play) -> None:
    refused = step(f"GET {CHANNELS}", answer(401, {"detail": "expired"}), auth=f"Bearer {TOKEN}")
    newer = token(subscriptionId="sub-1", n=2)
    works = step(f"GET {CHANNELS}", answer(200, {"channels": []}), auth=f"Bearer {newer}")
    assert client(play(v1(), refused, v1(newer), works)).channels(*PLACE) == []
    with pytest.raises(ApiError, match="HTTP 401.*check api_key") as error:
        client(play(v1(), refused, v1(), refused)).channels(*PLACE)
    assert error.value.status == 401
    assert TOKEN not in str(error.value)


# ---- agents ----

UUID = "0123abcd-0123-4567-89ab-0123456789ab"
ALL = {"include_hidden": "true", "include": "global"}
AGENT = {"id": UUID, "name": "support", "environments": [{"id": "e-1", "name": "draft"}, {"id": "e-2", "name": "live"}]}


def agents(answered: Any, **query: str) -> Any:
    return step(f"GET {ELSEWHERE}/v1/orchestrate/agents", answer(200, answered), query={**query, **ALL})


@pytest.mark.parametrize("answered", [[AGENT], {"agents": [AGENT]}, {"data": [AGENT], "total": 1}])
def test_an_agent_is_found_by_name(play: Play, answered: Any) -> None:
    assert client(play(v1(), agents(answered, names="support"))).agent("support") == AGENT


def test_an_agent_is_found_by_id(play: Play) -> None:
    assert client(play(v1(), agents([{"id": "other", "name": "a"}, AGENT]))).agent(UUID) == AGENT


def test_only_the_exact_name_counts(play: Play) -> None:
    rows = [{"id": "1", "name": "Support"}, {"id": "2", "name": "support_2"}]
    assert client(play(v1(), agents(rows, names="support"))).agent("support") is None


def test_a_name_that_two_agents_have_is_refused(play: Play) -> None:
    rows = [AGENT, {**AGENT, "id": "second"}]
    with pytest.raises(ApiError, match=rf"2 agents have the name 'support' \(IDs {UUID}, second\)") as refused:
        client(play(v1(), agents(rows, names="support"))).agent("support")
    assert refused.value.code == "ambiguous_agent"


@pytest.mark.parametrize("answered", ["text", {}, {"a": [], "b": []}, [1], [{"name": "support"}], [{"id": None}]])
def test_an_answer_that_is_none_is_said(play: Play, answered: Any) -> None:
    with pytest.raises(ApiError, match="Could not look for agent 'support': the answer does not match") as refused:
        client(play(v1(), agents(json.dumps(answered), names="support"))).agent("support")
    assert refused.value.code == "bad_answer"


@pytest.mark.parametrize("environments", [None, [], "live", [1], [{"name": "live"}], [{"name": "draft", "id": "e"}]])
def test_an_agent_that_is_not_deployed_has_no_live_environment(environments: Any) -> None:
    assert orchestrate.environment_of({"environments": environments}, "live") is None
    assert orchestrate.environment_of(AGENT, "live") == "e-2"
    assert "deploy it" in str(orchestrate.no_environment("support", "live"))
    assert orchestrate.no_environment("support", "draft").code == "unknown_environment"


# ---- channels ----

FIELDS = {"name": "twilio-sms", "account_sid": "AC1", "twilio_authentication_token": "twilio-token-4711"}
SENT = {**FIELDS, "channel": "twilio_sms", "spec_version": "v1", "kind": "channel"}
ROW = {"id": "c-1", "name": "twilio-sms", "channel": "twilio_sms", "created_on": "2026-11-25"}


def test_a_channel_is_made(play: Play) -> None:
    script = play(v1(), step(f"POST {CHANNELS}", answer(201, ROW), sent=SENT))
    assert client(script).create(*PLACE, FIELDS) == ROW


@pytest.mark.parametrize(
    "lost",
    [
        answer(503, {"detail": "later"}),
        TransportError("broke off", code="broken", maybe_done=True),
        answer(200, "<html>"),
    ],
    ids=["503", "broken", "a page"],
)
@pytest.mark.parametrize("made", [True, False])
def test_a_channel_is_never_made_twice(play: Play, lost: Any, made: bool) -> None:
    listed = {"channels": [ROW] if made else [{**ROW, "name": "other"}]}
    script = play(v1(), step(f"POST {CHANNELS}", lost, sent=SENT), step(f"GET {CHANNELS}", answer(200, listed)))
    if made:
        assert client(script).create(*PLACE, FIELDS) == ROW
    else:
        with pytest.raises(ApiError, match="Could not create SMS channel 'twilio-sms'"):
            client(script).create(*PLACE, FIELDS)


def test_a_refused_create_is_not_looked_for(play: Play) -> None:
    script = play(v1(), step(f"POST {CHANNELS}", answer(409, {"detail": "exists: twilio-token-4711"}), sent=SENT))
    with pytest.raises(ApiError) as refused:
        client(script).create(*PLACE, FIELDS)
    assert str(refused.value) == "Could not create SMS channel 'twilio-sms': HTTP 409: exists: ***"


def test_a_channel_is_read_changed_and_deleted(play: Play) -> None:
    one = f"{CHANNELS}/c-1"
    script = play(
        v1(),
        step(f"GET {one}", answer(200, ROW)),
        step(f"GET {one}", answer(404, {"detail": "gone"})),
        step(f"PATCH {one}", answer(200, ROW), sent={"description": "d"}),
        step(f"DELETE {one}", answer(204)),
        step(f"DELETE {one}", answer(404, {"detail": "gone"})),
    )
    cloud = client(script)
    assert cloud.channel(*PLACE, "c-1") == ROW
    assert cloud.channel(*PLACE, "c-1") is None
    cloud.update(*PLACE, "c-1", {"description": "d"})
    cloud.delete(*PLACE, "c-1")
    cloud.delete(*PLACE, "c-1")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "no"}, "HTTP 422: no"),
        ({"message": "no", "code": "wxo_1"}, r"HTTP 422 \(wxo_1\): no"),
        ({"errors": [{"code": "a", "message": "no"}]}, r"HTTP 422 \(a\): no"),
        ({"detail": [{"input": "twilio-token-4711"}]}, "HTTP 422$"),
        (
            {"detail": "https://u:p@x.example/?t=1 twilio-token-4711 " + KEY},
            r"HTTP 422: https://u:\*\*\*@x.example/\?t=\*\*\* \*\*\* \*\*\*$",
        ),
        ({"detail": "x" * 190 + " twilio-token-4711"}, r"HTTP 422: x{190} \*\*\*$"),
        ({"detail": "x" * 198 + "twilio-token-4711"}, r"HTTP 422: x{198}\*\*$"),
        ({"detail": "x" * 190 + " twilio-token-4711 " + "x" * 500}, r"HTTP 422: x{190} \*\*\* x{5}$"),
        ("<html>page</html>", "HTTP 422$"),
        ([1], "HTTP 422$"),
    ],
)
def test_refusals_are_told_without_secrets(play: Play, body: Any, said: str) -> None:
    script = play(v1(), step(f"DELETE {CHANNELS}/c-1", answer(422, body)))
    with pytest.raises(ApiError, match="Could not delete SMS channel c-1: " + said):
        client(script).delete(*PLACE, "c-1")


def chosen(names: list[str], *, adopt: bool) -> Any:
    rows = [{"id": f"c-{place}", "name": each} for place, each in enumerate(names)]
    return orchestrate.choose_channel(rows, "twilio-sms", adopt=adopt, where="here")


@pytest.mark.parametrize(
    ("names", "adopt", "found"),
    [
        ([], False, None),
        ([], True, None),
        (["twilio-sms"], False, "twilio-sms"),
        (["other"], True, "other"),
        (["other", "twilio-sms"], False, "twilio-sms"),
        (["other", "twilio-sms"], True, "twilio-sms"),
    ],
)
def test_choosing_a_channel(names: list[str], adopt: bool, found: str | None) -> None:
    assert (chosen(names, adopt=adopt) or {}).get("name") == found


@pytest.mark.parametrize(
    ("names", "adopt", "code"),
    [
        (["other"], False, "other_channel"),
        (["one", "two"], True, "ambiguous_channel"),
        (["twilio-sms", "twilio-sms"], False, "ambiguous_channel"),
    ],
)
def test_channels_that_are_not_chosen(names: list[str], adopt: bool, code: str) -> None:
    with pytest.raises(SmsError) as refused:
        chosen(names, adopt=adopt)
    assert refused.value.code == code
    assert all(each in str(refused.value) for each in names)


@pytest.mark.parametrize(
    ("shown", "wanted", "differs"),
    [
        ({}, {"description": "a"}, {}),  # not shown, so not comparable
        ({"description": "a"}, {"description": "a"}, {}),
        ({"description": None}, {"description": ""}, {}),
        ({"description": "a"}, {"description": None}, {}),
        ({"description": "a"}, {"description": ""}, {"description": ""}),
        ({"phone_number": "1 (555) 123-4567"}, {"phone_number": "+15551234567"}, {}),
        ({"phone_number": None}, {"phone_number": "+15551234567"}, {"phone_number": "+15551234567"}),
        ({"account_sid": "AC1"}, {"account_sid": "AC2"}, {"account_sid": "AC2"}),
    ],
)
def test_what_differs(shown: dict[str, Any], wanted: dict[str, Any], differs: dict[str, Any]) -> None:
    assert orchestrate.differences(shown, wanted) == differs


def test_the_ways_are_told_by_the_url() -> None:
    for url, names in ((IN_IBM_CLOUD, ["IAM"]), (ELSEWHERE, ["MCSP", "MCSP v2"])):
        script = Script()
        tokens = Tokens.for_instance(
            Instance.parse(url), transport(script), api_key=KEY, iam_endpoint="https://iam.cloud.ibm.com"
        )
        assert [name for name, _way in tokens._ways] == names
