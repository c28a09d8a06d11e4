#!/usr/bin/env bash
# Makes sure that what the tests need is there. What is missing and may be
# installed (root or password-free sudo, and TOTE_NO_INSTALL unset) is
# installed; otherwise it says what is missing and which tests skip. It never
# fails the build for an optional tool, only for a Go that is too old.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'deps: %s\n' "$*"; }

want=$(awk '$1 == "go" {print $2; exit}' go.mod)
if ! command -v go >/dev/null; then
	say "Go $want or newer is needed and not found"
	exit 1
fi
# GOTOOLCHAIN=auto fetches the right Go by itself; this fails when it may not.
if ! have=$(go env GOVERSION 2>&1); then
	say "Go $want or newer is needed: $have"
	exit 1
fi

root=()
if [ "$(id -u)" -ne 0 ]; then
	root=(sudo -n)
fi
may_install() {
	[ -z "${TOTE_NO_INSTALL:-}" ] && command -v apt-get >/dev/null &&
		{ [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }
}

# need COMMAND PACKAGE WHAT-SKIPS
need() {
	command -v "$1" >/dev/null && return
	if may_install; then
		say "installing $2"
		if "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$2" >/dev/null 2>&1; then
			return
		fi
		"${root[@]}" apt-get update -q >/dev/null 2>&1 || true
		if "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$2" >/dev/null 2>&1; then
			return
		fi
	fi
	say "MISSING $1 (Debian package $2): $3"
}

need git git "the repository tests look at every file instead of the tracked ones"
need node nodejs "the tests of the scripts in web/assets are skipped"
need chromium chromium "the browser tests of web are skipped"
need zbarimg zbar-tools "drawn labels are not read back"
need ZXingReader zxing-cpp-tools "drawn labels are not read back"
need qemu-arm-static qemu-user-static "the programs for ARM are built and not run"
need dpkg-deb dpkg "the packages are built and not read"
need minisign minisign "signatures of releases are only held against a published one"
need systemd-analyze systemd "how exposed the service is was not measured"
need shellcheck shellcheck "the scripts of the package are run and not looked through"
# Power cuts on a real file system. Only root may mount, so nobody else needs it.
if [ "$(id -u)" -eq 0 ]; then
	need mkfs.ext4 e2fsprogs "power cuts are only simulated"
	need mount mount "power cuts are only simulated"
	need debootstrap debootstrap "the package is built and not installed"
	need unshare util-linux "the package is built and not installed"
else
	say "not root: power cuts are only simulated, the ones on a real file system are skipped; the package is built and not installed"
fi

# Browser tests and other Node tools bring a lock file; installed only when it
# changed since the last time.
while IFS= read -r lock; do
	dir=$(dirname "$lock")
	stamp=$dir/node_modules/.tote-lock
	if [ -f "$stamp" ] && cmp -s "$lock" "$stamp"; then
		continue
	fi
	need npm npm "the tests of $dir are skipped"
	if ! command -v npm >/dev/null; then
		continue
	fi
	if [ -n "${TOTE_NO_INSTALL:-}" ]; then
		say "MISSING $dir/node_modules: the tests of $dir are skipped"
	elif (cd "$dir" && npm ci --no-audit --no-fund --silent); then
		cp "$lock" "$stamp"
	else
		say "MISSING $dir/node_modules (npm ci failed): the tests of $dir are skipped"
	fi
done < <(find . -maxdepth 6 -name package-lock.json -not -path '*/node_modules/*')
