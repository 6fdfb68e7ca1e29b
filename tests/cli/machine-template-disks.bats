# Templates of machines with disks: memory and disks of one moment; machines that start
# from it once, and boot their own disks from then on.
load helpers

setup_file() {
	common_setup_file
	make_guest
	capabilities_load
	run_machine --rm --name first -- run=poweroff nonet >/dev/null
	capabilities_save
	qemu-img create -q -f qcow2 "$BATS_FILE_TMPDIR/root.qcow2" 8M
	hyfw image import empty "$BATS_FILE_TMPDIR/root.qcow2"
	mkdir -p "$DATA/disks" && chmod 755 "$DATA/disks"
	machine_snapshot >"$SNAPSHOT"
}

teardown() {
	local name
	hyfw ps -a -q | while read -r name; do hyfw rm -f "$name"; done >/dev/null
	hyfw --format json template list | python3 -c 'import json, sys; [print(row["name"]) for row in json.load(sys.stdin)]' |
		while read -r name; do hyfw template rm "$name"; done
	hyfw recover
	drop_volume tdata
	rm -rf "$DATA/stacks/base" "$DATA"/disks/*
	common_teardown
}

refused() { # WORDS COMMAND...
	local words=$1
	shift
	run --separate-stderr hyfw "$@"
	echo "$stderr"
	[ "$status" -ne 0 ]
	[[ $stderr == *"$words"* ]]
}

qemu_of() { # NAME
	hyfw --format json inspect "$1" | json 0 pid
}

arguments() { # NAME
	tr '\0' '\n' <"/proc/$(qemu_of "$1")/cmdline"
}

generation() { # NAME
	arguments "$1" | sed -n 's/.*"driver":"vmgenid".*"guid":"\([^"]*\)".*/\1/p' | grep .
}

put() { # FILE BYTE
	qemu-io -f qcow2 -c "write -q -P $2 0 64k" "$1"
}

holds() { # FILE BYTE; a machine may have it
	run qemu-io -r -U -f qcow2 -c "read -q -P $2 0 64k" "$1"
	[ "$output" = "" ]
}

CLONES=$DATA/drivers/kvm/clones
TEMPLATES=$DATA/drivers/kvm/templates

# No guest: firmware that finds nothing to boot.
run_idle() { # NAME FLAG...
	hyfw run -d --isolation kvm --network none --set stop_signal=SIGKILL --name "$@"
}

@test "memory and disks are of one moment; a machine goes on from it once and keeps what it writes" {
	cat >"$BATS_TEST_TMPDIR/base.ini" <<-END
		[volume tdata]
		driver = qcow2
		size = 8M
		[workload base]
		isolation = kvm
		network = none
		image = empty
		disk = tdata:serial=second
		memory = 256M
		interactive = yes
		firmware = bios
		kernel = $GUEST/vmlinux
		initrd = $GUEST/initrd
		cmdline = $GUEST_CMDLINE nonet
	END
	hyfw up "$BATS_TEST_TMPDIR/base.ini"
	has_said base "guest: ready"
	say base 'printf AAAA | dd of=/dev/vda conv=notrunc 2>/dev/null; printf aaaa | dd of=/dev/vdb conv=notrunc 2>/dev/null; sync; echo kept >/tmp/state; echo sto"red"'
	has_said base stored
	before=$(arguments base | grep -F .qcow2)
	hyfw template create booted base
	is_status base running
	say base 'printf BBBB | dd of=/dev/vda conv=notrunc 2>/dev/null; sync; echo goes "on"'
	has_said base "goes on"
	[ "$(arguments base | grep -F .qcow2)" = "$before" ]
	[ "$(stat -c '%u %a' "$TEMPLATES/booted/root.qcow2" "$TEMPLATES/booted/disk1.qcow2")" = $'0 600\n0 600' ]
	[[ $(hyfw template inspect booted) == *"disk root"*8M*"disk disk1"*8M* ]]

	# it neither boots nor sees what the other wrote since
	hyfw run -d -i --name one --isolation kvm --template booted --network none
	say one 'echo 3 >/proc/sys/vm/drop_caches; echo "one: $(cat /tmp/state) $(head -c 4 /dev/vda) $(head -c 4 /dev/vdb) $(cat /sys/block/vdb/serial)"'
	has_said one "one: kept AAAA aaaa second"
	run ! logged one "guest: up"
	[ "$(generation base)" != "$(generation one)" ]
	[[ $(stat -c %a "$TEMPLATES/booted/root.qcow2") == *0 ]] # not for everybody
	[ "$(stat -c '%u %a' "$CLONES/one/root.qcow2")" = "$(stat -c %u "/proc/$(qemu_of one)") 600" ]
	say one 'printf CCCC | dd of=/dev/vda conv=notrunc 2>/dev/null; sync; echo one: "written"'
	has_said one "one: written"
	refused "template booted is used by one" template rm booted
	hyfw stop one
	hyfw start one
	has_said one "guest: ready"
	say one 'echo "again: $(head -c 4 /dev/vda) $(head -c 4 /dev/vdb) $(ls /tmp | wc -l)"'
	has_said one "again: CCCC aaaa 0"

	# one that goes when it ends, with all that it has
	hyfw run -d -i --rm --name two --isolation kvm --template booted --network none
	say two 'echo 3 >/proc/sys/vm/drop_caches; echo "two: $(cat /tmp/state) $(head -c 4 /dev/vda)"'
	has_said two "two: kept AAAA"
	[ "$(generation one)" != "$(generation two)" ]
	hyfw rm -f one
	[ ! -e "$CLONES/one" ]
	refused "template booted is used by two" template rm booted
	hyfw stop two
	wait_until 10 test ! -e "$CLONES/two"
	hyfw template rm booted
	[ -z "$(find "$TEMPLATES" "$DATA/drivers/kvm/machines" -mindepth 1 -name '*template*')" ]
	[ ! -e "$TEMPLATES/booted" ]
	hyfw down "$BATS_TEST_TMPDIR/base.ini"
}

@test "disks that only read, a paused machine, snapshots of a clone; damage, strangers' headers, what is left" {
	truncate -s 4M "$DATA/disks/raw.img"
	qemu-io -f raw -c "write -P 7 0 64k" "$DATA/disks/raw.img" >/dev/null
	qemu-img create -q -f qcow2 "$DATA/disks/read.qcow2" 4M
	chmod 644 "$DATA/disks/read.qcow2"
	run_idle idle -m 64M --set firmware=bios --disk "$DATA/disks/raw.img:format=raw" --disk "$DATA/disks/read.qcow2:ro"
	hyfw pause idle
	hyfw template create still idle
	is_status idle paused
	hyfw unpause idle
	is_status idle running
	holds "$TEMPLATES/still/disk1.qcow2" 7
	hyfw rm -f idle

	from=(--isolation kvm --network none --set stop_signal=SIGKILL --template still)
	refused "the disks of a machine are its template's" run -d --rm --name no "${from[@]}" --disk "$DATA/disks/raw.img:format=raw"
	hyfw run -d --name one "${from[@]}"
	arguments one | grep -q -F "$CLONES/one/disk1.qcow2"
	arguments one | grep -q -F "$TEMPLATES/still/disk2.qcow2"
	[ ! -e "$CLONES/one/disk2.qcow2" ]
	hyfw kill one
	wait_until 10 is_status one exited
	put "$CLONES/one/disk1.qcow2" 9
	hyfw start one
	holds "$CLONES/one/disk1.qcow2" 9
	hyfw snapshot create one --external --disk-only first
	hyfw kill one
	wait_until 10 is_status one exited
	hyfw snapshot delete one first
	holds "$CLONES/one/disk1.qcow2" 9
	holds "$TEMPLATES/still/disk1.qcow2" 7

	# the storage driver believes the one and leaves the other alone
	hyfw disk convert "$CLONES/one/disk1.qcow2" "$DATA/disks/copy.qcow2" --format qcow2
	holds "$DATA/disks/copy.qcow2" 9
	refused "it is of template still" disk resize "$TEMPLATES/still/disk1.qcow2" 8M

	# what a guest may have had QEMU write is compared, not followed
	qemu-img rebase -u -f qcow2 -F raw -b /etc/passwd "$CLONES/one/disk1.qcow2"
	refused "it says that it is based on '/etc/passwd' and is not" start one
	hyfw rm -f one
	[ ! -e "$CLONES/one" ]

	# a base that somebody wrote to fits no memory any more
	put "$TEMPLATES/still/disk1.qcow2" 1
	refused "template still is damaged: its disk disk1 has changed since" run -d --rm --name no "${from[@]}"
	[[ $(hyfw template list) == *still*damaged* ]]
	rm "$TEMPLATES/still/disk1.qcow2"
	refused "its disk disk1 is missing" run -d --rm --name no "${from[@]}"
	[ -z "$(hyfw ps -a -q)" ]

	# one limit for all of them
	hyfw template rm still
	run_idle idle -m 64M --set firmware=bios --disk "$DATA/disks/raw.img:format=raw"
	hyfw template create still idle # 4M
	printf '[plugin kvm]\ntemplate_space = 6M\n' >"$BATS_TEST_TMPDIR/limited.ini"
	refused "no room for disks of 4 MiB: 2 MiB of 6 MiB are free" --config "$BATS_TEST_TMPDIR/limited.ini" run -d --rm --name no "${from[@]}"
	[ -z "$(ls -A "$CLONES" 2>/dev/null)" ]

	# nobody's
	mkdir -p "$CLONES/ghost" "$TEMPLATES/.ghost.2147483646"
	touch "$CLONES/ghost/root.qcow2" "$TEMPLATES/.ghost.2147483646/root.qcow2"
	hyfw recover
	[ ! -e "$CLONES/ghost" ]
	[ ! -e "$TEMPLATES/.ghost.2147483646" ]
}

@test "EFI: each goes on with the template's variables, and has its own" {
	[ -e /usr/share/OVMF/OVMF_VARS_4M.fd ] || skip "no OVMF: install ovmf"
	qemu-img create -q -f qcow2 "$DATA/disks/efi.qcow2" 4M
	run_idle efi -m 256M --set firmware=efi --disk "$DATA/disks/efi.qcow2"
	hyfw template create variables efi
	[ "$(stat -c %a "$TEMPLATES/variables/nvram.fd")" = 600 ]
	hyfw run -d --name one --isolation kvm --network none --set stop_signal=SIGKILL --template variables
	nvram=$DATA/drivers/kvm/nvram
	[ "$(stat -c %u "$nvram/one.fd")" = "$(stat -c %u "/proc/$(qemu_of one)")" ]
	[ "$(stat -c %i "$nvram/one.fd")" != "$(stat -c %i "$nvram/efi.fd")" ]
	[ "$(generation efi)" != "$(generation one)" ]
	hyfw rm -f one
	[ ! -e "$nvram/one.fd" ]
}
