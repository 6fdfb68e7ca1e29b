# Machines that have come from another host, adopted by the hyfw that is there: a private
# libvirtd is that host's, and a hyfw with directories of its own uses it.
load helpers

HOST=$HYFW_TEST_STATE/adopt        # short: libvirt has sockets below it
SHARED=$HYFW_TEST_DATA/adopt-disks # the same on both hosts
THERE=$HYFW_TEST_DATA/adopt-there  # what the hyfw there keeps
URI="qemu+unix:///system?socket=$HOST/sock/libvirt-sock"

far() { virsh -q -c "$URI" "$@"; }

there() {
	timeout --foreground -k 5 "${HYFW_TIMEOUT:-40}" "$HYFW" --config "$THERE/hyfw.ini" --root "$THERE/data" \
		--state "$HOST/state" "$@" </dev/null
}

setup_file() {
	command -v virsh >/dev/null || skip "virsh is not installed (libvirt-clients)"
	common_setup_file
	make_guest
	capabilities_load
	mkdir -p "$SHARED" "$THERE/data" "$HOST/state"
	printf '[plugin kvm]\nuri = %s\n' "$URI" >"$THERE/hyfw.ini"
	chmod 644 "$THERE/hyfw.ini"
	run_machine --rm --name first -- run=poweroff >/dev/null
	capabilities_save
	setsid "$HYFW_TOP/tests/cli/private-libvirtd" "$HOST" far 49700 >"$BATS_FILE_TMPDIR/libvirtd.log" 2>&1 3>&- &
	wait_until 20 far list
	machine_snapshot >"$SNAPSHOT"
}

teardown_file() {
	local pid
	there recover || true
	pid=$(cat "$HOST/pid") && kill "$pid" && wait_until 10 test ! -e "/proc/$pid"
	common_teardown_file
	rm -rf --one-file-system "$HOST" "$SHARED" "$THERE"
}

teardown() {
	local name
	there ps -a -q | while read -r name; do there rm -f "$name"; done
	for name in $(far list --name); do far destroy "$name" >/dev/null; done
	for name in $(far list --all --name); do far undefine "$name" >/dev/null; done
	rm -f "$SHARED"/*
	common_teardown
}

logged() { hyfw logs "$1" | grep -q -F -- "$2"; }
logged_there() { there logs "$1" | grep -q -F -- "$2"; }
is_there() { [ "$(there --format json ps -a | json 0 status)" = "$1" ]; }

start_guest() { # NAME FLAG...
	local name=$1
	shift
	run_machine -d --name "$name" "$@"
	wait_until 60 logged "$name" "guest: ready"
}

type_there() { # NAME LINE
	timeout -k 1 5 "$HYFW" --config "$THERE/hyfw.ini" --root "$THERE/data" --state "$HOST/state" attach \
		--sig-proxy=false "$1" <<<"$2" || true
}

@test "one that runs: refused without a change, then adopted with what it has in memory, used, stopped, started" {
	local pid
	start_guest vm
	timeout -k 1 5 "${HYFW_COMMAND[@]}" attach --sig-proxy=false vm <<<'echo forty-two >/tmp/kept' || true
	run -0 hyfw migrate --live --peer-to-peer --migrate-uri tcp://127.0.0.1:49720 vm "$URI"
	wait_until 10 is_status vm exited

	run -125 --separate-stderr hyfw adopt vm
	[[ $stderr == *"no machine can come to a host without a libvirtd; set uri in [plugin kvm]"* ]]
	run -125 --separate-stderr there adopt other
	[[ $stderr == *"machine other: isolation kvm: there is no machine of that name at $URI" ]]
	there create --name vm --network none --rootfs "$ROOTFS" -- true
	run -125 --separate-stderr there adopt vm
	[[ $stderr == *"the name vm is taken here by another workload; --name gives it another" ]]
	there rm vm
	run -0 there adopt --check vm
	[ -z "$output$(there ps -a -q)" ]
	[ "$(far domstate vm)" = running ]
	far dumpxml vm | grep -q '<hyfw:definition>'

	pid=$(cat "$HOST/root/run/libvirt/qemu/vm.pid")
	run -0 there adopt vm
	[ "$output" = vm ]
	is_there running
	there inspect vm | grep -qE "\"pid\": *$pid\b"
	far dumpxml vm | absent '<hyfw:definition>'
	far dumpxml vm | grep -q '<hyfw:machine'
	run -125 --separate-stderr there adopt --name again vm
	[[ $stderr == *"no definition came with it: it was adopted already"* ]]
	type_there vm 'cat /tmp/kept'
	wait_until 10 logged_there vm forty-two
	there --format json stats vm | grep -q vm
	grep -q hyfw "/proc/$pid/cgroup"

	run -125 --separate-stderr there save vm
	[[ $stderr == *"save: the machine ran already when it was adopted; it can be done after its next start" ]]
	truncate -s 1M "$SHARED/more.raw"
	run -125 --separate-stderr there update --add-disk "$SHARED/more.raw:format=raw" vm
	[[ $stderr == *"ran already when it was adopted; devices can be plugged in and out after its next start"* ]]
	is_there running

	there stop -t 30 vm
	is_there exited
	has_ended "$pid"
	[ -z "$(far list --all --name)" ]
	there start vm
	is_there running
	there rm -f vm
	[ -z "$(there ps -a -q)$(far list --all --name)" ]
}

@test "one that is stopped: undefined there, started with its disk; files and passwords that are missing" {
	command -v qemu-img >/dev/null || skip "qemu-img is not installed (qemu-utils)"
	qemu-img create -q -f qcow2 "$SHARED/disk.qcow2" 16M
	qemu-io -c "write -P 0x61 0 512" "$SHARED/disk.qcow2" >/dev/null
	cp "$GUEST/vmlinux" "$SHARED/kernel"
	hyfw create --name vm --isolation kvm --network none -m 256M --set kernel="$SHARED/kernel" \
		--set initrd="$GUEST/initrd" --set cmdline="$GUEST_CMDLINE" --disk "$SHARED/disk.qcow2:format=qcow2" \
		--display vnc --set vnc_password=hidden
	hyfw migrate --offline --unsafe vm "$URI"
	[ "$(far list --inactive --name)" = vm ]

	run -125 --separate-stderr there adopt vm
	[[ $stderr == *"the password of its display stayed on the other host; give it with --set vnc_password_file=FILE" ]]
	echo hidden >"$SHARED/password"
	chmod 600 "$SHARED/password"
	mv "$SHARED/kernel" "$SHARED/away"
	run -125 --separate-stderr there adopt --set vnc_password_file="$SHARED/password" vm
	[[ $stderr == *"it needs what is not on this host: $SHARED/kernel" ]]
	[ "$(far list --inactive --name)" = vm ]
	[ -z "$(there ps -a -q)" ]
	mv "$SHARED/away" "$SHARED/kernel"
	run -125 --separate-stderr there adopt --set network=default vm
	[[ $stderr == *"--set network: is the machine's own"* ]]

	run -0 there adopt --set vnc_password_file="$SHARED/password" vm
	is_there created
	[ -z "$(far list --all --name)" ]
	there start vm
	wait_until 60 logged_there vm "guest: ready"
	type_there vm 'head -c 4 /dev/vda; echo'
	wait_until 10 logged_there vm aaaa
}

@test "its own host takes it back: the workload that stayed, and it starts there again" {
	qemu-img create -q -f qcow2 "$SHARED/disk.qcow2" 16M
	hyfw create --name vm --isolation kvm --network none --set kernel="$GUEST/vmlinux" --set initrd="$GUEST/initrd" \
		--disk "$SHARED/disk.qcow2:format=qcow2"
	hyfw migrate --offline --unsafe vm "$URI"
	[ -e "$DATA/workloads/vm/moved" ]
	run -0 hyfw --config "$THERE/hyfw.ini" adopt vm
	[ "$output" = vm ]
	[ ! -e "$DATA/workloads/vm/moved" ]
	is_status vm created
	[ -z "$(far list --all --name)" ]
}

@test "a machine of somebody else is left alone" {
	far define /dev/stdin <<-'XML'
		<domain type='qemu'><name>vm</name><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os></domain>
	XML
	run -125 --separate-stderr there adopt vm
	[[ $stderr == *"machine vm: isolation kvm: it is no machine of hyfw: it does not bear its mark" ]]
	there recover
	[ "$(far list --all --name)" = vm ]
}

@test "recover leaves one that nobody has adopted yet" {
	hyfw create --name vm --isolation kvm --network none --set kernel="$GUEST/vmlinux" --set initrd="$GUEST/initrd"
	hyfw migrate --offline --name "$(there_owner)-vm" vm "$URI"
	there recover
	[ "$(far list --inactive --name)" = "$(there_owner)-vm" ]
	run -0 there adopt vm
	[ "$output" = vm ]
}

# The mark of the instance there, see owner_mark.
there_owner() { STATE=$HOST/state DATA=$THERE/data owner_mark; }
