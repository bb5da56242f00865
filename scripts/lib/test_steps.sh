# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The steps of scripts/test: name, lane, time limit in seconds, the steps that must have ended before ("-": none), title.
# The lanes run side by side, each in this order, see run_steps.py: "build" computes, "run" tests. What mounts must be in
# the lane "run" or come after the step ctest, for tests there look at all mounts of the machine. Step a-b runs the function
# step_a_b, in a process of its own with PENSTOCK_TEST_WORK and TMPDIR set, and as root in namespaces of its own; it
# succeeds or fails as a whole. Source after common.sh.

# shellcheck disable=SC2034  # used by scripts/test
STEPS=(
  "packages run 1200 - installing what is missing"
  "build build 2400 packages everything, with gcc"
  "servers run 900 packages installing the servers that others wrote"
  "checks run 300 packages layers, sizes, documentation, shell scripts"
  "format run 300 packages clang-format"
  "asan-build build 2400 packages what is tested with AddressSanitizer and UBSan"
  "tsan-build build 2400 packages what is tested with ThreadSanitizer"
  "simulation build 900 build 10,000 seeds of a cluster on one thread"
  "asan build 1800 asan-build unit and contract tests with AddressSanitizer and UBSan"
  "fuzz build 600 asan-build parsers of what others wrote, on kept inputs and changes of them"
  "tsan build 1800 tsan-build unit and contract tests with ThreadSanitizer"
  "tidy build 1800 packages clang-tidy, and the locks by clang"
  "contract build 900 build,servers every store: memory, folder, own server, radosgw, s3proxy"
  "asan-model build 600 asan-build,ctest model tests with AddressSanitizer and UBSan"
  "tsan-model build 600 tsan-build,ctest model tests with ThreadSanitizer"
  "crates-install run 900 packages building fsx and pjdfstest, the crates"
  "ctest run 1500 build unit, mount and model tests"
  "programs-testserver run 600 build everyday programs on the own server"
  "programs-radosgw run 600 build everyday programs on Ceph radosgw"
  "programs-s3proxy run 600 build everyday programs on s3proxy"
  "matrix run 600 build git, sqlite, rsync, tar, editors, HDF5 and others, with and without --write-back"
  "formats run 300 build Parquet, Arrow, HDF5, npz, zip, safetensors, GGUF and tar shards, on the own server"
  "crates run 600 build fsx and pjdfstest, on the own server"
  "nodes run 300 build two mounts of one bucket beside another client, on the own server"
  "soak run 300 build mixed load under faults of every class for 20 seconds, on the own server"
  "kernel run 300 build the simulation's model of the kernel beside the real one, on the own server"
  "semantics run 300 build every example of docs/semantics.md, on the own server"
  "operations run 300 build every command of docs/operations, on a machine of its own"
  "crash-testserver run 900 build --write-back, killed at random and at chosen moments, on the own server"
  "crash-radosgw run 900 build the same on Ceph radosgw"
  "package run 300 build the packages: install, mount by fstab, upgrade, remove"
  "archive-moto run 300 build archived objects on moto"
  "archive-testserver run 300 build the same on the own server"
  "lifecycle-radosgw run 300 build lifecycle rules on Ceph radosgw, which applies them"
  "pytorch-testserver run 600 build PyTorch on the own server"
  "pytorch-radosgw run 600 build PyTorch on Ceph radosgw"
  "quickstart run 1200 build scripts/quickstart, twice"
)

list_steps() {
  local line name limit title
  for line in "${STEPS[@]}"; do
    read -r name _ limit _ title <<<"$line"
    printf '%-20s %s (at most %s s)\n' "$name" "$title" "$limit"
  done
}

started_servers=()

# start_server NAME: starts tests/real/NAME for this step and sets S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY, S3_BUCKET.
start_server() {
  local name=$1 dir=$PENSTOCK_TEST_WORK/server-$1 variables
  started_servers+=("$name")
  variables=$("tests/real/$name" start "$dir") || { complain "the server $name does not start"; return 1; }
  say "$variables" | sed "s/^/$name: /"
  set -a
  eval "$variables"
  set +a
}

OWN_NAMESPACES=(unshare --mount --pid --fork --kill-child --propagation private)
# Where a Penstock of this machine keeps what it knows, and its configuration.
PLACES_OF_PENSTOCK=(/etc/penstock /run/penstock /var/cache/penstock /var/lib/penstock)

# begin_body NAME: the step NAME. As root in namespaces of its own: its mounts and processes end with it however it ends,
# also by a kill, and what this machine's mounts and earlier steps have left is not there for it.
begin_body() {
  [[ $(id -u) -eq 0 ]] || exec bash scripts/test --inside "$1"
  exec "${OWN_NAMESPACES[@]}" bash scripts/test --inside "$1"
}

# empty_places: those places are empty folders of this step's own.
empty_places() {
  local place
  for place in "${PLACES_OF_PENSTOCK[@]}"; do
    mkdir -p "$place" "$PENSTOCK_TEST_WORK/machine$place" &&
      mount --bind "$PENSTOCK_TEST_WORK/machine$place" "$place" || return 1
  done
}

run_body() {
  if [[ $(id -u) -eq 0 ]]; then
    mount -t proc none /proc && rm -rf "$PENSTOCK_TEST_WORK/machine" && empty_places || return 1
  fi
  "step_${1//-/_}"
}

# end_body: when a step ends, however it ends. What the step itself should have taken down is told: it is a fault.
end_body() {
  local name
  for name in "${started_servers[@]}"; do "tests/real/$name" stop "$PENSTOCK_TEST_WORK/server-$name"; done
  sweep "$PENSTOCK_TEST_WORK"
}

# sweep WORK: takes down what a step has left: mounts first, then servers. Says so, for it is a fault.
sweep() {
  local work=$1 dir
  while read -r dir; do
    complain "left mounted: $dir"
    take_down_mount "$dir"
  done < <(awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/self/mounts)
  for dir in "$work"/server-*; do
    [[ -d $dir ]] || continue
    complain "left running: ${dir##*/server-}"
    "tests/real/${dir##*/server-}" stop "$dir"
  done
}

step_packages() {
  install_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_LIBFUSE[@]}" "${PACKAGES_PACKAGE[@]}" "${PACKAGES_DEMO[@]}" \
    "${PACKAGES_TEST[@]}" || return 1
  install_clang_runtime || return 1
  scripts/build-libfuse --if-useful || return 1
  [[ -c /dev/fuse ]] || { complain "there is no /dev/fuse: no test can mount anything here"; return 1; }
}

step_servers() {
  local server
  for server in radosgw s3proxy moto; do "tests/real/$server" install || return 1; done
}

shell_scripts() {
  git ls-files -co --exclude-standard -z -- scripts tests packaging .ci | while IFS= read -r -d '' path; do
    [[ -f $path ]] || continue
    [[ $path == *.sh ]] || head -n 1 "$path" | grep -qaE '^#!.*\b(ba)?sh\b' || continue
    printf '%s\0' "$path"
  done
}

step_checks() {
  local status=0 check
  for check in layers sizes docs; do "scripts/check_$check.py" || status=1; done
  for check in tests/checks/*_test.py; do /usr/bin/python3 "$check" || status=1; done
  shell_scripts | xargs -0 shellcheck -x -P SCRIPTDIR -P . || status=1
  return $status
}

step_format() {
  git ls-files -co --exclude-standard -z -- 'include/*.h' 'src/*.h' 'src/*.cc' 'tests/*.h' 'tests/*.cc' |
    while IFS= read -r -d '' path; do [[ -f $path ]] && printf '%s\0' "$path"; done |
    xargs -0 -n 20 -P "$(nproc)" clang-format --dry-run -Werror
}

# build_preset PRESET TARGETS...: all that can be built, although something cannot.
build_preset() {
  local preset=$1 targets=()
  shift
  [[ $# -gt 0 ]] && targets=(--target "$@")
  cmake --build --preset "$preset" -j "$(nproc)" "${targets[@]}" -- -k 0
}

step_build() { cmake --preset test && build_preset test; }

step_simulation() { build/test/simulation --count 10000 --jobs "$(nproc)" --known tests/simulation/known.txt; }

ctest_under=()

# run_ctest BUILD ARGUMENTS...: with each program's own summary in the output, by the command ctest_under if there is one.
run_ctest() {
  local build=$1
  shift
  "${ctest_under[@]}" ctest --test-dir "$build" --verbose --no-tests=error -j "$(nproc)" "$@"
}

# with_contract_servers COMMAND...: with the servers that the contract suite shall also run against.
with_contract_servers() {
  local name servers=
  for name in radosgw s3proxy; do
    start_server "$name" || return 1
    servers+="${servers:+ }$name=$S3_ENDPOINT,$S3_ACCESS_KEY,$S3_SECRET_KEY,$S3_BUCKET"
  done
  PENSTOCK_CONTRACT_SERVERS=$servers "$@"
}

step_contract() { with_contract_servers run_ctest build/test -L contract; }

step_ctest() { run_ctest build/test -LE contract; }

# Which server tests/real/testserver starts.
export PENSTOCK_TEST_SERVER=$PWD/build/test/s3-testserver

# on_server NAME TEST...: test programs of tests/real or tests/pytorch on a bucket of that server.
on_server() {
  start_server "$1" || return 1
  shift
  local program
  for program; do
    PENSTOCK=$PWD/build/test/penstock /usr/bin/python3 "$program" || return 1
  done
}

step_programs_testserver() { on_server testserver tests/real/programs_test.py; }
step_programs_radosgw() { on_server radosgw tests/real/programs_test.py; }
step_programs_s3proxy() { on_server s3proxy tests/real/programs_test.py; }
step_crash_testserver() { PENSTOCK_CRASH_CONTROL=1 on_server testserver tests/real/crash_test.py; }
step_crash_radosgw() { on_server radosgw tests/real/crash_test.py; }
step_matrix() { tests/real/tables install && on_server testserver tests/real/matrix_test.py; }
step_formats() { tests/real/formats install && on_server testserver tests/real/formats_test.py; }
step_crates_install() { tests/real/crates install; }
step_crates() { on_server testserver tests/real/crates_test.py; }
step_nodes() { on_server testserver tests/real/nodes_test.py; }
step_soak() { start_server testserver && PENSTOCK=$PWD/build/test/penstock /usr/bin/python3 tests/soak/soak.py --seconds 20 --seed 1; }
step_kernel() { PENSTOCK_SIMULATION=$PWD/build/test/simulation on_server testserver tests/real/kernel_test.py; }
step_semantics() { on_server testserver tests/real/semantics_test.py; }
step_operations() { PENSTOCK=$PWD/build/test/penstock tests/real/operations_test.py; }
step_package() { PENSTOCK=$PWD/build/test/penstock tests/real/package_test.py; }
step_archive_moto() { on_server moto tests/real/archive_test.py; }
step_archive_testserver() { on_server testserver tests/real/archive_test.py; }
step_lifecycle_radosgw() { PENSTOCK_RGW_DAY=1 on_server radosgw tests/real/lifecycle_test.py; }
step_pytorch_testserver() { on_server testserver tests/pytorch/{pytorch,hints}_test.py; }
step_pytorch_radosgw() { on_server radosgw tests/pytorch/{pytorch,hints}_test.py; }

step_quickstart() {
  export PENSTOCK_DEMO_DIR=$PENSTOCK_TEST_WORK/demo
  local second=$PENSTOCK_TEST_WORK/second.log
  scripts/quickstart --no-demo && scripts/quickstart && scripts/quickstart >"$second"
  local status=$?
  cat "$second"
  if [[ $status -ne 0 ]]; then
    tail -n 50 "$PENSTOCK_DEMO_DIR"/logs/*
    return 1
  fi
  # The second one went on from what the first one had stored.
  grep -q '1797 were there' "$second" && grep -q 'after epoch 16' "$second"
}

sanitized_labels='^(unit|contract|model|fuzz)$'

# build_sanitized PRESET PROOFS...: what has those labels. PROOFS are the tests that the sanitizers are on: without them
# there is nothing to build, and it fails.
build_sanitized() {
  local preset=$1 targets
  shift
  cmake --preset "$preset" || return 1
  targets=$(ctest --test-dir "build/$preset" -L "$sanitized_labels" --show-only=json-v1 | /usr/bin/python3 -c '
import json, sys
# Every test is named after its program; the program itself is only told once it is built.
print(*{test["name"] for test in json.load(sys.stdin)["tests"]}, "penstock")') || return 1
  # shellcheck disable=SC2086  # several targets
  build_preset "$preset" "$@" $targets
}

step_asan_build() { build_sanitized asan address_sanitizer_test undefined_sanitizer_test; }
step_tsan_build() { build_sanitized tsan thread_sanitizer_test; }
# Without randomised addresses: the sanitizers of clang 14 do not know where newer kernels put things.
run_sanitized() { ctest_under=(setarch -R) && run_ctest "$@"; }

step_asan() { run_sanitized build/asan -L '^(unit|contract)$'; }
step_fuzz() { run_sanitized build/asan -L '^fuzz$'; }
step_asan_model() { run_sanitized build/asan -L '^model$'; }
step_tsan() { run_sanitized build/tsan -L '^(unit|contract)$'; }
step_tsan_model() { run_sanitized build/tsan -L '^model$'; }

step_tidy() { cmake --preset tidy && scripts/check_tidy.py build/tidy; }
