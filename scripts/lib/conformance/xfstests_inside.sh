#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs xfstests' check with these arguments, in namespaces of its own (see xfstests.py): what it mounts and starts ends with
# it. WORK has local.config; PENSTOCK is the program, XFSTESTS the suite, FIRST_PID where process ids begin.
set -u

# Mounts of others would live on here after their end.
awk '$3 ~ /^fuse/ { print $2 }' /proc/self/mounts | while IFS= read -r dir; do
  umount -l "$(printf '%b' "$dir")"
done

# The suite names its files in /tmp after process ids, which begin at 1 again in here.
echo "$FIRST_PID" >/proc/sys/kernel/ns_last_pid

# mount(8) and umount(8) look for their helpers in /sbin only. Tests run with a limit to the size of files, the file system
# does not.
mkdir "$WORK/sbin"
for helper in mount umount; do
  cat >"$WORK/sbin/$helper.fuse.penstock" <<HELPER
#!/bin/bash
ulimit -S -f unlimited
exec -a $helper.fuse.penstock '$PENSTOCK' "\$@"
HELPER
done
chmod +x "$WORK"/sbin/*
mount -t overlay -o "lowerdir=$WORK/sbin:/usr/sbin" overlay /usr/sbin || exit 1

# The suite wants "fuse" where df says fuse.penstock.
cat >"$WORK/df" <<'DF'
#!/bin/sh
/bin/df "$@" | sed 's/ fuse\.penstock / fuse /'
DF
chmod +x "$WORK/df"

export HOST_OPTIONS=$WORK/local.config
cd "$XFSTESTS" || exit 1
# Holes take their size in a bucket, and the test server keeps buckets in memory.
ulimit -S -f 1048576  # blocks of 1 KiB
./check "$@"
