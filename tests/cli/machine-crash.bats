# A machine killed at any point leaves nothing behind: SIGKILL before and after writes
# of a journal, of an `up` and of a `down`, in whichever process makes it (the command or
# the monitor that holds libvirt), then `hyfw recover`.
#
# The sampling: `up` passes about 170 points and `down` about 40, with a QEMU behind
# each `down` and behind the last third of `up`.  A run takes every STEPth of them, and
# every one from the record that says "create the machine" to the end of `up`, where
# QEMU is there and little is written down about it.  HYFW_TEST_ALL=1 takes all.
#
# Nothing boots: the machine's disks are empty, and its BIOS finds that out.
load helpers
load crash-points
export BATS_TEST_TIMEOUT=1200

if [ -n "${HYFW_TEST_ALL:-}" ]; then STEP=1; else STEP=7; fi

setup_file() {
	common_setup_file
	capabilities_load
	qemu-img create -q -f qcow2 "$BATS_FILE_TMPDIR/root.qcow2" 16M
	hyfw image import guest "$BATS_FILE_TMPDIR/root.qcow2"
}

teardown_file() {
	hyfw image rm guest
	common_teardown_file
}

# A root, a volume, a disk of somebody else's, a network, limits.
setup() {
	EXTRA=$HYFW_TEST_DATA/extra.raw # not below a directory that the machine's user may not enter
	truncate -s 1M "$EXTRA"
	chown 1:2 "$EXTRA"
	chmod 640 "$EXTRA"
	write_stack machines <<-INI
		[network vmnet]
		driver = bridge
		subnet = 10.213.9.0/24

		[volume vmdata]
		driver = qcow2
		size = 8M

		[workload vm]
		isolation = kvm
		image = guest
		network = vmnet
		disk = vmdata
		disk = $EXTRA:format=raw
		memory = 64M
		cpus = 1
		pids = 200
		firmware = bios
		stop_signal = SIGKILL
	INI
	hyfw up "$STACK" >/dev/null # once, so that what only a first use makes is there
	hyfw down "$STACK" >/dev/null
	snapshot
}

teardown() {
	rm -f "$EXTRA"
	common_teardown
}

snapshot() {
	machine_snapshot >"$SNAPSHOT"
	EXTRA_BEFORE=$(stat -c '%u:%g %a' "$EXTRA")
	[ "$EXTRA_BEFORE" = "1:2 640" ]
}

assert_recovered() { # WHAT
	hyfw recover >"$BATS_TEST_TMPDIR/recover" 2>&1 && assert_machine_as "$SNAPSHOT" &&
		[ "$(stat -c '%u:%g %a' "$EXTRA")" = "$EXTRA_BEFORE" ] || {
		echo "$1: recover did not clean up; the disk is $(stat -c '%u:%g %a' "$EXTRA")"
		cat "$BATS_TEST_TMPDIR/recover"
		return 1
	}
}

@test "an up killed at writes of a journal leaves nothing of the machine" {
	arm
	points=$(count_points up "$STACK")
	[ "$points" -gt 120 ]
	# what follows the machine's "create": every point of it
	late=$(grep -n '"verb":"create"' "$STATE/workloads/vm/journal" | cut -d: -f1)
	late=$((points - 2 * ($(wc -l <"$STATE/workloads/vm/journal") - late + 1) - 2))
	hyfw down "$STACK"
	for ((at = 1; at < points; at += at < late ? STEP : 1)); do
		crash_at "$at" up "$STACK" || echo "up has fewer points than $at this time"
		assert_recovered "up killed at $at of $points"
	done
	crash_at "$points" up "$STACK" || true # after the last write it is complete
	hyfw recover
	is_status vm running
	hyfw down "$STACK"
	assert_recovered "up killed after its last write"
}

@test "a down killed at writes of a journal is finished" {
	arm
	hyfw up "$STACK"
	points=$(count_points down "$STACK")
	[ "$points" -gt 30 ]
	for ((at = 2; at <= points; at += STEP < 4 ? STEP : 4)); do
		hyfw up "$STACK" >/dev/null
		crash_at "$at" down "$STACK" || echo "down has fewer points than $at this time"
		assert_recovered "down killed at $at of $points"
	done
}

@test "a killed monitor: the next command of any kind ends the machine" {
	hyfw up "$STACK"
	qemu=$(hyfw --format json inspect vm | json 0 pid)
	killed "$(hyfw --format json inspect vm | json 0 monitor_pid)"
	hyfw ps -a >/dev/null
	is_status vm exited
	has_ended "$qemu"
	[ "$(stat -c '%u:%g %a' "$EXTRA")" = "$EXTRA_BEFORE" ]
	[ -z "$(ls "$STATE/drivers/kvm")" ]
	hyfw down "$STACK"
	assert_recovered "monitor killed"
}

@test "a recover that is killed itself is finished by the next one" {
	arm
	for at in 3 12 21; do
		hyfw up "$STACK" >/dev/null
		killed "$(hyfw --format json inspect vm | json 0 monitor_pid)"
		crash_at "$at" recover || echo "recover has fewer points than $at"
		hyfw recover
		hyfw down "$STACK" >/dev/null
		assert_recovered "recover killed at $at"
	done
}
