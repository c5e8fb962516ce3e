#!/usr/bin/env bash
# npm ci, with addons compiled against the headers that came with Node.js: without internet node-gyp cannot fetch any.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix="$(dirname "$(dirname "$(node -p process.execPath)")")"
if [ -e "$prefix/include/node/node_api.h" ]; then export npm_config_nodedir="$prefix"; fi
exec npm ci
