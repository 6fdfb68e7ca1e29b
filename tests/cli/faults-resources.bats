# Nothing left of what a machine has: space, processes, rights.
load helpers

SMALL=${HYFW_TEST_DATA:?}/small
LIMITED=/sys/fs/cgroup/pids/hyfw-test-limited

teardown() {
	mountpoint -q "$SMALL" && umount "$SMALL"
	if [ -d "$LIMITED" ]; then rmdir "$LIMITED"; fi
	common_teardown
}

small() { # SIZE
	mkdir -p "$SMALL"
	mount -t tmpfs -o "size=$1,mode=755" small "$SMALL"
	mkdir -m 755 "$SMALL/data" "$SMALL/state"
}

on_small() { timeout 40 "$HYFW" --root "$SMALL/data" --state "$SMALL/state" "$@" </dev/null; }

@test "an image that does not fit is refused, and nothing of it stays" {
	small 1m
	run --separate-stderr on_small image import box "$ROOTFS"
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"No space left"*"nothing was imported"* ]]
	run -0 on_small image list
	[ "${#lines[@]}" -eq 1 ]
	[ "$(du -sk "$SMALL/data" | cut -f1)" -le 100 ]
	run -0 on_small run --rm --network none --rootfs "$ROOTFS" -- echo still works
	[ "$output" = "still works" ]
}

@test "a full log does not stop the workload or its output" {
	small 2m
	timeout 40 "$HYFW" --root "$SMALL/data" --state "$SMALL/state" run --name full --network none \
		--rootfs "$ROOTFS" -- head -c 5000000 /dev/zero </dev/null | wc -c >"$BATS_TEST_TMPDIR/count"
	[ "$(cat "$BATS_TEST_TMPDIR/count")" -eq 5000000 ]
	run -0 on_small rm full
	run -0 on_small ps -a -q
	[ -z "$output" ]
}

@test "a state directory that cannot be written: refused before anything is done" {
	small 1m
	write_stack ro <<<$'[workload a]\nimage = box\ncommand = sleep 60\nnetwork = none'
	mount -o remount,ro "$SMALL"
	local command
	for command in 'run --rm --network none box -- true' "up $STACK"; do
		# shellcheck disable=SC2086 # words
		run -125 --separate-stderr "$HYFW" --root "$DATA" --state "$SMALL/state" $command
		echo "$stderr"
		[[ "$stderr" == "hyfw: "*"Read-only file system" ]]
		[ "${#stderr_lines[@]}" -eq 1 ]
	done
}

@test "no processes left: one sentence whatever fails, and nothing stays" {
	[ -w /sys/fs/cgroup/pids ] && [ -e /sys/fs/cgroup/pids/cgroup.procs ] || skip "needs the pids controller of cgroup v1"
	mkdir "$LIMITED"
	write_stack two <<<$'[workload a]\nimage = box\ncommand = sleep 60\nnetwork = none\nstop_timeout = 0s\n[workload b]\nimage = box\ncommand = sleep 60\nnetwork = none\nstop_timeout = 0s'
	local limit refused=0 status
	for limit in 2 3 4 5 6; do
		echo "$limit" >"$LIMITED/pids.max"
		status=0
		(
			echo "$BASHPID" >"$LIMITED/cgroup.procs"
			exec "${HYFW_COMMAND[@]}" up "$STACK" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&-
		) || status=$?
		echo "limit $limit: status $status"
		cat "$BATS_TEST_TMPDIR/out"
		if [ "$status" -eq 0 ]; then
			# a and b happened not to need their processes at one time
			hyfw down "$STACK"
		else
			grep -E '^hyfw: .*(Resource temporarily unavailable|limit of processes)' "$BATS_TEST_TMPDIR/out"
			refused=$((refused + 1))
		fi
		hyfw recover
		[ -z "$(hyfw ps -a -q)" ]
	done
	[ "$refused" -ge 2 ]
	echo 100 >"$LIMITED/pids.max"
	hyfw up "$STACK"
	hyfw down "$STACK"
}

@test "without privilege: told so, and nothing made" {
	run -125 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$HYFW" --root "$BATS_TEST_TMPDIR/data" --state "$BATS_TEST_TMPDIR/state" \
		run --rm --network none --rootfs "$ROOTFS" -- true
	echo "$stderr"
	[[ "$stderr" == "hyfw: "*"root"* || "$stderr" == "hyfw: "*"Permission denied"* ]]
}

@test "links swapped under a volume while it starts never lead outside" {
	local base=$BATS_TEST_TMPDIR/swap swapper n
	mkdir -p "$base/inside" "$base/outside"
	chmod 755 "$BATS_TEST_TMPDIR" "$base"
	echo outside >"$base/outside/secret"
	mkdir "$base/inside/target"
	/usr/bin/python3 - "$base/inside" "$base/outside" <<-'PY' 3>&- &
		import os, sys
		inside, outside = sys.argv[1:]
		os.chdir(inside)
		while True:
		    os.rename("target", "kept"); os.symlink(outside, "target")
		    os.unlink("target"); os.rename("kept", "target")
	PY
	swapper=$!
	for n in $(seq 25); do
		hyfw run --rm --network none -v "$base/inside:/mnt" --tmpfs /mnt/target box -- \
			sh -c 'cat /mnt/target/secret; echo made >/mnt/target/made' >>"$base/seen" 2>>"$base/errors" || true
	done
	kill "$swapper"
	cat "$base/errors" | sort | uniq -c | head -n 5
	absent outside "$base/seen"
	[ ! -e "$base/outside/made" ]
}
