# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the project's scripts share. Source it; it defines functions and runs nothing.

# Packages by purpose; together they are all that a fresh machine needs.
# shellcheck disable=SC2034
{
  PACKAGES_BUILD=(g++ cmake ninja-build pkg-config ccache libfuse3-dev fuse3 libcurl4-openssl-dev libssl-dev
    libxml2-dev libisal-dev libabsl-dev libxxhash-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev prometheus-cpp-dev)
  PACKAGES_LIBFUSE=(dpkg-dev xz-utils meson ninja-build pkg-config liburing-dev libnuma-dev)
  PACKAGES_PACKAGE=(cmake ninja-build binutils dpkg-dev rpm)
  PACKAGES_DEMO=(python3 python3-torch python3-torchvision python3-sklearn python3-pil python3-numpy)
  PACKAGES_TEST=(catch2 clang clang-tidy clang-format shellcheck git curl procps util-linux mount
    e2fsprogs xfsprogs rsync vim-tiny perl make fio dbench attr acl python3-h5py python3-pip python3-yaml man-db systemd
    prometheus tmux logrotate)
}

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }

# as_root COMMAND...: as it is for root, through sudo for others.
as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    complain "this needs root: run it as root, or install sudo"
    return 1
  fi
}

# missing_packages NAME...: prints those that are not installed.
missing_packages() {
  local name
  for name in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || printf '%s\n' "$name"
  done
}

# install_packages NAME...: installs what is missing with apt, without recommended extras.
install_packages() {
  local -a missing
  mapfile -t missing < <(missing_packages "$@")
  if [[ ${#missing[@]} -eq 0 ]]; then
    say "every package is installed already"
    return 0
  fi
  if ! command -v apt-get >/dev/null; then
    complain "no apt-get here: please install what these Debian packages contain: ${missing[*]}"
    return 1
  fi
  say "installing ${missing[*]}"
  # The lock time-out: a fresh machine often runs its own updates in the background. Lists first as they are; a new
  # download of them only where a package is unknown or its version is gone.
  local -a apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -q)
  local -a install=("${apt[@]}" install -y --no-install-recommends "${missing[@]}")
  as_root "${install[@]}" </dev/null && return 0
  as_root "${apt[@]}" update </dev/null && as_root "${install[@]}" </dev/null
}

# install_clang_runtime: what clang links programs with that have sanitizers. Its package is named after clang's version.
install_clang_runtime() { install_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"; }

# is_mounted DIR: true where DIR itself is a mount point, also one whose daemon is gone.
is_mounted() {
  local dir
  dir=$(cd "$(dirname "$1")" 2>/dev/null && printf '%s/%s' "$(pwd -P)" "$(basename "$1")") || return 1
  awk -v dir="$dir" '$2 == dir { found = 1 } END { exit !found }' /proc/self/mounts
}

# take_down_mount DIR: unmounts DIR, in order if that works, by force if it does not.
take_down_mount() {
  local dir=$1
  is_mounted "$dir" || return 0
  timeout 60 fusermount3 -u "$dir" 2>/dev/null && return 0
  timeout 20 fusermount3 -u -z "$dir" 2>/dev/null && return 0
  as_root umount -l "$dir"
}

# wait_for SECONDS COMMAND...: tries the command every 100 ms until it succeeds; fails after that time.
wait_for() {
  local limit=$1 deadline
  shift
  deadline=$((SECONDS + limit))
  until "$@"; do
    [[ $SECONDS -lt $deadline ]] || return 1
    sleep 0.1
  done
}

# stop_process PID: asks it to end, and after ten seconds makes it.
stop_process() {
  local pid=$1
  kill "$pid" 2>/dev/null || return 0
  wait_for 10 not_running "$pid" || kill -KILL "$pid" 2>/dev/null || true
}

# not_running PID: true where there is no such process, or only its zombie.
not_running() {
  local state
  state=$(awk '/^State:/ { print $2 }' "/proc/$1/status" 2>/dev/null) || return 0
  [[ -z $state || $state == Z ]]
}

# free_port: a TCP port of the loopback interface that nothing listens on, below the range the kernel hands out.
free_port() {
  /usr/bin/python3 - <<'PYTHON'
import random, socket
while True:
    port = random.randint(15000, 31000)
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
PYTHON
}
