# The life of machines, with a small guest and an embedded libvirt.  Boots are dear
# without KVM: each test does several things with one.
load helpers

setup_file() {
	common_setup_file
	make_guest
	capabilities_load
	run_machine --rm --name first -- run=poweroff >/dev/null
	capabilities_save
	machine_snapshot >"$SNAPSHOT"
}

fact() { # NAME WORD
	hyfw --format json inspect "$1" | json 0 confinement "$2"
}

monitor_of() { # NAME
	hyfw --format json inspect "$1" | json 0 monitor
}

@test "a machine boots, is looked at, paused and continued, and stops by its power button" {
	run_machine -d --name vm
	has_said vm "guest: ready"

	# QEMU is a user of the machine's own, without capabilities, in a filter, and limited
	qemu=$(hyfw --format json inspect vm | json 0 pid)
	uid=$(awk '$1 == "Uid:" { print $2 }' "/proc/$qemu/status")
	[ "$uid" -ge 100000 ]
	[ "$uid" = "$(hyfw --format json inspect vm | json 0 idmap host_uid)" ]
	grep -q -E '^CapEff:\s*0+$' "/proc/$qemu/status"
	grep -q -E '^Seccomp:\s*2$' "/proc/$qemu/status"
	grep -q "$(owner_mark)/vm" "/proc/$qemu/cgroup"
	for task in /proc/"$qemu"/task/*; do cmp "/proc/$qemu/cgroup" "$task/cgroup"; done
	[ "$(fact vm "qemu sandbox")" = "seccomp filter" ]
	[ "$(fact vm "display")" = none ]

	hyfw pause vm
	before=$(awk '{ print $14 + $15 }' "/proc/$qemu/stat")
	sleep 0.5
	after=$(awk '{ print $14 + $15 }' "/proc/$qemu/stat")
	[ $((after - before)) -le 5 ]
	hyfw unpause vm
	hyfw stats vm | grep -q '^vm '

	run --separate-stderr hyfw kill -s USR1 vm
	[ "$status" -ne 0 ]
	is_status vm running

	hyfw stop -t 30 vm
	is_status vm exited
	has_said vm "guest: power button"
	run hyfw wait vm
	[ "$output" = 0 ]
	[ ! -d "/proc/$qemu" ]
}

@test "input goes to the serial console, what the guest prints comes back, poweroff is exit 0" {
	local said=$BATS_TEST_TMPDIR/said
	: >"$said"
	# Said again until it is answered: how fast a guest comes up is not ours to know.
	run bash -c "{ for try in {1..80}; do
			grep -q 'sum 42' '$said' && break
			! grep -q 'guest: ready' '$said' || printf 'echo sum \$((20 + 22))\n'
			sleep 0.5
		done; printf 'poweroff -f\n'; sleep 2; } |
		timeout 60 $(printf '%q ' "${HYFW_COMMAND[@]}") run --rm -i --name talk --isolation kvm --network none -m 256M \
		--set kernel=$GUEST/vmlinux --set initrd=$GUEST/initrd --set cmdline=$(printf '%q' "$GUEST_CMDLINE") >'$said'"
	output=$(cat "$said")
	[ "$status" -eq 0 ]
	[[ $output == *"guest: up"* ]]
	[[ $output == *"sum 42"* ]]
}

# QEMU is asked what it can do once, whatever CPU the question comes from.
known() { stat -c '%n %i %y' "$DATA"/drivers/kvm/capabilities/*.xml; }

@test "killed monitor, killed QEMU: nothing is left" {
	known >"$BATS_TEST_TMPDIR/known"
	taskset -c -p 0 $BASHPID >/dev/null
	run_machine -d --name doomed
	qemu=$(hyfw --format json inspect doomed | json 0 pid)
	monitor=$(awk '{ print $4 }' "/proc/$qemu/stat")
	killed "$monitor"
	hyfw recover
	has_ended "$qemu"
	is_status doomed exited
	[ -z "$(ls "$STATE/drivers/kvm")" ]

	taskset -c -p $(($(nproc --all) - 1)) $BASHPID >/dev/null
	hyfw start doomed
	known | diff "$BATS_TEST_TMPDIR/known" -
	qemu=$(hyfw --format json inspect doomed | json 0 pid)
	kill -KILL "$qemu"
	wait_until 10 is_status doomed exited
	run hyfw wait doomed
	[ "$output" = 137 ]
	[ -z "$(ls "$STATE/drivers/kvm")" ]
}

@test "a QEMU that does not start says why" {
	run --separate-stderr hyfw run --rm --name bad --isolation kvm --network none -m 256M --set kernel=/etc/passwd
	[ "$status" -eq 125 ]
	[[ $stderr == *"workload bad"*"invalid kernel header"* ]]
	[ -z "$(ls "$STATE/drivers/kvm")" ]
}

@test "a libvirtd runs it when that is asked for; it may die and come back" {
	command -v libvirtd >/dev/null || skip "no libvirtd"
	dir=$STATE/lv
	setsid "$HYFW_TOP/tests/cli/private-libvirtd" "$dir" host1 >"$BATS_TEST_TMPDIR/libvirtd.log" 2>&1 3>&- &
	wait_until 20 test -S "$dir/sock/libvirt-sock"
	first=$(cat "$dir/pid")
	printf '[plugin kvm]\nuri = qemu+unix:///system?socket=%s\n' "$dir/sock/libvirt-sock" >"$BATS_TEST_TMPDIR/hyfw.ini"
	HYFW_COMMAND+=(--config "$BATS_TEST_TMPDIR/hyfw.ini")

	run_machine -d --name guest
	qemu=$(hyfw --format json inspect guest | json 0 pid)
	kill -KILL "$first"
	sleep 1.5
	[ -d "/proc/$qemu" ]
	is_status guest running
	rm -f "$dir/sock/libvirt-sock"
	setsid "$HYFW_TOP/tests/cli/private-libvirtd" "$dir" host1 >>"$BATS_TEST_TMPDIR/libvirtd.log" 2>&1 3>&- &
	wait_until 30 bash -c "$(printf '%q ' "${HYFW_COMMAND[@]}") --format json inspect guest | grep -q 'machine type'"
	has_said guest "guest: ready"
	hyfw stop -t 30 guest
	run hyfw wait guest
	[ "$output" = 0 ]
	hyfw rm guest
	kill -TERM "$(cat "$dir/pid")"
	wait_until 10 bash -c "! kill -0 $(cat "$dir/pid")"
	rm -rf "$dir"
}
