#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test, from nothing; `sh tests/run.sh --help` has the options, tests/HACKING.md the rest.
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null || sh tests/setup.sh || exit 1
exec python3 tests/runner "$@"
