# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the server scripts of this folder share. Each of them is used as
#     SCRIPT install         installs the server where it is missing
#     SCRIPT start DIR       starts it on loopback with its files in DIR, makes a bucket, and writes DIR/env:
#                            S3_ENDPOINT S3_ACCESS_KEY S3_SECRET_KEY S3_BUCKET, a line each, which it prints too
#     SCRIPT stop DIR        stops what was started with that DIR and removes the server's data
# and defines install_server, start_server DIR (which leaves pids in DIR/*.pid) and the S3_ variables.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$root/scripts/lib/common.sh"

S3_ACCESS_KEY=testaccess
S3_SECRET_KEY=testsecret
S3_BUCKET="test"

stop_server() {
  local pid_file
  for pid_file in "$1"/*.pid; do
    [[ -s $pid_file ]] && stop_process "$(<"$pid_file")"
  done
  rm -rf "${1:?}"
}

server_main() {
  local action=${1:-} dir=${2:-}
  case $action in
    install) install_server ;;
    stop) stop_server "${dir:?which DIR?}" ;;
    start)
      mkdir -p "${dir:?which DIR?}"
      dir=$(cd "$dir" && pwd -P)
      # A start that fails half-way leaves nothing running.
      trap 'stop_server "$dir"' EXIT INT TERM
      install_server >&2 || exit 1
      start_server "$dir" || exit 1
      export S3_ENDPOINT S3_ACCESS_KEY S3_SECRET_KEY S3_BUCKET
      /usr/bin/python3 "$root/tests/real/s3.py" wait 90 || { tail -n 20 "$dir"/*.log >&2; exit 1; }
      /usr/bin/python3 "$root/tests/real/s3.py" create-bucket || exit 1
      trap - EXIT INT TERM
      printf '%s\n' "S3_ENDPOINT=$S3_ENDPOINT" "S3_ACCESS_KEY=$S3_ACCESS_KEY" "S3_SECRET_KEY=$S3_SECRET_KEY" \
        "S3_BUCKET=$S3_BUCKET" | tee "$dir/env"
      ;;
    *) complain "usage: $0 install | start DIR | stop DIR"; exit 2 ;;
  esac
}
