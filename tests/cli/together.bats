# Many commands at once: starts, creations and removals beside a recover that runs
# all the time.  What is just being made must not be taken for what a crash left.
load helpers

keep_recovering() {
	until [ -e "$BATS_TEST_TMPDIR/stop" ]; do
		hyfw ps -q >/dev/null
		hyfw recover
	done >"$BATS_TEST_TMPDIR/recovered" 2>&1
}

start_and_end() { # HOW_OFTEN
	local i
	for i in $(seq "$1"); do
		run_box -- true || echo "start $i failed"
	done
}

create_and_remove() { # HOW_OFTEN
	local i
	for i in $(seq "$1"); do
		hyfw create --name "kept$i" --network none --rootfs "$ROOTFS" -- sleep 100 >/dev/null || echo "create $i failed"
		hyfw start "kept$i" >/dev/null || echo "start kept$i failed"
		hyfw rm -f "kept$i" >/dev/null || echo "rm kept$i failed"
	done
}

@test "nothing that is being made is taken for what a crash left" {
	keep_recovering &
	recovering=$!
	start_and_end 60 >"$BATS_TEST_TMPDIR/one" 2>&1 &
	one=$!
	start_and_end 60 >"$BATS_TEST_TMPDIR/two" 2>&1 &
	two=$!
	create_and_remove 20 >"$BATS_TEST_TMPDIR/three" 2>&1
	wait "$one" "$two"
	touch "$BATS_TEST_TMPDIR/stop"
	wait "$recovering"
	cat "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two" "$BATS_TEST_TMPDIR/three"
	[ ! -s "$BATS_TEST_TMPDIR/one" ]
	[ ! -s "$BATS_TEST_TMPDIR/two" ]
	[ ! -s "$BATS_TEST_TMPDIR/three" ]
	absent -v "nothing was left to undo" "$BATS_TEST_TMPDIR/recovered"
}

@test "of many starts of one name one wins" {
	local starts=()
	for i in 1 2 3 4 5 6; do
		hyfw run -d --rm --name same --network none --rootfs "$ROOTFS" -- sleep 100 >"$BATS_TEST_TMPDIR/out$i" 2>&1 &
		starts+=($!)
	done
	wait "${starts[@]}" || true # not all: bats has a child of its own
	[ "$(grep -l '^same$' "$BATS_TEST_TMPDIR"/out* | wc -l)" -eq 1 ]
	[ "$(grep -l -E 'same.*(already running|taken)' "$BATS_TEST_TMPDIR"/out* | wc -l)" -eq 5 ]
}
