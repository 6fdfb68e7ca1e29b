# `hyfw oci`: the process of a bundle, commands in it, and hooks.
# shellcheck disable=SC2016,SC2034 # expanded inside; used by oci-helpers

load helpers
load oci-helpers

WORK=$BATS_FILE_TMPDIR
BUNDLE=$WORK/bundle

NO_USER='del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user"))'

@test "ids, groups, umask, limits, score, personality, directory and HOME are as described" {
	run box 'id -u; id -G; umask; ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; cat /proc/self/personality; pwd; echo "$HOME"' \
		'.process.user = {uid: 1000, gid: 1001, additionalGids: [7, 8], umask: 63} | .process.cwd = "/tmp" |
		.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 50, hard: 60}] | .process.oomScoreAdj = 400 |
		.linux.personality = {domain: "LINUX32"}'
	[[ $output == $'1000\n1001 7 8\n0077\n50\n60\n400\n00000008\n/tmp\n/'* ]]
}

@test "the scheduler and the priority of I/O are set" {
	sleeper slow "$NO_USER"' | .process.scheduler = {policy: "SCHED_BATCH", nice: 7} |
		.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
	pid=$(oci state slow | jq .pid)
	[ "$(cut -d' ' -f19,41 "/proc/$pid/stat")" = "7 3" ]
	[[ $(ionice -p "$pid") == *"best-effort: prio 6"* ]]
}

@test "a limit that cannot be raised is an error that names it" {
	[ "$(ulimit -Hn)" != unlimited ] || skip "there is no limit"
	if capsh --has-p=cap_sys_resource 2>/dev/null; then skip "this machine lets it be raised"; fi
	run box true '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 900000000, hard: 900000000}]'
	[ "$status" -ne 0 ]
	[[ $output == *RLIMIT_NOFILE* ]]
}

@test "what cannot be executed is told as clients expect it" {
	run box true '.process.args = ["nosuch"]'
	[[ $output == *"executable file not found in \$PATH"* ]]
	run box true '.process.args = ["/no/such"]'
	[[ $output == *[Nn]"o such file or directory"* ]]
	run box true '.process.args = ["/etc"]'
	[[ $output == *[Pp]"ermission denied"* ]]
}

@test "descriptors are handed on where they are asked for, and no others" {
	bundle '.process.args = ["/bin/ls", "/proc/self/fd"]'
	run oci run --bundle "$BUNDLE" fds
	[ "$output" = $'0\n1\n2\n3' ] # 3 is the directory that ls reads
	bundle '.process.args = ["/bin/sh", "-c", "echo written >&3"]'
	(exec 3>"$WORK/three" && oci run --preserve-fds 1 --bundle "$BUNDLE" fds)
	[ "$(cat "$WORK/three")" = written ]
}

@test "exec joins all namespaces, with its own ids, limits and environment" {
	sleeper into
	pid=$(oci state into | jq .pid)
	cat >"$WORK/process.json" <<-'JSON'
	{"terminal": false, "user": {"uid": 5, "gid": 6, "additionalGids": [9]}, "cwd": "/tmp",
	 "args": ["/bin/sh", "-c", "id -u; id -G; pwd; echo $A; ulimit -n; for i in pid net user mnt uts ipc cgroup; do readlink /proc/self/ns/$i; done; cat /proc/self/cgroup"],
	 "env": ["A=b", "PATH=/bin"], "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 40, "hard": 41}]}
	JSON
	run oci exec --process "$WORK/process.json" into
	[[ $output == $'5\n6 9\n/tmp\nb\n40\n'* ]]
	for kind in pid net user mnt uts ipc cgroup; do [[ $output == *"$(readlink "/proc/$pid/ns/$kind")"* ]]; done
	run oci exec into nosuch
	[[ $output == *"executable file not found in \$PATH"* ]]
	run oci exec into sh -c 'exit 7'
	[ "$status" -eq 7 ]
	oci exec --detach --pid-file "$WORK/pid" into /bin/sleep 500
	[ "$(tr '\0' ' ' <"/proc/$(cat "$WORK/pid")/cmdline")" = "/bin/sleep 500 " ]
}

@test "hooks run in their places with the state, and one that fails or hangs ends it" {
	# shellcheck disable=SC2016 # the hook's
	local hook='def hook($name): [{path: "/bin/sh", args: ["sh", "-c", "{ echo $0; cat; echo; } >>'"$WORK"'/hooks", $name],
		env: ["PATH=/bin"], timeout: 10}];'
	rm -f "$WORK/hooks"
	run box 'cat /tmp/hook; rm /tmp/hook' "$NO_USER | $hook"'
		.hooks = {prestart: hook("prestart"), createRuntime: hook("createRuntime"), createContainer: hook("createContainer"),
		poststart: hook("poststart"), poststop: hook("poststop"),
		startContainer: [{path: "/bin/sh", args: ["sh", "-c", "cat >/tmp/hook"], timeout: 10}]}'
	[[ $output == *'"created"'* ]]
	[ "$(grep -v '[{}]\|"\|^$' "$WORK/hooks" | tr '\n' ' ')" = "prestart createRuntime createContainer poststart poststop " ]
	run box true '.hooks = {createContainer: [{path: "/bin/false"}]}'
	[ "$status" -ne 0 ]
	[[ $output == *"error running hook: error running createContainer hook #0: /bin/false: exit status 1" ]]
	run box true '.hooks = {createContainer: [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}]}'
	[ "$status" -ne 0 ]
	[[ $output == *"error running createContainer hook #0: /bin/sleep did not end within 1 s" ]]
	run box true '.hooks = {startContainer: [{path: "/no/such"}]}'
	[ "$status" -ne 0 ]
	[[ $output == *"error running startContainer hook #0: /no/such: No such file or directory" ]]
	run box true '.hooks = {createRuntime: [{path: "/no/such"}]}'
	[ "$status" -ne 0 ]
	[[ $output == *"error running createRuntime hook #0: run /no/such: No such file or directory" ]]
}

@test "AppArmor is refused where the kernel has none" {
	[ ! -e /sys/module/apparmor ] || skip "this kernel has AppArmor"
	run box true '.process.apparmorProfile = "some-profile"'
	[ "$status" -ne 0 ]
	[[ $output == *"AppArmor"* ]]
}
