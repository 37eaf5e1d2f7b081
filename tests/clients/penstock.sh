#!/usr/bin/env bash
# Calls a flow at the SmartSYNC door with curl and md5sum, nothing else.
#
#   penstock.sh check [name=value ...] <body     prints the check value
#   penstock.sh run FLOW [name=value ...] <body  runs the flow: GET when the body is empty, else POST
#
# From the environment: PENSTOCK_API_KEY, PENSTOCK_API_SECRET, for run also PENSTOCK_URL.
set -euo pipefail
export LC_ALL=C # bytes, not characters

# canonical drops line breaks, then the white space around what is left.
canonical() {
  tr -d '\r\n' | sed -e 's/^[ \t\x00\x0b]*//' -e 's/[ \t\x00\x0b]*$//'
}

# check BODYFILE name=value ... prints the check value.
check() {
  local body=$1
  shift
  {
    printf '%s\n' "$@" | grep -v '^check=' | sort -t= -k1,1 | cut -d= -f2- | tr '\n' '|'
    [ ! -s "$body" ] || { cat "$body"; printf '|'; }
    printf '%s' "$PENSTOCK_API_SECRET"
  } | md5sum | cut -d' ' -f1
}

# escaped writes every byte as %XX, which is always right.
escaped() {
  printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%'
}

body=$(mktemp)
trap 'rm -f "$body"' EXIT

case ${1-} in
  check)
    shift
    canonical >"$body"
    check "$body" "key=$PENSTOCK_API_KEY" "$@"
    ;;
  run)
    params=("flow=$2" "key=$PENSTOCK_API_KEY" "ts=$(date +%s)" "${@:3}")
    canonical >"$body"
    query="check=$(check "$body" "${params[@]}")"
    for param in "${params[@]}"; do
      query+="&${param%%=*}=$(escaped "${param#*=}")"
    done
    data=()
    [ ! -s "$body" ] || data=(-H 'Content-Type: application/json' --data-binary "@$body")
    # The URL goes in by the configuration: a command line is for all to see.
    printf 'url = "%s/apis/execute.php?%s"\n' "$PENSTOCK_URL" "$query" |
      curl --silent --show-error --fail-with-body --max-time 75 --config - "${data[@]}"
    ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
