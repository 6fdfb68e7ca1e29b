# linux.seccomp of bundles.

load helpers
load oci-helpers

# A filter that permits all but what a rule says: ALLOW_BUT RULE
filter() {
	echo '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: ['"$1"']}'
}

@test "calls are refused with the code that the bundle says" {
	run box 'mkdir /tmp/x 2>&1; sethostname=1; hostname y 2>&1' \
		"$(filter '{names: ["mkdir", "mkdirat", "no_such_call"], action: "SCMP_ACT_ERRNO", errnoRet: 95}')"
	[[ $output == *"mkdir"*"Operation not supported"* || $output == *"mkdir"*"Not supported"* ]]
}

@test "what is executed later is filtered too" {
	sleeper filtered "$(filter '{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28}')"
	run oci exec filtered mkdir /tmp/x
	[ "$status" -ne 0 ]
	[[ $output == *"No space left on device"* ]]
}

@test "conditions on arguments decide" {
	# kill(pid, 12) is refused, kill(pid, 10) is not
	run box 'trap "echo got10" USR1; kill -USR1 $$; kill -12 $$ 2>&1; echo end' \
		"$(filter '{names: ["kill"], action: "SCMP_ACT_ERRNO", errnoRet: 1, args: [
			{index: 1, value: 12, op: "SCMP_CMP_EQ"}]}')"
	[[ $output == *got10* && $output == *"not permitted"* && $output == *end* ]]
}

@test "a call can end the process" {
	run box 'mkdir /tmp/x; echo status $?' "$(filter '{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS"}')"
	[[ $output == *"status 159"* ]]
}

@test "flags are taken, and what is not understood is refused by name" {
	box true '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_LOG",
		"SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"], architectures: ["SCMP_ARCH_X86_64"]}'
	run box true "$(filter '{names: ["mkdir"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 1, op: "SCMP_CMP_LIKE"}]}')"
	[ "$status" -eq 1 ]
	[[ $output == *"op: unknown operator SCMP_CMP_LIKE"* ]]
	run box true "$(filter '{names: ["mkdir"], action: "SCMP_ACT_ASK"}')"
	[ "$status" -eq 1 ]
	[[ $output == *"unknown action SCMP_ACT_ASK"* ]]
	run box true '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_OTHER"]}'
	[ "$status" -eq 1 ]
	[[ $output == *"SECCOMP_FILTER_FLAG_OTHER"* ]]
	run box true "$(filter '{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}')"
	[ "$status" -eq 1 ]
	[[ $output == *"SCMP_ACT_NOTIFY needs listenerPath"* ]]
}

@test "the finished program is kept, and a damaged one is made anew" {
	local kept
	rm -rf "$DATA/cache/seccomp"
	box true
	kept=$(find "$DATA/cache/seccomp" -type f)
	[ "$(echo "$kept" | wc -l)" -eq 1 ]
	[ "$(stat -c %a "$kept")" = 600 ]
	box true
	[ "$(find "$DATA/cache/seccomp" -type f)" = "$kept" ]
	printf xxxx | dd of="$kept" bs=1 seek=$(($(stat -c %s "$kept") - 100)) conv=notrunc 2>/dev/null
	cp "$kept" "$WORK/damaged"
	box true
	run ! cmp -s "$kept" "$WORK/damaged"
	cp "$kept" "$WORK/good"
	# writable by others: not trusted
	chmod 666 "$kept"
	printf xxxx | dd of="$kept" bs=1 seek=30 conv=notrunc 2>/dev/null
	box true
	cmp "$kept" "$WORK/good"
	[ "$(stat -c %a "$kept")" = 600 ]
}

@test "more programs than 256 are not kept" {
	local i
	rm -rf "$DATA/cache/seccomp"
	box true
	for i in $(seq 256); do
		echo x >"$DATA/cache/seccomp/$(printf %016x "$i")"
		touch -d "2001-01-01 00:00:$((i % 60))" "$DATA/cache/seccomp/$(printf %016x "$i")"
	done
	box true "$(filter '{names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 7}')"
	[ "$(find "$DATA/cache/seccomp" -type f | wc -l)" -le 256 ]
	# those that are in use are still there
	[ "$(find "$DATA/cache/seccomp" -type f -size +100c | wc -l)" -eq 2 ]
}

# Takes the listeners of so many processes, and answers one call of the last one: agent PATH COUNT
agent() {
	cat >"$WORK/agent" <<-'END'
		import array, fcntl, json, os, socket, struct, sys
		RECEIVE, SEND = 0xc0502100, 0xc0182101 # SECCOMP_IOCTL_NOTIF_RECV, _SEND
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(sys.argv[1])
		listener.listen()
		for _ in range(int(sys.argv[2])):
		    connection, _ = listener.accept()
		    text, control, _, _ = connection.recvmsg(65536, 4096)
		    state = json.loads(text)
		    fds = array.array("i", control[0][2])
		    assert len(state["fds"]) == len(fds), state
		    fd = fds[state["fds"].index("seccompFd")]
		    print(state["metadata"], state["state"]["id"], state["state"]["status"],
		          state["pid"], state["state"]["pid"], flush=True)
		request = bytearray(80)
		fcntl.ioctl(fd, RECEIVE, request)
		number, = struct.unpack_from("<Q", request)
		fcntl.ioctl(fd, SEND, bytearray(struct.pack("<QqiI", number, 0, -28, 0)))
		print("answered", flush=True)
	END
	rm -f "$1"
	python3 "$WORK/agent" "$1" "$2" >"$WORK/heard" 2>&1 3>&- &
	wait_until 10 test -S "$1"
}

@test "a listener is given the calls and what it is told of the container" {
	agent "$WORK/agent.sock" 1
	run box 'mkdir /tmp/x 2>&1; echo end' "$(filter '{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY"}') |
		.linux.seccomp += {listenerPath: \"$WORK/agent.sock\", listenerMetadata: \"from the bundle\"}"
	cat "$WORK/heard"
	[[ $output == *"No space left on device"*end* ]]
	wait_until 10 grep -q answered "$WORK/heard"
	grep -q "^from the bundle box[0-9]* creat" "$WORK/heard"
}

@test "processes that are executed later have listeners of their own, and none goes without" {
	local notify
	notify="$(filter '{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY"}') |
		.linux.seccomp += {listenerPath: \"$WORK/agent.sock\", listenerMetadata: \"later\"}"
	agent "$WORK/agent.sock" 2
	sleeper later "$notify"
	run oci exec later mkdir /tmp/x
	cat "$WORK/heard"
	[[ $output == *"No space left on device"* ]]
	grep -q "^later later creat" "$WORK/heard"
	# the executed process, and the container's
	awk -v main="$(oci state later | jq .pid)" '$3 == "running" && $4 != main && $5 == main { good = 1 } END { exit !good }' \
		"$WORK/heard"
	# nobody listens any more
	wait_until 10 grep -q answered "$WORK/heard"
	run oci exec later true
	[ "$status" -ne 0 ]
	[[ $output == *"linux.seccomp.listenerPath"* ]]
	[ "$(oci ps --format json later | jq length)" -eq 1 ]
	run box true "$notify"
	[ "$status" -eq 1 ]
	[[ $output == *"linux.seccomp.listenerPath"* ]]
	[ "$(oci list --quiet)" = later ]
}
