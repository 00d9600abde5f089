#!/bin/sh
# secrets.sh FOLDER NAME...: makes a random secret in each FOLDER/NAME that is not there yet.
# 64 hex digits: fit for a configuration file, a header, a URL, and as base64.
set -eu
umask 077
cd "$1"
shift
for name in "$@"; do
    [ -s "$name" ] && continue
    od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' > ".$name.new"
    echo >> ".$name.new"
    mv ".$name.new" "$name"
    echo "made $name"
done
