# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contender: a straightforward good script with Twilio's SDK. One list, a comparison, 16 threads that update."""

from __future__ import annotations

import csv
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from twilio.rest import Client


def main() -> None:
    """Point the numbers of a file at a URL."""
    with open(sys.argv[1], encoding="utf-8") as file:
        wanted = {row[0] for row in csv.reader(file)}
    url = os.environ["BENCH_URL"]
    client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
    client.api.base_url = os.environ["TWILIO_API_ENDPOINT"]
    accounts = [client.api.v2010.accounts(sid) for sid in sys.argv[2:] or [client.account_sid]]
    with ThreadPoolExecutor(16) as pool:
        lists = list(pool.map(lambda account: account.incoming_phone_numbers.list(page_size=1000), accounts))
        numbers = [(account, number) for account, rows in zip(accounts, lists, strict=True) for number in rows]
        due = [(a, number) for a, number in numbers if number.phone_number in wanted and number.sms_url != url]
        list(pool.map(lambda one: one[0].incoming_phone_numbers(one[1].sid).update(sms_url=url), due))
    print(f"{len(due)} of {len(numbers)} updated")


if __name__ == "__main__":
    main()
