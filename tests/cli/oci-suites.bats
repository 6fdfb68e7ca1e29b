# `hyfw oci`: what the suites of crun, runc and runtime-tools found.

load helpers
load oci-helpers

@test "spec leaves the cgroup namespace to others beside groups of version 1" {
	local found
	mkdir -p "$WORK/fresh"
	oci spec --bundle "$WORK/fresh"
	found=$(jq '[.linux.namespaces[] | select(.type == "cgroup")] | length' "$WORK/fresh/config.json")
	if has_v1; then [ "$found" -eq 0 ]; else [ "$found" -eq 1 ]; fi
}

@test "a label of files says nothing without SELinux" {
	[ ! -e /sys/fs/selinux/enforce ] || skip "SELinux is on (tests/vm tests labels)"
	run -0 box 'echo began' '.linux.mountLabel = "system_u:object_r:container_file_t:s0:c1,c2"'
	[ "$output" = began ]
}

@test "words that others look for: an agent that is not there, a key of unified" {
	run -1 box 'echo began' '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/nobody.sock",
		"architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{"names": ["chmod"], "action": "SCMP_ACT_NOTIFY"}]}'
	[[ $output == *"failed to connect with seccomp agent"* ]]
	run -1 box 'echo began' '.linux.resources.unified = {"NOT-A-KEY": "1"}'
	[[ $output == *'the specified key has not the form CONTROLLER.VALUE `NOT-A-KEY`'* ]]
}

@test "a user namespace without mappings has the caller's id alone" {
	run -0 box 'read -r inside outside count </proc/self/uid_map; echo $inside $outside $count' \
		'.linux.namespaces |= (map(select(.type != "user")) + [{"type": "user"}]) |
		del(.linux.uidMappings, .linux.gidMappings)'
	[ "$output" = "0 0 1" ]
}

@test "an ID that is none and what was built in are told in the words of crun" {
	bundle '.process.args = ["/bin/true"]'
	run -1 oci run --bundle "$BUNDLE" this/is/none
	[[ $output == *'invalid character `/` in the ID'* ]]
	oci --version | grep -q '^+.*+SECCOMP'
	[ "$(oci --version | grep -c '^+SYSTEMD ')" -eq "$(oci features | jq '.linux.cgroup.systemd | if . then 1 else 0 end')" ]
}
