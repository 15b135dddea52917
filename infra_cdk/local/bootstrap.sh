#!/bin/sh
# Installs what the platform needs on this machine, below the repository and nowhere else:
#   bootstrap.sh tools            uv, pinned and hashed, into .tools
#   bootstrap.sh python           Python 3.13 and every package, into .venv
#   bootstrap.sh emulator         the AWS emulator, into .venv-emulator
#   bootstrap.sh npm FOLDER       the npm packages of a folder
#   bootstrap.sh step TITLE COMMAND…   runs a command and shows how long it takes
# Each leaves a stamp, `.synced`, that the Makefile compares with the lock file.
set -eu
cd "$(dirname "$0")/../.."
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH VIRTUAL_ENV

python_version=3.13
node_version=20.19
uv=.tools/bin/uv

fail() {
    printf '\n✗ %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

# step TITLE COMMAND…: on a terminal a line that counts seconds, elsewhere a line now and every ten seconds.
step() {
    title=$1
    shift
    log=$(mktemp)
    began=$(date +%s)
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; rm -f "$log"; printf "\n"; exit 130' INT TERM HUP
    [ -t 1 ] || printf '  %s …\n' "$title"
    told=0
    while kill -0 "$pid" 2>/dev/null; do
        seconds=$(($(date +%s) - began))
        if [ -t 1 ]; then
            printf '\r  %s … %s s' "$title" "$seconds"
        elif [ "$seconds" -ge $((told + 10)) ]; then
            told=$seconds
            printf '  %s … (%s s)\n' "$title" "$seconds"
        fi
        sleep 0.2
    done
    code=0
    wait "$pid" || code=$?
    trap - INT TERM HUP
    [ -t 1 ] && printf '\r\033[K'
    if [ "$code" -ne 0 ]; then
        printf '✗ %s failed (exit code %s):\n' "$title" "$code" >&2
        tail -n 30 "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
    printf '✓ %s (%s s)\n' "$title" $(($(date +%s) - began))
}

tools() {
    command -v python3 >/dev/null || fail "Python 3 is missing." \
        "Debian, Ubuntu: apt-get install python3 python3-venv      macOS: brew install python@$python_version"
    python3 -c 'import ensurepip, venv' 2>/dev/null || fail "Python's venv module is missing." \
        "Debian, Ubuntu: apt-get install python3-venv"
    step "Installing uv" sh -euc '
        python3 -m venv --clear .tools
        .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
            --requirement layers/requirements/tools.txt'
    touch .tools/.synced
}

is_wanted_python() {
    [ -x "$1" ] && [ "$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$python_version" ]
}

# Prints the path of a Python 3.13.
find_python() {
    if [ -n "${PLATFORM_PYTHON:-}" ]; then
        is_wanted_python "$PLATFORM_PYTHON" || fail "PLATFORM_PYTHON=$PLATFORM_PYTHON is not a Python $python_version." \
            "Name the interpreter's full path, or leave PLATFORM_PYTHON unset."
        echo "$PLATFORM_PYTHON"
        return
    fi
    for found in "$($uv python find --system --no-project --no-python-downloads --quiet $python_version 2>/dev/null)" \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/$python_version.*/bin/python; do
        if is_wanted_python "$found"; then
            echo "$found"
            return
        fi
    done
    fail "Python $python_version is missing; the platform runs on it, as its functions do on AWS." "Any one of these installs it:" \
        "  $uv python install $python_version" "  pyenv install $python_version" \
        "  apt-get install python$python_version python$python_version-venv   (Debian 13, Ubuntu 25.04 or later)" \
        "or name one by PLATFORM_PYTHON=/path/to/python$python_version"
}

# environment FOLDER REQUIREMENTS TITLE: a virtual environment with exactly these packages.
environment() {
    python=$(find_python)
    is_wanted_python "$1/bin/python" || $uv venv --quiet --clear --python "$python" "$1"
    step "$3" $uv pip sync --require-hashes --compile-bytecode --python "$1/bin/python" "layers/requirements/$2"
    touch "$1/.synced"
}

npm_packages() {
    remedy="Debian 13, Ubuntu: apt-get install nodejs npm      others: https://nodejs.org/en/download"
    command -v node >/dev/null || fail "Node.js is missing; CDK and the web site need $node_version or later." "$remedy"
    node -e '
        const [major, minor] = process.versions.node.split(".").map(Number), [wanted, least] = process.argv[1].split(".").map(Number)
        process.exit(major > wanted || (major === wanted && minor >= least) ? 0 : 1)
    ' "$node_version" || fail "Node.js $(node --version) is too old; CDK and the web site need $node_version or later." "$remedy"
    command -v npm >/dev/null || fail "npm is missing; it belongs to Node.js." "$remedy"
    step "Installing the npm packages of $1" npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund
    touch "$1/node_modules/.synced"
}

case ${1:-} in
    tools) tools ;;
    python) environment .venv dev.txt "Installing Python packages" ;;
    emulator) environment .venv-emulator emulator.txt "Installing the AWS emulator" ;;
    npm) npm_packages "$2" ;;
    step) shift && step "$@" ;;
    *) fail "bootstrap.sh: unknown command '${1:-}'" ;;
esac
