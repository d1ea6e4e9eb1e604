#!/bin/sh
# Drives Worker Manager over the Temporal server's HTTP API, with curl (7.76 or newer) and base64 alone.
#
#     edit.sh [NAME]      starts the worker type NAME (http-example) and the shared config NAME-regions, then edits
#
# TEMPORAL_HTTP        where the API is: the server's --http-port (http://127.0.0.1:7243)
# TEMPORAL_NAMESPACE   namespace (default)
set -eu

name=${1:-http-example}
workflows=${TEMPORAL_HTTP:-http://127.0.0.1:7243}/api/v1/namespaces/${TEMPORAL_NAMESPACE:-default}/workflows
config=shared-config:$name-regions worker=worker-type:$name

fail() { printf 'edit.sh: %s\n' "$*" >&2; exit 1; }

case $name in '' | *[!A-Za-z0-9._-]*) fail "name '$name': letters, digits, '.', '_' and '-' only" ;; esac

# call PATH [BODY]: GET, or POST of a body. $answer is what the server says, one member a line.
call() {
  answer=$(curl --silent --show-error --fail-with-body --max-time 60 --header 'Accept: application/json+pretty' \
    ${2:+--header 'Content-Type: application/json' --data "$2"} "$workflows/$1")
}
has() { printf '%s\n' "$answer" | grep -q "^$1"; } # with its indentation: payloads may have members of the same name
is_accepted() { has '    "success":'; }
is_refused() { has '        "type": *"ConfigInvalid"'; } # the type of the failure; its details are the reasons
said() {
  message=$(printf '%s\n' "$answer" | sed -n 's/^ *"message": *"\(.*\)",*$/\1/p' | head -n 1)
  printf '%s' "${message:-no answer (do the server at $workflows and a worker run?)}"
}
show() {
  printf '\n# %s\n' "$1"
  printf '%s\n' "$answer" | sed -n "/^  \"$2\"/,/^  []}]/p" | grep -v '^ *"stackTrace"'
}

# payload JSON: in full. The API also takes the bare JSON, but makes null of every empty list in it.
payload() {
  printf '{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "%s"}' "$(printf '%s' "$1" | base64 | tr -d '\n')"
}

# update WORKFLOW NAME [JSON]: waits for the outcome. HTTP 200 says only that there is one: "success" or "failure".
update() {
  call "$1/update/$2" '{
    "waitPolicy": {"lifecycleStage": "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED"},
    "request": {"meta": {}, "input": {"args": ['"${3:+$(payload "$3")}"']}}
  }'
}
accepted() {
  { update "$@" && is_accepted; } || fail "$1: $2 was not accepted: $(said)"
  show "$1: $2" outcome
}
refused() {
  { update "$@" && is_refused; } || fail "$1: $2 should have been refused, but: $(said)"
  show "$1: $2 is refused" outcome
}

# start TYPE WORKFLOW JSON: the server takes any input; the update `started` answers once our worker has accepted it.
start() {
  call "$2" '{
    "workflowType": {"name": "'"$1"'"}, "taskQueue": {"name": "worker-manager"}, "input": ['"$(payload "$3")"']
  }' || fail "$2: not started: $(said)"
  if ! update "$2" started || has '    "failure":'; then # the workflow has ended: its last event says why
    call "$2/history?historyEventFilterType=HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT" || :
    fail "$2: the start was refused: $(said)"
  fi
  is_accepted || fail "$2: not accepted: $(said)"
  show "$2: started" outcome
}

regions() { printf '[{"region": "us-west-1", "launchSpec": {"ImageId": "%s"}}]' "$1"; }

start SharedConfig "$config" '{
  "name": "'"$name"'-regions", "schema": "/schemas/common/aws-regions.json#",
  "value": '"$(regions ami-06adcae0cf519fda6)"'
}'
start WorkerType "$worker" '{
  "workerType": "'"$name"'", "provider": "aws-provider", "minCapacity": 0, "maxCapacity": 20,
  "description": "Started over HTTP", "owner": "fleet-owner@example.org", "scopes": [],
  "regions": {"$eval": "context.'"$name"'-regions"},
  "instanceTypes": [{"instanceType": "m5.large", "capacity": 1, "utility": 1}]
}'
accepted "$worker" set_demand '{"pending": 2, "claimed": 0}'

# A new image for all who share it; then what is no image, then none at all, which would break the worker type.
accepted "$config" apply_config '{"value": '"$(regions ami-0123456789abcdef0)"', "reason": "new image"}'
refused "$config" apply_config '{"value": '"$(regions ubuntu)"', "reason": "a name is no image id"}'
refused "$config" apply_config '{"value": [{"region": "us-west-1"}], "reason": "no image"}'

call "$worker/query/status" '{}' || fail "$worker: no status: $(said)"
show "$worker: status" queryResult
