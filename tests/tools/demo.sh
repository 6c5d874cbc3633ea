#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The demo: connect three numbers of a made-up account to a made-up voice agent, twice, and send one of them a text.
# `make demo` starts the sandbox and sets SANDBOX_URL and the credentials that point at it.
set -euo pipefail
: "${SANDBOX_URL:?start this with: make demo}"
here=$(cd "$(dirname "$0")/../.." && pwd)
playbook=${DEMO_PLAYBOOK:-$here/playbooks/connect_sms.yml}
verify=${playbook/connect_sms/verify_sms}
export ANSIBLE_INVENTORY="$here/tests/demo/inventory.yml"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

say() { printf '\n== %s\n\n' "$*"; }
fail() { say "The demo failed: $*"; exit 1; }

# Runs a playbook as a person would type it; what it prints is shown, and kept in $folder/last and $folder/all.
play() {
    printf '$ ansible-playbook %s\n' "${playbook#"$here"/} $*"
    ansible-playbook "$playbook" "$@" 2>&1 | tee "$folder/last" || fail "ansible-playbook ended with an error"
    cat "$folder/last" >>"$folder/all"
}

say "1. What would be done? (--check --diff)"
play -e region=us-south --check --diff
grep -q 'changed=[1-9]' "$folder/last" || fail "the plan announces no change"

say "2. Do it"
play -e region=us-south
grep -q 'changed=[1-9]' "$folder/last" || fail "the first run changed nothing"

say "3. Again: nothing is left to do"
play -e region=us-south
grep -q 'changed=0' "$folder/last" || fail "the second run has no host that it left unchanged"
! grep -q 'changed=[1-9]' "$folder/last" || fail "the second run changed something"

say "4. Does a text arrive, and is it answered? One real text to each number (in the sandbox it costs nothing)"
playbook=$verify
play -e region=us-south -e verify_from=+15550100008 -e verify_timeout=30
grep -q '3 phone numbers: 3 answered' "$folder/last" || fail "not every text was answered"

say "5. A customer sends a text"
python "$here/tests/tools/demo_text.py" "$SANDBOX_URL" "$folder/all" || fail "see above"

say "Done: the numbers are connected, the second run changed nothing, the agent answers, no secret was printed."
