#!/bin/sh
# agent.sh NAME OUTPUT [FAILS]: notes its beginning and its end in $CALLS, prints OUTPUT; the first FAILS attempts fail.
call="$AGENTFLOW_IDEMPOTENCY_KEY $1 $AGENTFLOW_ATTEMPT"
echo "+ $call $$" >> "$CALLS"
[ -z "$PAUSE" ] || sleep "$PAUSE"
echo "- $call $$" >> "$CALLS"
[ "$AGENTFLOW_ATTEMPT" -gt "${3:-0}" ] || exit 1
echo "$2"
