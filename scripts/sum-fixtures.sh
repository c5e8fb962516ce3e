#!/usr/bin/env bash
# Writes fixtures/SHA256SUMS: every fixture is pinned, so that a test never passes on bytes somebody changed by accident.
set -euo pipefail
cd "$(dirname "$0")/../fixtures"
find . -type f ! -name README.md ! -name "SHA256SUMS*" -printf '%P\n' | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum >SHA256SUMS.new
mv SHA256SUMS.new SHA256SUMS
