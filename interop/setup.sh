#!/usr/bin/env bash
# Installs what the tests need: the JavaScript clients, and a browser on Debian if
# there is none.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "setup.sh: install Node.js 20 or later, with npm" >&2
  exit 1
fi
if ! command -v chromium >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
fi
cd js
npm ci --ignore-scripts --no-audit --no-fund
