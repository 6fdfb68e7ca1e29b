# create start stop kill wait rm exec ps inspect stats logs, and restart policies.
load helpers

box() { # NAME COMMAND...
	local name=$1
	shift
	hyfw run -d --name "$name" --network none --rootfs "$ROOTFS" -- "$@"
}

@test "create, start, stop, start again, rm" {
	hyfw create --name life --network none --rootfs "$ROOTFS" -- sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
	is_status life created
	[ -z "$(hyfw ps -q)" ]
	hyfw start life
	is_status life running
	wait_until 5 hyfw exec life -- true
	hyfw stop life
	is_status life exited
	hyfw start life
	is_status life running
	run --separate-stderr hyfw rm life
	[ "$status" -eq 125 ]
	[[ $stderr == *life* ]]
	is_status life running
	hyfw rm -f life
	[ -z "$(hyfw ps -a -q)" ]
}

@test "wait prints the exit status and waits for it" {
	box ending sh -c 'sleep 0.5; exit 5'
	run hyfw wait ending
	[ "$output" = 5 ]
}

@test "stop sends TERM, and KILL when that is not heard" {
	box deaf sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	SECONDS=0
	hyfw stop -t 1 deaf
	[ "$SECONDS" -le 8 ]
	is_status deaf exited
	run hyfw wait deaf
	[ "$output" = 137 ]
}

@test "kill sends the signal asked for" {
	box trapped sh -c 'trap "echo got usr1" USR1; echo ready; while :; do sleep 0.1; done'
	wait_until 5 bash -c "$(printf '%q ' "${HYFW_COMMAND[@]}") logs trapped | grep -q ready"
	hyfw kill -s USR1 trapped
	wait_until 5 bash -c "$(printf '%q ' "${HYFW_COMMAND[@]}") logs trapped | grep -q 'got usr1'"
	hyfw kill trapped
	wait_until 5 is_status trapped exited
	run --separate-stderr hyfw kill -s NOSUCH trapped
	[ "$status" -eq 125 ]
}

@test "exec runs in the workload's namespaces and confinement, with its own status" {
	box inside sleep 60
	run hyfw exec inside -- sh -c 'exit 6'
	[ "$status" -eq 6 ]
	run -127 hyfw exec inside -- no-such-command
	run hyfw exec inside -- /bin/not-executable
	[ "$status" -eq 126 ]
	run hyfw exec -e X=y -w /srv -u web inside -- sh -c 'echo $X; pwd; id -u'
	echo "$output"
	[ "${lines[0]}" = y ]
	[ "${lines[1]}" = /srv ]
	[ "${lines[2]}" = 1002 ]
	local first second
	first=$(hyfw exec inside -- sh -c 'for n in ipc mnt net pid user uts cgroup; do readlink /proc/self/ns/$n; done; grep -E "Cap|Seccomp:|NoNew" /proc/self/status')
	second=$(hyfw exec inside -- sh -c 'for n in ipc mnt net pid user uts cgroup; do readlink /proc/1/ns/$n; done; grep -E "Cap|Seccomp:|NoNew" /proc/1/status')
	diff <(echo "$first") <(echo "$second")
	run bash -c 'echo piped | "$@"' -- "${HYFW_COMMAND[@]}" exec -i inside -- cat
	[ "$output" = piped ]
}

@test "exec is in the workload's control groups" {
	box counted sleep 60
	local group
	group=$(cgroup_of counted pids)
	hyfw exec counted -- sleep 3 3>&- &
	local pid=$!
	wait_until 5 bash -c "[ \"\$(cat '$group/pids.current')\" -ge 2 ]"
	wait "$pid"
}

@test "ps shows what runs, ps -a everything, -q names" {
	box running sleep 60
	hyfw create --name made --network none --rootfs "$ROOTFS" -- true
	run hyfw ps
	[[ $output == *running* && $output != *made* ]]
	run hyfw ps -a
	[[ $output == *running* && $output == *made* && $output == *created* ]]
	[ "$(hyfw ps -a -q | sort | tr '\n' ' ')" = "made running " ]
	hyfw --format json ps -a | is_json
}

@test "ps with nothing to show is a heading, json an empty list" {
	run hyfw ps
	[ "${#lines[@]}" -eq 1 ]
	[ "$(hyfw --format json ps | tr -d ' \n')" = "[]" ]
}

@test "json everywhere" {
	box form sleep 60
	local command
	for command in "ps" "ps -a" "inspect form" "stats form" "image list" "volume list" "plugin list"; do
		echo "$command"
		# shellcheck disable=SC2086 # words
		hyfw --format json $command | is_json
	done
}

@test "inspect --timing tells the phases within the steps of a start" {
	local phase
	hyfw run -d --name timed --network none --rootfs "$ROOTFS" -- sleep 1000
	run hyfw inspect --timing timed
	[ "$status" -eq 0 ]
	for phase in "cgroups +cgroup: .*" "namespaces +create: container timed" "  clone" "  id maps" "  namespaces" \
		"  mounts" "  pivot_root" "  credentials" "namespaces +start: container timed" "  exec"; do
		[ "$(grep -cE " $phase\$" <<<"$output")" -eq 1 ]
	done
	# They are what the step took, for the most part.
	awk '/create: container/ { all = $3; within = 1; next } /start: container/ { within = 0 } within { sum += $3 }
		END { exit !(sum > all / 2 && sum <= all + 0.1) }' <<<"$output"
	hyfw rm -f timed
}

@test "inspect tells what confines it" {
	hyfw run -d --name shown --memory 64M --network none --rootfs "$ROOTFS" -- sleep 60
	run hyfw inspect shown
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *shown* ]]
	[[ $output == *namespaces* ]]
	[[ $output == *67108864* || $output == *64.0M* ]]
	[ "$(hyfw --format json inspect shown | json 0 name)" = shown ]
	[ -d "/proc/$(hyfw --format json inspect shown | json 0 pid)" ]
}

@test "values of the environment are not in a journal" {
	hyfw run -d --name hush -e 'DB_PASSWORD=wonderland' --network none --rootfs "$ROOTFS" -- sleep 60
	run hyfw exec hush -- sh -c 'echo $DB_PASSWORD'
	[ "$output" = wonderland ]
	run grep -rl wonderland "$STATE"
	echo "$output"
	[[ $output != *journal* ]]
}

@test "stats are numbers that move" {
	hyfw run -d --name busy --memory 64M --network none --rootfs "$ROOTFS" -- sh -c 'while :; do :; done'
	sleep 0.5
	run hyfw stats
	echo "$output"
	[[ $output == *busy* ]]
	local first second
	first=$(hyfw --format json stats busy | json 0 cpu_ns)
	sleep 0.5
	second=$(hyfw --format json stats busy | json 0 cpu_ns)
	[ "$second" -gt $((first + 100000000)) ]
	[ "$(hyfw --format json stats busy | json 0 memory_limit_bytes)" -eq $((64 << 20)) ]
}

@test "logs: both streams, kept after the end" {
	hyfw run --name talks --network none --rootfs "$ROOTFS" -- sh -c 'echo to out; echo to err >&2'
	run hyfw logs talks
	[[ $output == *"to out"* && $output == *"to err"* ]]
}

@test "logs -f follows and ends with the workload" {
	box speaks sh -c 'for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done'
	HYFW_TIMEOUT=20 run hyfw logs -f speaks
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 5 ]
	[ "${lines[4]}" = "line 5" ]
}

@test "a log that grows is rotated and stays bounded" {
	hyfw run --name floods --network none --rootfs "$ROOTFS" -- \
		sh -c 'yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c 60000000'  >/dev/null
	run du -sm "$DATA/workloads/floods"
	echo "$output"
	[ "${output%%[!0-9]*}" -le 50 ]
}

@test "a reader that goes away does not stop the workload" {
	box endless sh -c 'while :; do echo x; sleep 0.01; done'
	hyfw logs -f endless | head -n 3
	is_status endless running
}

@test "restart on-failure: again after a failure, not after success" {
	hyfw run -d --name fails --restart on-failure:2 --network none --rootfs "$ROOTFS" -- sh -c 'echo start; exit 1'
	wait_until 20 is_status fails exited
	[ "$(hyfw logs fails | grep -c start)" -eq 3 ]
	hyfw run -d --name works --restart on-failure --network none --rootfs "$ROOTFS" -- sh -c 'echo start'
	wait_until 10 is_status works exited
	[ "$(hyfw logs works | grep -c start)" -eq 1 ]
}

@test "restart always: again after success, and stop ends it" {
	hyfw run -d --name again --restart always --network none --rootfs "$ROOTFS" -- sh -c 'echo start; sleep 0.2'
	wait_until 20 bash -c "[ \"\$($(printf '%q ' "${HYFW_COMMAND[@]}") logs again | grep -c start)\" -ge 2 ]"
	hyfw stop again
	is_status again exited
	sleep 1
	is_status again exited
}

@test "a killed monitor takes its workload with it, and recover leaves nothing" {
	box orphan sleep 60
	local monitor pid
	monitor=$(hyfw --format json inspect orphan | json 0 monitor_pid)
	pid=$(hyfw --format json inspect orphan | json 0 pid)
	killed "$monitor"
	wait_until 5 test ! -d "/proc/$pid"
	hyfw recover
	[ -z "$(hyfw ps -q)" ]
}

@test "twenty at once" {
	local n pids=()
	for n in $(seq 20); do
		box "many$n" sleep 60 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ "$(hyfw ps -q | wc -l)" -eq 20 ]
	pids=()
	for n in $(hyfw ps -q); do
		hyfw rm -f "$n" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	wait_until 10 bash -c "[ -z \"\$($(printf '%q ' "${HYFW_COMMAND[@]}") ps -a -q)\" ]"
}

@test "what runs in the background holds no file of its caller's" {
	local mark=$BATS_TEST_TMPDIR/mark pid pids
	hyfw run -d --name held --network none --rootfs "$ROOTFS" -- /bin/sleep 60 9>"$mark"
	pids=$(own_processes | cut -d' ' -f1)
	[ "$(wc -w <<<"$pids")" -ge 2 ]
	for pid in $pids; do
		readlink "/proc/$pid"/fd/* >"$BATS_TEST_TMPDIR/files" || true
		absent -F "$mark" "$BATS_TEST_TMPDIR/files"
	done
	hyfw rm -f held
}
