# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from unit.plugins.scripted import Clock, Script, Step, answer, step, transport

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import ApiError, SmsError, TransportError
from ansible_collections.voiceagent.sms.plugins.module_utils._module.access import twilio_numbers
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio import client
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.client import TwilioNumbers

AC, SUB, OTHER = ("AC" + digit * 32 for digit in "124")
SK = "SK" + "3" * 32
ONE, TWO, THREE = "+15550000001", "+15550000002", "+15550000003"
OPTIONS = {"account_sid": AC, "auth_token": "hidden-token"}
API = "https://api.twilio.com"
NUMBERS = f"{API}/2010-04-01/Accounts/{AC}/IncomingPhoneNumbers"
ALL = {"PageSize": "1000"}
PLAY = Callable[..., Script]


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def connect(script: Script, clock: Clock | None = None, **options: Any) -> TwilioNumbers:
    return twilio_numbers({**OPTIONS, **options}, transport(script, clock))


def row(number: str, sid: str = "PN1") -> dict[str, Any]:
    return {"phone_number": number, "sid": sid, "sms_url": ""}


def page(*rows: Any, following: Any = None) -> Any:
    return answer(200, {"incoming_phone_numbers": list(rows), "next_page_uri": following})


def listed(reply: Any, query: dict[str, str] | None = None, host: str = API, **more: Any) -> Step:
    return step(f"GET {NUMBERS.replace(API, host)}.json", reply, query=query or ALL, **more)


# ---- where to, and as whom ----


@pytest.mark.parametrize(
    ("options", "auth"),
    [
        ({}, basic(AC, "hidden-token")),
        ({"auth_token": " hidden-token\n"}, basic(AC, "hidden-token")),
        ({"auth_token": None, "api_key_sid": SK, "api_key_secret": "s"}, basic(SK, "s")),
        ({"subaccount_sid": ""}, basic(AC, "hidden-token")),
    ],
)
def test_credentials(options: dict, auth: str, play: PLAY) -> None:
    connect(play(listed(page(), auth=auth)), **options).find([ONE, TWO, THREE])


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ({"edge": "dublin", "region": "ie1"}, "https://api.dublin.ie1.twilio.com"),
        ({"edge": "sydney"}, "https://api.sydney.us1.twilio.com"),
        ({"api_endpoint": "http://127.0.0.1:8080/"}, "http://127.0.0.1:8080"),
        ({"api_endpoint": "http://127.0.0.1:8080", "edge": "dublin", "region": "ie1"}, "http://127.0.0.1:8080"),
    ],
)
def test_hosts(options: dict[str, str], host: str, play: PLAY) -> None:
    connect(play(listed(page(), host=host)), **options).find([ONE, TWO, THREE])


def test_the_sdk_does_not_read_the_environment(play: PLAY, monkeypatch: pytest.MonkeyPatch) -> None:
    # These would break a given endpoint, and the wrong account would be used.
    for name, value in (("EDGE", "dublin"), ("REGION", "ie1"), ("ACCOUNT_SID", SUB), ("AUTH_TOKEN", "other")):
        monkeypatch.setenv(f"TWILIO_{name}", value)
    auth = basic(AC, "hidden-token")
    connect(play(listed(page(), auth=auth, host="http://127.0.0.1:1")), api_endpoint="http://127.0.0.1:1").find(
        [ONE] * 3
    )


def test_a_subaccount_s_numbers_with_the_parent_s_credentials(play: PLAY) -> None:
    url = f"{API}/2010-04-01/Accounts/{SUB}/IncomingPhoneNumbers"
    parent = basic(AC, "hidden-token")
    script = play(
        step(f"GET {url}.json", page(row(ONE)), query={"PhoneNumber": ONE, **ALL}, auth=parent),
        step(f"POST {url}/PN1.json", answer(200, row(ONE)), sent={"SmsUrl": "https://gw/"}, auth=parent),
    )
    twilio = connect(script, subaccount_sid=SUB)
    assert set(twilio.find([ONE])) == {ONE}
    twilio.update(ONE, "PN1", {"SmsUrl": "https://gw/"})
    assert (twilio.account_sid, twilio.sees_overrides, twilio.acts_for_subaccounts) == (SUB, True, True)


def accounts(*rows: dict[str, Any]) -> Step:
    parent = basic(AC, "hidden-token")
    reply = answer(200, {"accounts": list(rows), "next_page_uri": None})
    return step(f"GET {API}/2010-04-01/Accounts.json", reply, query=ALL, auth=parent)


def test_a_subaccount_s_products_are_asked_with_its_own_token(play: PLAY) -> None:
    own = basic(SUB, "hidden-own")
    script = play(
        accounts({"sid": AC, "status": "active"}, {"sid": SUB, "status": "active", "auth_token": "hidden-own"}),
        step(f"GET {MESSAGING}/Services", answer(200, {"services": [], "meta": {}}), query=ALL, auth=own),
        step(f"POST {MESSAGING}/Services/MG1", answer(200, {"sid": "MG1"}), sent={"InboundRequestUrl": ""}, auth=own),
        step(f"GET {API}/2010-04-01/Accounts/{SUB}/Applications.json", answer(200, {"applications": []}), query=ALL),
    )
    twilio = connect(script, subaccount_sid=SUB)
    assert twilio.messaging_services() == []
    twilio.update_service("x", "MG1", {"InboundRequestUrl": ""})
    assert twilio.applications() == []
    assert "hidden-own" not in repr(vars(twilio)), "kept, but not where it would be shown"


def test_one_list_has_the_tokens_of_all_subaccounts(play: PLAY, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task works on one subaccount after the other. Tokens may change, so they are not kept for long."""
    family = accounts(*({"sid": sid, "status": "active", "auth_token": f"hidden-{sid}"} for sid in (SUB, OTHER)))
    services = [
        step(f"GET {MESSAGING}/Services", answer(200, {"services": []}), query=ALL, auth=basic(sid, f"hidden-{sid}"))
        for sid in (SUB, OTHER)
    ]
    script = play(family, *services, family, services[0])
    for sid in (SUB, OTHER):
        connect(script, subaccount_sid=sid).messaging_services()
    monkeypatch.setattr(client, "TOKENS_LAST", 0.0)
    connect(script, subaccount_sid=SUB).messaging_services()


@pytest.mark.parametrize("rows", [[], [{"sid": SUB, "status": "active", "auth_token": None}], [{"sid": AC}]])
def test_a_token_that_is_not_to_be_had(rows: list[dict[str, Any]], play: PLAY) -> None:
    with pytest.raises(SmsError, match="cannot see the Messaging Services") as unknown:
        connect(play(accounts(*rows)), subaccount_sid=SUB).messaging_services()
    assert unknown.value.code == "overrides_unknown"


@pytest.mark.parametrize(
    ("update", "field"),
    [
        (lambda twilio, fields: twilio.update_service("x", "MG1", fields), "InboundRequestUrl"),
        (lambda twilio, fields: twilio.update_address("x", "IG1", fields), "AutoCreation.Enabled"),
    ],
)
@pytest.mark.parametrize(
    "other", ["AccountSid", "FriendlyName", "StatusCallback", "Usecase", "AutoCreation.WebhookUrl"]
)
def test_closed_lists_of_fields(update: Any, field: str, other: str, play: PLAY) -> None:
    with pytest.raises(ValueError, match=other):
        update(connect(play()), {field: "", other: "x"})


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_update_of_a_service_names_the_permission(status: int, play: PLAY) -> None:
    refused = answer(status, {"code": 70051, "message": "no"})
    script = play(step(f"POST {MESSAGING}/Services/MG1", refused, sent={"InboundMethod": "POST"}))
    with pytest.raises(ApiError, match="'x' \\(MG1\\).*needs the permission /twilio/messaging/services/update"):
        connect(script).update_service("x", "MG1", {"InboundMethod": "POST"})


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ({"account_sid": None}, "missing_credentials", "TWILIO_ACCOUNT_SID"),
        ({"auth_token": None}, "missing_credentials", "TWILIO_AUTH_TOKEN.*TWILIO_API_KEY.*TWILIO_API_SECRET"),
        ({"auth_token": "", "api_key_sid": SK}, "missing_credentials", "api_key_secret"),
        ({"account_sid": SK}, "bad_sid", "account_sid must be AC"),
        ({"account_sid": AC + "/../x"}, "bad_sid", "account_sid must be AC"),
        ({"subaccount_sid": "hidden"}, "bad_sid", "subaccount_sid must be AC"),
        ({"auth_token": None, "api_key_sid": AC, "api_key_secret": "hidden"}, "bad_sid", "api_key_sid must be SK"),
        (
            {"auth_token": None, "api_key_sid": SK, "api_key_secret": "hidden", "subaccount_sid": SUB},
            "api_key_of_parent",
            f"has no access to its subaccount {SUB}: use the auth token",
        ),
        ({"api_endpoint": "http://twilio.example"}, "insecure_endpoint", "api_endpoint"),
        ({"region": "au1"}, "missing_edge", "region 'au1' .*give edge .TWILIO_EDGE., such as sydney"),
        ({"region": "xx1"}, "missing_edge", "region 'xx1' .*give edge .TWILIO_EDGE.; without it"),
        ({"auth_token": "hidden token"}, "bad_secret", "^auth_token contains white space or other characters"),
        ({"auth_token": "hidden\ntoken"}, "bad_secret", "^auth_token contains white space"),
        ({"auth_token": "hidden\u200btoken"}, "bad_secret", "^auth_token contains white space"),
    ],
)
def test_what_is_refused_before_any_request(options: dict, code: str, said: str, play: PLAY) -> None:
    with pytest.raises(SmsError, match=said) as refusal:
        connect(play(), **options)
    assert refusal.value.code == code
    assert "hidden" not in str(refusal.value)


# ---- finding ----


@pytest.mark.parametrize("wanted", [[ONE], [ONE, TWO]])
def test_one_or_two_numbers_are_asked_for_by_themselves(wanted: list[str], play: PLAY) -> None:
    steps = [listed(page(row(number)), {"PhoneNumber": number, **ALL}) for number in wanted]
    assert list(connect(play(*steps)).find(wanted)) == wanted


def test_more_are_picked_from_the_list_which_is_read_no_further_than_needed(play: PLAY) -> None:
    following = f"/2010-04-01/Accounts/{AC}/IncomingPhoneNumbers.json?PageSize=1000&Page=1&PageToken=PAx%2B"
    last = following.replace("Page=1", "Page=2")
    script = play(
        listed(page(row(ONE, "PN1"), row("+15559999999"), following=following)),
        listed(page(following=last), {"PageSize": "1000", "Page": "1", "PageToken": "PAx+"}),
        listed(
            page(row(THREE, "PN3"), row(TWO, "PN2"), following="/not/asked/for"),
            {"PageSize": "1000", "Page": "2", "PageToken": "PAx+"},
        ),
    )
    found = connect(script).find([ONE, TWO, THREE])
    assert {number: found[number]["sid"] for number in found} == {ONE: "PN1", TWO: "PN2", THREE: "PN3"}


def test_a_list_that_repeats_itself_ends(play: PLAY) -> None:
    path = f"/2010-04-01/Accounts/{AC}/IncomingPhoneNumbers.json?"
    # The same address again
    script = play(
        listed(page(row("+15559999999"), following=f"{path}Page=1")),
        listed(page(following=f"{path}Page=1"), {"Page": "1"}),
    )
    with pytest.raises(ApiError, match="the list repeats itself: check the endpoint") as failure:
        connect(script).find([ONE, TWO, THREE])
    assert failure.value.code == "bad_answer"
    # Another address each time, and the same rows
    same = [row("+15559999999")]
    script = play(
        listed(page(*same, following=f"{path}Page=1")),
        listed(page(*same, following=f"{path}Page=2"), {"Page": "1"}),
    )
    with pytest.raises(ApiError, match="the list repeats itself"):
        connect(script).find([ONE, TWO, THREE])


def test_parts_of_numbers_are_no_match(play: PLAY) -> None:
    longer = [row("+155500000011"), row("+4915550000001"), row("+1555000000")]
    assert connect(play(listed(page(*longer), {"PhoneNumber": ONE, **ALL}))).find([ONE]) == {}


def test_numbers_of_other_accounts_are_left_out(play: PLAY) -> None:
    assert set(connect(play(listed(page(row(TWO))))).find([ONE, TWO, THREE])) == {TWO}


def test_nothing_is_asked_for_nothing(play: PLAY) -> None:
    assert connect(play()).find([]) == {}


@pytest.mark.parametrize(
    "following",
    [
        "https://foreign.example/2010-04-01/Accounts/{AC}/IncomingPhoneNumbers.json?Page=1",
        "//foreign.example/2010-04-01/Accounts/{AC}/IncomingPhoneNumbers.json?Page=1",
        "http://api.twilio.com/2010-04-01/Accounts/{AC}/IncomingPhoneNumbers.json?Page=1",
        "https://api.twilio.com:8443/2010-04-01/Accounts/{AC}/IncomingPhoneNumbers.json?Page=1",
    ],
)
def test_credentials_go_to_no_other_host(following: str, play: PLAY) -> None:
    script = play(listed(page(following=following.replace("{AC}", AC))), listed(page(), {"Page": "1"}))
    assert list(connect(script).list()) == []


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, {"incoming_phone_numbers": None}),
        answer(200, {"incoming_phone_numbers": ["text"]}),
        answer(200, {}),
        answer(200, []),
        page({"sid": "PN1"}),
        page({"phone_number": ONE, "sid": None}),
        page(following={"uri": "x"}),
    ],
)
def test_a_list_that_is_none(reply: Any, play: PLAY) -> None:
    with pytest.raises(ApiError, match=f"Could not list the phone numbers of account {AC}") as failure:
        connect(play(listed(reply))).find([ONE, TWO, THREE])
    assert failure.value.code == "bad_answer"


# ---- updating ----


def test_update(play: PLAY) -> None:
    fields = {"SmsUrl": "https://apikey:k+k@gw/x?a=b&c", "SmsApplicationSid": "", "SmsMethod": "POST"}
    script = play(step(f"POST {NUMBERS}/PN1.json", answer(200, {**row(ONE), "sms_url": "new"}), sent=fields))
    assert connect(script).update(ONE, "PN1", fields)["sms_url"] == "new"
    assert script.headers[0]["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "field",
    ["AccountSid", "VoiceUrl", "FriendlyName", "TrunkSid", "AddressSid", "BundleSid", "StatusCallback", "smsurl"],
)
def test_an_update_moves_no_number_and_touches_no_voice(field: str, play: PLAY) -> None:
    with pytest.raises(ValueError, match=field):
        connect(play()).update(ONE, "PN1", {"SmsUrl": "https://gw/", field: SUB})


def test_an_update_is_repeated(play: PLAY, clock: Clock) -> None:
    broken = TransportError("broke", code="broken", maybe_done=True)
    replies = [answer(429, {"code": 20429}, retry_after="2"), answer(503), broken, answer(200, row(ONE))]
    steps = [step(f"POST {NUMBERS}/PN1.json", reply, sent={"SmsUrl": "https://gw/"}) for reply in replies]
    connect(play(*steps), clock).update(ONE, "PN1", {"SmsUrl": "https://gw/"})
    assert sum(clock.slept) >= 2


def test_an_update_that_is_not_found_is_tried_once_more(play: PLAY) -> None:
    """Twilio sometimes answers 404 to valid requests; for a number that is really gone it answers 404 again."""
    fields = {"SmsUrl": "https://gw/"}
    steps = [
        step(f"POST {NUMBERS}/PN1.json", reply, sent=fields)
        for reply in (answer(404, {"code": 20404}), answer(200, row(ONE)), *[answer(404, {"code": 20404})] * 2)
    ]
    account = connect(play(*steps))
    assert account.update(ONE, "PN1", fields)["sid"] == "PN1"
    with pytest.raises(ApiError, match="20404"):
        account.update(ONE, "PN1", fields)


@pytest.mark.parametrize("reply", [answer(200, row(ONE, "PN2")), answer(200, {}), answer(200, []), answer(204)])
def test_an_answer_about_another_number(reply: Any, play: PLAY) -> None:
    with pytest.raises(ApiError, match="Could not update phone number .15550000001") as failure:
        connect(play(step(f"POST {NUMBERS}/PN1.json", reply, sent={"SmsMethod": "GET"}))).update(
            ONE, "PN1", {"SmsMethod": "GET"}
        )
    assert failure.value.code == "bad_answer"


# ---- errors ----


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (
            answer(401, {"code": 20003, "message": "Authenticate"}),
            "20003",
            "401 \\(20003\\): Authenticate; check account_sid",
        ),
        (answer(403, {"code": 20403, "message": "Forbidden"}), "20403", "check account_sid with auth_token"),
        (
            answer(400, {"code": 70051, "message": "suspended"}),
            "70051",
            "check account_sid with auth_token.*a restricted API key may also lack the permission",
        ),
        (answer(404, {"code": 20404, "message": "not found"}), "20404", f"check that account {AC} is the right one"),
        (answer(400, {"code": 21631, "message": "Bundle"}), "21631", "HTTP 400 \\(21631\\): Bundle$"),
        # RFC 9457
        (answer(400, {"type": "t", "title": "Bad", "status": 400, "code": 7, "detail": "why"}), "7", "\\(7\\): why$"),
        (answer(400, {"title": "Only a\n title"}), "http_400", "HTTP 400: Only a title$"),
        (answer(400, {"code": 21402, "message": "invalid: https://a:hidden@gw/"}), "21402", "https://a:\\*\\*\\*@gw/"),
        (answer(400, {"code": 21402, "message": "m" * 1000}), "21402", "m{200}$"),
        (answer(400, "<html>hidden</html>"), "http_400", "HTTP 400$"),
        (answer(400, ["hidden"]), "http_400", "HTTP 400$"),
        (answer(302, "hidden", Location="https://foreign.example/hidden"), "http_302", "HTTP 302$"),
    ],
)
def test_error_bodies(reply: Any, code: str, said: str, play: PLAY) -> None:
    with pytest.raises(ApiError, match=f"^Could not list the phone numbers.*{said}") as failure:
        connect(play(listed(reply))).find([ONE, TWO, THREE])
    assert (failure.value.code, failure.value.status) == (code, reply.status)
    assert "hidden" not in str(failure.value)


def test_a_gateway_s_html(play: PLAY) -> None:
    bad = answer(502, "<html><h1>Bad Gateway</h1> hidden</html>")
    with pytest.raises(ApiError, match="HTTP 502$") as failure:
        connect(play(*[listed(bad)] * 4)).find([ONE, TWO, THREE])
    assert failure.value.code == "http_502"


def test_no_answer_at_all(play: PLAY) -> None:
    gone = TransportError("api.twilio.com could not be reached", code="unreachable", maybe_done=False)
    with pytest.raises(TransportError, match="Could not list the phone numbers.*could not be reached"):
        connect(play(*[listed(gone)] * 4)).find([ONE, TWO, THREE])


def test_a_refusal_of_a_subaccount_is_explained(play: PLAY) -> None:
    url = f"GET {API}/2010-04-01/Accounts/{SUB}/IncomingPhoneNumbers.json"
    with pytest.raises(ApiError, match="subaccount_sid is a subaccount of account_sid"):
        connect(play(step(url, answer(401, {"code": 20003}), query=ALL)), subaccount_sid=SUB).find([ONE, TWO, THREE])


# ---- the products beside the numbers ----


MESSAGING, CONVERSATIONS = "https://messaging.twilio.com/v1", "https://conversations.twilio.com/v1"


@pytest.mark.parametrize(
    ("call", "url", "key", "size"),
    [
        (lambda twilio: twilio.messaging_services(), f"{MESSAGING}/Services", "services", "1000"),
        (lambda twilio: twilio.pool_short_codes("MG1"), f"{MESSAGING}/Services/MG1/ShortCodes", "short_codes", "1000"),
        (lambda twilio: twilio.pool_senders("MG1"), f"{MESSAGING}/Services/MG1/ChannelSenders", "senders", "1000"),
        (lambda twilio: twilio.pool("MG1"), f"{MESSAGING}/Services/MG1/PhoneNumbers", "phone_numbers", "1000"),
        (
            lambda twilio: twilio.conversation_addresses(),
            f"{CONVERSATIONS}/Configuration/Addresses",
            "address_configurations",
            "50",
        ),
    ],
)
def test_lists_of_the_newer_apis(call: Any, url: str, key: str, size: str, play: PLAY) -> None:
    def v1(rows: list, following: str | None) -> Any:
        return answer(200, {key: rows, "meta": {"next_page_url": following, "key": key}})

    script = play(
        step(
            f"GET {url}", v1([], f"{url}?PageSize=7&Page=1"), query={"PageSize": size}, auth=basic(AC, "hidden-token")
        ),
        step(
            f"GET {url}",
            v1([{"sid": "a"}], "https://foreign.example/v1/x?Page=2"),
            query={"PageSize": "7", "Page": "1"},
        ),
        step(f"GET {url.split('/v1')[0]}/v1/x", v1([{"sid": "b"}], None), query={"Page": "2"}),
    )
    assert [row["sid"] for row in call(connect(script))] == ["a", "b"]


def test_an_endpoint_serves_all_products(play: PLAY) -> None:
    base = "http://127.0.0.1:8080"
    reply = answer(200, {"services": [], "meta": {}})
    script = play(step(f"GET {base}/v1/Services", reply, query=ALL))
    assert connect(script, api_endpoint=base).messaging_services() == []


def test_subaccounts_without_their_tokens(play: PLAY) -> None:
    rows = [
        {"sid": AC, "status": "active", "auth_token": "hidden"},
        {"sid": SUB, "status": "active", "auth_token": "hidden"},
        {"sid": "AC" + "4" * 32, "status": "suspended", "auth_token": "hidden"},
    ]
    query = {"Status": "active", **ALL}
    script = play(
        step(f"GET {API}/2010-04-01/Accounts.json", answer(200, {"accounts": rows, "next_page_uri": None}), query=query)
    )
    assert connect(script).subaccounts() == [SUB]


def test_what_may_have_been_meant_costs_nothing_where_the_list_was_read(play: PLAY) -> None:
    twilio = connect(play(listed(page(row(ONE), row(THREE)))))
    twilio.find([ONE, TWO, "+5550000003"])
    assert twilio.near([TWO, "+5550000003"]) == {ONE, THREE}


def test_what_may_have_been_meant_by_a_number_is_asked_for_by_its_last_digits(play: PLAY) -> None:
    national, octal = "+5550000001", "+3651886529"  # the latter is what YAML makes of 0033152656701
    script = play(
        listed(page(), {"PhoneNumber": national, **ALL}),
        *[listed(page(row(ONE)), {"PhoneNumber": part, **ALL}) for part in ("0000001", "3443601")],
        listed(page(), {"PhoneNumber": octal, **ALL}),
        *[listed(page(row(ONE)), {"PhoneNumber": part, **ALL}) for part in ("1886529", "2656701")],
    )
    twilio = connect(script)
    for missing in (national, octal):
        assert twilio.find([missing]) == {}
        assert ONE in twilio.near([missing])
