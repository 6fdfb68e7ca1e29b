# hyfw update, top, stats and reboot of a machine that runs; one boot.
load helpers

setup_file() {
	common_setup_file
	make_guest
	capabilities_load
	truncate -s 8M "$DATA/added.img"
	truncate -s 8M "$DATA/other.img"
	truncate -s 1M "$DATA/cd.iso" "$DATA/other.iso"
	printf 'first disc' | dd of="$DATA/cd.iso" conv=notrunc status=none
	printf 'other disc' | dd of="$DATA/other.iso" conv=notrunc status=none
	printf CD001 | dd of="$DATA/cd.iso" bs=1 seek=32769 conv=notrunc status=none # ISO 9660
	printf CD001 | dd of="$DATA/other.iso" bs=1 seek=32769 conv=notrunc status=none
	run_machine -d --name vm --set vcpus=1 --set vcpus_max=2 --cdrom "$DATA/cd.iso" </dev/null >/dev/null
	capabilities_save
	HYFW_TIMEOUT=60 wait_until 60 logged vm "guest: ready"
}

teardown() { :; } # the machine is for all tests
teardown_file() {
	hyfw rm -f vm || true
	common_teardown_file
}

# QEMU has the file open.
has_open() { # FILE
	ls -l "/proc/$(hyfw --format json inspect vm | json 0 pid)/fd" | grep -q -F -- "$1"
}

settings() { # KEY
	hyfw --format json inspect vm | json 0 settings "$1"
}

disks() {
	hyfw --format json inspect vm | /usr/bin/python3 -c 'import json, sys; print(*[d["source"] for d in json.load(sys.stdin)[0]["disks"]])'
}

@test "a processor more, and one less" {
	hyfw update --vcpus 2 vm
	[ "$(settings vcpus)" = 2 ]
	hyfw top vm | grep -q 'CPU 1/'
	run --separate-stderr hyfw update --vcpus 3 vm
	[ "$status" -eq 125 ]
	[ "$(settings vcpus)" = 2 ]
}

@test "the balloon, and its limit" {
	hyfw update --memory 200M vm
	[ "$(settings memory)" = 209715200 ]
	run --separate-stderr hyfw update --memory unlimited vm
	[ "$status" -eq 125 ]
	[[ $stderr == *"a machine has always a limit"* ]]
	[ "$(settings memory)" = 209715200 ]
	[ "$(hyfw --format json stats vm | json 0 balloon_bytes)" != null ]
	[ "$(hyfw --format json stats vm | json 0 io_read_bytes)" != null ]
}

@test "a disk comes and goes" {
	hyfw update --add-disk "$DATA/added.img:format=raw" vm
	has_open added.img
	hyfw update --remove-disk "$DATA/added.img" vm
	[[ "$(disks)" != *added.img* ]]
	run has_open added.img
	[ "$status" -ne 0 ]
}

@test "of several changes all are made, or none" {
	before=$(disks)
	run --separate-stderr hyfw update --add-disk "$DATA/added.img:format=raw" --add-disk "$DATA/missing.img:format=raw" --restart always vm
	[ "$status" -eq 125 ]
	[ "$(disks)" = "$before" ]
	[ "$(settings restart)" = no ]
	run --separate-stderr hyfw update --add-disk "$DATA/added.img:format=raw" --vcpus 7 vm
	[ "$status" -eq 125 ]
	[ "$(disks)" = "$before" ]
}

@test "processors and memory together: both, or neither" {
	run --separate-stderr hyfw update --vcpus 1 --memory 4G vm # 2 processors, started with 256M
	[ "$status" -eq 125 ]
	[[ $stderr == *"memory: the machine was started with 262144 KiB"* ]]
	[ "$(settings vcpus)" = 2 ]
	[ "$(settings memory)" = 209715200 ]
	hyfw top vm | grep -q 'CPU 1/' # the second one is still there
	hyfw update --vcpus 2 --memory 220M vm
	[ "$(settings memory)" = 230686720 ]
}

@test "top shows QEMU's threads, reboot begins anew in the same QEMU" {
	qemu=$(hyfw --format json inspect vm | json 0 pid)
	hyfw top vm | grep -q "^$qemu "
	ups=$(hyfw logs vm | grep -c "guest: up" || true)
	[ "$(hyfw reboot vm)" = vm ]
	again() { [ "$(hyfw logs vm | grep -c 'guest: up')" -gt "$ups" ]; }
	HYFW_TIMEOUT=60 wait_until 60 again
	[ "$(hyfw --format json inspect vm | json 0 pid)" = "$qemu" ]
}

@test "without the setting memory there is a limit too" {
	write_stack bare <<-END
		[workload bare]
		isolation = kvm
		network = none
		kernel = $GUEST/vmlinux
		initrd = $GUEST/initrd
	END
	hyfw plan "$STACK" >"$BATS_TEST_TMPDIR/plan"
	grep -q 'limit bare to .*of memory' "$BATS_TEST_TMPDIR/plan"
}
