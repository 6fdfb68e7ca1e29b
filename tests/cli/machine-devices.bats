# Devices as a guest finds them: a TPM, an interface that comes while it runs, input,
# random numbers, a watchdog that bites; one boot and a reset.
load helpers

setup_file() {
	common_setup_file
	make_guest
	capabilities_load
	export CONF="$DATA/hyfw.ini"
	printf '[network later]\ndriver = bridge\nsubnet = 10.98.77.0/24\ninternal = yes\n' >"$CONF"
	chmod 600 "$CONF"
}

teardown() {
	hyfw ps -a -q | while read -r name; do hyfw rm -f "$name"; done >/dev/null
}

logged() { # NAME TEXT
	hyfw logs "$1" | tr -d '\r' | grep -q -F -- "$2"
}

# Runs a command in the guest, until what it prints is in the log.
say() { # NAME COMMAND WANTED
	{ printf '%s\n' "$2"; sleep 1; } | timeout 1.5 "${HYFW_COMMAND[@]}" attach --sig-proxy=false "$1" >/dev/null || true
	wait_until 30 logged "$1" "$3"
}

hyfw_with_later() {
	timeout --foreground -k 5 40 "${HYFW_COMMAND[@]}" --config "$CONF" "$@" </dev/null
}

tpm_of_guest() { # the process id of the only swtpm of this instance
	find /proc/[0-9]* -maxdepth 1 -name exe -lname '*/swtpm' 2>/dev/null | sed 's/exe$/cmdline/' |
		xargs -r grep -l -s -F "$DATA/" | cut -d/ -f3
}

@test "a TPM, random numbers, input and an interface that comes later; a watchdog bites" {
	run_machine -d --name vm --set tpm=yes --set 'input=tablet keyboard usb-tablet usb-keyboard' \
		--set watchdog=i6300esb </dev/null >/dev/null
	capabilities_save
	qemu=$(hyfw --format json inspect vm | json 0 pid)
	tpm=$(tpm_of_guest)
	[ -n "$tpm" ]
	wait_until 60 logged vm "guest: ready"

	# the machine's own user, control groups and a seccomp filter
	[ "$(stat -c %u "/proc/$tpm")" = "$(stat -c %u "/proc/$qemu")" ]
	[ "$(stat -c %u "/proc/$tpm")" -ge 65536 ]
	grep -q '^Seccomp:.*2' "/proc/$tpm/status"
	diff <(grep -E 'pids|memory|^0:' "/proc/$tpm/cgroup") <(grep -E 'pids|memory|^0:' "/proc/$qemu/cgroup")

	say vm 'echo "tpm $(cat /sys/class/tpm/tpm0/tpm_version_major)"' 'tpm 2'
	say vm 'echo "random $(cat /sys/class/misc/hw_random/rng_current)"' 'random virtio_rng'
	say vm 'grep -c "QEMU Virtio" /proc/bus/input/devices | sed "s/^/inputs /"' 'inputs 2'
	tr '\0' '\n' <"/proc/$qemu/cmdline" >"$BATS_TEST_TMPDIR/arguments"
	grep -q usb-tablet "$BATS_TEST_TMPDIR/arguments"
	grep -q usb-kbd "$BATS_TEST_TMPDIR/arguments"

	hyfw_with_later update --add-network later vm
	say vm 'modprobe virtio_net; sleep 1; nic eth0; echo came' 'guest: eth0 10.98.77.'
	hyfw_with_later update --remove-network later vm
	say vm 'echo "interfaces: $(ls /sys/class/net)"' 'interfaces: lo'
	absent -E 'interfaces: .*eth0' <(hyfw logs vm)

	# the kernel has no driver for it: its registers, and then nobody strokes it
	# (Intel 6300ESB I/O controller hub, 16: preload values in ms, enabled by the lock register)
	say vm 'd=$(grep -l 0x25ab /sys/bus/pci/devices/*/device); d=${d%/device}; echo 1 >$d/enable; base=$(head -n 1 $d/resource | cut -d" " -f1); for at in 0 4; do devmem $((base + 12)) 16 0x80; devmem $((base + 12)) 16 0x86; devmem $((base + at)) 32 500; done; printf "\002" | dd of=$d/config bs=1 seek=104 conv=notrunc 2>/dev/null; echo "armed $base"' 'armed 0x'
	again() { [ "$(hyfw logs vm | grep -c 'guest: ready')" -eq 2 ]; }
	wait_until 60 again
	is_status vm running
	[ "$(tpm_of_guest)" = "$tpm" ]

	# what the TPM keeps stays with the workload, its process goes with the machine
	hyfw kill vm
	wait_until 10 is_status vm exited
	has_ended "$tpm"
	[ -s "$DATA/drivers/kvm/tpm/vm/tpm2-00.permall" ]
	hyfw start vm
	hyfw pause vm
	monitor=$(hyfw --format json inspect vm | json 0 monitor_pid)
	tpm=$(tpm_of_guest)
	[ -n "$tpm" ]
	killed "$monitor"
	hyfw recover
	has_ended "$tpm"
	hyfw rm vm
	[ ! -e "$DATA/drivers/kvm/tpm/vm" ]
}

@test "an interface that comes later is of the machine's model; all its threads may run on all processors" {
	run_machine -d --name vm --set nic_model=e1000e </dev/null >/dev/null
	monitor=$(hyfw --format json inspect vm | json 0 monitor_pid)
	qemu=$(hyfw --format json inspect vm | json 0 pid)
	[ "$(awk '/^Cpus_allowed:/ { print $2 }' "/proc/$monitor"/task/*/status "/proc/$qemu"/task/*/status | sort -u)" = \
		"$(awk '/^Cpus_allowed:/ { print $2 }' /proc/self/status)" ]
	hyfw_with_later update --add-network later vm
	root=$(tr '\0' '\n' <"/proc/$qemu/cmdline" | grep -o '/[^",=]*/lib/qemu/domain' | head -n 1)
	[ -n "$root" ]
	grep -r -l "<model type='e1000e'/>" "${root%/lib/qemu/domain}/run" # libvirt's record of what is there
}
