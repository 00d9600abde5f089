#!/bin/sh
# Runs the example application with the secrets that provision.sh made.
set -eu
secrets=/var/lib/ari-voice/secrets
APP_KEY=$(cat "$secrets/demo-app-key")
WEBHOOK_SECRET=whsec_$(cat "$secrets/demo-webhook-secret")
export APP_KEY WEBHOOK_SECRET
cd /opt/ari-voice
exec python3 -m examples.enablex_ivr
