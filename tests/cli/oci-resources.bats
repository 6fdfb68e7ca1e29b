# linux.resources and linux.cgroupsPath of bundles, on whatever control groups there are.

load helpers
load oci-helpers

@test "limits of a bundle are in effect, at the path that it names" {
	local path=/hyfw-test-$$/pod/limited
	sleeper limited '.linux.cgroupsPath = "'"$path"'" | .linux.resources = {
		memory: {limit: 33554432, reservation: 16777216}, pids: {limit: 50},
		cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0"}}'
	[ "$(value limited memory memory.limit_in_bytes memory.max)" = 33554432 ]
	[ "$(value limited memory memory.soft_limit_in_bytes memory.low)" = 16777216 ]
	[ "$(value limited pids pids.max pids.max)" = 50 ]
	[ "$(value limited cpuset cpuset.cpus cpuset.cpus)" = 0 ]
	if has_v1; then
		[ "$(value limited cpu cpu.shares -)" = 512 ]
		[ "$(value limited cpu cpu.cfs_quota_us -)" = 50000 ]
	else
		[ "$(value limited cpu - cpu.weight)" = 59 ]
		[ "$(value limited cpu - cpu.max)" = "50000 100000" ]
	fi
	[[ $(group_of limited memory) == */hyfw-test-$$/pod/limited ]]
	grep -c "$path\$" "/proc/$(oci state limited | jq .pid)/cgroup"
	[ -z "$(elsewhere "$(oci state limited | jq .pid)" "$path")" ]
	# what is executed later is in them too
	oci exec --detach --pid-file "$WORK/pid" limited sleep 100
	[ -z "$(elsewhere "$(cat "$WORK/pid")" "$path")" ]
	oci delete --force limited
	[ ! -d "/sys/fs/cgroup/memory/hyfw-test-$$" ]
	[ ! -d "/sys/fs/cgroup/hyfw-test-$$" ]
}

# Hierarchies in which a process is in another group than PATH.
elsewhere() { # PID PATH
	grep -v "$2\$" "/proc/$1/cgroup" | grep -v perf_event || true
}

@test "a pod's group is used and stays, and no second container gets into a used one" {
	local pods=() mount path=hyfw-test-$$
	for mount in /sys/fs/cgroup/*/; do
		[ ! -e "$mount/cgroup.procs" ] || ! has_v1 || pods+=("$mount$path")
	done
	has_v1 || pods=("/sys/fs/cgroup/$path")
	mkdir "${pods[@]}"
	sleeper first '.linux.cgroupsPath = "/'"$path"'/one"'
	bundle '.linux.cgroupsPath = "/'"$path"'/one" | .process.args = ["/bin/true"]'
	run oci run --bundle "$BUNDLE" second
	[ "$status" -eq 1 ]
	[[ $output == *"container's cgroup is not empty: 1 process(es) found"* ]]
	[ "$(oci state first | jq -r .status)" = running ]
	oci delete --force first
	rmdir "${pods[@]}" # they are there, and empty
}

# The one that eats is the first process: whom the kernel ends next, if anybody, is its choice.
@test "memory beyond the limit ends the process" {
	# shellcheck disable=SC2016 # the container's shell
	local eat='held=$(head -c 30000000 /dev/zero | tr "\\0" x); echo "${#held}"'
	run box "$eat" '.linux.resources.memory = {limit: 16777216, swap: 16777216}'
	[ "$status" -eq 137 ]
	[ -z "$output" ]
	run box "$eat" '.linux.resources.memory = {limit: 536870912}'
	[ "$status" -eq 0 ]
	[ "$output" = 30000000 ]
}

@test "update changes all or nothing" {
	sleeper changed '.linux.resources = {memory: {limit: 33554432, swap: 33554432}, pids: {limit: 50}}'
	oci update --memory 64M --memory-swap 64M changed
	[ "$(value changed memory memory.limit_in_bytes memory.max)" = 67108864 ]
	oci update --memory 16M --memory-swap 16M changed
	[ "$(value changed memory memory.limit_in_bytes memory.max)" = 16777216 ]
	run oci update --memory 32M --memory-swap 32M --cpuset-cpus 0-9999 changed
	[ "$status" -eq 1 ]
	[[ $output == *"linux.resources.cpu.cpus: cannot write 0-9999"* ]]
	[ "$(value changed memory memory.limit_in_bytes memory.max)" = 16777216 ]
	oci update --pids-limit -1 --cpu-quota -1 changed
	[ "$(value changed pids pids.max pids.max)" = max ]
	oci update --cpuset-cpus 0 --cpu-share 2048 --cpu-quota 20000 --cpu-period 50000 changed
	[ "$(value changed cpuset cpuset.cpus cpuset.cpus)" = 0 ]
	if has_v1; then
		[ "$(value changed cpu cpu.cfs_quota_us -)" = 20000 ]
	else
		[ "$(value changed cpu - cpu.max)" = "20000 50000" ]
	fi
}

@test "devices: what the bundle permits and what every container may" {
	run box 'mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg 2>&1; mknod /tmp/zero c 1 5 && head -c 3 /tmp/zero | wc -c' '
		del(.linux.uidMappings, .linux.gidMappings, .linux.seccomp) |
		.linux.namespaces |= map(select(.type != "user")) |
		.process.capabilities[] += ["CAP_MKNOD", "CAP_SYSLOG"] |
		.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}] |
		.linux.resources.devices = [{allow: false, access: "rwm"}]'
	[ "$status" -eq 0 ]
	[[ $output == *"kmsg"*"Operation not permitted"* ]]
	[[ $output == *3 ]]
	run box 'mknod /tmp/full c 1 7; echo x >/tmp/full; mknod /tmp/fuse c 10 229; cat /tmp/fuse' '
		del(.linux.uidMappings, .linux.gidMappings, .linux.seccomp) |
		.linux.namespaces |= map(select(.type != "user")) |
		.process.capabilities[] += ["CAP_MKNOD"] |
		.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}] |
		.linux.resources.devices = [{allow: false, access: "rwm"},
			{allow: true, type: "c", major: 10, minor: 229, access: "rw"}]'
	[[ $output == *"No space left on device"* ]]
	[[ $output != *"fuse"*"Operation not permitted"* ]] || [ ! -e /dev/fuse ]
}

# A container without a user namespace that may make nodes, and has them in /tmp.
NODES='del(.linux.uidMappings, .linux.gidMappings, .linux.seccomp) | .linux.namespaces |= map(select(.type != "user")) |
	.process.capabilities[] += ["CAP_MKNOD", "CAP_SYSLOG"] | .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'

@test "update replaces the list of devices, and only if there is one" {
	sleeper devices "$NODES"' | .linux.resources.devices = [{allow: false, access: "rwm"},
		{allow: true, type: "c", major: 1, minor: 11, access: "rw"}]'
	oci exec devices mknod /tmp/kmsg c 1 11
	oci exec devices sh -c ': </tmp/kmsg'
	oci update --pids-limit 60 devices
	oci exec devices sh -c ': </tmp/kmsg'
	echo '{"devices": [{"allow": false, "access": "rwm"}]}' >"$WORK/devices.json"
	oci update --resources "$WORK/devices.json" devices
	run oci exec devices sh -c ': </tmp/kmsg'
	[ "$status" -ne 0 ]
	[[ $output == *"Operation not permitted"* || $output == *"denied"* ]]
	oci exec devices sh -c 'echo x >/dev/null'
	[ "$(value devices pids pids.max pids.max)" = 60 ]
	echo '{"devices": [{"allow": true, "access": "rwm"}]}' >"$WORK/devices.json"
	oci update --resources "$WORK/devices.json" devices
	oci exec devices sh -c ': </tmp/kmsg'
}

@test "a denial within a permission holds, or is refused" {
	bundle "$NODES"' | .process.args = ["/bin/sh", "-c", "mknod /tmp/kmsg c 1 11; cat /tmp/kmsg"] |
		.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, access: "rw"},
			{allow: false, type: "c", major: 1, minor: 11, access: "rw"}]'
	run oci run --bundle "$BUNDLE" hole
	[ "$status" -ne 0 ]
	if has_v1; then
		[[ $output == *"linux.resources.devices: a rule is about a part of the devices"* ]]
	else
		[[ $output == *"Operation not permitted"* ]]
	fi
}

@test "without a path the group is the container's ID, and parents go with their last user" {
	local path=/hyfw-last-$$/pod
	sleeper "named$$"
	[[ $(group_of "named$$" memory) == */"named$$" ]]
	oci delete --force "named$$"
	sleeper one '.linux.cgroupsPath = "'"$path"'/one"'
	sleeper two '.linux.cgroupsPath = "'"$path"'/two"'
	oci delete --force one
	[ -d "$(group_of two memory)" ]
	oci delete --force two
	[ -z "$(find /sys/fs/cgroup -maxdepth 2 -name "hyfw-last-$$")" ]
}

@test "realtime budgets reach a group through those that are made for it" {
	local root=/sys/fs/cgroup/cpu
	[ -e "$root/cpu.rt_runtime_us" ] || skip "this kernel has no realtime groups on cgroup v1"
	[ "$(cat "$root/cpu.rt_runtime_us")" -gt 1000 ] || skip "the machine has no realtime budget to give"
	sleeper budget '.linux.cgroupsPath = "/hyfw-rt-'$$'/a/b" |
		.linux.resources.cpu = {realtimeRuntime: 1000, realtimePeriod: 1000000}'
	[ "$(value budget cpu cpu.rt_runtime_us -)" = 1000 ]
	[ "$(cat "$root/hyfw-rt-$$/a/cpu.rt_runtime_us")" = 1000 ]
}

@test "a container that manages its group owns it" {
	has_v1 && skip "only groups of cgroup v2 are handed over"
	sleeper owner '.linux.namespaces += [{type: "cgroup"}] | .linux.namespaces |= unique |
		.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev"]}]'
	[ "$(stat -c %u "$(group_of owner memory)/cgroup.procs")" = "$(jq '.linux.uidMappings[0].hostID' "$BUNDLE/config.json")" ]
	[ "$(stat -c %u "$(group_of owner memory)/memory.max")" = 0 ]
}

@test "what cannot be had is refused by name, what is unlimited is not" {
	bundle '.process.args = ["/bin/true"] | .linux.resources.unified = {"memory.high": "1000000000"}'
	if has_v1; then
		run oci run --bundle "$BUNDLE" refused
		[ "$status" -eq 1 ]
		[[ $output == *"linux.resources.unified: invalid configuration: cannot be used with cgroup v1"* ]]
	else
		oci run --bundle "$BUNDLE" refused
		bundle '.process.args = ["/bin/true"] | .linux.resources.memory.swappiness = 10'
		run oci run --bundle "$BUNDLE" refused
		[ "$status" -eq 1 ]
		[[ $output == *"linux.resources.memory.swappiness: cgroup v2 has nothing for it"* ]]
	fi
	bundle '.process.args = ["/bin/true"] | .linux.resources.rdma = {"mlx5_1": {hcaHandles: 3}}'
	run oci run --bundle "$BUNDLE" refused
	[ "$status" -eq 1 ]
	[[ $output == *"linux.resources.rdma"* ]]
	bundle '.process.args = ["/bin/true"] | .linux.cgroupsPath = "/a/../b"'
	run oci run --bundle "$BUNDLE" refused
	[ "$status" -eq 1 ]
	[[ $output == *'linux.cgroupsPath: ".." is not followed'* ]]
	bundle '.process.args = ["/bin/true"] | .linux.resources = {memory: {limit: -1, swap: -1}, pids: {limit: -1},
		cpu: {quota: -1}}'
	oci run --bundle "$BUNDLE" unlimited
}

@test "without a pid namespace nothing is left either" {
	local pid
	sleeper shared '.linux.namespaces |= map(select(.type != "pid"))'
	oci exec --detach --pid-file "$WORK/pid" shared sleep 1000
	pid=$(cat "$WORK/pid")
	oci kill shared KILL
	oci delete --force shared
	wait_until 10 has_ended "$pid"
}

@test "a paused container is ended with the others" {
	local pid
	sleeper cold
	pid=$(oci state cold | jq .pid)
	oci pause cold
	oci delete --force cold
	wait_until 10 has_ended "$pid"
}

@test "events tell what the kernel counts" {
	sleeper counted '.linux.resources.pids.limit = 20'
	oci events --stats counted >"$WORK/stats"
	jq -e '.type == "stats" and .data.pids == {current: 1, limit: 20}' "$WORK/stats"
	jq -e '.data.cpu.usage.total > 0 and .data.memory.usage.usage > 0' "$WORK/stats"
	jq -e '.data.memory.raw | length > 10' "$WORK/stats"
}

@test "a systemd scope is refused where there is no systemd" {
	[ ! -d /run/systemd/system ] || skip "systemd runs here"
	bundle '.process.args = ["/bin/true"] | .linux.cgroupsPath = "machine.slice:libpod:x"'
	run timeout 20 "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" --systemd-cgroup run --bundle "$BUNDLE" scoped
	[ "$status" -eq 1 ]
	[[ $output == *"systemd cgroup driver: "* ]]
	bundle '.process.args = ["/bin/true"] | .linux.cgroupsPath = "/machine"'
	run timeout 20 "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" --systemd-cgroup run --bundle "$BUNDLE" scoped
	[ "$status" -eq 1 ]
	[[ $output == *'format "slice:prefix:name"'* ]]
}

# Linux counts what cgroup.kill is written to, and kills the newborn of another count.
@test "a group that was killed once is used again; so is a caller that came into one later" {
	local unified=/sys/fs/cgroup name=hyfw-test-$$ group
	[ ! -d "$unified/unified" ] || unified=$unified/unified
	group=$unified/$name
	mkdir "$group"
	[ -e "$group/cgroup.kill" ] || { rmdir "$group" && skip "this kernel has no cgroup.kill"; }
	echo 1 >"$group/cgroup.kill"
	sleeper again '.linux.cgroupsPath = "/'"$name"'"'
	[ "$(oci state again | jq -r .status)" = running ]
	grep "^0::/$name\$" "/proc/$(oci state again | jq .pid)/cgroup"
	[ "$(oci exec again cat /proc/self/cgroup | grep -c '^0::/$')" = 1 ]
	oci delete --force again # the group was there before, and stays
	sleeper visited '.linux.cgroupsPath = "/'"$name-own"'"'
	(
		echo "$BASHPID" >"$group/cgroup.procs"
		[ "$(oci exec visited echo in it)" = "in it" ]
		[ "$(box 'echo out of it')" = "out of it" ]
		[ "$(hyfw run --rm --network none --rootfs "$ROOTFS" -- echo and of that)" = "and of that" ]
	)
	oci delete --force visited
	rmdir "$group"
}
