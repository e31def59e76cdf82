#!/usr/bin/env bash
# The tour: seal five credentials, see cleartext refused, deliver them, change one.
# An age key and a directory stand in for AWS and the cluster, so that it runs anywhere.
#
# usage: tests/demo.sh CLSECRETS
set -euo pipefail

# Start again with nothing of the caller's environment.
if [ -z "${DEMO_HOME-}" ]; then
    world=$(mktemp -d)
    trap 'rm -rf "$world"' EXIT
    mkdir "$world/bin" "$world/home" "$world/node"
    ln -s "$(realpath "$1")" "$world/bin/clsecrets"
    printf '[user]\n\tname = Demo\n\temail = demo@example.com\n[init]\n\tdefaultBranch = main\n' >"$world/home/.gitconfig"
    cd "$world/node"
    env -i DEMO_HOME="$world/home" HOME="$world/home" PATH="$world/bin:$PATH" LC_ALL=C.UTF-8 \
        bash "$(cd "$OLDPWD" && realpath "$0")"
    exit
fi

# Shows a command and what it says, as a terminal would. What must be refused is called `refused`.
run() {
    printf '\n$ %s\n' "$1"
    bash -c "$1" 2>&1
}
refused() {
    if run "$1"; then
        echo 'demo: this should have been refused' >&2
        exit 1
    fi
}

run 'git init --quiet'
run 'clsecrets init --env dev'
run "sed -i 's/# database:/database:/' clsecrets.yaml"
run 'cat > secrets/dev/clear-secrets.yaml <<END
user_password: correct-horse-battery-1
wallet_password: a-long-wallet-passphrase-2
cryptocompare_api_key: cc_0123456789abcdef
tiingo_api_key: tg_fedcba9876543210
database_password: p4ss#with/odd%chars@16
END'
run 'clsecrets encrypt --env dev'
refused 'git add . && git add -f secrets/dev/clear-secrets.yaml && git commit -qm "Add it all"'
run 'git rm -q --cached -f secrets/dev/clear-secrets.yaml && git commit -qm "Add what is sealed"'
run 'git ls-files'
run 'clsecrets sync --env dev -y'
run 'clsecrets sync --env dev -y'
run "printf tg_a-new-key | clsecrets set secrets/dev/encrypted-secrets.yaml '[\"tiingo_api_key\"]' --value-stdin --raw"
run 'clsecrets sync --env dev -y'
