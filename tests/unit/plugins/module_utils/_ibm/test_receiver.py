# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from urllib.parse import quote

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http import urls
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm import receiver

KEY = "k3Y_with-44_characters_as_IBM_Cloud_makes_em"
URL = f"https://apikey:{KEY}@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"


@pytest.mark.parametrize(
    ("region", "chosen", "host"),
    [
        ("us-south", None, "sms-south.voiceagent.cloud.ibm.com"),
        ("us-east", "", "sms-east.voiceagent.cloud.ibm.com"),
        ("eu-de", "sms-fra05.voiceagent.cloud.ibm.com", "sms-fra05.voiceagent.cloud.ibm.com"),
        ("us-south", "gateway.example.com:9443", "gateway.example.com:9443"),
        ("jp-tok", "Gateway.Example.COM", "gateway.example.com"),
        (None, "gateway", "gateway"),
        (None, "10.0.0.7:30043", "10.0.0.7:30043"),
    ],
)
def test_host_for(region: str | None, chosen: str | None, host: str) -> None:
    assert receiver.host_for(region, chosen) == host


@pytest.mark.parametrize(
    ("region", "chosen", "said"),
    [
        ("eu-de", None, "more than one receiver.*sms-fra04.*sms-fra05"),
        ("jp-tok", None, "'jp-tok' has no known receiver.*us-south"),
        (None, None, "no region is given"),
        ("", "", "no region is given"),
        ("us-south", "https://gateway.example.com", "host or host:port"),
        ("us-south", "gateway.example.com/path", "host or host:port"),
        ("us-south", "gateway.example.com:port", "host or host:port"),
        ("us-south", "-gateway", "host or host:port"),
        ("us-south", "gate way", "host or host:port"),
    ],
)
def test_host_for_refuses(region: str | None, chosen: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        receiver.host_for(region, chosen)


def test_build_url() -> None:
    assert receiver.build_url("sms-south.voiceagent.cloud.ibm.com", KEY) == URL
    assert receiver.build_url("gw:9443", "p.w~1", "me") == "https://me:p.w~1@gw:9443/sms.receiver/SmsRecv"


@pytest.mark.parametrize("password", ["", "hidden&value", "hidden:value", "hidden@value", "hidden/value", "hidden%20"])
@pytest.mark.parametrize("what", ["user name", "password"])
def test_build_url_refuses_what_twilio_takes_in_no_url(password: str, what: str) -> None:
    user, password = (password, "good") if what == "user name" else ("good", password)
    with pytest.raises(ValueError, match=f"the receiver's {what} may only contain") as refusal:
        receiver.build_url("host", password, user)
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (KEY, True),
        ("A" * 16, True),
        ("A" * 15, False),
        ("REDACTED", False),
        ("REDACTED_EXPLICIT", False),
        ("redacted_explicit_or_so", False),
        ("has a space in the middle of it", False),
        ("", False),
        (None, False),
        (["A" * 44], False),
    ],
)
def test_is_api_key(value: object, is_one: bool) -> None:
    assert receiver.is_api_key(value) is is_one


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "http://gw/x",
        "HTTPS://GW",
        "https://u:p%20q@gw:8443/x?y=z#rc=2",
        "https://[2001:db8::1]/x",
        "https://xn--ber-goa.example.com./%C3%BCber?a=%C3%BC",
        "https://under_score-1.example.com:8443",
        "https://192.0.2.7/x",
        "https://" + "a" * 63 + ".example.com/x",
    ],
)
def test_check_url_accepts(url: str) -> None:
    urls.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway.example.com/x",
        "/x",
        "ftp://u:hidden@gateway/x",
        "https://",
        "https:///x",
        "https://gateway:port/x",
        "https://u:hidden@gateway:99999/x",
        "https://u:hidden@gate way/x",
        "https://u:hidden@gateway/a\nb",
        "https://[::1/x",
        # Passwords that had to be percent-encoded, and a scheme that was forgotten: still passwords.
        "https://u:p/hidden@gateway/x",
        "https://u:p#hidden@gateway/x",
        "https://u:p?hidden@gateway/x",
        "u:hidden@gateway/x",
        "ftp://gateway/x?token=hidden",
    ],
)
def test_check_url_refuses_without_telling_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="is not an absolute http or https URL") as refusal:
        urls.check_url(url)
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://u:hid&den@gateway/x", "user name or password that Twilio does not accept"),
        ("https://u:hid:den@gateway/x", "user name or password that Twilio does not accept"),
        ("https://u:hid+den@gateway/x", "user name or password that Twilio does not accept"),
        ("https://u:hid%zz@gateway/x", "user name or password that Twilio does not accept"),
        ("https://us*er:hidden@gateway/x", "user name or password that Twilio does not accept"),
        ("https://gateway/" + "x" * 4000, "has 4016 characters: at most 4000"),
        ("https://u:hidden@gateway/\u00fcber", "outside ASCII: percent-encode"),
        ("https://u:hidden@gateway/x?name=\u00fcber", "outside ASCII: percent-encode"),
        ("https://u:hid\u00fcden@gateway/x", "outside ASCII: percent-encode"),
        ("https://u:hidden@\u00fcber.example.com/x", "outside ASCII: percent-encode"),
        ("https://u:hidden@a..b/x", "has no valid host name"),
        ("https://u:hidden@.example.com/x", "has no valid host name"),
        ("https://u:hidden@example.com../x", "has no valid host name"),
        ("https://u:hidden@" + "a" * 64 + ".example.com/x", "has no valid host name"),
        ("https://u:hidden@" + "a.b." * 70 + "example.com/x", "has no valid host name"),
        ("https://u:hidden@ex*mple.com/x", "has no valid host name"),
    ],
)
def test_one_rule_for_the_characters_and_the_length_of_a_url(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refusal:
        urls.check_url(url)
    assert "hid" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("two\nlines\tand   more", "two lines and more"),
        ("\x1b]0;title\x07red \x1b[31mtext\x1b[0m", "red text"),
        ("a\x00b\x9bc\x7fd\u202ee", "abcde"),
        ("at https://u:hidden@gw/x?y", "at https://u:***@gw/x?***"),
        ("x" * 500, "x" * 200),
        (None, "None"),
        (["a"], "['a']"),
    ],
)
def test_what_a_provider_says_is_one_line_without_commands(told: object, shown: str) -> None:
    assert urls.said(told) == shown


@pytest.mark.parametrize("chosen", ["u:hidden@gateway", "https://u:hidden@gateway", "u:p/hidden@gateway:1"])
def test_a_refused_receiver_host_does_not_tell_its_password(chosen: str) -> None:
    with pytest.raises(ValueError, match="host or host:port") as refusal:
        receiver.host_for("us-south", chosen)
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        (URL, ("https", "sms-south.voiceagent.cloud.ibm.com", 443, "/sms.receiver/SmsRecv")),
        ("http://u:p@GW/x?q=1#f", ("http", "gw", 80, "/x")),
        ("https://gw:8443", ("https", "gw", 8443, "/")),
        ("", None),
        (None, None),
        ("nonsense", None),
        ("https://gw:port/", None),
    ],
)
def test_place(url: str | None, where: tuple | None) -> None:
    assert urls.place(url) == where


@pytest.mark.parametrize(
    ("url", "password", "fragment"),
    [
        (URL, KEY, ""),
        (URL + "#rc=2&ct=500", KEY, "rc=2&ct=500"),
        ("https://u:p%2Fq@gw/", "p/q", ""),
        ("https://u@gw/", None, ""),
        ("https://gw:port/#x", None, ""),
        ("", None, ""),
        (None, None, ""),
    ],
)
def test_password_and_fragment(url: str | None, password: str | None, fragment: str) -> None:
    assert urls.password_of(url) == password
    assert urls.fragment_of(url) == fragment


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (URL, URL, True),
        ("https://u:p@GW/x", "https://u:p@gw:443/x", True),
        ("HTTPS://gw", "https://gw/", True),
        ("https://u:p%2Dq@gw/x", "https://u:p-q@gw/x", True),
        ("", None, True),
        (None, None, True),
        ("nonsense", "nonsense", True),
        ("https://u:p@gw/x", "https://u:q@gw/x", False),
        ("https://u:p@gw/x", "https://v:p@gw/x", False),
        ("https://u:P@gw/x", "https://u:p@gw/x", False),
        ("https://gw/x", "http://gw/x", False),
        ("https://gw/x", "https://gw:8443/x", False),
        ("https://gw/x", "https://gw/X", False),
        ("https://gw/x", "https://gw/x?y=1", False),
        ("https://gw/x", "https://gw/x#rc=2", False),
        ("https://gw/x", "", False),
        ("https://gw/x", None, False),
        ("nonsense", "other nonsense", False),
        ("https://gw:port/", "https://gw:other/", False),
    ],
)
def test_same_url(one: str | None, other: str | None, same: bool) -> None:
    for pair in ((one, other), (other, one)):
        assert urls.same_url(*pair) is same


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (None, ""),
        ("", ""),
        (URL, "https://apikey:***@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"),
        ("https://u:p@gw:9443/x#rc=2", "https://u:***@gw:9443/x#rc=2"),
        ("https://token@gw/x", "https://***@gw/x"),
        ("https://u:p:q@r@gw/x", "https://u:***@gw/x"),
        ("https://gw/x?token=t&empty=&flag&n=1=2", "https://gw/x?token=***&empty=&***&n=***"),
        ("https://gw/x?hidden", "https://gw/x?***"),
        # What should have been percent-encoded in a password, and was not.
        ("https://u:hid/den@gw/x", "***"),
        ("https://u:hid#den@gw/x", "***"),
        ("https://u:hid?d=en@gw/x", "***"),
        ("https://u:8443/hidden@gw/x", "https://u:***@gw/x"),
        ("https://hidden/token@gw/x", "https://***@gw/x"),
        ("https://u:hid@d/e?n@gw:1/x", "https://u:***@gw:1/x"),
        ("https://u:p@gw/a@b", "https://u:***@b"),  # nobody can tell
        ("https://gw/x?to=a@b.c", "https://gw/x?to=***"),
        ("https://hid/den:x@gw", "https://***:***@gw"),
        # Parameters, fragments, and parts of a path that look like tokens
        ("https://gw/x;token=hidden/y;hidden", "https://gw/x;token=***/y;***"),
        ("https://gw/x#hidden", "https://gw/x#***"),
        ("https://gw/x#rc=2&rp=5xx,ct&ct=500&e=ashburn,dublin", "https://gw/x#rc=2&rp=5xx,ct&ct=500&e=ashburn,dublin"),
        ("https://gw/x#rc=2&token=hidden", "https://gw/x#***"),
        ("https://gw/hooks/T0123ABC/xoxb4hidden9hidden12", "https://gw/hooks/T0123ABC/***"),
        ("https://gw/h/AbCdEfGhIjKlMnOpQrStUvWx", "https://gw/h/***"),
        ("https://gw/h/0123456789abcdef0123456789abcdef", "https://gw/h/***"),
        ("https://gw/h/hid_den-HID-den-4711-0815", "https://gw/h/***"),
        ("https://gw/h/eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln", "https://gw/h/***"),
        # Names that messages need
        (
            "https://api.us-south.assistant.watson.cloud.ibm.com/instances/11111111-2222-3333-4444-555555555555/sms",
            "https://api.us-south.assistant.watson.cloud.ibm.com/instances/11111111-2222-3333-4444-555555555555/sms",
        ),
        (
            "https://webhooks.twilio.com/v1/Accounts/AC0123456789abcdef0123456789abcdef/Flows/FW0123456789abcdef0123456789abcdef",
            "https://webhooks.twilio.com/v1/Accounts/AC0123456789abcdef0123456789abcdef/Flows/FW0123456789abcdef0123456789abcdef",
        ),
        ("https://gw/2010-04-01/IncomingPhoneNumbers.json", "https://gw/2010-04-01/IncomingPhoneNumbers.json"),
        ("https://gw/voice-agent-with-watson/v2/webhook", "https://gw/voice-agent-with-watson/v2/webhook"),
        # What a terminal would obey
        ("https://gw/\x1b[2Jx\x07", "https://gw/x"),
        ("https://gw/x?next=https%3A%2F%2Fu%3Ap%40gw", "https://gw/x?next=***"),
        ("https://gw/x", "https://gw/x"),
        ("https://u:hidden@gw:port/", "***"),
    ],
)
def test_redact_url(url: str | None, shown: str) -> None:
    assert urls.redact_url(url) == shown


def encoded(text: str, times: int) -> str:
    for _time in range(times):
        text = quote(text, safe="")
    return text


@pytest.mark.parametrize("times", [0, 1, 2])
@pytest.mark.parametrize("password", ["hidden", "hid%2Fhidden", "p%40hidden", "hidden%20hidden", "a:hidden"])
def test_redact_takes_the_password_out_of_urls_in_a_text(password: str, times: int) -> None:
    url = encoded(f"https://apikey:{password}@gateway.example.com/x", times)
    text = urls.redact(f"SmsUrl is not valid: {url}, see 'other' at 12:30")
    assert "hidden" not in text
    assert "***" in text
    assert "apikey" in text
    assert text.endswith("see 'other' at 12:30")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two: https://a:b@c/ and http://d:e@f/", "two: https://a:***@c/ and http://d:***@f/"),
        ('{"url":"https://a:b@c/"}', '{"url":"https://a:***@c/"}'),
        ("https://token@gw/", "https://***@gw/"),
        ("https://a:b@c@gw/", "https://a:***@gw/"),
        ("no URL: a:b@c", "no URL: a:b@c"),
        ("https://gw/x?mail=a@b", "https://gw/x?mail=***"),
        ("https://gw/ wrote a@b", "https://gw/ wrote a@b"),
        ("see https://gw/hooks/xoxb4hidden9hidden12 please", "see https://gw/hooks/*** please"),
        ("see https://u:a/b#c@gw/x;y=z#f", "see https://u:***@gw/x;y=***#***"),
        ("Url=https%3A%2F%2Fgw%2Fx%3Fhidden", "Url=https%3A%2F%2Fgw%2Fx%3F***"),
        ("Url=https%3A%2F%2Fgw%2Fhooks%2Fxoxb4hidden9hidden12", "Url=https%3A%2F%2Fgw%2Fhooks%2F***"),
        ("", ""),
    ],
)
def test_redact_leaves_the_rest(text: str, shown: str) -> None:
    assert urls.redact(text) == shown


@pytest.mark.parametrize("times", [0, 1, 2])
@pytest.mark.parametrize("secret", ["s3cret", "s3/c+r e=t", "100%", "\u00fcber"])
def test_redact_takes_out_secrets_in_each_form(secret: str, times: int) -> None:
    assert urls.redact(f"a={encoded(secret, times)};", (secret,)) == "a=***;"


@pytest.mark.parametrize("form", ["s3%2fc", "s3%2Fc", "s3/c", "s3%252fc"])
def test_redact_knows_both_cases_of_percent_encoding(form: str) -> None:
    assert urls.redact(f"a={form};", ("s3/c",)) == "a=***;"


def test_redact_takes_the_longest_secret_first_and_ignores_empty_ones() -> None:
    assert urls.redact("abcdef abc", ("abc", "", "abcdef")) == "*** ***"


def test_redact_takes_no_time_for_long_texts() -> None:
    text = "https://" + "a:b" * 20_000 + " " + "x." * 20_000
    began = time.process_time()
    assert urls.redact(text) == text
    assert time.process_time() - began < 1
