#!/bin/sh
# Declares the demonstration's app, trunk, number and phone, with secrets of this deployment alone.
set -eu
umask 077
secrets=/var/lib/ari-voice/secrets
/opt/ari-voice/secrets.sh "$secrets" demo-app-key demo-webhook-secret demo-phone-password
sed -e "s/@APP_KEY@/$(cat "$secrets/demo-app-key")/" \
    -e "s/@WEBHOOK_SECRET@/whsec_$(cat "$secrets/demo-webhook-secret")/" \
    -e "s/@PHONE_PASSWORD@/$(cat "$secrets/demo-phone-password")/" \
    /opt/ari-voice/sim/demo.toml > /tmp/demo.toml
exec ari-voice apply /tmp/demo.toml
