# `hyfw oci`: namespaces that are new, joined or the host's.
# shellcheck disable=SC2016,SC2034 # expanded inside; used by oci-helpers

load helpers
load oci-helpers

WORK=$BATS_FILE_TMPDIR
BUNDLE=$WORK/bundle

NO_USER='del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user"))'
without() { echo '.linux.namespaces |= map(select(.type != "'"$1"'"))'; }
joined() { echo '(.linux.namespaces[] | select(.type == "'"$1"'")).path = "'"$2"'"'; }
link() { readlink "/proc/$1/ns/$2"; }

@test "what is listed is new, and what is not is the host's" {
	local kind
	run box 'for i in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$i; done' .
	for kind in cgroup ipc mnt net pid user uts; do
		[[ $output == *"$kind:"* ]]
		[[ $output != *"$(readlink /proc/self/ns/$kind)"* ]]
	done
	for kind in cgroup ipc net pid uts; do
		run box "readlink /proc/self/ns/$kind" "$NO_USER | $(without ${kind/net/network}) | del(.hostname)"
		[ "$output" = "$(readlink /proc/self/ns/$kind)" ]
	done
}

@test "all of a container can be joined by path, with its user namespace, and its processes seen" {
	local pid kind filter=.
	sleeper first
	pid=$(oci state first | jq .pid)
	for kind in pid:pid ipc:ipc uts:uts network:net cgroup:cgroup user:user; do
		filter+=" | $(joined "${kind%:*}" "/proc/$pid/ns/${kind#*:}")"
	done
	run box 'for i in pid ipc uts net user mnt; do readlink /proc/self/ns/$i; done; ps | grep -c "sleep 1000"; id -u; hostname' \
		"$filter | del(.linux.uidMappings, .linux.gidMappings, .hostname)"
	for kind in pid ipc uts net user; do [[ $output == *"$(link "$pid" $kind)"* ]]; done
	[[ $output != *"$(link "$pid" mnt)"* ]]
	[[ $output == *$'\n'[1-9]$'\n'0$'\n'bench ]]
}

@test "a mount namespace that is joined has the container's mounts, and nobody else" {
	local holder root=$WORK/own
	cp -a "$ROOTFS" "$root"
	unshare --mount --propagation private sleep 1000 3>&- &
	holder=$!
	wait_until 10 grep -q sleep "/proc/$holder/comm"
	run box 'readlink /proc/self/ns/mnt; cat /proc/self/comm; ls -d /proc/self; ls /' \
		"$NO_USER | $(joined mount "/proc/$holder/ns/mnt")"' | .root.path = "'"$root"'"'
	[ "${lines[0]}" = "$(link "$holder" mnt)" ]
	[ "${lines[1]}" = cat ]
	[[ $output == *$'\n'bin$'\n'* && $output != *lost+found* ]]
	sleeper inside "$NO_USER | $(joined mount "/proc/$holder/ns/mnt")"' | .root.path = "'"$root"'"'
	run oci exec inside sh -c 'readlink /proc/self/ns/mnt; ls -d /dev/null'
	[ "$output" = "$(link "$holder" mnt)"$'\n'/dev/null ]
	run -0 grep -c " $root/proc " "/proc/$holder/mountinfo"
	run ! grep " $root" /proc/self/mountinfo
	oci delete --force inside
	kill "$holder"
}

@test "a network namespace that is joined is left alone, a new one has its loopback up" {
	ip netns add hyfw-oci-joined
	run box 'cat /sys/class/net/lo/flags' "$(joined network /run/netns/hyfw-oci-joined) | $NO_USER"
	run -0 ip -n hyfw-oci-joined -o link show lo
	ip netns del hyfw-oci-joined
	[[ $output != *",UP"* ]]
	run box 'cat /sys/class/net/lo/flags' .
	[ "$output" = 0x9 ]
}

@test "ids are mapped in ranges" {
	run box 'while read -r a b c; do echo $a $b $c; done </proc/self/uid_map; stat -c %u /sys/class/net/lo/mtu' \
		'.linux.uidMappings = [{containerID: 0, hostID: 2000000, size: 10}, {containerID: 10, hostID: 3000000, size: 5}]'
	[ "$output" = $'0 2000000 10\n10 3000000 5\n0' ]
}

@test "clocks are set off in a time namespace" {
	run box 'read -r a b </proc/uptime; echo $((${a%.*} > 900000000))' \
		"$NO_USER"' | .linux.namespaces |= map(select(.type != "time")) + [{type: "time"}] |
		.linux.timeOffsets = {boottime: {secs: 900000000, nanosecs: 7}}'
	[ "$output" = 1 ]
}

@test "sysctl of a namespace is set, the host's is refused" {
	run box 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni' \
		"$NO_USER"' | .linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.shmmni": "77"}'
	[ "$output" = $'1\n77' ]
	run box 'cat /proc/sys/kernel/domainname /proc/sys/user/max_uts_namespaces' \
		'.linux.sysctl = {"kernel.domainname": "example", "user.max_uts_namespaces": "5"}'
	echo "$output"
	[ "$output" = $'example\n5' ]
	run box true "$NO_USER"' | .linux.sysctl = {"user.max_uts_namespaces": "5"}'
	[ "$status" -ne 0 ]
	run box true '.linux.sysctl = {"kernel.hostname": "other"}'
	[ "$status" -ne 0 ]
	run box true "$(without uts) | del(.hostname)"' | .linux.sysctl = {"kernel.domainname": "other"}'
	[ "$status" -ne 0 ]
	run box true '.linux.sysctl = {"vm.swappiness": "1"}'
	[ "$status" -ne 0 ]
	[[ $output == *vm.swappiness* ]]
	run box true "$NO_USER | $(without ipc)"' | .linux.sysctl = {"kernel.shmmni": "77"}'
	[ "$status" -ne 0 ]
}

@test "impossible requests are refused: a path of another kind, mappings without a user namespace" {
	run box true "$NO_USER | $(joined network /proc/self/ns/uts)"
	[ "$status" -ne 0 ]
	[[ $output == *"/proc/self/ns/uts"* ]]
	run box true "$(without user)"
	[ "$status" -ne 0 ]
	run box true "$NO_USER | $(without uts)"
	[ "$status" -ne 0 ]
	[[ $output == *[Uu][Tt][Ss]* ]]
}

@test "in the host's pid namespace, kill --all reaches only the container" {
	local pid
	/bin/sleep 1000 &
	pid=$!
	sleeper hostpid "$NO_USER | $(without pid)"
	oci kill --all hostpid TERM
	kill -0 "$pid"
	kill "$pid"
	[ "$(cat /proc/sys/kernel/hostname)" ]
}

@test "an ordinary user runs one in a user namespace of one id" {
	local home
	home=$(mktemp -d /tmp/hyfw-oci-user.XXXXXX)
	chmod 755 "$home"
	mkdir "$home/run" "$home/bundle"
	cp -a "$ROOTFS" "$home/root"
	jq '.process.args = ["/bin/sh", "-c", "id -u; cat /proc/self/uid_map; cat /etc/bound; hostname; ls /dev/null"] |
		.root.path = "'"$home/root"'" | .linux.uidMappings = [{containerID: 0, hostID: 65534, size: 1}] |
		.linux.gidMappings = .linux.uidMappings | del(.linux.resources, .linux.cgroupsPath) |
		.mounts += [{destination: "/etc/bound", source: "'"$home"'/text", type: "bind", options: ["bind", "ro"]}]' \
		"$WORK/base.json" >"$home/bundle/config.json"
	echo text >"$home/text"
	touch "$home/root/etc/bound"
	chown -R 65534:65534 "$home"
	if ! setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$HYFW"; then
		rm -rf "$home"
		skip "the staged hyfw is not for everybody"
	fi
	run setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$home" XDG_RUNTIME_DIR="$home/run" \
		XDG_DATA_HOME="$home/run" "$HYFW" oci --root "$home/run/oci" run --bundle "$home/bundle" mine </dev/null
	rm -rf "$home"
	[ "$status" -eq 0 ]
	[[ $output == 0$'\n'*" 65534 "*1$'\n'text$'\n'bench$'\n'/dev/null ]]
}
