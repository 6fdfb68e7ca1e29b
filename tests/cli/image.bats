# The image store.
load helpers

@test "import from a directory and from a tar archive" {
	tar -C "$ROOTFS" -cf "$BATS_TEST_TMPDIR/root.tar" .
	hyfw image import from-tar "$BATS_TEST_TMPDIR/root.tar"
	gzip "$BATS_TEST_TMPDIR/root.tar"
	hyfw image import from-gzip "$BATS_TEST_TMPDIR/root.tar.gz"
	run hyfw image list
	echo "$output"
	[[ $output == *box* && $output == *from-tar* && $output == *from-gzip* ]]
	for name in from-tar from-gzip box; do
		run hyfw run --rm --network none "$name" sh -c 'cat /srv/index.html; stat -c %u:%g:%a /home/web /tmp'
		echo "$name: $output"
		[ "${lines[0]}" = "page of the test image" ]
		[ "${lines[1]}" = 1002:1003:755 ]
		[ "${lines[2]}" = 0:0:1777 ]
	done
	hyfw image rm from-tar
	hyfw image rm from-gzip
	run hyfw image list
	[[ $output != *from-* ]]
}

@test "a name that is taken is refused" {
	run --separate-stderr hyfw image import box "$ROOTFS"
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *box* ]]
}

@test "an image in use is not removed" {
	hyfw create --name user --network none box true
	run --separate-stderr hyfw image rm box
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *user* ]]
}

@test "bad names and sources are refused and leave nothing" {
	local name
	for name in ../out /abs 'a b' '' .hidden; do
		run --separate-stderr hyfw image import "$name" "$ROOTFS"
		echo "'$name' $status $stderr"
		[ "$status" -eq 125 ]
	done
	run --separate-stderr hyfw image import missing /no/such/source
	[ "$status" -eq 125 ]
	[[ $stderr == */no/such/source* ]]
	head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/noise"
	run --separate-stderr hyfw image import noise "$BATS_TEST_TMPDIR/noise"
	echo "$stderr"
	[ "$status" -eq 125 ]
	run hyfw image list
	[[ $output != *noise* && $output != *missing* ]]
}

@test "an archive that wants out stays in, and a cut one is refused" {
	local work=$BATS_TEST_TMPDIR/evil
	mkdir -p "$work/a"
	echo evil >"$work/a/x"
	tar -C "$work" --transform 's,^a/x,../../../../../../../../tmp/hyfw-evil,' -P -cf "$work/up.tar" a/x
	run hyfw image import evil "$work/up.tar"
	echo "$output"
	[ ! -e /tmp/hyfw-evil ]
	hyfw image rm evil 2>/dev/null || true
	ln -s /tmp "$work/link"
	tar -C "$work" -cf "$work/link.tar" link
	tar -C "$work" --transform 's,^a/x,link/hyfw-evil,' -rf "$work/link.tar" a/x
	run hyfw image import evil "$work/link.tar"
	echo "$output"
	[ ! -e /tmp/hyfw-evil ]
	hyfw image rm evil 2>/dev/null || true
	tar -C "$ROOTFS" -cf "$work/whole.tar" .
	head -c 500000 "$work/whole.tar" >"$work/cut.tar"
	run --separate-stderr hyfw image import cut "$work/cut.tar"
	echo "$stderr"
	[ "$status" -eq 125 ]
	run hyfw image list
	[[ $output != *cut* ]]
}

@test "an import that is killed leaves no image, and the next one works" {
	"${HYFW_COMMAND[@]}" image import half "$ROOTFS" 3>&- &
	local pid=$!
	sleep 0.02
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" || true
	hyfw recover
	hyfw image rm half 2>/dev/null || true
	hyfw image import half "$ROOTFS"
	run hyfw run --rm --network none half cat /srv/index.html
	[ "$output" = "page of the test image" ]
	hyfw image rm half
}

@test "a full disk is one sentence and leaves nothing" {
	local small=$HYFW_TEST_DATA/run-small
	mkdir -p "$small"
	mount -t tmpfs -o size=4m,mode=755 tmpfs "$small"
	run --separate-stderr "$HYFW" --root "$small" --state "$STATE-small" image import big "$ROOTFS"
	local code=$status message=$stderr left
	left=$(find "$small" -type f -size +1M)
	umount "$small"
	rm -rf "$small" "$STATE-small"
	echo "$code $message $left"
	[ "$code" -eq 125 ]
	[[ $message == *"No space left"* ]]
	[ -z "$left" ]
}
