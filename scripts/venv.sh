#!/bin/sh
# Make .venv with the first Python that is new enough.
set -eu

for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        "$candidate" -c 'import ensurepip' 2>/dev/null || {
            # Debian keeps what `venv` needs in a package of its own.
            echo "$candidate has no ensurepip: installing Debian's python3-venv"
            sudo=; [ "$(id -u)" = 0 ] || sudo="sudo"
            { $sudo apt-get update -qq && $sudo apt-get install -y -qq python3-venv; } >/dev/null || {
                echo "Install the venv module of $candidate (Debian, Ubuntu: apt-get install python3-venv)." >&2
                exit 1
            }
        }
        "$candidate" -m venv --clear .venv
        exit 0
    fi
done
echo "ChatBridge needs Python 3.11 or later: install it, or name it with make PYTHON=/path/to/python3." >&2
exit 1
