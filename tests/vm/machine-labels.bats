# SELinux labels of machines, enforcing, in the test machine that has QEMU (make-machines-vm).  A machine in an
# emulated one is slow: one is started, for most of the looks, and no guest is waited for.
LABELLED=/srv/hyfw-test-machines
load labels

FILES=("$LABELLED"/{vmlinux,initrd,base.qcow2,disk.qcow2,disc.iso})
GUEST=/t/guest # made outside, as it takes a kernel's package

setup_file() {
	mkdir -p "$LABELLED"
	chmod 755 "$LABELLED"
	# As NFS is: one label for all of it.
	mkdir -p "$LABELLED/other"
	mount -t tmpfs -o context=system_u:object_r:svirt_image_t:s0,mode=755 none "$LABELLED/other"
	truncate -s 1M "$LABELLED/other/raw.img"
	common_setup_file
	cp "$GUEST"/{vmlinux,initrd} "$LABELLED/"
	qemu-img create -q -f qcow2 "$LABELLED/base.qcow2" 8M
	qemu-img create -q -f qcow2 -F qcow2 -b "$LABELLED/base.qcow2" "$LABELLED/disk.qcow2"
	truncate -s 1M "$LABELLED/disc.iso"
	# A program that a process may become a machine's with.
	cp /sbin/busybox "$LABELLED/busybox"
	chcon -t qemu_exec_t "$LABELLED/busybox"
	chcon -t etc_t "$LABELLED"/{base,disk}.qcow2 "$LABELLED/disc.iso" # which a machine may read
	chcon -t var_lib_t "$LABELLED"/{vmlinux,initrd,base.qcow2}         # which it may not
	setsebool virt_use_execmem on
}

# What a test starts is there for the next.
teardown() { setenforce 1; }

teardown_file() {
	common_teardown_file
	umount "$LABELLED/other"
	rm -rf "$LABELLED"
}

vm() { # NAME FLAG...
	local name=$1
	shift
	HYFW_TIMEOUT=150 hyfw run -d --isolation kvm --network none -m 48M --name "$name" --set tb_cache=16M \
		--set kernel="$LABELLED/vmlinux" --set initrd="$LABELLED/initrd" --set cmdline="console=ttyS0 quiet" "$@"
}

types() { stat -c '%C %n' "$@" | cut -d: -f3-; }

# As the user and with a label like that of machine one, which has the pair PAIR: COMMAND...
as_machine() { # PAIR COMMAND...
	local pair=$1 uid
	shift
	uid=$(hyfw inspect one | json 0 confinement "qemu user" | cut -d: -f1)
	setpriv --reuid "$uid" --regid "$uid" --clear-groups runcon "system_u:system_r:svirt_t:s0:$pair" "$LABELLED/busybox" "$@"
}

@test "what the policy does not let QEMU do is said before anything is done" {
	setsebool virt_use_execmem off
	run --separate-stderr vm one --set accel=tcg
	setsebool virt_use_execmem on
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"does not let system_u:system_r:svirt_t:s0"*" run code that it has made (execmem)"*virt_use_execmem* ]]
	run --separate-stderr vm one --security-opt label=type:nosuch_t
	[ "$status" -eq 125 ]
	[[ $stderr == *"the SELinux policy has no label "*":nosuch_t:"* ]]
	[ "$(pairs)" -eq 0 ]
}

@test "QEMU has the type of machines and a pair of the machine's own, and so have its files" {
	local pid root pair
	types "${FILES[@]}" >"$BATS_FILE_TMPDIR/labels"
	vm one --set disk="$LABELLED/disk.qcow2" --set disk="$LABELLED/disc.iso:device=cdrom,format=raw" --set display=vnc \
		--set disk="$LABELLED/other/raw.img:format=raw"
	pid=$(hyfw inspect one | json 0 pid) root=$(hyfw inspect one | json 0 confinement libvirt)
	pair=$(pair_of one)
	[[ $(tr -d '\0' <"/proc/$pid/attr/current") =~ ^system_u:system_r:svirt_t:s0:c[0-9]+,c[0-9]+$ ]]
	[ "$(label_of one)" = "$(tr -d '\0' <"/proc/$pid/attr/current")" ]
	[ "$(readlink "/proc/$pid/exe")" = /usr/bin/qemu-system-x86_64 ]
	[ "$(hyfw inspect one | json 0 confinement selinux)" = enforcing ]
	types "${FILES[@]}" "$root"/io "$root"/io/* "$root"/lib/qemu/domain-*/monitor.sock
	[ "$(types "$LABELLED/disk.qcow2")" = "svirt_image_t:s0:$pair $LABELLED/disk.qcow2" ]
	[ "$(types "$root/io/console.sock")" = "svirt_image_t:s0:$pair $root/io/console.sock" ]
	[ "$(types "$root/io/display.sock")" = "svirt_image_t:s0:$pair $root/io/display.sock" ]
	[ "$(types "$LABELLED/base.qcow2")" = "virt_content_t:s0 $LABELLED/base.qcow2" ]
	[ "$(types "$LABELLED/vmlinux")" = "virt_content_t:s0 $LABELLED/vmlinux" ]
	[ "$(types "$LABELLED/other/raw.img")" = "svirt_image_t:s0 $LABELLED/other/raw.img" ]
	[ "$(types "$LABELLED/disc.iso")" = "etc_t:s0 $LABELLED/disc.iso" ] # it may be read as it is
	tr -d '\0' </proc/self/attr/current | grep -q ':unconfined_t:'
	[ "$(tr -d '\0' <"/proc/$(hyfw inspect one | json 0 monitor_pid)/attr/current")" = "$(tr -d '\0' </proc/self/attr/current)" ]
	hyfw pause one # its guest would have half of this machine's time
}

@test "a process with the label of another machine cannot use its disk, nor write what all read" {
	local pair
	pair=$(pair_of one)
	as_machine "$pair" head -c 3 "$LABELLED/disk.qcow2" | grep -q QFI # its own can
	run as_machine c1000,c1001 head -c 3 "$LABELLED/disk.qcow2"
	echo "$output"
	[ "$status" -ne 0 ]
	dmesg | grep 'avc: *denied *{ read }.*name="disk.qcow2".*scontext=[^ ]*:svirt_t:s0:c1000,c1001 .*permissive=0'
	as_machine c1000,c1001 head -c 3 "$LABELLED/base.qcow2" | grep -q QFI
	chmod 666 "$LABELLED/base.qcow2"
	run as_machine "$pair" dd if=/dev/zero of="$LABELLED/base.qcow2" bs=1 count=1 conv=notrunc
	chmod 644 "$LABELLED/base.qcow2"
	[ "$status" -ne 0 ]
}

@test "hyfw why tells what was refused to a machine" {
	echo foreign >"$LABELLED/foreign"
	chcon -t var_lib_t "$LABELLED/foreign"
	run as_machine "$(pair_of one)" cat "$LABELLED/foreign"
	[ "$status" -ne 0 ]
	run hyfw why one
	echo "$output"
	[[ $output == *"selinux: busybox (svirt_t) may not "*" the file foreign of type var_lib_t"* ]]
	[[ $output == *"subject  $(label_of one)"* ]]
}

@test "a volume that a container has is not relabelled for a machine" {
	box web -v "$DIR:/data:z"
	truncate -s 1M "$DIR/disk.img"
	run --separate-stderr vm two --set disk="$DIR/disk.img:format=raw"
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"which workload web has, lie in one another and would need two labels"* ]]
	[ "$(hyfw exec web -- cat /data/secret)" = secret ]
	hyfw rm -f web
	[ "$(pairs)" -eq 1 ]
}

@test "after kill -9 of the monitor recover gives the labels back; the pair goes with the machine" {
	local pid
	pid=$(hyfw inspect one | json 0 monitor_pid)
	kill -9 "$pid"
	wait_until 10 has_ended "$pid"
	hyfw recover
	diff "$BATS_FILE_TMPDIR/labels" <(types "${FILES[@]}")
	[ "$(pairs)" -eq 1 ]
	hyfw rm -f one
	[ "$(pairs)" -eq 0 ]
}
