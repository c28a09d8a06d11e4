#!/usr/bin/env bash
# Runs every fuzz target of the module for FUZZTIME (default 10s), one after
# the other. Stops at the first crasher, which go test keeps in testdata/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
n=0
while IFS=: read -r file target; do
	dir=./$(dirname "$file")
	echo "fuzz: $dir $target"
	go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10s}"
	n=$((n + 1))
done < <(scripts/gofiles.sh | grep '_test\.go$' | xargs -r grep -oE '^func Fuzz[A-Za-z0-9_]+' /dev/null | sed 's/func //')
echo "fuzz: $n targets, no crasher"
