#!/bin/sh
# Makes static/vendor/discord-markdown/ anew, from npm. Its result is committed: nobody needs Node to run the site.
set -eu

parser=1.3.1
original=0.7.3 # whose code discord-markdown-parser has a copy of; here for its licence
esbuild=0.28.2
here=$(cd "$(dirname "$0")" && pwd)
out="$here/../static/vendor/discord-markdown"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here/vendor/discord-markdown.js" "$work/entry.js"
cd "$work"
npm init --yes >/dev/null
npm install --silent "discord-markdown-parser@$parser" "simple-markdown@$original" "esbuild@$esbuild"
mkdir -p "$out"
npx esbuild entry.js --bundle --minify --format=esm --target=es2022 --outfile="$out/discord-markdown.js" \
  --banner:js="// discord-markdown-parser $parser, with simple-markdown in it. Made by scripts/vendor.sh; see LICENSE."
cat node_modules/discord-markdown-parser/LICENSE >"$out/LICENSE"
printf '\n\nsimple-markdown, which is a part of it:\n\n' >>"$out/LICENSE"
cat node_modules/simple-markdown/LICENSE >>"$out/LICENSE"
