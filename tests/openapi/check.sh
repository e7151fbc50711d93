#!/bin/sh
# The OpenAPI document as others use it: linted, made into clients that run, and held against the server by generated requests.
# usage: check.sh tools|lint|typescript|python|requests
# JIAZAI_BIN names the server; what is made goes to target/openapi.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$here/../../target/openapi
mkdir -p "$work"
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT

# A demonstration on a port of its own, with a fresh folder.
serve() {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    rm -rf "$work/data"
    JIAZAI_RATE_LIMIT=off RUST_LOG=error WECHAT_SIMULATOR_LISTEN=127.0.0.1:0 \
        "${JIAZAI_BIN:-$here/../../target/debug/jiazai}" serve --listen "127.0.0.1:$port" --data-dir "$work/data" >"$work/log" 2>&1 &
    server=$!
    export JIAZAI="http://127.0.0.1:$port"
    curl -sS --retry 60 --retry-delay 1 --retry-connrefused -o /dev/null "$JIAZAI/readyz"
    curl -sS -o "$work/openapi.json" "$JIAZAI/openapi.json"
}

case ${1-} in
tools)
    (cd "$here" && npm install --no-save --no-fund --no-audit)
    [ -x "$work/venv/bin/pip" ] || python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    ;;
lint)
    cd "$here"
    npx spectral lint ../../openapi.yaml --ruleset spectral.yaml --fail-severity=hint
    npx redocly lint --config redocly.yaml ../../openapi.yaml
    ;;
typescript)
    serve
    cd "$here"
    npx openapi-typescript "$work/openapi.json" -o schema.ts
    npx tsc --project . --outDir "$work/typescript"
    ln -sfn "$here/node_modules" "$work/node_modules"
    cp package.json "$work/typescript/"
    node "$work/typescript/scenario.js"
    ;;
python)
    serve
    "$work/venv/bin/openapi-python-client" generate --path "$work/openapi.json" --config "$here/python-client.yaml" --output-path "$work/python" --overwrite >"$work/python.log" 2>&1 ||
        { cat "$work/python.log"; exit 1; }
    # A generator that leaves an operation out says so and goes on; here that is a fault of the document.
    ! grep 'Endpoint will not be generated' "$work/python.log"
    PYTHONPATH=$work/python "$work/venv/bin/python" "$here/scenario.py"
    ;;
requests)
    serve
    cd "$here"
    # What would shut this caller out is left to the suite: logging out, passwords, accounts of staff. One worker, because several
    # disturb each other's stack depth in the tool itself; the same seed every time, so that what fails here fails again.
    SCHEMATHESIS_HOOKS=hooks "$work/venv/bin/schemathesis" --config-file schemathesis.toml run "$work/openapi.json" --url "$JIAZAI" \
        --phases examples,coverage,fuzzing,stateful --max-examples "${EXAMPLES:-1}" --seed "${SEED:-1}" --workers 1 --warnings off --no-color \
        --suppress-health-check all --generation-database none \
        --exclude-path-regex '^/api/v1/(auth|me/totp|me/password|staff/\{id\})|^/docs|^/openapi.yaml|^/oauth|^/open311'
    ;;
*)
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 2
    ;;
esac
