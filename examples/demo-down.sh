#!/bin/sh
# `make demo-down`: ends the demo's daemon and takes the lab down. Safe to repeat.
set -eu
cd "$(dirname "$0")/.."
site="${GITVIRT_DEMO:-$PWD/.cache/demo}"
if [ -s "$site/daemon.pid" ]; then
    pid=$(cat "$site/daemon.pid")
    # pids are used again: only a process that is our daemon is ended
    if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "gitvirt daemon $site"; then
        kill "$pid"
        i=0; while [ -d "/proc/$pid" ] && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done
    fi
    rm -f "$site/daemon.pid"
fi
.venv/bin/gitvirt lab down --keep-cache
rm -rf "$site"
