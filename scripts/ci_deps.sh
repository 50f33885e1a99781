#!/bin/sh
# Fetches what some tests can use and none must have. What it cannot get it names, and the tests that want it are skipped.
#
#   postgresql   the store on PostgreSQL
#   chromium     pictures of the pages
#   kannel       an SMSC that is not ours
#   tests/peers  npm packages: gateways that are not ours
set -u
cd "$(dirname "$0")/.."

missing=
lacks() { missing="$missing
  $1: $2"; }

is_installed() { dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

fetch_system_packages() {
  for package in postgresql chromium kannel; do
    is_installed "$package" && continue
    if ! command -v apt-get >/dev/null 2>&1; then
      lacks "$package" 'this is not Debian or Ubuntu'
    elif [ "$(id -u)" != 0 ]; then
      lacks "$package" "only root installs system packages (sudo make ci-deps)"
    elif ! install_one "$package"; then
      lacks "$package" 'apt-get could not install it'
    fi
  done
}

updated=
install_one() {
  [ -n "$updated" ] || apt-get update -qq >/dev/null 2>&1
  updated=yes
  # A package's own service would hold the port that a test's own instance may want.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1
}

fetch_npm_packages() {
  [ -f tests/peers/package.json ] || return
  if ! command -v npm >/dev/null 2>&1; then
    lacks 'tests/peers' 'npm is not here'
  elif ! npm install --prefix tests/peers --no-package-lock --no-audit --no-fund --loglevel=error >/dev/null 2>&1; then
    lacks 'tests/peers' 'npm could not install them'
  fi
}

fetch_system_packages
fetch_npm_packages
if [ -n "$missing" ]; then
  printf 'not to be had here:%s\n' "$missing"
else
  printf 'nothing that the tests can use is missing.\n'
fi
