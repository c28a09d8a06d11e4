#!/usr/bin/env bash
# Lists the Go files of this repository: those git knows or would add, so that
# run folders and node_modules are left out; without git, all there are.
# testdata is left out: its fixtures are wrong on purpose.
set -euo pipefail
cd "$(dirname "$0")/.."
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	git ls-files --cached --others --exclude-standard -- '*.go'
else
	find . -name node_modules -prune -o -name '*.go' -print | sed 's|^\./||'
fi | while IFS= read -r f; do
	case $f in */testdata/*) ;; *) if [ -f "$f" ]; then printf '%s\n' "$f"; fi ;; esac
done
