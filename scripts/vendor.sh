#!/bin/sh
# Makes static/vendor/discord-markdown/ and static/vendor/noble-hashes/ anew, from npm. Its result is committed: nobody needs Node to run the site.
set -eu

parser=1.3.1
original=0.7.3 # whose code discord-markdown-parser has a copy of; here for its licence
hashes=2.4.0
esbuild=0.28.2
here=$(cd "$(dirname "$0")" && pwd)
vendor="$here/../static/vendor"
out="$vendor/discord-markdown"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here/vendor/discord-markdown.js" "$work/entry.js"
cp "$here/vendor/sha256.js" "$work/sha256.js"
cd "$work"
npm init --yes >/dev/null
npm install --silent "discord-markdown-parser@$parser" "simple-markdown@$original" "@noble/hashes@$hashes" "esbuild@$esbuild"
mkdir -p "$out" "$vendor/noble-hashes"
npx esbuild entry.js --bundle --minify --format=esm --target=es2022 --outfile="$out/discord-markdown.js" \
  --banner:js="// discord-markdown-parser $parser, with simple-markdown in it. Made by scripts/vendor.sh; see LICENSE."
cat node_modules/discord-markdown-parser/LICENSE >"$out/LICENSE"
printf '\n\nsimple-markdown, which is a part of it:\n\n' >>"$out/LICENSE"
cat node_modules/simple-markdown/LICENSE >>"$out/LICENSE"

npx esbuild sha256.js --bundle --minify --format=esm --target=es2022 --outfile="$vendor/noble-hashes/sha256.js" \
  --banner:js="// SHA-256 of @noble/hashes $hashes. Made by scripts/vendor.sh; see LICENSE."
cp node_modules/@noble/hashes/LICENSE "$vendor/noble-hashes/LICENSE"
