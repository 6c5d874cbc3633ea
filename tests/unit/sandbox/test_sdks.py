# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendors' own SDKs as clients, which proves that the answers have the right form."""

from __future__ import annotations

from typing import Any

import pytest

twilio_rest = pytest.importorskip("twilio.rest")
platform = pytest.importorskip("ibm_platform_services")
core = pytest.importorskip("ibm_cloud_sdk_core")
authenticators = pytest.importorskip("ibm_cloud_sdk_core.authenticators")
twilio_errors = pytest.importorskip("twilio.base.exceptions")


@pytest.fixture
def client(box: Any) -> Any:
    client = twilio_rest.Client(box.environment["TWILIO_ACCOUNT_SID"], box.environment["TWILIO_AUTH_TOKEN"])
    for domain in (client.api, client.messaging, client.conversations, client.monitor):
        domain.base_url = box.url
    return client


@pytest.fixture
def controller(box: Any) -> Any:
    authenticator = authenticators.IAMAuthenticator(box.environment["IC_API_KEY"], url=box.url)
    service = platform.ResourceControllerV2(authenticator=authenticator)
    service.set_service_url(box.url)
    return service


def test_twilio_numbers(box: Any, client: Any) -> None:
    box.add_numbers(count=7)
    assert len(client.incoming_phone_numbers.list(page_size=3)) == 7
    number = client.incoming_phone_numbers.list(phone_number="+15550000007")[0]
    assert client.incoming_phone_numbers(number.sid).fetch().phone_number == "+15550000007"
    updated = number.update(sms_url="https://a.example/", sms_method="GET", sms_application_sid="")
    assert (updated.sms_url, updated.sms_method) == ("https://a.example/", "GET")
    assert updated.date_updated.tzinfo is not None
    with pytest.raises(twilio_errors.TwilioRestException) as caught:
        number.update(sms_url="nonsense")
    assert (caught.value.status, caught.value.code) == (400, 21402)
    box.fault("twilio.list_numbers", status=429)
    with pytest.raises(twilio_errors.TwilioException, match="Unable to fetch page"):
        client.incoming_phone_numbers.list()


def test_twilio_accounts(box: Any, client: Any) -> None:
    box.add_twilio_account(owner_account_sid=client.username, friendly_name="shop")
    assert [account.friendly_name for account in client.api.accounts.list()] == ["Sandbox", "shop"]
    assert client.api.accounts(client.username).fetch().status == "active"


def test_twilio_services_addresses_alerts(box: Any, client: Any) -> None:
    inside, outside = box.add_numbers(count=2)
    for _unused in range(3):
        service = box.add_service(pool=[inside["sid"]])
    assert len(client.messaging.v1.services.list(page_size=2)) == 3
    found = client.messaging.v1.services(service["sid"])
    assert found.fetch().use_inbound_webhook_on_number is False
    assert found.phone_numbers.list()[0].sid == inside["sid"]
    assert found.phone_numbers(inside["sid"]).fetch().capabilities == ["Voice", "SMS", "MMS"]
    with pytest.raises(twilio_errors.TwilioRestException) as caught:
        found.phone_numbers(outside["sid"]).fetch()
    assert caught.value.status == 404
    assert found.update(use_inbound_webhook_on_number=True).use_inbound_webhook_on_number is True
    box.add_address(inside["phone_number"])
    addresses = client.conversations.v1.address_configurations
    assert addresses.list(type="sms")[0].address == inside["phone_number"]
    assert addresses(inside["phone_number"].replace("+", "%2B")).fetch().auto_creation["enabled"] is True
    box.add_alert(request_url="https://a.example/")
    alert = client.monitor.v1.alerts.list(log_level="error")[0]
    assert alert.error_code == "11200"
    assert client.monitor.v1.alerts(alert.sid).fetch().request_url == "https://a.example/"


def test_ibm_instances_and_keys(box: Any, controller: Any, agent: Any) -> None:
    for name in ("b", "c"):
        box.add_instance(name)
    pager = platform.resource_controller_v2.ResourceInstancesPager(client=controller, limit=2)
    assert [row["name"] for row in pager.get_all()] == ["b", "c", "sms-agent"]
    assert controller.get_resource_instance(agent["crn"]).get_result()["guid"] == agent["guid"]
    created = controller.create_resource_key(name="k", source=agent["crn"], role="Writer").get_result()
    assert controller.get_resource_key(created["crn"]).get_result() == created
    listed = controller.list_resource_keys_for_instance(agent["crn"]).get_result()
    assert [row["guid"] for row in listed["resources"]] == [created["guid"]]
    assert controller.list_resource_keys(name="k").get_result()["rows_count"] == 1
    assert controller.update_resource_key(created["guid"], name="new").get_result()["name"] == "new"
    assert controller.delete_resource_key(created["guid"]).get_status_code() == 204
    assert controller.get_resource_key(created["guid"]).get_result()["state"] == "removed"
    with pytest.raises(core.ApiException) as caught:
        controller.delete_resource_key(created["guid"])
    assert caught.value.status_code == 410
    assert caught.value.global_transaction_id
    assert "is removed" in caught.value.message


def test_ibm_identity(box: Any, agent: Any) -> None:
    key = box.add_key(agent["guid"])
    profile = box.add_profile()
    authenticator = authenticators.IAMAssumeAuthenticator(
        box.environment["IC_API_KEY"], iam_profile_id=profile["id"], url=box.url
    )
    identity = platform.IamIdentityV1(authenticator=authenticator)
    identity.set_service_url(box.url)
    details = identity.get_api_keys_details(iam_api_key=key["api_key"]["value"]).get_result()
    assert details["id"] == key["api_key_id"]
    assert box.requests(operation="iam.api_key_details")[0]["authorized_as"] == profile["iam_id"]


def test_ibm_wrong_api_key(box: Any) -> None:
    authenticator = authenticators.IAMAuthenticator("nobody", url=box.url)
    with pytest.raises(core.ApiException) as caught:
        authenticator.token_manager.get_token()
    assert caught.value.status_code == 400
    assert caught.value.http_response.json()["errorCode"] == "BXNIM0415E"
