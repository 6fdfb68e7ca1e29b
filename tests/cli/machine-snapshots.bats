# Snapshots of machines, and machines saved to a file, with a small guest and a small
# disk.  The guest counts in its memory and writes on its disk, so that it tells which
# state it is in.
load helpers

setup_file() {
	common_setup_file
	make_guest
	capabilities_load
	run_machine --rm --name first -- run=poweroff nonet >/dev/null
	capabilities_save
	mkdir -p "$DATA/disks" && chmod 755 "$DATA/disks"
	hyfw disk create "$DATA/disks/vm.qcow2" 32M
	machine_snapshot >"$SNAPSHOT"
}

# What is kept goes with the workload, at the next look for orphans.
teardown() {
	local name
	hyfw ps -a -q | while read -r name; do hyfw rm -f "$name"; done >/dev/null
	rm -f "$DATA/disks/raw.img"
	hyfw recover
	common_teardown
}

names() { # NAME
	hyfw --format json snapshot list "$1" | python3 -c 'import json, sys; print(*[row["name"] for row in json.load(sys.stdin)])'
}

qemu_of() { # NAME
	hyfw --format json inspect "$1" | json 0 pid
}

@test "memory and disk go back to a snapshot, in the same QEMU; a saved machine goes on" {
	run_machine -d -i --name vm --set disk="$DATA/disks/vm.qcow2"
	has_said vm "guest: ready"
	qemu=$(qemu_of vm)
	say vm 'echo one >/tmp/state; printf AAAA | dd of=/dev/vda conv=notrunc 2>/dev/null; sync'
	hyfw snapshot create --description "the first" vm first
	say vm 'echo two >/tmp/state; printf BBBB | dd of=/dev/vda conv=notrunc 2>/dev/null; sync'
	run ! hyfw snapshot create vm first
	hyfw snapshot create vm second
	[ "$(names vm)" = "first second" ]
	hyfw snapshot revert vm first
	[ "$(qemu_of vm)" = "$qemu" ]
	grep -q "$(owner_mark)/vm" "/proc/$qemu/cgroup"
	say vm 'echo "state $(cat /tmp/state) $(head -c 4 /dev/vda)"'
	has_said vm "state one AAAA"
	hyfw snapshot revert --paused vm second
	is_status vm running || is_status vm paused
	hyfw unpause vm
	say vm 'echo "state $(cat /tmp/state) $(head -c 4 /dev/vda)"'
	has_said vm "state two BBBB"
	hyfw snapshot create --disk-only vm disks
	run --separate-stderr hyfw snapshot revert vm disks
	[ "$status" -ne 0 ]
	[[ $stderr == *"stop the machine"* ]]

	# to a file, and on from there: not a boot
	say vm 'echo three >/tmp/state'
	hyfw update --restart always vm # which is not for an end that was asked for
	hyfw save vm
	is_status vm exited
	run hyfw wait vm
	[ "$output" = 0 ]
	hyfw update --restart no vm
	hyfw restore vm
	is_status vm running
	say vm 'echo "state $(cat /tmp/state) again"'
	has_said vm "state three again"
	hyfw save vm "$BATS_TEST_TMPDIR/saved"
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/saved")" = 600 ]

	# while it stands
	[ "$(names vm)" = "first second disks" ]
	run --separate-stderr hyfw snapshot revert vm first
	[[ $stderr == *"memory"*"start it"* ]]
	hyfw snapshot create vm idle
	hyfw snapshot revert vm disks
	hyfw snapshot delete --children vm second
	[ "$(names vm)" = first ]
	[ "$(qemu-img snapshot -l "$DATA/disks/vm.qcow2" | grep -c hyfw-)" = 1 ]
	run --separate-stderr hyfw restore vm "$BATS_TEST_TMPDIR/saved"
	[ "$status" -ne 0 ]
	[[ $stderr == *"vm.qcow2 has changed since"* ]]
	hyfw snapshot delete vm first
	hyfw rm vm
	hyfw recover
	[ -z "$(ls "$DATA/drivers/kvm/machines")" ]
}

@test "what cannot be kept is refused by name" {
	truncate -s 8M "$DATA/disks/raw.img"
	hyfw create --name raw --isolation kvm --network none -m 256M --set kernel="$GUEST/vmlinux" \
		--set initrd="$GUEST/initrd" --set cmdline="$GUEST_CMDLINE nonet" --set disk="$DATA/disks/raw.img:format=raw"
	run --separate-stderr hyfw snapshot create raw one
	[[ $stderr == *"never started"* ]]
	hyfw start raw
	run --separate-stderr hyfw snapshot create raw one
	[ "$status" -ne 0 ]
	[[ $stderr == *"disk1"*"raw.img"*"format raw"* ]]
	run --separate-stderr hyfw snapshot create raw '../x'
	[[ $stderr == *"the name of a snapshot"* ]]
	run --separate-stderr hyfw snapshot revert raw none
	[[ $stderr == *"there is no snapshot none"* ]]
}

# Beside the disk, in a directory that says whose they are.
layers() { # WORKLOAD [DIRECTORY]
	find "${2:-$DATA/disks}" -path "*/.$(owner_mark)-$1-*/*" -name '*.qcow2' | wc -l
}

state_is() { # NAME TEXT
	say "$1" 'echo "state $(cat /tmp/state) $(head -c 4 /dev/vda) $(head -c 4 /dev/vdb)"'
	has_said "$1" "state $2"
}

@test "external snapshots: memory and disks go back, what is deleted is merged" {
	hyfw disk create "$DATA/disks/second.qcow2" 8M
	truncate -s 8M "$DATA/disks/raw.img"
	run_machine -d -i --name ext --set disk="$DATA/disks/second.qcow2" --set disk="$DATA/disks/raw.img:format=raw"
	has_said ext "guest: ready"
	say ext 'echo one >/tmp/state; for d in a b; do printf AAAA | dd of=/dev/vd$d conv=notrunc 2>/dev/null; done; sync'
	hyfw snapshot create --external ext first
	[ "$(layers ext)" = 2 ]
	say ext 'echo two >/tmp/state; for d in a b; do printf BBBB | dd of=/dev/vd$d conv=notrunc 2>/dev/null; done; sync'
	hyfw snapshot create --external --disk-only ext second
	say ext 'echo three >/tmp/state; for d in a b; do printf CCCC | dd of=/dev/vd$d conv=notrunc 2>/dev/null; done; sync'
	state_is ext "three CCCC CCCC"
	[ "$(head -c 4 "$DATA/disks/raw.img")" = AAAA ]
	run --separate-stderr hyfw snapshot create ext inside
	[ "$status" -ne 0 ]
	[[ $stderr == *"external snapshots (first)"*"--external"* ]]
	run --separate-stderr hyfw snapshot revert ext second
	[[ $stderr == *"disks alone: stop the machine"* ]]
	hyfw snapshot list ext >"$BATS_TEST_TMPDIR/list"
	grep -q '^first .* external .* yes ' "$BATS_TEST_TMPDIR/list"
	grep -q '^second \* .* external .* no .* first ' "$BATS_TEST_TMPDIR/list"

	# the memory of then, on the disks of then; what follows is another branch
	hyfw snapshot revert ext first
	is_status ext running
	state_is ext "one AAAA AAAA"
	say ext 'echo four >/tmp/state; for d in a b; do printf DDDD | dd of=/dev/vd$d conv=notrunc 2>/dev/null; done; sync'
	hyfw snapshot create --external ext third
	[ "$(names ext)" = "first second third" ]

	# merged while it runs: the middle, and then all
	hyfw snapshot delete ext second
	hyfw snapshot delete ext first
	[ "$(names ext)" = third ]
	state_is ext "four DDDD DDDD"
	hyfw snapshot delete ext third
	[ "$(layers ext)" = 0 ]
	say ext 'for d in a b; do printf EEEE | dd of=/dev/vd$d conv=notrunc 2>/dev/null; done; sync'
	state_is ext "four EEEE EEEE"
	hyfw stop -t 0 ext
	[ "$(head -c 4 "$DATA/disks/raw.img")" = EEEE ]
	hyfw rm ext
	rm "$DATA/disks/second.qcow2"
}

# Nothing boots in what follows: the disks are empty, and are written and read from
# outside, at what lies on top of them.

top_of() { # WORKLOAD DISK
	python3 -c '
import json, sys
kept = json.load(open(sys.argv[1]))
base = next(disk["path"] for disk in kept["disks"] if disk["name"] == sys.argv[2])
print(next((layer["path"] for layer in kept.get("layers", []) if layer["base"] == base and layer.get("active")), base))
' "$DATA/drivers/kvm/machines/$1.json" "$2"
}

put() { # FILE BYTE [FORMAT]
	qemu-io -f "${3:-qcow2}" -c "write -q -P $2 0 64k" "$1"
}

holds() { # FILE BYTE [FORMAT]
	run qemu-io -f "${3:-qcow2}" -c "read -q -P $2 0 64k" "$1"
	[ "$output" = "" ]
}

has_no_merge() { # FILE
	! pgrep -f "qemu-img commit .*$1"
}

has_mark() { # FILE
	python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "trusted.hyfw.snapshots").decode())' "$1" 2>/dev/null
}

set_mark() { # FILE TEXT
	python3 -c 'import os, sys; os.setxattr(sys.argv[1], "trusted.hyfw.snapshots", sys.argv[2].encode())' "$1" "$2"
}

@test "external snapshots of a machine that stands: root, volume, file; crashes; removal" {
	qemu-img create -q -f qcow2 "$BATS_TEST_TMPDIR/root.qcow2" 8M
	hyfw image import empty "$BATS_TEST_TMPDIR/root.qcow2"
	truncate -s 8M "$DATA/disks/raw.img"
	write_stack idle <<-INI
		[volume idledata]
		driver = qcow2
		size = 8M

		[workload idle]
		isolation = kvm
		image = empty
		disk = idledata
		disk = $DATA/disks/raw.img:format=raw
		network = none
		memory = 64M
		firmware = bios
		stop_signal = SIGKILL
	INI
	hyfw up "$STACK" >/dev/null
	volume=$(top_of idle disk1)
	hyfw snapshot create idle --external --disk-only one
	[[ $(has_mark "$volume") == "idle $(owner_mark) "*" $(uname -n)" ]]
	hyfw stop idle
	put "$(top_of idle root)" 2
	put "$(top_of idle disk1)" 2
	put "$(top_of idle disk2)" 2
	holds "$(top_of idle disk2)" 2
	holds "$DATA/disks/raw.img" 0 raw

	# nobody else does anything to what lies below
	run --separate-stderr hyfw disk resize "$volume" 16M
	[ "$status" -ne 0 ]
	[[ $stderr == *"workload idle has external snapshots"* ]]
	run --separate-stderr hyfw disk convert "$DATA/disks/raw.img" "$DATA/disks/copy.qcow2" --format qcow2
	[ "$status" -ne 0 ]
	run --separate-stderr hyfw migrate --check idle test:///default
	[[ $stderr == *"external snapshots"* ]]

	# nor does a machine of this name on another host that has the same storage
	own=$(has_mark "$volume")
	set_mark "$volume" "idle $(owner_mark) 0123456789abcdef0123456789abcdef beta"
	run --separate-stderr hyfw start idle
	[ "$status" -ne 0 ]
	[[ $stderr == *"workload idle of beta has external snapshots of it"* ]]
	set_mark "$volume" "$own"

	# a start has the top, and gives what it was given back
	hyfw start idle
	tr '\0' '\n' <"/proc/$(qemu_of idle)/cmdline" | grep -q -F "$(top_of idle disk1)"
	hyfw stop idle
	hyfw snapshot revert idle one
	holds "$(top_of idle disk1)" 0
	holds "$(top_of idle disk2)" 0
	[ "$(layers idle "$DATA")" = 3 ] # what was left is gone

	# a top that says something else of itself is not used
	put "$(top_of idle disk1)" 3
	hyfw snapshot create --external idle two
	put "$(top_of idle disk1)" 4
	qemu-img rebase -u -F raw -b /etc/shadow "$(top_of idle disk1)"
	run --separate-stderr hyfw start idle
	[ "$status" -ne 0 ]
	[[ $stderr == *"/etc/shadow"*"the machine has changed it"* ]]
	below=$(echo "$(dirname "$volume")/.$(owner_mark)-idle-"*)
	two=$(find "$below" -name '*.qcow2' ! -path "$(top_of idle disk1)")
	qemu-img rebase -u -F qcow2 -b "$two" "$(top_of idle disk1)"

	# files that no record mentions, and a merge that was cut short after what it copied
	cp "$two" "$below/99.qcow2"
	hyfw snapshot create --external idle three
	[ ! -e "$below/99.qcow2" ]
	[ "$(layers idle "$DATA")" = 9 ]
	qemu-img commit -q -d "$two"
	middle=$(qemu-img info -U --output json "$(top_of idle disk1)" | json full-backing-filename)
	qemu-img rebase -u -F qcow2 -b "$volume" "$middle"
	python3 - "$DATA/drivers/kvm/machines/idle.json" "$two" "$volume" <<-'PY'
		import json, sys
		kept = json.load(open(sys.argv[1]))
		kept["fold"] = {"from": sys.argv[2], "into": sys.argv[3]}
		kept["snapshots"] = [s for s in kept["snapshots"] if s["name"] != "one"]
		json.dump(kept, open(sys.argv[1], "w"))
	PY
	hyfw start idle
	hyfw stop idle
	[ ! -e "$two" ]
	holds "$volume" 3
	holds "$(top_of idle disk1)" 4
	hyfw snapshot delete idle two
	[ "$(names idle)" = three ]
	holds "$(top_of idle disk1)" 4

	# what it wrote stays in what outlives it
	put "$(top_of idle disk2)" 5
	hyfw down "$STACK"
	holds "$volume" 4
	holds "$DATA/disks/raw.img" 5 raw
	run has_mark "$volume"
	[ -z "$output" ]
	[ "$(layers idle "$DATA")" = 0 ]
	[ ! -e "$below" ]
	hyfw volume rm "$(basename "$volume" .qcow2)"
	hyfw image rm empty
}

@test "external snapshots: a merge that is killed, and a full disk" {
	hyfw disk create "$DATA/disks/big.qcow2" 512M
	hyfw create --name full --isolation kvm --network none -m 64M --set firmware=bios --set disk="$DATA/disks/big.qcow2"
	hyfw start full
	hyfw snapshot create --external --disk-only full one
	hyfw stop -t 0 full
	top=$(top_of full disk1)
	qemu-io -f qcow2 -c "write -q -P 7 0 384M" "$top"
	hyfw snapshot delete full one >/dev/null 2>&1 &
	deleting=$!
	until merging=$(pgrep -f "qemu-img commit .*$top"); do kill -0 "$deleting"; done
	kill -KILL "$deleting" "$(awk '/^PPid/ { print $2 }' "/proc/${merging%%$'\n'*}/status")"
	wait "$deleting" || true
	wait_until 20 has_no_merge "$top"
	hyfw recover
	[ "$(top_of full disk1)" = "$top" ]
	hyfw snapshot create --external full two # merges what was left first
	[ "$(layers full)" = 1 ]
	[ ! -e "$top" ]
	qemu-io -f qcow2 -c "read -q -P 7 0 384M" "$(top_of full disk1)"
	hyfw rm full
	qemu-io -f qcow2 -c "read -q -P 7 0 384M" "$DATA/disks/big.qcow2"

	# no room: one sentence, and it runs on as it was
	mkdir -p "$DATA/small"
	mount -t tmpfs -o size=2m,mode=755 small "$DATA/small"
	truncate -s 1M "$DATA/small/disk.img"
	hyfw create --name full --isolation kvm --network none -m 64M --set firmware=bios \
		--set disk="$DATA/small/disk.img:format=raw"
	hyfw start full
	dd if=/dev/zero of="$DATA/small/fill" bs=64k 2>/dev/null || true
	run --separate-stderr hyfw snapshot create --external --disk-only full one
	[ "$status" -ne 0 ]
	[ "$(wc -l <<<"$stderr")" = 1 ]
	[[ $stderr == *"No space left"* ]]
	is_status full running
	[ -z "$(names full)" ]
	hyfw rm -f full
	umount "$DATA/small"
	rm -r "$DATA/disks/big.qcow2" "$DATA/small"
}

@test "external snapshots: a disk that is not mounted is not gone; none where other hosts have it" {
	mkdir -p "$DATA/real" "$DATA/far"
	chmod 755 "$DATA/real" "$DATA/far"
	mount --bind "$DATA/real" "$DATA/far"
	truncate -s 4M "$DATA/far/disk.img"
	printf '[pool far]\npath = %s\nshared = yes\n' "$DATA/far" >"$BATS_TEST_TMPDIR/shared.ini"
	away=(--isolation kvm --network none -m 64M --set firmware=bios --set "disk=$DATA/far/disk.img:format=raw")
	hyfw --config "$BATS_TEST_TMPDIR/shared.ini" run -d --name away "${away[@]}"
	run --separate-stderr hyfw snapshot create --external --disk-only away one
	[ "$status" -ne 0 ]
	[[ $stderr == *"disk1 ($DATA/far/disk.img) is in a pool that other hosts have"*"leave --external out" ]]
	[ "$(layers away "$DATA/far")" = 0 ]
	hyfw rm -f away

	hyfw run -d --name away "${away[@]}"
	hyfw snapshot create --external --disk-only away one
	hyfw stop -t 0 away
	put "$(top_of away disk1)" 6
	umount "$DATA/far"
	run --separate-stderr hyfw rm away
	echo "$stderr"
	[ "$status" -eq 0 ]
	[[ $stderr == *"$DATA/far/disk.img is not to be reached (nothing is mounted on $DATA/far)"*"hyfw recover"* ]]
	run --separate-stderr hyfw recover
	[ "$status" -ne 0 ]
	[[ $stderr == *"$DATA/far/disk.img is not to be reached"* ]]
	[ "$(layers away "$DATA/real")" = 1 ]
	mount --bind "$DATA/real" "$DATA/far"
	hyfw recover
	[ "$(layers away "$DATA/real")" = 0 ]
	holds "$DATA/real/disk.img" 6 raw
	run has_mark "$DATA/real/disk.img"
	[ -z "$output" ]
	[ ! -e "$DATA/drivers/kvm/machines/away.json" ]
	umount "$DATA/far"
	rm -r "$DATA/real" "$DATA/far"
}
