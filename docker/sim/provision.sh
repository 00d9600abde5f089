#!/bin/sh
# Declares the demonstration's app, trunk, number and phone, with secrets of this deployment alone.
set -eu
umask 077
demo=/var/lib/ari-voice/demo
/opt/ari-voice/secrets.sh "$demo" app-key webhook-secret phone-password
sed -e "s/@APP_KEY@/$(cat "$demo/app-key")/" \
    -e "s/@WEBHOOK_SECRET@/whsec_$(cat "$demo/webhook-secret")/" \
    -e "s/@PHONE_PASSWORD@/$(cat "$demo/phone-password")/" \
    /opt/ari-voice/sim/demo.toml > /tmp/demo.toml
exec ari-voice apply /tmp/demo.toml
