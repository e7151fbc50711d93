#!/bin/sh
# Sends again what partners' endpoints did not take in three days of trying, for every endpoint that is not disabled, and prints
# each. Twice: what is on its way again, or has arrived, is left alone.
# usage: resend-failed.sh
. "$(dirname "$0")/jiazai.sh"
hooks=$(all /webhooks)
for hook in $(printf '%s\n' "$hooks" | jq -r 'select(.state == "active") | .id'); do
    failed=$(all "/webhooks/$hook/deliveries?state=failed")
    for delivery in $(printf '%s\n' "$failed" | jq -r .id); do
        pick '{id, webhook_id, type, state}' POST "/deliveries/$delivery/replay" '{}'
    done
done
printf '%s\n' "$hooks" | jq -r 'select(.state != "active") | "disabled, so left alone: \(.url)"' >&2
