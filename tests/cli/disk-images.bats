# Disks as images and volumes: the store, pools, what is refused.  Nothing here boots.
load helpers

disk() { # FILE SIZE [FORMAT]
	qemu-img create -q -f "${3:-qcow2}" "$1" "$2"
}

@test "what is in a source decides which driver keeps the image" {
	disk "$BATS_TEST_TMPDIR/guest.vmdk" 8M vmdk
	hyfw image import guest "$BATS_TEST_TMPDIR/guest.vmdk"
	hyfw image import both "$BATS_TEST_TMPDIR/guest.vmdk"
	hyfw image import both "$ROOTFS"
	run hyfw --format json image list
	echo "$output"
	[ "$(jq -r '.[] | select(.name == "guest") | "\(.storage) \(.format) \(.virtual_size)"' <<<"$output")" = "qcow2 qcow2 8388608" ]
	[ "$(jq -r '.[] | select(.name == "both") | .storage' <<<"$output" | tr '\n' ' ')" = "overlay qcow2 " ]
	run hyfw image list
	[[ $output == *"disk 8.0"*qcow2* && $output == *"1 layer"*overlay* ]]
	run --separate-stderr hyfw image rm both
	[ "$status" -eq 125 ]
	[[ $stderr == *"--storage"* ]]
	hyfw image rm --storage qcow2 both
	hyfw image rm both
	hyfw image rm guest
	run --separate-stderr hyfw image import text "$HYFW_TOP/README.md"
	[ "$status" -eq 125 ]
	[[ $stderr == *"neither a directory nor an archive nor a disk"* ]]
}

@test "an image that would read files of the host is refused and leaves nothing" {
	local dir=$BATS_TEST_TMPDIR evil name
	disk "$dir/base.qcow2" 1M
	for evil in /etc/shadow ../etc/shadow 'json:{"driver":"file","filename":"/etc/shadow"}' \
		nbd://127.0.0.1/x http://127.0.0.1/x; do
		rm -f "$dir/evil.qcow2"
		qemu-img create -q -f qcow2 -u -b "$evil" -F raw "$dir/evil.qcow2" 1M
		run --separate-stderr hyfw image import evil "$dir/evil.qcow2"
		echo "$evil: $stderr"
		[ "$status" -eq 125 ]
		[[ $stderr == *evil.qcow2* && $(wc -l <<<"$stderr") -eq 1 ]]
	done
	rm -f "$dir/evil.qcow2"
	qemu-img create -q -f qcow2 -o data_file="$dir/data" "$dir/evil.qcow2" 1M
	run --separate-stderr hyfw image import evil "$dir/evil.qcow2"
	[ "$status" -eq 125 ]
	[[ $stderr == *"further file"* ]]
	run hyfw image list
	[[ $output != *evil* ]]
	run ls -A "$DATA/drivers/qcow2/images"
	[ -z "$output" ]
}

@test "disks are made, grown, copied and listed; a full pool is refused" {
	printf '[pool default]\nsize = 32M\n\n[pool fast]\npath = %s\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/hyfw.ini"
	HYFW_COMMAND+=(--config "$BATS_TEST_TMPDIR/hyfw.ini")
	hyfw disk create one 16M
	run hyfw volume list
	echo "$output"
	[[ $output == *one*qcow2*/pool/one.qcow2* ]]
	hyfw disk resize one 24M
	run --separate-stderr hyfw disk clone one two
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"pool default"* ]]
	run hyfw --format json disk pools
	echo "$output"
	[ "$(jq -r '.[] | "\(.name) \(.size) \(.used)"' <<<"$output" | tr '\n' ' ')" = "default 33554432 25165824 fast 0 0 " ]
	hyfw volume rm one
	hyfw disk create one 8M
	hyfw disk clone one two --linked
	run --separate-stderr hyfw volume rm one
	[ "$status" -eq 125 ]
	[[ $stderr == *"two is based on it"* ]]
	hyfw disk snapshot create two first
	run --separate-stderr hyfw disk resize one 16M
	[ "$status" -eq 125 ]
	hyfw disk rebase two
	hyfw volume rm one
	hyfw volume rm two
	run hyfw -q volume list
	[ -z "$output" ]
}

@test "a disk that fills the file system is refused and changes nothing" {
	local small=$BATS_TEST_TMPDIR/small
	mkdir "$small"
	mount -t tmpfs -o size=4M,mode=755 tmpfs "$small"
	head -c 8M /dev/urandom >"$BATS_TEST_TMPDIR/full.raw"
	run --separate-stderr hyfw disk convert "$BATS_TEST_TMPDIR/full.raw" "$small/full.qcow2"
	local left
	left=$(ls -A "$small")
	umount "$small"
	echo "$stderr"
	[ "$status" -eq 125 ]
	[ -z "$left" ]
	[[ $stderr == *"No space left"* && $(wc -l <<<"$stderr") -eq 1 ]]
}
