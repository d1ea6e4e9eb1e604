#!/bin/sh
# Creates the namespace and the search attributes that Worker Manager writes; safe to repeat.
# Reads TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, as the Temporal CLI itself does. Fails when a search attribute exists with
# another type: nothing could be written to it.
set -eu
: "${TEMPORAL_ADDRESS:?set it to host:port of the Temporal frontend}"
: "${TEMPORAL_NAMESPACE:?set it to the namespace Worker Manager is to use}"

retry() { # retry COMMAND...: once a second, as a new server or namespace is known to every node only after a while
  tries=0
  until answer=$("$@" 2>&1); do
    tries=$((tries + 1))
    case $answer in *'different type'*) limit=1 ;; *) limit=${SETUP_TRIES:-60} ;; esac   # time does not heal that
    if [ "$tries" -ge "$limit" ]; then
      echo "setup-namespace: '$*' at $TEMPORAL_ADDRESS failed after $tries tries: $answer" >&2
      exit 1
    fi
    sleep 1
  done
}

retry temporal operator cluster health
if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  retry temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "${NAMESPACE_RETENTION:-7d}"
fi
# Fewer would not do, more does not fit: SQL visibility has 3 Int, 3 KeywordList and 10 Keyword attributes a namespace.
retry temporal operator search-attribute create \
  --name WmState --type Keyword \
  --name WmProvider --type Keyword \
  --name WmOwner --type Keyword \
  --name WmActual --type Int \
  --name WmDesired --type Int \
  --name WmSharedConfigs --type KeywordList
echo "setup-namespace: namespace '$TEMPORAL_NAMESPACE' is ready"
