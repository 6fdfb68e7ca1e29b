# Killed at any point, nothing is left behind: SIGKILL before and after every
# write of a journal, of an `up` and of a `down`, in whichever process makes it
# (the command or a monitor), then `hyfw recover`.
load helpers
load crash-points
export BATS_TEST_TIMEOUT=1200

# Two workloads with a network, a volume, limits and a published port.
make_stack() {
	PORT=$(free_port)
	write_stack crash <<-INI
		[network crashnet]
		subnet = 10.213.7.0/24

		[volume crashdata]

		[workload back]
		image = box
		command = sleep 1000
		network = crashnet
		volume = crashdata:/data
		memory = 30M
		pids = 50
		stop_signal = SIGKILL

		[workload front]
		image = box
		command = sleep 1000
		network = crashnet
		volume = crashdata:/data:ro
		publish = $PORT:80
		cpus = 0.5
		links = back
		stop_signal = SIGKILL
	INI
}

setup() {
	make_stack
	hyfw up "$STACK" >/dev/null # once, so that what only a first use makes is there
	hyfw down "$STACK" >/dev/null
	machine_snapshot >"$SNAPSHOT"
}

# recover leaves a stack alone that is up.
assert_up_and_down() {
	hyfw recover
	is_status back running
	is_status front running
	hyfw down "$STACK"
}

assert_recovered() { # WHAT
	hyfw recover >"$BATS_TEST_TMPDIR/recover" 2>&1 || {
		echo "$1: recover failed"
		cat "$BATS_TEST_TMPDIR/recover"
		return 1
	}
	assert_machine_as "$SNAPSHOT" || {
		echo "$1"
		cat "$BATS_TEST_TMPDIR/recover"
		return 1
	}
}

@test "an up killed at every write of a journal leaves nothing" {
	arm
	points=$(count_points up "$STACK")
	hyfw down "$STACK"
	[ "$points" -gt 100 ]
	for ((at = 1; at <= points; at++)); do
		crash_at "$at" up "$STACK" || echo "up has fewer points than $at this time"
		[ "$at" -lt "$points" ] || assert_up_and_down # after the last write it is complete
		assert_recovered "up killed at $at of $points"
	done
}

@test "a down killed at every write of a journal is finished" {
	arm
	hyfw up "$STACK"
	points=$(count_points down "$STACK")
	[ "$points" -gt 40 ]
	for ((at = 1; at <= points; at++)); do
		hyfw up "$STACK" >/dev/null
		crash_at "$at" down "$STACK" || echo "down has fewer points than $at this time"
		[ "$at" -gt 1 ] || assert_up_and_down # before the first write it has not begun
		assert_recovered "down killed at $at of $points"
	done
}

@test "the next command of any kind cleans up as well" {
	arm
	crash_at 60 up "$STACK"
	run hyfw ps -a
	[ "$status" -eq 0 ]
	assert_machine_as "$SNAPSHOT"
}

@test "killed monitors take their workloads with them, recover does the rest" {
	hyfw up "$STACK"
	for name in back front; do
		killed "$(hyfw --format json inspect "$name" | json 0 monitor_pid)"
	done
	hyfw recover
	is_status back exited
	is_status front exited
	hyfw down "$STACK"
	assert_machine_as "$SNAPSHOT"
}

@test "a recover that is killed itself is finished by the next one" {
	arm
	for at in 3 8 15 25; do
		hyfw up "$STACK" >/dev/null
		killed "$(hyfw --format json inspect front | json 0 monitor_pid)"
		crash_at "$at" recover || echo "recover has fewer points than $at"
		hyfw recover
		hyfw down "$STACK" >/dev/null
		assert_machine_as "$SNAPSHOT"
	done
}

@test "a torn last record is dropped, a damaged journal is set aside and said" {
	hyfw run -d --name torn --network none --rootfs "$ROOTFS" -- sleep 1000
	killed "$(hyfw --format json inspect torn | json 0 monitor_pid)"
	printf 'deadbeef {"r":"no' >>"$STATE/workloads/torn/journal"
	hyfw recover
	is_status torn exited
	hyfw rm torn

	hyfw run -d --name broken --network none --rootfs "$ROOTFS" -- sleep 1000
	killed "$(hyfw --format json inspect broken | json 0 monitor_pid)"
	sed -i '3s/^......../00000000/' "$STATE/workloads/broken/journal"
	run hyfw recover
	[[ $output == *"damaged"* ]]
	ls "$STATE"/quarantine/broken-*
	rm -r "$STATE/quarantine"
	hyfw rm -f broken
}
