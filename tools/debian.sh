#!/bin/sh
# The Debian packages that `make test-all` needs beyond the machine's own: tools/debian.sh [PACKAGE…]. Called by it.
#
# It ends with 0 whatever happens, and says what: each test that needs one of them judges by itself whether it is there.
set -u

# podman runs the containers, runc because crun wants cgroups of one version, the rest is its network and init;
# mmdebstrap makes the base images where no registry of images can be reached.
# prometheus has promtool, which plays the alert rules; prometheus-alertmanager has amtool.
PACKAGES="podman runc catatonit netavark aardvark-dns iptables mmdebstrap prometheus prometheus-alertmanager"
[ $# -gt 0 ] && PACKAGES=$*

say() { echo "debian: $*"; }

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "this is no Debian or Ubuntu; the tests that need $PACKAGES will say what they miss"
    exit 0
fi

missing=
for package in $PACKAGES; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
[ -z "$missing" ] && exit 0

root=
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo --non-interactive true 2>/dev/null; then
        say "not root, and no sudo without a password: install these yourself:$missing"
        exit 0
    fi
    root=sudo
fi

say "installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { # a lock that another apt holds is waited for, an archive that is away is not waited for long
    $root env DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet -o DPkg::Lock::Timeout=120 \
        -o Acquire::Retries=3 -o Acquire::http::Timeout=30 "$@" </dev/null >"$log" 2>&1
}
one_by_one() { # what one package lacks is no reason to do without the others
    failed=
    for package in $missing; do
        apt install --yes --no-install-recommends "$package" || failed="$failed $package"
    done
    [ -z "$failed" ]
}
# shellcheck disable=SC2086  # a list of names
if apt update && { apt install --yes --no-install-recommends $missing || one_by_one; }; then
    say "installed"
else
    say "could not be installed; the tests that need them will say so. apt-get's last words:"
    tail -n 5 "$log"
fi
exit 0
