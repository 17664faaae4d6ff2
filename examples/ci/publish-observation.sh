#!/bin/sh
# Publish what the hosts report now, signed, on the branch `observed`: for plans where no host can be reached.
#
#   publish-observation.sh REPOSITORY KEY
#
# REPOSITORY is a clone of its own, whose `origin` may be pushed to, KEY an SSH key that .gitvirt/signers on the main branch names.
# Run it from cron or a timer, on a machine that reaches the hosts. The branch has one commit and no history.
set -eu
repository=$1 key=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$repository"
git pull --quiet --ff-only
code=0
gitvirt observe --repo . -o "$folder/observed.json" --sign "$key" || code=$?
# 3: a host was not read. That is an observation, too: what it may hold is unknown, and the plan says so.
case $code in 0 | 3) ;; *) exit "$code" ;; esac

observed=$(git hash-object -w "$folder/observed.json")
signature=$(git hash-object -w "$folder/observed.json.sig")
tree=$(printf '100644 blob %s\tobserved.json\n100644 blob %s\tobserved.json.sig\n' "$observed" "$signature" | git mktree)
commit=$(git -c user.name=observer -c user.email=observer@localhost commit-tree -m "What the hosts report" "$tree")
git push --quiet --force origin "$commit:refs/heads/observed"
