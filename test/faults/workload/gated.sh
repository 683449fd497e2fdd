#!/bin/sh
# gated.sh NAME: notes its beginning and its end in $CALLS; in between it waits for the file $PLACE/go-NAME, at most 20 seconds.
call="$AGENTFLOW_IDEMPOTENCY_KEY $1 $AGENTFLOW_ATTEMPT"
echo "+ $call $$" >> "$CALLS"
tries=0
until [ -e "$PLACE/go-$1" ] || [ "$tries" -ge 1000 ]; do
  sleep 0.02
  tries=$((tries + 1))
done
echo "- $call $$" >> "$CALLS"
