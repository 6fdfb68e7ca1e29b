# On a host without SELinux nothing of it is loaded or in the way.  What labels do is
# tests/vm/selinux.bats, in the test machine.
load helpers

setup() {
	[ ! -e /sys/fs/selinux/enforce ] || skip "this host has SELinux"
}

@test "without SELinux :z and :Z mean nothing, and no module is loaded for them" {
	local monitor
	mkdir -p "$BATS_TEST_TMPDIR/data"
	echo here >"$BATS_TEST_TMPDIR/data/file"
	hyfw run -d --name plain --network none -v "$BATS_TEST_TMPDIR/data:/data:Z" \
		-v "$BATS_TEST_TMPDIR/data:/other:ro,z" --security-opt label=disable --rootfs "$ROOTFS" -- sleep 60
	[ "$(hyfw exec plain -- cat /data/file /other/file)" = $'here\nhere' ]
	run hyfw exec plain -- touch /other/new
	[ "$status" -ne 0 ]
	monitor=$(hyfw inspect plain | json 0 monitor_pid)
	grep -q seccomp.so "/proc/$monitor/maps"
	run grep selinux "/proc/$monitor/maps"
	[ -z "$output" ]
}

@test "the module asked for by name does nothing, and says so; selinux = yes is refused" {
	local all="security=cgroups capabilities seccomp selinux"
	[ "$(run_box --set "$all" -- echo fine)" = fine ]
	printf '[workload web]\nrootfs = /srv\ncommand = true\nnetwork = none\n%s\n' "${all/=/ = }" >"$BATS_TEST_TMPDIR/web.ini"
	run hyfw plan "$BATS_TEST_TMPDIR/web.ini"
	echo "$output"
	[[ $output == *"run web without an SELinux label of its own (SELinux is off on this host)"* ]]
	run --separate-stderr run_box --set "$all" --set selinux=yes -- true
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"selinux = yes, and SELinux is off on this host; selinux = auto runs it without a label"* ]]
}

@test "hyfw selinux tells that there is none" {
	[ "$(hyfw --format json selinux status | json mode)" = disabled ]
	run hyfw selinux
	[[ ${lines[0]} =~ ^mode\ +disabled$ ]]
	run --separate-stderr hyfw selinux booleans
	[ "$status" -ne 0 ]
	[[ $stderr == *"SELinux is off on this host, so there are no booleans" ]]
	run --separate-stderr hyfw selinux everything
	[ "$status" -eq 125 ]
	[[ $stderr == *"'everything' is none of its verbs"* ]]
}

@test "--security-opt label= takes the words of Podman and no others" {
	run --separate-stderr run_box --security-opt label=nonsense -- true
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"is neither disable nor user:, role:, type:, level: or filetype: with a word behind"* ]]
	run --separate-stderr run_box -v things:/data:z,Z -- true
	[ "$status" -eq 125 ]
	[[ $stderr == *"z is for volumes that workloads share, Z for those of one alone; not both"* ]]
}
