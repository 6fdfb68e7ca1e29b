# hyfw as an OCI runtime, called as its clients call it: with bundles made by hand.

load helpers

OCI_ROOT=$STATE/oci
WORK=$BATS_FILE_TMPDIR
BUNDLE=$WORK/bundle

oci() {
	timeout --foreground -k 5 "${HYFW_TIMEOUT:-40}" "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" "$@" </dev/null
}

# The bundle with its config.json changed: bundle [JQ-FILTER [JQ-ARGUMENT...]]
bundle() {
	mkdir -p "$BUNDLE"
	jq "${@:2}" "${1:-.}" "$WORK/base.json" >"$BUNDLE/config.json"
}

# Runs a shell command in a container that goes with it: box SCRIPT [JQ-FILTER]
box() {
	# shellcheck disable=SC2016 # jq's own
	bundle '.process.args = ["/bin/sh", "-c", $script] | '"${2:-.}" --arg script "$1"
	oci run --bundle "$BUNDLE" "box$BATS_TEST_NUMBER"
}

sleeper() { # ID [JQ-FILTER]
	bundle '.process.args = ["/bin/sleep", "1000"] | '"${2:-.}"
	oci create --bundle "$BUNDLE" "$1"
}

setup_file() {
	rm -rf --one-file-system "$DATA" "$STATE"
	mkdir -p "$DATA" "$STATE"
	"$HYFW_TOP/tests/bench/make-bundle" "$ROOTFS" >"$WORK/base.json"
	export SNAPSHOT="$BATS_FILE_TMPDIR/before"
	machine_snapshot >"$SNAPSHOT"
}
teardown_file() { rm -rf --one-file-system "$DATA" "$STATE"; }
teardown() {
	local id
	oci list --quiet | while read -r id; do oci delete --force "$id"; done
	assert_machine_as "$SNAPSHOT"
	[ -z "$(ls -A "$OCI_ROOT" 2>/dev/null)" ]
}

@test "run gives the command's output and exit status, and leaves nothing" {
	run box 'echo out; echo err >&2; exit 3'
	[ "$status" -eq 3 ]
	[[ $output == *out* && $output == *err* ]]
	run oci list --quiet
	[ -z "$output" ]
}

@test "create, start, kill and delete go through the states of the specification" {
	sleeper life
	[ "$(oci state life | jq -r .status)" = created ]
	[ "$(oci state life | jq -r .bundle)" = "$BUNDLE" ]
	kill -0 "$(oci state life | jq .pid)"
	oci start life
	[ "$(oci state life | jq -r .status)" = running ]
	run oci delete life
	[ "$status" -eq 1 ]
	[[ $output == *"not stopped"* ]]
	run oci start life
	[ "$status" -eq 1 ]
	[[ $output == *"cannot start an already running container"* ]]
	oci kill life KILL
	wait_until 10 status_is life stopped
	run oci kill life 15
	[ "$status" -eq 1 ]
	[[ $output == *"container not running"* ]]
	run oci start life
	[ "$status" -eq 1 ]
	oci delete life
	run oci state life
	[ "$status" -eq 1 ]
	[[ $output == *"does not exist"* ]]
	oci delete --force life
}
status_is() { [ "$(oci state "$1" | jq -r .status)" = "$2" ]; }

@test "an ID is a file's name, and there is one of each" {
	bundle
	run oci create --bundle "$BUNDLE" ../out
	[ "$status" -eq 1 ]
	[[ $output == *"invalid id format"* ]]
	sleeper one
	run oci create --bundle "$BUNDLE" one
	[ "$status" -eq 1 ]
	[[ $output == *"already exists"* ]]
}

@test "a command that is missing or cannot be executed is told in words that clients look for" {
	bundle '.process.args = ["/bin/none"]'
	run oci create --bundle "$BUNDLE" none
	[ "$status" -eq 1 ]
	[[ ${output,,} == *"no such file or directory"* ]]
	bundle '.process.args = ["/bin/not-executable"]'
	run oci create --bundle "$BUNDLE" none
	[ "$status" -eq 1 ]
	[[ ${output,,} == *"permission denied"* ]]
}

@test "errors are JSON lines in the log" {
	run oci --log "$WORK/log" --log-format json state nobody
	[ "$status" -eq 1 ]
	[ "$(jq -r .level "$WORK/log")" = error ]
	jq -r .msg "$WORK/log" | grep "does not exist"
	jq -r .time "$WORK/log" | grep -E '^[0-9]{4}-.*Z$'
	rm "$WORK/log"
}

@test "exec runs further commands, as flags or a file say" {
	sleeper more
	oci start more
	# shellcheck disable=SC2016 # expanded inside
	run oci exec --env A=b --cwd /tmp more sh -c 'echo $A $(pwd); exit 4'
	[ "$status" -eq 4 ]
	[ "$output" = "b /tmp" ]
	jq '.process | .args = ["id", "-u"] | .user.uid = 7' "$WORK/base.json" >"$WORK/process.json"
	run oci exec --process "$WORK/process.json" more
	[ "$status" -eq 0 ]
	[ "$output" = 7 ]
	run oci exec more none
	[ "$status" -eq 255 ]
	[[ ${output,,} == *"no such file or directory"* ]]
	oci exec --detach --pid-file "$WORK/pid" more sleep 1000
	kill -0 "$(cat "$WORK/pid")"
	oci ps --format json more | jq -e --argjson pid "$(cat "$WORK/pid")" 'index($pid)'
}

@test "hooks run in their order with the state on standard input" {
	mkdir -p "$WORK/hooks"
	cat >"$WORK/hook" <<-'END'
		#!/bin/sh
		cat >"$1"
		env | grep -v -e ^PWD -e ^_ -e ^SHLVL >"$1.env"
		echo "$2" >>"${1%/*}/order"
	END
	chmod 755 "$WORK/hook"
	# Hooks inside run as the container's user, who cannot read $WORK.
	# shellcheck disable=SC2016 # jq's own
	bundle 'del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user")) |
		.process.args = ["/bin/true"] | .annotations = {"a": "b"} | .hooks = (
		["prestart", "createRuntime", "createContainer", "poststart", "poststop"] | map({key: .,
			value: [{path: "/bin/sh", args: ["sh", $hook, ($dir + "/" + .), .], env: ["PHASE=" + .]}]}) | from_entries)' \
		--arg hook "$WORK/hook" --arg dir "$WORK/hooks"
	oci run --bundle "$BUNDLE" hooked
	[ "$(tr '\n' ' ' <"$WORK/hooks/order")" = "prestart createRuntime createContainer poststart poststop " ]
	[ "$(jq -r '.status + .id + .annotations.a' "$WORK/hooks/prestart")" = createdhookedb ]
	[ "$(jq -r .status "$WORK/hooks/poststop")" = stopped ]
	[ "$(jq .pid "$WORK/hooks/createRuntime")" -gt 1 ]
	[ "$(cat "$WORK/hooks/poststart.env")" = PHASE=poststart ]
}

@test "a hook that fails or hangs ends the creation" {
	bundle '.hooks.createRuntime = [{path: "/bin/false"}]'
	run oci create --bundle "$BUNDLE" failing
	[ "$status" -eq 1 ]
	[[ $output == *"error running createRuntime hook #0: /bin/false: hook failed with exit code 1"* ]]
	bundle '.hooks.prestart = [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}]'
	run oci create --bundle "$BUNDLE" failing
	[ "$status" -eq 1 ]
	[[ $output == *"did not end within 1 s"* ]]
	run oci state failing
	[ "$status" -eq 1 ]
}

# Of a phase in $output, in whole milliseconds; fails where it is not listed once.
took() { # NAME
	[ "$(grep -cE "  $1\$" <<<"$output")" -eq 1 ] && grep -E "  $1\$" <<<"$output" | awk '{ printf "%d\n", $3 }'
}

@test "state --timing tells the phases of creation and start, and what the container waited for" {
	local before after
	rm -rf "$DATA/cache/seccomp"
	bundle '.process.args = ["/bin/true"] |
		.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "0.15"]}] |
		.hooks.startContainer = [{path: "/bin/sleep", args: ["sleep", "0.1"]}] |
		.hooks.poststart = [{path: "/bin/sleep", args: ["sleep", "0.05"]}]'
	oci create --bundle "$BUNDLE" timed
	run oci state --timing timed
	[ "$status" -eq 0 ]
	[ "$(took "hooks: prestart, createRuntime")" -ge 150 ]
	[ "$(took "filter built")" -ge 0 ]
	run ! took "exec"
	before=$(awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime)
	sleep 0.3
	oci start timed
	after=$(awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime)
	run oci state --timing timed
	[ "$status" -eq 0 ]
	echo "$output"
	local phase
	for phase in "read config.json" "parse config.json" "claim the ID" "load namespaces" "load seccomp" \
		"oci: control groups of timed" "  groups" "  limits" "  devices" "create: container timed" "  clone" "  join groups" "  id maps" "  namespaces" "  mounts" "  pivot_root" \
		"  credentials" "  detach" "start: container timed" "  exec"; do
		[ "$(grep -cE "  $phase\$" <<<"$output")" -ge 1 ]
	done
	# Nothing is told twice, what was waited for counts on its own, and times are those of clocks.
	[ "$(took "hooks: prestart, createRuntime")" -ge 150 ]
	[ "$(took "mounts")" -lt 150 ]
	[ "$(took "hooks: startContainer")" -ge 100 ]
	[ "$(took "hooks: poststart")" -ge 50 ]
	[ "$(took "create: container timed")" -ge 150 ]
	[ "$(took "wait for start")" -ge 300 ]
	[ "$(took "wait for start")" -le "$((after - before + 1000))" ]
	[[ $output == *"in all "*" ms, without the wait for start" ]]
	[ "$(tail -n 1 <<<"$output" | awk '{ printf "%d\n", $3 }')" -ge 300 ]
	oci delete --force timed
	# One process creates it and starts it; the filter is there.
	bundle '.process.args = ["/bin/true"]'
	oci run --keep --bundle "$BUNDLE" timed
	run oci state --timing timed
	[ "$(took "filter from the cache")" -ge 0 ]
	[ "$(took "exec")" -ge 0 ]
	[[ $output != *"wait for start"* && $output != *hooks* ]]
	[[ $output == *"in all "*" ms" ]]
}

@test "a terminal is handed to the console socket, or copied with the line ends of a file" {
	cat >"$WORK/receive" <<-'END'
		import array, os, socket, sys
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(sys.argv[1])
		listener.listen()
		connection, _ = listener.accept()
		text, control, _, _ = connection.recvmsg(100, 100)
		master = array.array("i", control[0][2])[0]
		assert text and os.isatty(master)
		open(sys.argv[1] + ".have", "w").close()
		data = b""
		try:
		    while b"done" not in data:
		        data += os.read(master, 1000)
		except OSError:
		    pass
		sys.stdout.buffer.write(data)
	END
	python3 "$WORK/receive" "$WORK/socket" >"$WORK/heard" 3>&- &
	wait_until 10 test -S "$WORK/socket"
	bundle '.process.terminal = true | .process.args = ["sh", "-c", "tty; test -t 1 && echo done"]'
	oci create --bundle "$BUNDLE" --console-socket "$WORK/socket" term
	wait_until 10 test -e "$WORK/socket.have"
	oci start term
	wait_until 10 grep -q "done" "$WORK/heard"
	grep -q /dev/ "$WORK/heard"
	bundle '.process.terminal = true | .process.args = ["sh", "-c", "echo one; echo two"]'
	oci run --bundle "$BUNDLE" plain >"$WORK/plain"
	printf 'one\ntwo\n' | cmp - "$WORK/plain"
	sleeper life
	for _ in 1 2 3 4 5; do
		oci exec --tty life sh -c 'echo one; echo two' >"$WORK/plain"
		printf 'one\ntwo\n' | cmp - "$WORK/plain"
	done
}

@test "--preserve-fds gives on just those descriptors" {
	echo kept >"$WORK/kept"
	bundle '.process.args = ["sh", "-c", "cat <&3; ls /proc/self/fd | wc -l"]'
	# shellcheck disable=SC2016 # expanded inside
	run bash -c 'exec 3<"$1" 4<"$1"; shift; exec "$@"' -- "$WORK/kept" \
		timeout 20 "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" run --bundle "$BUNDLE" --preserve-fds 1 keeper
	[ "$status" -eq 0 ]
	[[ $output == kept* ]]
}

@test "pause and resume stop and continue it" {
	sleeper still
	oci start still
	oci pause still
	[ "$(oci state still | jq -r .status)" = paused ]
	run oci exec still true
	[ "$status" -eq 255 ]
	oci resume still
	[ "$(oci state still | jq -r .status)" = running ]
	run oci resume still
	[ "$status" -eq 1 ]
	oci pause still
	oci kill still KILL
	wait_until 10 status_is still stopped
	oci delete still
	sleeper still
	oci start still
	oci pause still
	oci delete --force still
}

@test "limits can be changed, and are told by events" {
	sleeper limited '.linux.resources.pids.limit = 100'
	oci start limited
	oci update --pids-limit 50 limited
	[ "$(oci events --stats limited | jq .data.pids.limit)" = 50 ]
	echo '{"pids": {"limit": 60}}' | timeout 20 "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" update --resources - limited
	[ "$(oci events --stats limited | jq .data.pids.limit)" = 60 ]
}

@test "killed anywhere, a creation leaves nothing behind the next command" {
	local at=0
	bundle '.process.args = ["/bin/sleep", "1000"]'
	mkdir -p "$WORK/crash"
	while :; do
		at=$((at + 1))
		rm -f "$WORK/crash/count"
		echo "$at" >"$WORK/crash/at"
		HYFW_CRASH_AT=$WORK/crash oci create --bundle "$BUNDLE" torn 2>/dev/null && break
		# Every other time it is the next creation that finds what was left.
		[ $((at % 2)) -eq 0 ] || oci delete --force torn
		[ $((at % 2)) -eq 0 ] || [ -z "$(ls -A "$OCI_ROOT"; find /sys/fs/cgroup -type d -name torn)" ]
	done
	[ "$at" -gt 8 ]
	oci delete --force torn
}

@test "many at once do not wait for each other" {
	local i pids=()
	bundle '.process.args = ["/bin/true"]'
	for i in {1..20}; do
		oci run --bundle "$BUNDLE" "many$i" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
}

@test "spec writes a config.json that runs, and features are told" {
	mkdir -p "$WORK/fresh"
	ln -sfn "$ROOTFS" "$WORK/fresh/rootfs"
	rm -f "$WORK/fresh/config.json"
	oci spec --bundle "$WORK/fresh"
	run oci spec --bundle "$WORK/fresh"
	[ "$status" -eq 1 ]
	jq '.process.terminal = false | .process.args = ["echo", "fresh"]' "$WORK/fresh/config.json" >"$WORK/fresh/new"
	mv "$WORK/fresh/new" "$WORK/fresh/config.json"
	run oci run --bundle "$WORK/fresh" fresh
	[ "$status" -eq 0 ]
	[ "$output" = fresh ]
	oci features | jq -e '.linux.namespaces | index("time")'
}

@test "called as hyfw-oci it is the runtime" {
	run "$HYFW_PREFIX/bin/hyfw-oci" --version
	[ "$status" -eq 0 ]
	[[ $output == *"hyfw-oci version"*"spec: 1."* ]]
	run oci nonsense
	[ "$status" -eq 1 ]
	run oci create
	[ "$status" -eq 1 ]
}
