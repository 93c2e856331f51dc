# Shared by the start-… scripts of this folder: a private folder, daemons in it, and an end that leaves nothing behind.
#
# A starter prints lines for test/hsm/modules/module-process.ts, `NAME VALUE`: `module PATH`, `environment NAME=VALUE`,
# `parameters TEXT` (libraryParameters of C_Initialize), `program PATH` (what to start a signer process with in place of
# Node), `folder PATH`, `daemon NAME PID`, and at last `ready`. It then waits, and takes everything down at the end of its
# standard input or at a signal: so nothing is left running when the process that started it is killed.
# Exit status: 0 taken down, 3 cannot run here (the last line on stderr says why), else the starter is broken.
set -euo pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
daemons=()
folder=''

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
cannot() {
  printf '%s\n' "$*" >&2
  exit 3
}

take_down() {
  local status=$? pid index
  trap '' INT TERM HUP PIPE
  # The last one started first: it uses the ones before it.
  for ((index = ${#daemons[@]} - 1; index >= 0; index--)); do
    pid=${daemons[index]}
    kill "$pid" 2>/dev/null || continue
    for _ in {1..40}; do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  [[ -z $folder ]] || rm -rf -- "$folder" || true
  exit "$status"
}
trap take_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# Short, and without a blank: paths of sockets have 107 bytes, and configuration files no quotes.
make_folder() {
  folder=$(mktemp -d "${RINGMINT_MODULES_FOLDER:-/tmp}/ringmint-$1.XXXXXX")
  chmod 700 "$folder"
  # SIGKILL of the starter leaves its folder: whoever comes next and finds its process gone removes it.
  printf '%s\n' "$$" >"$folder/starter"
  local other
  for other in "${folder%/*}/ringmint-$1".*/; do
    [[ $other == "$folder/" || ! -O $other || ! -f $other/starter ]] || kill -0 "$(<"$other/starter")" 2>/dev/null || rm -rf -- "$other"
  done
  printf 'folder %s\n' "$folder"
}

# Starts a daemon with its output in a file; `start_daemon NAME COMMAND…`.
start_daemon() {
  local name=$1
  shift
  # PDEATHSIG: a daemon ends with its starter even where that was killed.
  "${dies_with_starter[@]}" "$@" >"$folder/$name.log" 2>&1 </dev/null &
  daemons+=("$!")
  printf 'daemon %s %s\n' "$name" "$!"
}
dies_with_starter=()
if command -v setpriv >/dev/null && [[ $(setpriv --help 2>&1) == *pdeathsig* ]]; then dies_with_starter=(setpriv --pdeathsig TERM); fi

# Waits until a command succeeds; fails with the daemon's output where it ends first or takes over ten seconds.
await() {
  local name=$1
  shift
  for _ in {1..200}; do
    "$@" >/dev/null 2>&1 && return 0
    kill -0 "${daemons[-1]}" 2>/dev/null || break
    sleep 0.05
  done
  say "$name does not come up: $(tail -n 3 "$folder/$name.log" | tr '\n' ' ')"
  exit 1
}

# Whether the daemon that was started last listens on a socket bound to this path. The file alone says nothing: between
# bind and listen it is there, and refuses connections. 00010000 is __SO_ACCEPTCON (proc(5), /proc/net/unix).
listens() {
  local socket inode
  for socket in /proc/"${daemons[-1]}"/fd/*; do
    inode=$(readlink "$socket") || continue
    [[ $inode == socket:* ]] || continue
    inode=${inode//[^0-9]/}
    awk -v inode="$inode" -v path="$1" '$4 == "00010000" && $7 == inode && $8 == path { found = 1 } END { exit !found }' /proc/net/unix && return 0
  done
  return 1
}

# Says that all is up, and holds it up.
hold() {
  printf 'ready\n'
  # In the background, since a `wait` ends at a signal at once.
  exec {input}<&0
  cat <&"$input" >/dev/null &
  wait "$!" || true
}
