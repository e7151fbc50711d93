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

# held --include-path-regex PATHS, or held PATHS for all others: generated requests against the server, all phases. What would shut
# this caller out is left to the suite: logging out, passwords, accounts of staff. OAuth and Open311 have ways of their own to say who
# calls.
held() {
    left_out='^/api/v1/(auth|me/totp|me/password|staff/\{id\})|^/docs|^/openapi.yaml|^/oauth|^/open311'
    [ $# -eq 2 ] || { left_out="$left_out|$1"; set --; }
    SCHEMATHESIS_HOOKS=hooks "$work/venv/bin/schemathesis" --config-file schemathesis.toml run "$work/openapi.json" --url "$JIAZAI" \
        --phases examples,coverage,fuzzing,stateful --max-examples "${EXAMPLES:-1}" --seed "${SEED:-1}" --workers 1 --warnings off --no-color \
        --suppress-health-check all --generation-database none --exclude-path-regex "$left_out" "$@"
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
    # Two halves side by side, each with one worker: several workers of one process disturb each other's stack depth in the tool
    # itself. The same seed and number of examples every time, so that what fails here fails again, and the time is bounded.
    half='^/api/v1/(enrolment|schools|volunteer|shifts|sign-ups|swaps|points|certificates|guardian|meta|me)'
    held --include-path-regex "$half" >"$work/half.log" 2>&1 &
    other=$!
    code=0
    held "$half" || code=$?
    wait "$other" || code=$?
    cat "$work/half.log"
    [ "$code" = 0 ] || exit "$code"
    ;;
*)
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 2
    ;;
esac
