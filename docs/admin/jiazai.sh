# Sourced by the scripts beside it; POSIX sh, with curl 7.76 or newer and jq.
#
#   JIAZAI        where the server is; the demonstration when unset
#   JIAZAI_TOKEN  an access token (sign-in.sh prints one) or an API key
#
# A script ends with 0 when it is done, 1 when it refuses by itself, 2 when it was called wrongly, and with curl's code
# otherwise: 22 when the server refused (its problem document is on standard error), 7 when there is no server.
# shellcheck shell=sh

set -eu
API="${JIAZAI:-http://127.0.0.1:8080}/api/v1"

usage() {
    [ "$1" -ge "$2" ] || { sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2; }
}

say() { printf '%s\n' "$*" >&2; }

# Neither the token nor a body may stand on a command line, where everybody on the machine can read it: curl reads both
# from its standard input, as lines of a configuration. JSON's way of quoting is also curl's.
quoted() { printf '%s = %s\n' "$1" "$(printf '%s' "$2" | jq -Rs .)"; }

# ask METHOD PATH [JSON [HEADER…]] prints the answer.
ask() {
    ask_method=$1 ask_path=$2 ask_body=${3-}
    [ $# -lt 3 ] && shift 2 || shift 3
    ask_answer=$({
        [ -z "${JIAZAI_TOKEN-}" ] || quoted header "Authorization: Bearer $JIAZAI_TOKEN"
        [ -z "$ask_body" ] || { quoted header 'Content-Type: application/json'; quoted data-binary "$ask_body"; }
        for ask_header; do quoted header "$ask_header"; done
    } | curl -sS --fail-with-body --max-time 60 -X "$ask_method" --config - "$API$ask_path") || {
        ask_code=$?
        say "$ask_answer"
        return $ask_code
    }
    printf '%s\n' "$ask_answer"
}

# pick FILTER METHOD PATH [JSON [HEADER…]] prints what a jq filter makes of the answer. A pipe would forget a refusal.
pick() {
    pick_filter=$1
    shift
    pick_answer=$(ask "$@") || return $?
    printf '%s\n' "$pick_answer" | jq -rc "$pick_filter"
}

# all PATH prints every item of a list, one a line, whatever number of pages that takes.
all() {
    case $1 in *\?*) all_path="$1&limit=100" ;; *) all_path="$1?limit=100" ;; esac
    all_cursor=
    while :; do
        all_page=$(ask GET "$all_path$all_cursor") || return $?
        printf '%s\n' "$all_page" | jq -c '.items[]'
        all_next=$(printf '%s\n' "$all_page" | jq -r '.next_cursor // empty')
        [ -n "$all_next" ] || return 0
        all_cursor="&cursor=$all_next"
    done
}

# one NAME VALUE PATH prints the item of a list whose field has this value, or nothing.
one() {
    one_items=$(all "$3") || return $?
    printf '%s\n' "$one_items" | jq -c --arg value "$2" "select(.$1 == \$value)" | head -n 1
}

# value NAME takes a field out of the JSON on its standard input.
value() { jq -r ".$1"; }

# must WHAT JSON ends the script when there is none.
must() { [ -n "$2" ] || { say "there is no $1"; exit 1; }; }

# community CODE prints its id.
community() {
    community_found=$(one code "$1" /communities) || return $?
    must "community $1" "$community_found"
    printf '%s\n' "$community_found" | value id
}

# staff USERNAME prints the account.
staff() {
    staff_found=$(one username "$1" /staff) || return $?
    must "account $1" "$staff_found"
    printf '%s\n' "$staff_found"
}
