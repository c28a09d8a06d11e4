#!/usr/bin/env bash
# Finds the etcd that make bench compares three gateways with, and prints where
# it is. Debian's package is unpacked into bin/ and not installed: installing it
# would start a server. Without it (TOTE_NO_INSTALL set, no apt-get, no network)
# nothing is printed, and the bench says so.
set -euo pipefail
cd "$(dirname "$0")/.."

at=$PWD/bin/etcd/usr/bin/etcd
if path=$(command -v etcd); then
	echo "$path"
	exit
fi
if [ ! -x "$at" ] && [ -z "${TOTE_NO_INSTALL:-}" ] && command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
	rm -rf bin/etcd
	mkdir -p bin/etcd
	if ! (cd bin/etcd && apt-get download -q etcd-server && dpkg -x etcd-server_*.deb . && rm etcd-server_*.deb) >&2; then
		echo 'etcd: Debian package etcd-server is not to be had (apt-get update may help)' >&2
	fi
fi
if [ -x "$at" ]; then
	echo "$at"
fi
