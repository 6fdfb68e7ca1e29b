# hyfw check and hyfw config show: what they print and where it comes from.
load helpers

setup() {
	MAIN=$BATS_TEST_TMPDIR/hyfw.ini
	STACK=$BATS_TEST_TMPDIR/shop.ini
	mkdir "$BATS_TEST_TMPDIR/conf.d"
	printf '[hyfw]\nstep_timeout = 30s\n[defaults]\npids = 64\n' >"$MAIN"
	printf '[defaults]\npids = 32\n' >"$BATS_TEST_TMPDIR/conf.d/50-pids.ini"
	cat >"$STACK" <<-END
		[workload web]
		rootfs = $ROOTFS
		command = sh -c 'sleep 60'
		network = none
		memory = 32M
	END
	HYFW_COMMAND=("$HYFW" --config "$MAIN" --root "$DATA" --state "$STATE")
}

@test "check says what a good stack holds" {
	run --separate-stderr hyfw check "$STACK"
	echo "$output $stderr"
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[ "$output" = "$STACK: ok: 1 workload, 1 network, 0 volumes" ]
	run --separate-stderr hyfw --format json check "$STACK"
	[ "$(json workloads <<<"$output")" = 1 ]
	run --separate-stderr hyfw check
	[ "$output" = "$MAIN: ok: 0 workloads, 0 networks, 0 volumes" ]
}

@test "check refuses a key that no driver of the workload honours, and says which would" {
	sed -i 's/^network.*/&\npublish = 80/' "$STACK"
	run --separate-stderr hyfw check "$STACK"
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == "hyfw: $STACK:5: [workload web] publish = 80: none of its drivers ("*") honours this key; network driver bridge does" ]]
}

@test "config show --origin names file and line of each value" {
	run --separate-stderr hyfw config show --origin "$STACK"
	echo "$output $stderr"
	[ "$status" -eq 0 ]
	[[ $output =~ step_timeout\ =\ 30s\ +\;\ $MAIN:2 ]]
	[[ $output =~ pids\ =\ 32\ +\;\ $BATS_TEST_TMPDIR/conf.d/50-pids.ini:2 ]]
	[[ $output =~ memory\ =\ 32M\ +\;\ $STACK:5 ]]
	[[ $output =~ stop_timeout\ =\ 10s\ +\;\ default ]]
}

@test "what config show prints can be read back" {
	hyfw config show "$STACK" | sed '/^\[hyfw\]/,/^$/d' >"$BATS_TEST_TMPDIR/again.ini"
	sed -i 's/^driver = none$//; s/^internal = no$//; s/^\[network none\]$//' "$BATS_TEST_TMPDIR/again.ini"
	hyfw check "$BATS_TEST_TMPDIR/again.ini"
}

@test "config show --format json has text, normal value and origin" {
	run --separate-stderr hyfw --format json config show "$STACK"
	[ "$status" -eq 0 ]
	[ "$(json 1 type <<<"$output")" = defaults ]
	[ "$(json 1 values 0 key <<<"$output")" = pids ]
	[ "$(json 1 values 0 text <<<"$output")" = 32 ]
	[ "$(json 2 values 5 value <<<"$output")" = 33554432 ]
	[ "$(json 2 values 5 origin <<<"$output")" = "$STACK:5" ]
}

@test "a main configuration that others can write to is refused" {
	chmod 666 "$MAIN"
	run --separate-stderr hyfw check "$STACK"
	[ "$status" -eq 125 ]
	[[ $stderr == "hyfw: $MAIN: others than root can write to it"* ]]
	chmod 644 "$MAIN"
	chown nobody "$MAIN"
	run --separate-stderr hyfw check "$STACK"
	[ "$status" -eq 125 ]
	[[ $stderr == "hyfw: $MAIN: belongs to user "* ]]
}

@test "a named main configuration must exist" {
	rm "$MAIN"
	run --separate-stderr hyfw check "$STACK"
	[ "$status" -eq 125 ]
	[ "$stderr" = "hyfw: $MAIN: there is no such file" ]
}

@test "hyfw.ini has every key of the drivers that come with hyfw" {
	local name key
	for name in namespaces kvm bridge macvtap none ovs user dir overlay qcow2 cgroups capabilities seccomp selinux; do
		hyfw plugin inspect --format json "$name" | /usr/bin/python3 -c '
import json, sys
told = json.load(sys.stdin)
told = told[0] if isinstance(told, list) else told
for option in told["options"]:
    print(option["key"])' >"$BATS_TEST_TMPDIR/keys"
		while read -r key; do
			grep -q "^#$key =" "$HYFW_TOP/conf/hyfw.ini" || { echo "$name: $key"; return 1; }
		done <"$BATS_TEST_TMPDIR/keys"
	done
}
