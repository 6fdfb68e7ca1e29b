# hyfw disk: each verb once.  Those that look into a disk start an appliance, ten
# seconds under emulation, so several things are judged after each; what can be judged
# without one is asked of debugfs and qemu-img.
load helpers

HYFW_TIMEOUT=300
DEBIAN=$HYFW_TEST_DATA/debian

setup_file() {
	common_setup_file
	mkdir -p "$BATS_FILE_TMPDIR/src/etc" "$BATS_FILE_TMPDIR/src/bin"
	echo hello >"$BATS_FILE_TMPDIR/src/a"
	echo old >"$BATS_FILE_TMPDIR/src/etc/conf"
	printf x >"$BATS_FILE_TMPDIR/src/bin/tool"
	chown 1234:4321 "$BATS_FILE_TMPDIR/src/a"
	chmod 4755 "$BATS_FILE_TMPDIR/src/bin/tool"
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	SRC=$BATS_FILE_TMPDIR/src
}

teardown() {
	local name
	cd /
	umount "$BATS_TEST_TMPDIR/mnt" 2>/dev/null || true
	rm -rf --one-file-system "$BATS_TEST_TMPDIR"
	mkdir "$BATS_TEST_TMPDIR"
	for name in $(hyfw -q image list); do [ "$name" = box ] || hyfw image rm "$name"; done
	hyfw recover
	common_teardown
}

teardown_file() { common_teardown_file; }

# What a file of an ext4 disk holds, without the appliance.
content() { # DISK PATH
	qemu-img convert -U -O raw "$1" content.raw
	debugfs -R "cat $2" content.raw 2>/dev/null
	rm -f content.raw
}

debian() {
	local status=0
	"$HYFW_TOP/tests/cli/make-disk" "$DEBIAN" || status=$?
	if [ "$status" -eq 77 ]; then skip "mmdebstrap is missing"; fi
	[ "$status" -eq 0 ]
}

@test "create, info, check, resize, clone, snapshot, convert, rebase, commit" {
	hyfw disk create ./d.qcow2 32M
	[ "$(hyfw --format json disk info ./d.qcow2 | json virtual_size)" = 33554432 ]
	run ! hyfw disk create ./d.qcow2 32M
	hyfw --format json disk check ./d.qcow2 | is_json
	hyfw disk resize ./d.qcow2 +32M
	[ "$(hyfw --format json disk info ./d.qcow2 | json virtual_size)" = 67108864 ]
	run --separate-stderr hyfw disk resize ./d.qcow2 1M
	[ "$status" -eq 125 ]
	hyfw disk clone --linked ./d.qcow2 ./top.qcow2
	qemu-io -f qcow2 -c 'write -P 7 0 64k' top.qcow2
	hyfw disk snapshot create ./top.qcow2 one
	hyfw disk snapshot list ./top.qcow2 | grep -w one
	qemu-io -f qcow2 -c 'write -P 8 0 64k' top.qcow2
	hyfw disk snapshot revert ./top.qcow2 one
	qemu-io -f qcow2 -c 'read -P 7 0 64k' top.qcow2 | absent -i 'pattern verification failed'
	hyfw disk snapshot delete ./top.qcow2 one
	hyfw disk commit ./top.qcow2
	qemu-io -f qcow2 -c 'read -P 7 0 64k' d.qcow2 | absent -i 'pattern verification failed'
	hyfw disk rebase ./top.qcow2
	[ "$(qemu-img info --output json top.qcow2 | json format)" = qcow2 ]
	absent -q backing <(qemu-img info top.qcow2)
	hyfw disk convert --format vmdk ./d.qcow2 ./d.vmdk
	[ "$(qemu-img info --output json d.vmdk | json format)" = vmdk ]
	hyfw --format json disk pools | is_json
}

@test "words that are wrong are told, and nothing is made" {
	run --separate-stderr hyfw disk frobnicate ./x
	[ "$status" -eq 125 ]
	[[ $stderr == *"there is no 'frobnicate'"* ]]
	run --separate-stderr hyfw disk create ./x.qcow2 12Q
	[ "$status" -eq 125 ]
	[ ! -e x.qcow2 ]
	run --separate-stderr hyfw disk cp ./a ./b
	[[ $stderr == *DISK:PATH* ]]
	run --separate-stderr hyfw disk info ./nowhere.qcow2
	[ "$status" -eq 125 ]
	[[ $stderr == *nowhere.qcow2* ]]
	run --separate-stderr hyfw disk edit ./x.qcow2 relative
	[ "$status" -eq 125 ]
}

@test "mkfs keeps owners and modes; such a disk is mounted at once, until somebody else writes" {
	hyfw disk mkfs ./m.qcow2 "$SRC" --label mine
	mkdir mnt
	hyfw disk mount ./m.qcow2 mnt
	grep " $PWD/mnt ext4 " /proc/mounts
	[ "$(stat -c %u:%g mnt/a)" = 1234:4321 ]
	[ "$(stat -c %a mnt/bin/tool)" = 4755 ]
	run --separate-stderr hyfw disk mount ./m.qcow2 mnt
	[ "$status" -eq 125 ]
	echo new >mnt/new
	run --separate-stderr hyfw disk resize ./m.qcow2 1G
	[ "$status" -eq 125 ]
	hyfw disk unmount mnt
	[ "$(content m.qcow2 /new)" = new ]
	hyfw disk mount --read-only ./m.qcow2 mnt
	grep " $PWD/mnt ext4 ro," /proc/mounts
	hyfw disk unmount mnt
	run --separate-stderr hyfw disk unmount mnt
	[ "$status" -eq 125 ]
	qemu-io -f qcow2 -c 'write -P 0 1k 1' m.qcow2 || qemu-io -f qcow2 -c 'write -P 0 0 512' m.qcow2
	hyfw disk mount ./m.qcow2 mnt
	grep " $PWD/mnt fuse" /proc/mounts
	[ "$(cat mnt/a)" = hello ]
	hyfw disk unmount mnt
}

@test "a tar archive becomes a disk; a mount that was interrupted is undone by recover" {
	tar -C "$SRC" -czf src.tar.gz .
	hyfw disk create ./t.raw 48M --format raw --filesystem ext4 --from src.tar.gz
	[ "$(stat -c %s t.raw)" = $((48 << 20)) ]
	[ "$(content t.raw /a)" = hello ]
	mkdir mnt
	hyfw disk mount ./t.raw mnt
	rm "$STATE"/drivers/qcow2/mounts/*/done
	hyfw recover
	absent -F " $PWD/mnt " /proc/mounts
	[ -z "$(ls "$STATE/drivers/qcow2/mounts")" ]
}

@test "filesystems, ls, cat, tar-out, cp out" {
	hyfw disk mkfs ./l.qcow2 "$SRC" --label mine
	hyfw --format json disk df ./l.qcow2 >df.json
	[ "$(json 0 type <df.json)" = ext4 ]
	[ "$(json 0 label <df.json)" = mine ]
	[ "$(json 0 used <df.json)" -lt "$(json 0 size <df.json)" ]
	hyfw disk ls ./l.qcow2 / >ls.txt
	grep -E '^-rw-r--r-- +1234 +4321 +6B .* a$' ls.txt
	[ "$(hyfw disk cat ./l.qcow2 /etc/conf)" = old ]
	hyfw disk tar-out ./l.qcow2 /etc | tar -t | grep -x ./conf
	hyfw disk cp ./l.qcow2:/ out
	diff -r "$SRC/etc" out/etc
	run --separate-stderr hyfw disk cat ./l.qcow2 /etc/nowhere
	[ "$status" -eq 125 ]
	[[ $stderr == */etc/nowhere* ]]
}

@test "--device says which of several file systems is meant" {
	local at
	truncate -s 16M part.raw
	mkfs.ext4 -q part.raw
	truncate -s 40M two.raw
	printf 'label: dos\nstart=2048,size=32768\nstart=34816,size=32768\n' | sfdisk -q two.raw
	for at in 1 17; do
		echo "at $at" >where
		debugfs -w -R "rm where" part.raw 2>/dev/null
		debugfs -w -R "write where where" part.raw 2>/dev/null
		dd if=part.raw of=two.raw bs=1M seek="$at" conv=notrunc status=none
	done
	[ "$(hyfw disk cat --device /dev/sda2 ./two.raw /where)" = "at 17" ]
}

@test "cp in, tar-in, edit, diff; what fails leaves the disk as it was" {
	hyfw disk mkfs ./c.qcow2 "$SRC" --size 64M
	hyfw disk clone ./c.qcow2 ./before.qcow2
	hyfw disk cp "$SRC" ./c.qcow2:/copy
	[ "$(content c.qcow2 /copy/etc/conf)" = old ]
	tar -C "$SRC" -cf - a | "${HYFW_COMMAND[@]}" disk tar-in ./c.qcow2 /etc
	[ "$(content c.qcow2 /etc/a)" = hello ]
	EDITOR="sed -i s/old/changed/" hyfw disk edit ./c.qcow2 /etc/conf
	[ "$(content c.qcow2 /etc/conf)" = changed ]
	hyfw disk diff ./before.qcow2 ./c.qcow2 >diff.txt
	grep -E '^changed +/etc/conf$' diff.txt
	grep -E '^added +/copy/a$' diff.txt
	absent -E ' /a$' diff.txt
	sha256sum c.qcow2 >sum
	head -c 100000 /dev/urandom >garbage
	run ! hyfw disk tar-in ./c.qcow2 /etc garbage
	EDITOR=true hyfw disk edit ./c.qcow2 /etc/conf
	sha256sum -c sum
}

@test "^C cancels, leaves the disk as it was and no process" {
	local pid started
	hyfw disk mkfs ./k.qcow2 "$SRC"
	sha256sum k.qcow2 >sum
	started=$SECONDS
	"${HYFW_COMMAND[@]}" disk cp "$SRC" ./k.qcow2:/copy </dev/null 2>complaint 3>&- &
	pid=$!
	sleep 4
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 130 ]
	grep -q cancelled complaint
	[ $((SECONDS - started)) -lt 20 ]
	sha256sum -c sum
	absent -l -s -F "$DATA/drivers/qcow2/work" /proc/[0-9]*/cmdline
}

is_locked() { hyfw --format json disk info "$1" | grep -q '"locked": true'; }

@test "a disk in use is refused by name; --live reads it" {
	local pid
	hyfw disk mkfs ./u.qcow2 "$SRC"
	mkfifo commands
	qemu-io -f qcow2 u.qcow2 <commands >/dev/null 3>&- &
	pid=$!
	exec 7>commands
	wait_until 10 is_locked ./u.qcow2
	run --separate-stderr hyfw disk cp "$SRC" ./u.qcow2:/copy
	[ "$status" -eq 125 ]
	[[ $stderr == *u.qcow2* ]]
	run --separate-stderr hyfw disk cat ./u.qcow2 /a
	[ "$status" -eq 125 ]
	[ "$(hyfw disk cat --live ./u.qcow2 /a)" = hello ]
	exec 7>&-
	wait "$pid"
}

@test "build-disk: a Debian that boots, serves a page and lets its key in; nothing of the tree is run" {
	debian
	dropbearkey -t ed25519 -f key | grep '^ssh-' >key.pub
	echo secret >password
	hyfw image build-disk deb --from "$DEBIAN/tree" --hostname guest1 --ssh-key key.pub \
		--root-password-file password --cmdline quiet
	hyfw disk clone --linked image/deb ./run.qcow2
	boot run.qcow2
	[ "$(curl -s -m 20 "http://127.0.0.1:$WEB/")" = "page of the Debian guest" ]
	[ "$(dbclient -y -y -i key -p "$SSH" root@127.0.0.1 hostname 2>/dev/null </dev/null)" = guest1 ]
	dbclient -y -y -i key -p "$SSH" root@127.0.0.1 poweroff 2>/dev/null </dev/null || true
	wait "$QEMU"
}

# Starts a bare QEMU and waits until the guest is ready.
boot() { # DISK
	WEB=$(free_port) SSH=$(free_port)
	qemu-system-x86_64 -accel tcg,tb-size=128 -M q35 -m 256 -nodefaults -display none -serial file:console.log \
		-drive "file=$1,if=virtio,format=qcow2" -netdev "user,id=n,hostfwd=tcp:127.0.0.1:$WEB-:80,hostfwd=tcp:127.0.0.1:$SSH-:22" \
		-device virtio-net-pci,netdev=n </dev/null >/dev/null 2>&1 3>&- &
	QEMU=$!
	wait_until 90 grep -q "guest: ready" console.log || { kill "$QEMU"; tail -n 20 console.log; false; }
}

@test "inspect and customize a system; sparsify" {
	debian
	hyfw image build-disk deb2 --from "$DEBIAN/tree"
	hyfw disk clone --linked image/deb2 ./s.qcow2
	hyfw --format json disk inspect ./s.qcow2 >inspect.json
	[ "$(json distribution <inspect.json)" = debian ]
	echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMRn7pEf9ex2Q4mOz7Zy8xkUxOGe8vSqUj4mXn8zvJq5 test' >key.pub
	hyfw disk customize ./s.qcow2 --hostname prepared --ssh-key-file key.pub --user worker \
		--run 'id worker >/etc/made'
	part s.qcow2
	[ "$(debugfs -R 'cat /etc/hostname' part.raw 2>/dev/null)" = prepared ]
	debugfs -R 'cat /etc/made' part.raw 2>/dev/null | grep worker
	debugfs -R 'cat /root/.ssh/authorized_keys' part.raw 2>/dev/null | grep ed25519
	hyfw disk sparsify ./s.qcow2
	qemu-img check s.qcow2
}

# The file system of the first partition as part.raw.
part() { # DISK
	qemu-img convert -O raw "$1" s.raw
	dd if=s.raw of=part.raw bs=1M skip=1 conv=sparse status=none
	sfdisk -J s.raw >table.json
	rm s.raw
}

@test "resize with partition and file system, sysprep" {
	debian
	hyfw image build-disk deb3 --from "$DEBIAN/tree"
	hyfw disk clone --linked image/deb3 ./s.qcow2
	hyfw disk resize ./s.qcow2 1G --filesystem
	hyfw disk sysprep ./s.qcow2 --operations machine-id,logfiles
	part s.qcow2
	[ "$(json partitiontable partitions 0 size <table.json)" -gt 2000000 ]
	e2fsck -fn part.raw
	[ "$(dumpe2fs -h part.raw 2>/dev/null | awk '/^Block count/ { print $3 }')" -gt 250000 ]
	[ -z "$(debugfs -R 'cat /etc/machine-id' part.raw 2>/dev/null)" ]
}

@test "sparsify into a new disk" {
	hyfw disk mkfs ./p.qcow2 "$SRC" --size 64M
	hyfw disk sparsify ./p.qcow2 ./small.qcow2
	qemu-img check small.qcow2
	[ "$(content small.qcow2 /a)" = hello ]
}

@test "build-disk refuses a tree without a kernel, and follows no link out of the tree" {
	run --separate-stderr hyfw image build-disk bad --from "$SRC/"
	[ "$status" -eq 125 ]
	[[ $stderr == *linux-image-cloud-amd64* ]]
	mkdir -p tree/boot outside
	echo kernel >tree/boot/vmlinuz-1
	ln -s "$PWD/outside" tree/etc
	run --separate-stderr hyfw image build-disk bad --from ./tree --hostname evil
	[ -z "$(ls outside)" ]
	run --separate-stderr hyfw image build-disk bad --from ./tree --hostname 'a;b'
	[ "$status" -eq 125 ]
	run --separate-stderr hyfw image build-disk bad --from nowhere
	[ "$status" -eq 125 ]
	[ ! -e tree/boot/grub ]
}
