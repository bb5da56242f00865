# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Runs the steps of a script one after the other, and shows that something happens while they do. Source it after
# common.sh.

# steps_begin LOG_DIR COUNT
steps_begin() {
  steps_logs=$1
  steps_count=$2
  steps_done=0
  step_pid=
  shower_pid=
}

# ask_for_root PACKAGES: where packages must be installed by sudo, asks for its password before the steps hide the terminal.
ask_for_root() {
  [[ -z $1 || $(id -u) -eq 0 ]] && return 0
  command -v sudo >/dev/null || { complain "packages must be installed: run this as root, or install sudo"; exit 1; }
  sudo -v || exit 1
}

# step NAME TITLE COMMAND...: runs the command with its output in a log. Shows the last line while it runs, what it
# printed last when it is done; a failure shows more of the log and ends the script.
step() {
  local name=$1 title=$2 begin=$SECONDS log status
  shift 2
  steps_done=$((steps_done + 1))
  log=$steps_logs/$steps_done-$name.log
  printf '[%s/%s] %s…' "$steps_done" "$steps_count" "$title"
  # A process group of its own: stop_step can end everything that the command started.
  set -m
  "$@" >"$log" 2>&1 </dev/null &
  step_pid=$!
  set +m
  show_progress "[$steps_done/$steps_count] $title…" "$begin" "$log" &
  shower_pid=$!
  wait "$step_pid"
  status=$?
  step_pid=
  stop_progress
  [[ -t 1 ]] && printf '\r\033[K[%s/%s] %s…' "$steps_done" "$steps_count" "$title"
  if [[ $status -ne 0 ]]; then
    printf ' failed after %s s\n\n' $((SECONDS - begin))
    tail -n 25 "$log" | tr '\r' '\n' | sed 's/^/    /' >&2
    complain ""
    complain "Step $steps_done of $steps_count ($title) failed; the end of its output is above, all of it in $log"
    exit 1
  fi
  printf ' %s s\n' $((SECONDS - begin))
  tail -n 3 "$log" | grep -v '^ *$' | cut -c1-110 | sed 's/^/      /'
}

# show_progress TITLE BEGIN LOG: on a terminal, keeps a line with the time and what the log says last.
show_progress() {
  [[ -t 1 ]] || return 0
  local columns last
  columns=$(tput cols 2>/dev/null || echo 100)
  while sleep 1; do
    last=$(tail -c 400 "$3" 2>/dev/null | tr '\r' '\n' | grep -v '^ *$' | tail -n 1 | tr -cd '[:print:]')
    printf '\r\033[K%s' "$(printf '%s %s s: %s' "$1" $((SECONDS - $2)) "$last" | cut -c1-$((columns - 1)))"
  done
}

stop_progress() {
  [[ -n ${shower_pid:-} ]] || return 0
  kill "$shower_pid" 2>/dev/null
  wait "$shower_pid" 2>/dev/null
  shower_pid=
}

# stop_step: ends the step that is running, with everything it started.
stop_step() {
  stop_progress
  [[ -n ${step_pid:-} ]] || return 0
  kill -TERM -- "-$step_pid" 2>/dev/null
  wait "$step_pid" 2>/dev/null
  step_pid=
}
