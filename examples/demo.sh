#!/bin/sh
# `make demo`: a datacenter of three real libvirt hosts on this machine, run from a Git repository.
# Repeatable; every command is printed before it runs. Leaves the lab and the daemon up to play with: `make demo-down`.
set -eu
cd "$(dirname "$0")/.."
gitvirt="$PWD/.venv/bin/gitvirt"
site="${GITVIRT_DEMO:-$PWD/.cache/demo}"
repo="$site/site"

run() { # as it could be typed: what has a space in it is quoted
    line=
    for word; do
        case $word in *\ *) word="\"$word\"" ;; esac
        line="$line $word"
    done
    printf '\n\033[1m$%s\033[0m\n' "$line" | sed "s|$gitvirt|gitvirt|; s|$PWD/||g"
    "$@"
}
expect() { # CODE COMMAND…: plan says with its code what there is to do
    code=$1; shift
    run "$@" && got=0 || got=$?
    [ "$got" -eq "$code" ] || { echo "expected exit code $code, got $got" >&2; exit 1; }
}
say() { printf '\n── %s\n' "$*"; }

"$PWD/examples/demo-down.sh" >/dev/null 2>&1 || true
mkdir -p "$site"

say "Three libvirt hosts, each in its own namespaces, and a repository that declares them"
run "$gitvirt" lab up --hosts 3 --repo "$repo"
cp -r examples/three-hosts/vms "$repo/"
run git -C "$repo" add .
run git -C "$repo" commit -q -m "Add web and db"

say "What would be done? (exit code 2: there is something to do)"
expect 2 "$gitvirt" plan "$repo"

say "Do it"
run "$gitvirt" apply "$repo" --yes
run "$gitvirt" wait web-01 db-01 --repo "$repo" --for agent --timeout 3m
run "$gitvirt" get vms --repo "$repo" -o wide

say "From here on the daemon does it"
"$gitvirt" daemon "$repo" --interval 30s >"$site/daemon.log" 2>&1 &
echo $! >"$site/daemon.pid"
i=0; until [ -s "$site/daemon.log" ] && grep -q pass.done "$site/daemon.log"; do
    i=$((i + 1)); [ $i -lt 150 ] || { cat "$site/daemon.log"; exit 1; }; sleep 0.2
done

say "A commit: more memory and a second NIC for a running VM, a bigger disk"
sed -i 's/memory: 192MiB/memory: 384MiB/; s/size: 256MiB/size: 512MiB/' "$repo/vms/db.yaml"
sed -i '0,/nics: \[lan\]/s//nics: [lan, back]/' "$repo/vms/web.yaml"
run git -C "$repo" commit -q -a -m "Give db more memory and disk, web-01 a second NIC"
run "$gitvirt" sync "$repo"
run "$gitvirt" logs -n 5 --repo "$repo"
expect 0 "$gitvirt" plan "$repo"

where() { "$gitvirt" get vms --repo "$repo" | awk -v name="$1" '$1 == name { print $3 }'; }

say "Somebody kills a VM outside of gitvirt; the daemon notices"
run "$gitvirt" lab shell "$(where web-01)" -- virsh -q destroy web-01
i=0; until "$gitvirt" wait web-01 --repo "$repo" --for running --timeout 5s >/dev/null 2>&1; do
    i=$((i + 1)); [ $i -lt 12 ] || { tail -n 20 "$site/daemon.log"; exit 1; }
done
run "$gitvirt" logs vm/web-01 -n 2 --repo "$repo"

say "A host into maintenance: its VMs move to the others while they run, and web-01 and web-02 stay apart"
host="$(where db-01)"
run "$gitvirt" maintenance "$host" on --repo "$repo" --reason "more memory" --yes
run "$gitvirt" get vms --repo "$repo"
run "$gitvirt" explain vm/web-02 --repo "$repo" | sed -n 1,5p
run "$gitvirt" maintenance "$host" off --repo "$repo" --yes
run "$gitvirt" status "$repo"

cat <<END

Now it is yours (the lab needs root):
  export PATH="$PWD/.venv/bin:\$PATH"
  cd $repo
  gitvirt get vms -o wide            what runs where
  \$EDITOR vms/web.yaml && git commit -am change && gitvirt sync
  gitvirt console web-02             a serial console; Ctrl-] leaves
  git rm vms/db.yaml && gitvirt plan  held back: db-01 is protected; git reset --hard takes it back
  gitvirt migrate db-01              another host, without stopping; --to HOST --hold to keep it there
  gitvirt cluster upgrade lab        one host after the other is emptied; every VM keeps running
  gitvirt lab power off kvm1         a power cut; gitvirt plan says what it holds back, and why
  tail -f $site/daemon.log
  make -C $PWD demo-down             take it all down
END
