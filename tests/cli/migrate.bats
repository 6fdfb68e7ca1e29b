# Machines that move to another host: a private libvirtd is that host.
load helpers

HOST=$HYFW_TEST_STATE/far     # short: libvirt has sockets below it
OWN=$HYFW_TEST_DATA/own       # another directory there
SHARED=$HYFW_TEST_DATA/shared # the same there
URI="qemu+unix:///system?socket=$HOST/sock/libvirt-sock"

far() { virsh -q -c "$URI" "$@"; }

setup_file() {
	command -v virsh >/dev/null || skip "virsh is not installed (libvirt-clients)"
	common_setup_file
	make_guest
	capabilities_load
	mkdir -p "$OWN" "$SHARED"
	run_machine --rm --name first -- run=poweroff >/dev/null
	capabilities_save
	setsid "$HYFW_TOP/tests/cli/private-libvirtd" "$HOST" far 49600 "$OWN" >"$BATS_FILE_TMPDIR/libvirtd.log" 2>&1 3>&- &
	wait_until 20 far list
	machine_snapshot >"$SNAPSHOT"
}

teardown_file() {
	local pid
	pid=$(cat "$HOST/pid") && kill "$pid" && wait_until 10 test ! -e "/proc/$pid"
	common_teardown_file
	rm -rf --one-file-system "$HOST" "$OWN" "$SHARED"
}

teardown() {
	local name
	for name in $(far list --name); do far destroy "$name" >/dev/null; done
	for name in $(far list --all --name); do far undefine "$name" >/dev/null; done
	common_teardown
}

logged() { hyfw logs "$1" | grep -q -F -- "$2"; }

start_guest() { # NAME FLAG...
	local name=$1
	shift
	run_machine -d --name "$name" "$@"
	wait_until 60 logged "$name" "guest: ready"
}

# The guest there still has in memory what it had here.
answers_there() { # NAME
	/usr/bin/python3 - "$(far ttyconsole "$1")" <<-'PY'
		import os, select, sys, time
		fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
		os.write(fd, b"cat /tmp/kept\n")
		text, end = b"", time.time() + 20
		while b"forty-two" not in text:
		    left = end - time.time()
		    if left < 0: sys.exit("it said: %r" % text)
		    if select.select([fd], [], [], left)[0]: text += os.read(fd, 4096)
	PY
}

@test "live, the hosts among themselves: what it had in memory goes along; then a name is taken" {
	local monitor
	start_guest vm --restart always
	monitor=$(hyfw --format json inspect vm | json 0 monitor_pid)
	timeout -k 1 5 "${HYFW_COMMAND[@]}" attach --sig-proxy=false vm <<<'echo forty-two >/tmp/kept' || true
	run -0 hyfw migrate --check vm "$URI"
	[ ! -e "$DATA/workloads/vm/moved" ]
	[ -z "$output" ]
	is_status vm running
	run -0 hyfw migrate --live --peer-to-peer --migrate-uri tcp://127.0.0.1:49620 vm "$URI"
	[[ "$output" =~ ^[0-9]+\ ms,\ [0-9]+\ ms\ down ]]
	wait_until 10 is_status vm exited
	[ "$(far list --name)" = vm ]
	wait_until 10 has_ended "$monitor" # its restart policy does not start it again
	is_status vm exited
	[ "$(cat "$DATA/workloads/vm/moved")" = "$URI" ]
	answers_there vm

	start_guest vm2
	run -125 --separate-stderr hyfw migrate --name vm vm2 "$URI"
	echo "$stderr"
	[[ "$stderr" == *"cannot move to"*"name: there is a machine vm already" ]]
	is_status vm2 running
	run -0 hyfw migrate --live --tunnelled vm2 "$URI"
	wait_until 10 is_status vm2 exited
	far list --name | grep -x vm2
}

@test "through us, standing still meanwhile; cancelled it goes on here" {
	start_guest vm
	timeout -k 5 60 "${HYFW_COMMAND[@]}" migrate --live --peer-to-peer --bandwidth 1M \
		--migrate-uri tcp://127.0.0.1:49621 vm "$URI" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	local migration=$! code=0
	sleep 2
	pkill -INT -P "$migration"
	wait "$migration" || code=$?
	cat "$BATS_TEST_TMPDIR/err"
	[ "$code" -ne 0 ]
	grep -q "cancelled; the machine goes on here" "$BATS_TEST_TMPDIR/err"
	is_status vm running
	[ -z "$(far list --name)" ]
	timeout -k 1 5 "${HYFW_COMMAND[@]}" attach --sig-proxy=false vm <<<'echo still $((40 + 2))' || true
	wait_until 10 logged vm "still 42"

	run -0 hyfw migrate --migrate-uri tcp://127.0.0.1:49622 vm "$URI"
	wait_until 10 is_status vm exited
	[ "$(far list --name)" = vm ]
}

@test "disks: refused when only this host has them, or copied, or both hosts have them" {
	command -v qemu-img >/dev/null || skip "qemu-img is not installed (qemu-utils)"
	qemu-img create -q -f qcow2 "$OWN/disk.qcow2" 16M
	start_guest vm --disk "$OWN/disk.qcow2:format=qcow2"
	timeout -k 1 5 "${HYFW_COMMAND[@]}" attach --sig-proxy=false vm <<<'echo forty-two >/dev/vda; sync; echo written' || true
	wait_until 10 logged vm written
	run -125 --separate-stderr hyfw migrate --live vm "$URI"
	echo "$stderr"
	[[ "$stderr" == *"storage: $OWN/disk.qcow2 is on a file system of this host alone"*"--copy-storage"* ]]
	is_status vm running
	run -125 --separate-stderr hyfw migrate --tunnelled --copy-storage vm "$URI"
	[[ "$stderr" == *"--tunnelled or --copy-storage, not both" ]]
	hyfw migrate --live --copy-storage --peer-to-peer --migrate-uri tcp://127.0.0.1:49623 vm "$URI"
	[ "$(far list --name)" = vm ]
	far destroy vm
	qemu-io -r -c "read -v 0 16" "$HOST/root$OWN/disk.qcow2" | grep -q "forty.two"
	hyfw rm vm

	mv "$OWN/disk.qcow2" "$SHARED/disk.qcow2"
	start_guest vm --disk "$SHARED/disk.qcow2:format=qcow2"
	run -0 hyfw migrate --live --unsafe --peer-to-peer --migrate-uri tcp://127.0.0.1:49624 vm "$URI"
	far domblklist vm | grep -q -F "$SHARED/disk.qcow2"
}

@test "hosts that cannot be: an embedded libvirt, one that is not there, a machine that does not run" {
	hyfw create --name vm --isolation kvm --network none --set kernel="$GUEST/vmlinux"
	run -125 --separate-stderr hyfw migrate vm "$URI"
	echo "$stderr"
	[[ "$stderr" == "hyfw: "*"does not run; --offline moves a machine that is stopped" ]]
	hyfw rm vm
	start_guest vm
	run -125 --separate-stderr hyfw migrate vm "qemu:///embed?root=/nowhere"
	[[ "$stderr" == *"an embedded libvirt cannot take a machine in"* ]]
	run -125 --separate-stderr hyfw migrate vm "qemu+unix:///system?socket=/nowhere"
	[[ "$stderr" == *"libvirtd at qemu+unix:///system?socket=/nowhere"*"No such file"* ]]
	is_status vm running
}

# In the other host's own directory.
there() { echo "$HOST/root$1"; }

@test "cold: disks are copied, a disk that is based on another stands alone there, it starts here no more" {
	command -v qemu-img >/dev/null || skip "qemu-img is not installed (qemu-utils)"
	local RECORD=$DATA/drivers/kvm/machines/vm.sent
	qemu-img create -q -f qcow2 "$OWN/base.qcow2" 16M
	qemu-io -c "write -P 7 0 64k" "$OWN/base.qcow2" >/dev/null
	qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 "$OWN/over.qcow2"
	qemu-io -c "write -P 9 8M 64k" "$OWN/over.qcow2" >/dev/null
	truncate -s 4M "$OWN/plain.raw"
	printf data | dd of="$OWN/plain.raw" bs=1 seek=1048576 conv=notrunc status=none
	hyfw create --name vm --isolation kvm --network none --set kernel="$GUEST/vmlinux" --set initrd="$GUEST/initrd" \
		--disk "$OWN/over.qcow2:format=qcow2" --disk "$OWN/plain.raw:format=raw"

	run -125 --separate-stderr hyfw migrate --offline vm "$URI"
	[[ "$stderr" == *"storage: $OWN/over.qcow2 is on a file system of this host alone"*"storage: $OWN/plain.raw is"* ]]
	run -125 --separate-stderr hyfw migrate --offline --live --copy-storage vm "$URI"
	[[ "$stderr" == *"live is about a machine that runs"* ]]
	run -0 hyfw migrate --offline --copy-storage --check vm "$URI"
	[ -z "$(far list --all --name)" ]

	# What fails leaves both sides as they were.
	touch "$(there "$OWN")/plain.raw"
	run -125 --separate-stderr hyfw migrate --offline --copy-storage vm "$URI"
	echo "$stderr"
	[[ "$stderr" == *"storage: make $OWN/plain.raw there"* ]]
	[ ! -e "$(there "$OWN")/over.qcow2" ]
	[ -z "$(far list --all --name)$(far pool-list --all --name)" ]
	[ ! -e "$DATA/workloads/vm/moved" ]
	rm "$(there "$OWN")/plain.raw"

	# what a copy would not have: the states inside of a disk that is based on another
	qemu-img snapshot -c kept "$OWN/over.qcow2"
	run -125 --separate-stderr hyfw migrate --offline --copy-storage vm "$URI"
	echo "$stderr"
	[[ "$stderr" == *"storage: $OWN/over.qcow2 has 1 snapshot inside"*"--unsafe"* ]]
	[ ! -e "$(there "$OWN")/over.qcow2" ]
	run -0 hyfw migrate --offline --copy-storage --check --unsafe vm "$URI"
	qemu-img snapshot -d kept "$OWN/over.qcow2"

	run -0 hyfw migrate --offline --copy-storage vm "$URI"
	[ "$(far list --inactive --name)" = vm ]
	far dumpxml vm | grep -q '<hyfw:definition>'
	[ -z "$(far pool-list --all --name)" ]
	qemu-img info "$(there "$OWN")/over.qcow2" | absent "backing file"
	qemu-io -r -c "read -P 7 0 64k" -c "read -P 9 8M 64k" "$(there "$OWN")/over.qcow2" | absent "verification failed"
	cmp "$OWN/plain.raw" "$(there "$OWN")/plain.raw"
	[ "$(stat -c %b "$(there "$OWN")/plain.raw")" -lt 1000 ]
	is_status vm created

	run -125 --separate-stderr hyfw start vm
	echo "$stderr"
	[[ "$stderr" == *"it has moved to $URI"*"hyfw start --here vm"* ]]
	run -125 --separate-stderr hyfw migrate --offline --copy-storage vm "$URI"
	[[ "$stderr" == *"it has moved to $URI"* ]]
	far undefine vm
	hyfw start --here vm
	is_status vm running
	[ ! -e "$DATA/workloads/vm/moved" ]
	hyfw stop -t 0 vm

	# Killed in the middle: what it has made there is known, and goes with the next one.
	[ ! -e "$RECORD" ]
	rm "$(there "$OWN")"/*
	head -c 256M /dev/zero >"$OWN/plain.raw"
	setsid "${HYFW_COMMAND[@]}" migrate --offline --copy-storage vm "$URI" 2>/dev/null 3>&- &
	local migration=$!
	timeout 20 sh -c 'until [ -e "$1" ]; do :; done' sh "$(there "$OWN")/plain.raw" # it takes a moment to be sent
	kill -KILL -- "-$migration"
	wait "$migration" || true
	hyfw recover
	[ -e "$(there "$OWN")/over.qcow2" ]
	[ "$(far pool-list --name | wc -l)" -eq 1 ]
	[ -z "$(far list --all --name)" ]
	grep -q "plain[.]raw" "$RECORD"
	run -125 --separate-stderr hyfw migrate --offline --copy-storage vm "$URI"
	[[ "$stderr" == *"it has moved to $URI"* ]]
	hyfw start --here vm
	hyfw stop -t 0 vm
	# somebody has made a machine of one of the files meanwhile
	far define /dev/stdin <<-XML
		<domain type='qemu'><name>other</name><memory>65536</memory><os><type>hvm</type></os><devices>
		<disk type='file'><source file='$OWN/over.qcow2'/><target dev='vda'/></disk></devices></domain>
	XML
	run -125 --separate-stderr hyfw migrate --offline --copy-storage vm "$URI"
	echo "$stderr"
	[[ "$stderr" == *"storage: make $OWN/over.qcow2 there: it is there already" ]]
	[ -e "$(there "$OWN")/over.qcow2" ]
	[ ! -e "$(there "$OWN")/plain.raw" ]
	[ -z "$(far pool-list --all --name)" ]
	[ ! -e "$RECORD" ]
	far undefine other
	rm "$(there "$OWN")/over.qcow2"
	run -0 hyfw migrate --offline --copy-storage vm "$URI"
	[ "$(far list --inactive --name)" = vm ]
	[ ! -e "$RECORD" ]
	hyfw rm vm
}
