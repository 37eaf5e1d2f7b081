#!/bin/sh
# After the package is installed or upgraded: a master key at the first time,
# never another one. Services are started by who installs.
set -eu
key=/etc/penstock/master_key
if [ ! -e "$key" ]; then
  (umask 077 && head -c 32 /dev/urandom | base64 >"$key")
  echo "penstock: made $key: it encrypts the secrets in Redis, and losing it loses them. Every machine needs the same one."
fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
