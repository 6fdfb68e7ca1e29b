# What changes of workloads that are there: their limits while they run, and whether they
# start with the host.
load helpers

value_of() { # NAME CONTROLLER V1-FILE V2-FILE
	local group
	group=$(cgroup_of "$1" "$2")
	cat "$group/$3" 2>/dev/null || cat "$group/$4"
}

@test "update changes the limits of a running workload, for this run and the next" {
	hyfw run -d --name limited --network none -m 64M --cpus 0.5 --pids-limit 50 --rootfs "$ROOTFS" -- sleep 60
	[ "$(hyfw update -m 96M --cpus 0.25 --pids-limit 60 limited)" = limited ]
	[ "$(value_of limited memory memory.limit_in_bytes memory.max)" = 100663296 ]
	[ "$(value_of limited pids pids.max pids.max)" = 60 ]
	value_of limited cpu cpu.cfs_quota_us cpu.max | grep -E '^25000( |$)'
	hyfw update -m 48M limited
	[ "$(value_of limited memory memory.limit_in_bytes memory.max)" = 50331648 ]
	hyfw restart -t 0 limited
	[ "$(value_of limited memory memory.limit_in_bytes memory.max)" = 50331648 ]
	[ "$(hyfw --format json inspect limited | json 0 settings pids)" = 60 ]
}

@test "an update that fails changes nothing" {
	hyfw run -d --name limited --network none -m 64M --pids-limit 50 --rootfs "$ROOTFS" -- sleep 60
	run --separate-stderr hyfw update --pids-limit 70 --cpus 9000 limited
	[ "$status" -eq 125 ]
	[ "$(value_of limited pids pids.max pids.max)" = 50 ]
	run --separate-stderr hyfw update --pids-limit 70 -m 1M limited
	[ "$status" -eq 125 ]
	[[ $stderr == *"workload limited"*memory* ]]
	[ "$(value_of limited pids pids.max pids.max)" = 50 ]
	[ "$(hyfw --format json inspect limited | json 0 settings pids)" = 50 ]
	run --separate-stderr hyfw update --memory much limited
	[[ $stderr == *"workload limited: memory = much: "* ]]
	run --separate-stderr hyfw update --vcpus 2 limited
	[[ $stderr == *"vcpus: no driver of this workload puts it into effect (isolation namespaces)"* ]]
	run --separate-stderr hyfw update limited
	[[ $stderr == *"nothing to change is given"* ]]
}

@test "update of the restart policy counts at the next end" {
	hyfw run -d --name policy --network none --restart always --rootfs "$ROOTFS" -- sh -c 'trap "exit 1" USR1; while :; do sleep 0.05; done'
	hyfw update --restart no policy
	sleep 0.2
	hyfw kill -s USR1 policy
	wait_until 5 is_status policy exited
}

@test "update takes limits away" {
	hyfw run -d --name limited --network none -m 64M --cpus 0.5 --pids-limit 50 --rootfs "$ROOTFS" -- sleep 60
	hyfw update --memory unlimited --cpus 0 --pids-limit -1 limited
	[ "$(value_of limited pids pids.max pids.max)" = max ]
	[ "$(value_of limited memory memory.limit_in_bytes memory.max)" != 67108864 ]
	hyfw --format json inspect limited | json 0 settings >"$BATS_TEST_TMPDIR/settings"
	absent -E '"(memory|cpus|pids)"' "$BATS_TEST_TMPDIR/settings"
	hyfw update -m 48M limited
	[ "$(value_of limited memory memory.limit_in_bytes memory.max)" = 50331648 ]
	run --separate-stderr hyfw update --cpuset-cpus unlimited limited
	[ "$status" -eq 125 ]
}

# ---- with the host -----------------------------------------------------------------

# Power loss: no monitor undoes anything, and the runtime directory is empty then.
host_goes_down() {
	local name pid
	for name in "$@"; do
		pid=$(hyfw --format json inspect "$name" | json 0 monitor_pid)
		kill -KILL "$pid"
		wait_until 10 is_status "$name" exited
	done
	rm -rf --one-file-system "$STATE"
	mkdir -p "$STATE"
}

@test "start --autostart starts what wants it, after a reboot" {
	local name
	for name in wants refuses plain always stopped; do
		hyfw create --name $name --network none --rootfs "$ROOTFS" -- sleep 300 >/dev/null
	done
	hyfw update --autostart yes wants
	hyfw update --restart always always stopped
	hyfw update --restart unless-stopped --autostart no refuses
	[ -z "$(hyfw start --autostart | grep -v '^wants$')" ]
	hyfw start plain always stopped refuses >/dev/null
	hyfw stop -t 0 stopped >/dev/null
	host_goes_down wants plain always refuses
	[ "$(hyfw start --autostart)" = always$'\n'wants ]
	is_status always running
	is_status wants running
	is_status plain exited
	is_status refuses exited
	is_status stopped exited
	# what runs is let alone
	[ -z "$(hyfw start --autostart)" ]
	run --separate-stderr hyfw start --autostart plain
	[ "$status" -eq 125 ]
}

@test "the update of a policy counts for the next start of the host" {
	hyfw run -d --name late --network none --rootfs "$ROOTFS" -- sleep 300
	hyfw update --restart always late
	host_goes_down late
	[ "$(hyfw start --autostart)" = late ]
}

@test "one that cannot start does not keep the others from it" {
	hyfw create --name aa --network none --rootfs "$ROOTFS" --autostart yes -- sleep 300
	cp -a "$ROOTFS" "$BATS_TEST_TMPDIR/root"
	hyfw create --name ab --network none --rootfs "$BATS_TEST_TMPDIR/root" --autostart yes -- sleep 300
	rm -rf "$BATS_TEST_TMPDIR/root"
	run --separate-stderr hyfw start --autostart
	[ "$status" -ne 0 ]
	[[ $output == *aa* ]]
	is_status aa running
	run --separate-stderr hyfw run --rm --autostart yes --network none --rootfs "$ROOTFS" -- true
	[[ $stderr == *"--rm and --autostart cannot go together"* ]]
}
