# What goes wrong with machines: what cannot start, what dies, what fills up.  A guest
# boots only where it has to act; the other machines stay in their BIOS.
load helpers

setup_file() {
	common_setup_file
	make_guest
	capabilities_load
	bios first -d >/dev/null # what only a first use makes is there
	hyfw rm -f first
	capabilities_save
	machine_snapshot >"$SNAPSHOT"
}

setup() {
	DISKS=$HYFW_TEST_DATA/disks # where a machine's user may go
	mkdir -p "$DISKS"
}

teardown() {
	umount "$DISKS/small" "$DISKS/mnt" 2>/dev/null || true
	[ -z "${loop:-}" ] || losetup -d "$loop" 2>/dev/null || true
	rm -rf --one-file-system "$DISKS"
	[ ! -f "$STATE/lv/pid" ] || { hyfw rm -f vm; stop_libvirtd; } >/dev/null 2>&1 || true
	common_teardown
}

# A machine that boots nothing.
bios() { # NAME FLAG...
	local name=$1
	shift
	hyfw run --name "$name" --isolation kvm --network none -m 64M --set firmware=bios --set boot=network "$@"
}

inspected() { # NAME WORD...
	hyfw --format json inspect "$1" | json 0 "${@:2}"
}

has_restarted() { # NAME
	[ "$(inspected "$1" restarts)" = 1 ]
}

stands_still() { # NAME
	hyfw --format json inspect "$1" | grep -q 'file system is full'
}

# One sentence of hyfw that has TEXT in it, and nothing stays.
refused() { # TEXT COMMAND...
	local text=$1
	shift
	run --separate-stderr "$@"
	echo "$* -> $status: $stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == hyfw:*"$text"* ]]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[ -z "$(hyfw ps -a -q)" ]
	assert_machine_as "$SNAPSHOT"
}

@test "a disk that is broken or reads files of the host is refused in one sentence" {
	qemu-img create -q -f qcow2 "$DISKS/corrupt.qcow2" 16M
	printf '\377%.0s' {1..64} | dd of="$DISKS/corrupt.qcow2" bs=1 seek=8 conv=notrunc status=none
	refused "corrupt.qcow2" bios bad --set disk="$DISKS/corrupt.qcow2" -d
	refused "corrupt.qcow2" hyfw image import bad "$DISKS/corrupt.qcow2"

	for backing in /etc/shadow 'json:{"driver":"file","filename":"/etc/shadow"}' nbd://127.0.0.1/x; do
		rm -f "$DISKS/evil.qcow2"
		qemu-img create -q -f qcow2 -u -b "$backing" -F raw "$DISKS/evil.qcow2" 1M
		refused "backing file '$backing'" bios bad --set disk="$DISKS/evil.qcow2" -d
		refused "backing file '$backing'" hyfw image import bad "$DISKS/evil.qcow2"
	done
	refused 'json:' bios bad --set 'disk=json:{"driver":"file","filename":"/etc/shadow"}' -d
	refused 'json:' bios bad 'json:{"driver":"file","filename":"/etc/shadow"}'
	refused 'nbd://' bios bad nbd://127.0.0.1/x
	[ "$(stat -c '%u %a' /etc/shadow)" = "0 640" ]
}

@test "a root that was broken after its import does not start, and says so" {
	qemu-img create -q -f qcow2 "$DISKS/root.qcow2" 16M
	hyfw image import broken "$DISKS/root.qcow2"
	printf '\377%.0s' {1..64} | dd of="$DATA/drivers/qcow2/images/broken/disk.qcow2" bs=1 seek=8 conv=notrunc status=none
	run --separate-stderr bios bad broken -d
	hyfw image rm broken
	echo "$stderr"
	[ "$status" -eq 125 ]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[ -z "$(hyfw ps -a -q)" ]
}

@test "kernel, memory, display, QEMU, libvirtd: what is wrong is named" {
	cp "$GUEST/vmlinuz" "$DISKS/secret"
	chmod 600 "$DISKS/secret"
	refused "kernel = /nowhere: No such file" bios bad --set kernel=/nowhere -d
	refused "initrd = /nowhere: No such file" bios bad --set kernel="$GUEST/vmlinux" --set initrd=/nowhere -d
	refused "$DISKS/secret': Permission denied" bios bad --set kernel="$DISKS/secret" -d
	refused "memory" bios bad -m 900G -d
	refused "vnc_listen = 0.0.0.0" bios bad --set display=vnc --set vnc_listen=0.0.0.0 -d
	refused "vnc_listen = ::" bios bad --set display=vnc --set vnc_listen=:: -d

	printf '[plugin kvm]\nemulator = /nowhere/qemu\n' >"$DISKS/hyfw.ini"
	refused "/nowhere/qemu" hyfw --config "$DISKS/hyfw.ini" run --name bad --isolation kvm --network none \
		--set kernel="$GUEST/vmlinux" -d
	printf '[plugin kvm]\nuri = qemu+unix:///system?socket=/nowhere\n' >"$DISKS/hyfw.ini"
	refused "'/nowhere'" hyfw --config "$DISKS/hyfw.ini" run --name bad --isolation kvm --network none \
		--set kernel="$GUEST/vmlinux" -d
}

@test "QEMU is limited, has its disk alone, ends by force, and comes back when it was killed" {
	truncate -s 1M "$DISKS/data.raw"
	bios one -d --cpus 0.5 --pids-limit 300 --restart on-failure:1 --set disk="$DISKS/data.raw:format=raw"
	qemu=$(inspected one pid)

	# whatever the guest does, QEMU stays within these
	memory=$(cgroup_of one memory) pids=$(cgroup_of one pids) cpu=$(cgroup_of one cpu)
	limit=$(cat "$memory/memory.limit_in_bytes" 2>/dev/null || cat "$memory/memory.max")
	[ "$limit" -ge $((64 << 20)) ]
	[ "$limit" -le $((1 << 30)) ]
	[ "$(cat "$pids/pids.max")" = 300 ]
	if [ -f "$cpu/cpu.max" ]; then
		read -r quota period <"$cpu/cpu.max"
	else
		quota=$(cat "$cpu/cpu.cfs_quota_us") period=$(cat "$cpu/cpu.cfs_period_us")
	fi
	[ $((quota * 2)) -eq "$period" ]

	run --separate-stderr bios two -d --set disk="$DISKS/data.raw:format=raw"
	[ "$status" -eq 125 ]
	[[ $stderr == *"$DISKS/data.raw: used by workload one"* ]]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]

	kill -KILL "$qemu"
	wait_until 30 has_restarted one
	wait_until 20 is_status one running
	again=$(inspected one pid)
	[ "$again" != "$qemu" ]
	has_ended "$qemu"

	# nobody inside looks at the power button
	begin=$SECONDS
	hyfw stop -t 1 one
	[ $((SECONDS - begin)) -lt 15 ]
	is_status one exited
	has_ended "$again"
	[ "$(inspected one exit_status)" = 137 ]
	hyfw rm one
	[ "$(stat -c %u "$DISKS/data.raw")" = 0 ]
}

@test "a snapshot that the pool has no room for is refused before it is made" {
	write_stack pool <<-INI
		[pool default]
		size = 40M

		[volume small]
		driver = qcow2
		size = 32M

		[workload vm]
		isolation = kvm
		network = none
		memory = 64M
		firmware = bios
		boot = network
		disk = small
		stop_signal = SIGKILL
	INI
	hyfw up "$STACK"
	run --separate-stderr hyfw snapshot create vm all
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"pool default: there is no room for "*" MiB: 8 MiB of its 40 MiB are free"* ]]
	hyfw snapshot create --disk-only vm disks
	[ "$(hyfw --format json snapshot list vm | json 0 name)" = disks ]
	hyfw snapshot delete vm disks
	hyfw down "$STACK"
	hyfw volume rm small
}

@test "a block device is the machine's own while it runs, and the host's while it is mounted" {
	truncate -s 16M "$DISKS/back.raw"
	loop=$(losetup -f --show "$DISKS/back.raw")
	before=$(stat -c '%u:%g %a' "$loop")
	mkfs.ext4 -q "$loop"
	mkdir "$DISKS/mnt"

	mount "$loop" "$DISKS/mnt"
	SNAPSHOT=$BATS_TEST_TMPDIR/mounted
	machine_snapshot >"$SNAPSHOT"
	refused "$loop: the host itself uses it" bios vm -d --set disk="$loop"
	refused "$loop: the host itself uses it" hyfw disk sparsify "$loop"
	umount "$DISKS/mnt"
	SNAPSHOT=$BATS_FILE_TMPDIR/before
	refused "$loop (qcow2): it is not in format qcow2" bios vm -d --set disk="$loop:format=qcow2"

	bios vm -d --set disk="$loop"
	qemu=$(inspected vm pid)
	[ "$(stat -c %u "$loop")" = "$(stat -c %u "/proc/$qemu")" ]
	[ "$(stat -c %u "$loop")" != 0 ]
	run ! mount "$loop" "$DISKS/mnt"
	mknod "$DISKS/node" b "$(stat -c 0x%t "$loop")" "$(stat -c 0x%T "$loop")"
	run --separate-stderr bios two -d --set disk="$DISKS/node"
	[ "$status" -eq 125 ]
	[[ $stderr == *"$DISKS/node: used by workload vm"* ]]
	run --separate-stderr hyfw disk sparsify "$loop"
	[[ $stderr == *"used by workload vm"* ]]
	hyfw rm -f vm
	[ "$(stat -c '%u:%g %a' "$loop")" = "$before" ]
	mount "$loop" "$DISKS/mnt"
	umount "$DISKS/mnt"

	# what a guest wrote there does not decide how it is read
	qemu-img create -q -f qcow2 "$loop" 8M
	refused "$loop: its content is in format qcow2" bios vm -d --set disk="$loop"
	bios vm -d --set disk="$loop:format=raw"
	killed "$(hyfw --format json inspect vm | json 0 monitor_pid)"
	hyfw ps -a >/dev/null
	[ "$(stat -c '%u:%g %a' "$loop")" = "$before" ]
	hyfw rm -f vm
	losetup -d "$loop"
}

@test "a killed dnsmasq is started again for the next machine, and goes with the last" {
	write_stack names <<-INI
		[network faultnet]
		driver = bridge
		subnet = 10.213.10.0/24

		[workload one]
		isolation = kvm
		network = faultnet
		memory = 64M
		firmware = bios
		disk = $DISKS/one.raw:format=raw
		stop_signal = SIGKILL

		[workload two]
		isolation = kvm
		network = faultnet
		memory = 64M
		firmware = bios
		disk = $DISKS/two.raw:format=raw
		stop_signal = SIGKILL
	INI
	truncate -s 1M "$DISKS/one.raw" "$DISKS/two.raw"
	hyfw up "$STACK"
	file=$STATE/drivers/bridge/dhcp-faultnet/pid
	server=$(cat "$file")
	killed "$server"
	hyfw ps -a >/dev/null
	is_status one running
	hyfw stop two
	hyfw start two
	[ "$(cat "$file")" != "$server" ]
	[ "$(cat "/proc/$(cat "$file")/comm")" = dnsmasq ]
	hyfw down "$STACK"
	[ ! -e "$file" ]
}

@test "words in a description stay words; a libvirtd may be away at a machine's end" {
	command -v libvirtd >/dev/null || skip "no libvirtd"
	dir=$STATE/lv
	start_libvirtd
	printf '[plugin kvm]\nuri = qemu+unix:///system?socket=%s\n' "$dir/sock/libvirt-sock" >"$DISKS/hyfw.ini"
	HYFW_COMMAND+=(--config "$DISKS/hyfw.ini")
	hostile="</description><devices><disk type='file'><source file='/etc/shadow'/></disk></devices>&amp;\"'<!--"

	for name in 'a<b' 'a&b' 'a"b' "a'b" '../a' 'a/b'; do
		run --separate-stderr bios "$name" -d
		[ "$status" -ne 0 ]
	done
	bios vm -d --set description="$hostile" --set metadata="key=$hostile"
	qemu=$(inspected vm pid)
	domain=$(virsh_ dumpxml "$(virsh_ list --name | head -n 1)")
	[ "$(xmllint --xpath 'string(/domain/description)' - <<<"$domain")" = "$hostile" ]
	[ "$(xmllint --xpath 'count(//disk)' - <<<"$domain")" = 0 ]
	absent -a -q shadow "/proc/$qemu/cmdline"

	kill -KILL "$(cat "$dir/pid")"
	sleep 1
	is_status vm running
	kill -KILL "$qemu"
	wait_until 20 is_status vm exited
	rm -f "$dir/sock/libvirt-sock"
	start_libvirtd
	hyfw rm vm
	run virsh_ list --all --name
	[ -z "$output" ]
	stop_libvirtd
}

stop_libvirtd() {
	local pid
	pid=$(cat "$STATE/lv/pid")
	kill -TERM "$pid"
	wait_until 10 has_ended "$pid"
	rm -rf "$STATE/lv"
}

virsh_() { virsh -q -c "qemu+unix:///system?socket=$dir/sock/libvirt-sock" "$@"; }

start_libvirtd() {
	setsid "$HYFW_TOP/tests/cli/private-libvirtd" "$dir" host1 >>"$BATS_TEST_TMPDIR/libvirtd.log" 2>&1 3>&- &
	wait_until 30 test -S "$dir/sock/libvirt-sock"
}

# ---- with a guest ---------------------------------------------------------------------

# What it prints on its way down is not awaited.
guest_ends() { # NAME STATUS FLAG... -- WORD...
	local name=$1 expected=$2
	shift 2
	HYFW_TIMEOUT=90 run_machine --name "$name" -d "$@"
	HYFW_TIMEOUT=90 run hyfw wait "$name"
	echo "$name ended with $output"
	[ "$output" = "$expected" ]
}

@test "a reboot and a crash inside, as on_reboot, on_crash and restart say" {
	guest_ends again 0 --set on_reboot=destroy -- run=reboot
	guest_ends crashed 134 --restart on-failure:1 -- run=crash panic=0
	wait_until 30 has_restarted crashed
	hyfw rm -f again crashed
}

@test "a disk that fills its file system: the guest stands still, is told of, and goes on" {
	mkdir "$DISKS/small"
	mount -t tmpfs -o size=4M,mode=755 tmpfs "$DISKS/small"
	qemu-img create -q -f qcow2 "$DISKS/small/disk.qcow2" 64M
	mkfifo "$DISKS/words"
	{ timeout 150 "${HYFW_COMMAND[@]}" run --name full -i --isolation kvm --network none -m 256M \
		--set kernel="$GUEST/vmlinux" --set initrd="$GUEST/initrd" --set cmdline="$GUEST_CMDLINE" \
		--set disk="$DISKS/small/disk.qcow2" <"$DISKS/words" >"$DISKS/out" 2>"$DISKS/err" || true; } &
	exec 8>"$DISKS/words"
	wait_until 60 grep -q 'guest: ready' "$DISKS/out"
	sleep 1
	echo 'dd if=/dev/zero of=/dev/vda bs=64k count=200 conv=fsync; echo written' >&8
	wait_until 30 stands_still full
	wait_until 10 is_status full paused
	hyfw ps | grep -E ' up [0-9]+ [a-z]+ \(paused: disk full\) '
	hyfw unpause full # there is no room yet: it stands still again
	wait_until 10 is_status full paused
	grep -q "disk $DISKS/small/disk.qcow2: no space left" "$DISKS/err"
	absent -q '^written' "$DISKS/out"
	mount -o remount,size=64M "$DISKS/small"
	hyfw unpause full
	wait_until 30 grep -q '^written' "$DISKS/out"
	is_status full running
	hyfw events --no-stream >"$DISKS/events"
	grep -E 'pause +full +reason=disk full' "$DISKS/events"
	exec 8>&-
	hyfw rm -f full
}
