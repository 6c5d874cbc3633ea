#!/usr/bin/env bash
# The demo: connect three numbers of a made-up account to a made-up voice agent, twice, and send one of them a text.
# `make demo` starts the sandbox and sets SANDBOX_URL and the credentials that point at it.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
playbook=${PLAYBOOK:-$here/playbooks/connect_sms.yml}
export ANSIBLE_INVENTORY="$here/tests/demo/inventory.yml"
: "${SANDBOX_URL:?start this with: make demo}"

output=$(mktemp)
trap 'rm -f "$output"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() { say "The demo failed: $*"; exit 1; }

# Runs a command as a person would type it; what it prints is shown and kept.
play() {
    printf '$ ansible-playbook %s\n\n' "$(basename "$playbook") $*"
    ansible-playbook "$playbook" "$@" 2>&1 | tee -a "$output"
}

say "1. What would be done? (--check --diff)"
play -e region=us-south --check --diff

say "2. Do it"
play -e region=us-south

say "3. Again: nothing is left to do"
again=$(play -e region=us-south | tee /dev/stderr)
recap=$(sed -n '/^PLAY RECAP/,$p' <<<"$again")
grep -q 'changed=0' <<<"$recap" || fail "the second run has no recap"
! grep -q 'changed=[1-9]' <<<"$recap" || fail "the second run changed something"

say "4. A customer sends \"Hello\" to +15550100001"
python "$here/tests/tools/demo_text.py" "$SANDBOX_URL" "$output"

say "Done: three numbers connected, the second run changed nothing, the agent answered, and no secret was printed."
