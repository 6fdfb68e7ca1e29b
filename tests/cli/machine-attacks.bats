# A guest that takes all it can: the host and its neighbours stay bounded, and it can be
# killed; one boot.
load helpers

setup_file() {
	common_setup_file
	make_guest
	capabilities_load
}

# What libvirt found out about QEMU stays for the next file of tests.
teardown() {
	local name
	hyfw ps -a -q | while read -r name; do hyfw rm -f "$name"; done >/dev/null
	[ -z "$(own_processes)" ]
}

logged() { # NAME TEXT
	hyfw logs "$1" | tr -d '\r' | grep -a -q -F -- "$2"
}

limit_of() { # DIRECTORY V1 V2
	cat "$1/$2" 2>/dev/null || cat "$1/$3"
}

bounded() { # QEMU, all its threads, within what the control groups allow
	[ "$(cat "$PIDS/pids.current")" -le 64 ]
	[ "$(limit_of "$MEMORY" memory.usage_in_bytes memory.current)" -le "$(limit_of "$MEMORY" memory.limit_in_bytes memory.max)" ]
	timeout 10 "${HYFW_COMMAND[@]}" exec neighbour true </dev/null
}

# The guest has touched what it has.
has_all_memory() { [ "$(limit_of "$MEMORY" memory.usage_in_bytes memory.current)" -ge $((240 << 20)) ]; }

@test "a fork bomb and a hog of memory in a guest: the host stays as it was" {
	hyfw run -d --name neighbour --network none --rootfs "$ROOTFS" -- sleep 1000 >/dev/null
	run_machine -d --name vm --cpus 0.5 --pids-limit 64 -- nonet </dev/null >/dev/null
	capabilities_save
	PIDS=$(cgroup_of vm pids) MEMORY=$(cgroup_of vm memory)
	[ "$(cat "$PIDS/pids.max")" = 64 ]
	[ "$(limit_of "$MEMORY" memory.limit_in_bytes memory.max)" -le $((800 << 20)) ]
	wait_until 80 logged vm "guest: ready"
	before=$(find /proc -maxdepth 1 -name '[0-9]*' | wc -l)

	# not before the line is out: nothing is run in this guest any more
	say vm 'bomb() { bomb | bomb & }; (head -c 1G /dev/zero | tail >/dev/null &); (sleep 1; bomb) & echo let go'
	wait_until 20 logged vm "let go"
	for look in 1 2 3 4; do
		bounded
		sleep 1
	done
	echo "looked $look times"
	wait_until 60 has_all_memory # and more it does not get
	bounded
	after=$(find /proc -maxdepth 1 -name '[0-9]*' | wc -l)
	[ $((after - before)) -lt 200 ]

	begin=$SECONDS
	hyfw kill vm
	wait_until 15 is_status vm exited
	[ $((SECONDS - begin)) -lt 15 ]
	run hyfw wait vm
	[ "$output" = 137 ]
	is_status neighbour running
}
