# What the scripts share: the repository's root as working directory, and everything installed that they need.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "$@"
    exit 1
}

# Python of at least 3.11 that really runs (a shim of pyenv may not)
is_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.11 python3.12 python3.13 python3.14; do
        if is_python "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed, and none was found. Install it, or name one: PYTHON=/path/to/python3 $0"
}

# install Debian packages, or say which programs are missing
apt_install() {
    command -v apt-get >/dev/null || fail "missing: $*. There is no apt-get here: please install these yourself."
    local root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "missing: $*. As root: apt-get install $*"
        root=(sudo)
    fi
    say "installing $*"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# install the Debian packages of the programs that are missing: need PROGRAM:PACKAGE...
need() {
    local one missing=()
    export PATH="$PATH:/usr/sbin:/usr/local/sbin"
    for one in "$@"; do
        command -v "${one%%:*}" >/dev/null || missing+=("${one#*:}")
    done
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

need_mosquitto() { need mosquitto:mosquitto; }

# what HiveMQ CE, mochi and aedes are built with
need_broker_tools() { need javac:default-jdk-headless mvn:maven go:golang-go node:nodejs npm:npm; }

# a virtual environment with exactly what a lock names: environment DIRECTORY PYTHON LOCK
environment() {
    local directory=$1 python=$2 lock=requirements/$3.txt stamp
    stamp="$(sha256sum "$lock" | cut -d' ' -f1) $("$python" --version)"
    if [ "$(cat "$directory/.stamp" 2>/dev/null)" = "$stamp" ] && is_python "$directory/bin/python"; then
        return
    fi
    if ! is_python "$directory/bin/python"; then
        "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install "$(basename "$python")-venv"
        "$python" -m venv --clear "$directory"
    fi
    say "installing the packages of $lock into $directory"
    # a lock is complete: pip's resolver may take a newer version than the lock names, and then ends without its hash
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock"
    printf '%s' "$stamp" >"$directory/.stamp"
}

prepare() { environment .venv "$(find_python)" dev; }
