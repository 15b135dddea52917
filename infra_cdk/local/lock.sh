#!/bin/sh
# Locks every dependency group of pyproject.toml into layers/requirements/<group>.txt, with hashes and no index address,
# and the npm packages. Layers are held to the versions of `dev`, so that the tests test what is deployed.
set -eu
cd "$(dirname "$0")/../.."
uv=${UV:-.tools/bin/uv}
locks=layers/requirements

lock() {
    group=$1
    shift
    "$uv" pip compile --quiet --group "$group" --universal --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --output-file "$locks/$group.txt" "$@"
    echo "$locks/$group.txt"
}

lock dev --python-version 3.13 --upgrade
for group in base claude finding kafka policy postgres tracing; do
    lock "$group" --python-version 3.13 --constraint "$locks/dev.txt"
done
lock emulator --python-version 3.13 --upgrade
lock tools --python-version 3.8 --upgrade # installed by whatever Python the machine has

for folder in infra_cdk web; do
    npm --prefix "$folder" install --package-lock-only --ignore-scripts --no-audit --no-fund \
        --omit-lockfile-registry-resolved
    echo "$folder/package-lock.json"
done
