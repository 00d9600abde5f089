#!/bin/sh
# Runs the example application with the secrets that provision.sh made.
set -eu
demo=/var/lib/ari-voice/demo
APP_KEY=$(cat "$demo/app-key")
WEBHOOK_SECRET=whsec_$(cat "$demo/webhook-secret")
export APP_KEY WEBHOOK_SECRET
cd /opt/ari-voice
exec python3 -m examples.enablex_ivr
