#!/bin/sh
# Brings the vendored scripts up to date with package.json, and their
# checksums. Needs npm; nothing else in the repository does.
set -eu
cd "$(dirname "$0")"
vendor=../assets/vendor
npm ci --silent --no-audit --no-fund
npx esbuild codemirror.js --bundle --minify --format=esm --target=es2022 --legal-comments=none --outfile="$vendor/codemirror.js"
cp node_modules/htmx.org/dist/htmx.min.js "$vendor/htmx.min.js"
cp node_modules/htmx.org/LICENSE "$vendor/htmx.LICENSE"
cp node_modules/@codemirror/view/LICENSE "$vendor/codemirror.LICENSE"
(cd "$vendor" && sha256sum codemirror.js htmx.min.js >SHA256SUMS)
cat "$vendor/SHA256SUMS"
