#!/bin/sh
# Makes .venv in this checkout and installs into it exactly what requirements.lock says, by hash. Nothing to do: does nothing.
#
#   PYTHON=/path/to/python3.12   the Python to use (else the first suitable one on the PATH)
#   TIDINGS_INSTALLER=pip        by pip alone; else by uv: the machine's own, or the one in the lock
#
# POSIX sh, because a fresh macOS or a slim container has nothing better.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/installed
supported='3.11, 3.12 or 3.13'

say() { printf '%s\n' "$*"; }
give_up() { printf 'tidings: %s\n' "$*" >&2; exit 2; }

is_supported() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

version_of() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null; }

# A name on the PATH may be a shim without a Python behind it, so each one is asked, not only looked up.
find_python() {
  if [ -n "${PYTHON:-}" ]; then
    is_supported "$PYTHON" || give_up "PYTHON=$PYTHON is $(describe "$PYTHON"), and Tidings needs Python $supported; name another one."
    say "$PYTHON"
    return
  fi
  for candidate in python3 python3.13 python3.12 python3.11 python; do
    if is_supported "$candidate"; then
      say "$candidate"
      return
    fi
  done
  give_up "Tidings needs Python $supported, and python3 here is $(describe python3);" \
    "install one of them, or name it: make install PYTHON=/path/to/python3.12"
}

describe() {
  found=$(version_of "$1") || found=
  say "${found:-not to be found}"
}

# What an installation was made from: a change of any of it, or a checkout that moved, makes a new one.
fingerprint() {
  cksum requirements.lock pyproject.toml scripts/install.sh
  pwd
}

is_installed() { is_usable && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ]; }

# A virtual environment holds its own path, so one that was moved would run the code it was moved away from.
is_usable() {
  is_supported "$venv/bin/python" || return 1
  [ ! -f "$stamp" ] || [ "$(tail -n 1 "$stamp")" = "$(pwd)" ] || return 1
  [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$(version_of "$venv/bin/python")" ]
}

make_venv() {
  rm -rf "$venv"
  if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    rm -rf "$venv"
    give_up "$python cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv);" \
      "install what it lacks, or name another Python: make install PYTHON=/path/to/python3.12"
  fi
}

# The lock's own entry for uv, with its hashes.
uv_of_the_lock() { awk '/^[^ #]/ { ours = /^uv==/ } ours' requirements.lock; }

find_uv() {
  if uv --version >/dev/null 2>&1; then
    uv=uv
    return
  fi
  uv=$venv/bin/uv
  "$uv" --version >/dev/null 2>&1 && return
  uv_of_the_lock >"$venv/uv.lock"
  by_pip install --quiet --require-hashes --no-deps -r "$venv/uv.lock" >/dev/null 2>&1 && "$uv" --version >/dev/null 2>&1
}

by_pip() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input "$@"; }

# Not `uv pip sync`: it would take Tidings itself out for a moment, under the feet of a campaign that is sending.
install_by_uv() {
  say "installing the packages of requirements.lock with uv …"
  "$uv" pip install --quiet --no-deps --require-hashes --python "$venv/bin/python" -r requirements.lock &&
    "$uv" pip install --quiet --no-deps --no-build-isolation --python "$venv/bin/python" --editable .
}

# The lock is whole, so nothing is resolved (--no-deps): pip would look for `sqlalchemy[asyncio]`, which Prefect asks
# for, beside the pinned `sqlalchemy`, find a newer one, and refuse it for want of a hash.
install_by_pip() {
  say "installing the packages of requirements.lock with pip (a minute or two) …"
  by_pip install --quiet --progress-bar off --no-deps --require-hashes -r requirements.lock &&
    by_pip install --quiet --no-deps --no-build-isolation --editable .
}

install_packages() {
  if [ "${TIDINGS_INSTALLER:-uv}" = uv ] && find_uv; then
    install_by_uv && return
    # uv does not read pip's configuration, and where there is one, pip may get through.
    say 'uv could not install them; trying with pip.'
  fi
  install_by_pip || give_up "the packages could not be installed (see above);" \
    "check the connection and pip's configuration, then run make install again."
}

is_installed && exit 0
case ${TIDINGS_INSTALLER:-uv} in
  uv | pip) ;;
  *) give_up "TIDINGS_INSTALLER=$TIDINGS_INSTALLER is neither uv nor pip; correct it or leave it out." ;;
esac
python=$(find_python)
is_usable || make_venv
rm -f "$stamp"
install_packages
fingerprint >"$stamp"
say "installed into $venv (Python $(version_of "$venv/bin/python"))"
