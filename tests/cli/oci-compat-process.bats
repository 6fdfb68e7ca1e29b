# `hyfw oci`: the process of a bundle, its terminal and its hooks, as the suites of other
# runtimes ask for them.
# shellcheck disable=SC2016,SC2034 # expanded inside; used by oci-helpers

load helpers
load oci-helpers

WORK=$BATS_FILE_TMPDIR
BUNDLE=$WORK/bundle

NO_USER='del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user"))'

@test "a user namespace without root runs the command, and others in it" {
	cp -a "$ROOTFS" "$WORK/rootless"
	chown -R -h 2000000:2000000 "$WORK/rootless"
	sleeper rootless '.root.path = "'"$WORK/rootless"'" | .process.user = {uid: 1000, gid: 1000} |
		.linux.uidMappings = [{containerID: 1000, hostID: 2000000, size: 1}] | .linux.gidMappings = .linux.uidMappings'
	run oci exec rootless sh -c 'id -u; id -g; while read -r a b c; do echo $a $b $c; done </proc/self/uid_map'
	[ "$output" = $'1000\n1000\n1000 2000000 1' ]
}

@test "standard files that are the host's /dev/null become the container's" {
	run box 'stat -L -c %d /proc/self/fd/0; stat -c %d /dev/null' "$NO_USER"
	[ "${#lines[@]}" -eq 2 ]
	[ "${lines[0]}" = "${lines[1]}" ]
	sleeper nulls "$NO_USER"
	run oci exec nulls sh -c 'stat -L -c %d /proc/self/fd/0; stat -c %d /dev/null'
	[ "${#lines[@]}" -eq 2 ]
	[ "${lines[0]}" = "${lines[1]}" ]
}

@test "the personality is that of later commands too" {
	[ "$(uname -m)" = x86_64 ] || skip "another machine"
	sleeper old '.linux.personality = {domain: "LINUX32"}'
	run oci exec old uname -m
	[ "$output" = i686 ]
}

@test "a container has all CPUs, whatever its caller is bound to" {
	[ "$(nproc)" -gt 1 ] || skip "there is one CPU"
	bundle '.process.args = ["/bin/grep", "Cpus_allowed_list", "/proc/self/status"]'
	run taskset -c 0 "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" run --bundle "$BUNDLE" cpus </dev/null
	[ "$output" = "$(grep Cpus_allowed_list /proc/self/status)" ]
	sleeper cpus
	run taskset -c 0 "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" exec cpus grep Cpus_allowed_list /proc/self/status </dev/null
	[ "$output" = "$(grep Cpus_allowed_list /proc/self/status)" ]
}

@test "effective capabilities that are not permitted are left out" {
	run box 'grep CapEff /proc/self/status' "$NO_USER"' | .process.user = {uid: 5, gid: 5} |
		.process.capabilities = {bounding: ["CAP_KILL"], effective: ["CAP_KILL"]}'
	[ "$status" -eq 0 ]
	[[ $output == *0000000000000000 ]]
}

@test "the caller's groups stay where Podman asks for it" {
	bundle "$NO_USER"' | .annotations = {"run.oci.keep_original_groups": "1"} | .process.args = ["/bin/id", "-G"]'
	run setpriv --groups 1234 "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" run --bundle "$BUNDLE" groups </dev/null
	[[ " $output " == *" 1234 "* ]]
	run box 'id -G' "$NO_USER"
	[ "$output" = 0 ]
}

@test "there is no terminal without a devpts in the container, neither at first nor later" {
	local without='.mounts |= map(select(.type != "devpts"))'
	run -1 box true "$NO_USER | .process.terminal = true | $without"
	[[ $output == *"make the terminal: /dev/pts/ptmx: No such file"* ]]
	run -1 box true ".process.terminal = true | $without"
	[[ $output == *"make the terminal: /dev/pts/ptmx: No such file"* ]]
	sleeper bare "$without"
	run -255 oci exec --tty bare true
	[[ $output == *"make the terminal: /dev/pts/ptmx: No such file"* ]]
	run -0 oci exec bare echo still
}

@test "a missing interpreter is told in one line, as runc does" {
	cp -a "$ROOTFS" "$WORK/scripts"
	printf '#!/no/such/interpreter\n' >"$WORK/scripts/run.sh"
	chmod 755 "$WORK/scripts/run.sh"
	run box true "$NO_USER"' | .root.path = "'"$WORK/scripts"'" | .process.args = ["/run.sh"]'
	[ "$status" -ne 0 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"exec /run.sh: no such file or directory"* ]]
}

@test "hooks inside have the environment and the filter of the command, and say why they failed" {
	run box true "$NO_USER"' | .process.env += ["ONE=two"] |
		.hooks = {startContainer: [{path: "/bin/sh", args: ["sh", "-c", "test \"$ONE\" = two"]}]}'
	[ "$status" -eq 0 ]
	run box true "$NO_USER"' | .hooks = {startContainer: [{path: "/bin/true"},
		{path: "/bin/sh", args: ["sh", "-c", "echo the reason >&2; exit 3"]}]}'
	[ "$status" -ne 0 ]
	[[ $output == *"error running startContainer hook #1: /bin/sh: exit status 3"*"the reason"* ]]
	run box true "$NO_USER"' | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS"}]} |
		.hooks = {startContainer: [{path: "/bin/mkdir", args: ["mkdir", "/dev/shm/foo"]}]}'
	[ "$status" -ne 0 ]
	[[ $output == *"error running hook: error running startContainer hook #0: /bin/mkdir: signal: bad system call" ]]
}

@test "createContainer hooks begin in the root, when all is mounted" {
	mkdir -p "$BUNDLE"
	rm -rf --one-file-system "$BUNDLE/rootfs"
	cp -a "$ROOTFS" "$BUNDLE/rootfs"
	run box 'cat /mnt/on/hostname' "$NO_USER"' | .root.path = "rootfs" |
		.hooks = {createContainer: [{path: "/bin/sh", args: ["sh", "-c", "test -e proc/self && mkdir -p mnt/on && mount --bind /etc mnt/on"]}]}'
	rm -rf --one-file-system "$BUNDLE/rootfs"
	[ "$status" -eq 0 ]
	[ "$output" = "$(cat /etc/hostname)" ]
}
