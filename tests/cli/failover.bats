# Machines whose host is lost are started elsewhere, exactly once.  Three hosts on one
# machine: directories of their own, host names of their own, a pool that they share.
load helpers

POOL=$HYFW_TEST_DATA/san
LEASE=$POOL/.failover/vm/lease
PERIOD=4

# Commands on one of the hosts: on NAME hyfw ..., on NAME run_machine ...
on() {
	local DATA=$DATA STATE=$STATE
	if [ "$1" != a ]; then
		DATA=$HYFW_TEST_DATA/run-failover-$1
		STATE=$HYFW_TEST_STATE/run-failover-$1
	fi
	# shellcheck disable=SC2016 # of the inner shell
	local HYFW_COMMAND=(unshare -u sh -c 'hostname "$1"; shift; exec "$@"' sh "$1"
		"$HYFW" --config "$BATS_FILE_TMPDIR/hyfw.ini" --root "$DATA" --state "$STATE")
	shift
	"$@"
}

setup_file() {
	local host
	common_setup_file
	make_guest
	capabilities_load
	# a file system of its own, which can be made to hang
	mkdir -p "$POOL"
	truncate -s 96M "$POOL.img"
	mke2fs -q -t ext4 "$POOL.img"
	mount -o loop "$POOL.img" "$POOL"
	chmod 711 "$POOL"
	printf '[pool san]\npath = %s\nshared = yes\n\n[volume vmdisk]\ndriver = qcow2\npool = san\nsize = 32M\n' "$POOL" \
		>"$BATS_FILE_TMPDIR/hyfw.ini"
	printf '\n[volume mine]\ndriver = qcow2\nsize = 32M\n' >>"$BATS_FILE_TMPDIR/hyfw.ini"
	run_machine --rm --name first -- run=poweroff nonet >/dev/null
	capabilities_save
	for host in b c; do
		mkdir -p "$HYFW_TEST_DATA/run-failover-$host/drivers/kvm" "$HYFW_TEST_STATE/run-failover-$host"
		chmod 755 "$HYFW_TEST_DATA/run-failover-$host"{,/drivers,/drivers/kvm}
		cp -a "$GUEST/capabilities" "$HYFW_TEST_DATA/run-failover-$host/drivers/kvm/"
	done
	machine_snapshot >"$SNAPSHOT"
}

end_hosts() {
	local host name
	for host in a b c; do
		for name in $(on "$host" hyfw ps -a -q); do on "$host" hyfw rm -f "$name"; done
		on "$host" hyfw recover
	done >/dev/null
}

teardown() {
	local pid
	for pid in $STOPPED; do kill -CONT "$pid" 2>/dev/null || true; done
	[ -z "$FROZEN" ] || fsfreeze -u "$POOL"
	end_hosts
	rm -rf --one-file-system "${POOL:?}"/.failover
	common_teardown
}

teardown_file() {
	common_teardown_file
	umount "$POOL"
	rm -rf --one-file-system "$POOL" "$POOL.img" "$HYFW_TEST_DATA"/run-failover-[bc] "$HYFW_TEST_STATE"/run-failover-[bc]
}

logged() { # HOST TEXT
	on "$1" hyfw logs vm 2>&1 | grep -q -F -- "$2"
}

say() { # HOST LINE
	{ printf '%s\n' "$2"; sleep 1; } | on "$1" attached >/dev/null || true
}
attached() { timeout 1.5 "${HYFW_COMMAND[@]}" attach --sig-proxy=false vm; }

inspect() { # HOST KEY...
	on "$1" hyfw --format json inspect vm | json 0 "${@:2}"
}

verdict() { # HOST -> as that host sees it
	on "$1" hyfw --format json failover | json 0 verdict
}

generation() { on a hyfw --format json failover | json 0 generation; }

# The process that keeps the lease, a child of the monitor.
keeper_of() { # MONITOR
	local pid
	for pid in $(cat "/proc/$1/task/$1/children"); do
		[ "$(cat "/proc/$pid/comm")" != hyfw-lease ] || echo "$pid"
	done
}

start_on_a() {
	on a run_machine -d -i --name vm --restart always --set disk=vmdisk --set failover=b --set failover=c \
		--set failover_lease=${PERIOD}s -- nonet
	wait_until 60 logged a "guest: ready"
}

@test "what is not on shared storage is refused by name, a damaged lease too" {
	run --separate-stderr on a run_machine -d --name no --set disk=mine --set failover=b
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *" mine: the machine has failover, and pool default is none that its hosts share"* ]]
	run --separate-stderr on a run_machine -d --name no --set disk=vmdisk --set disk=mine --set failover=b
	[[ $stderr == *" mine: "* ]]
	run --separate-stderr on a run_machine -d --name no --set disk=vmdisk --set failover=b --set vnc_password=secret
	[ "$status" -eq 125 ]
	[[ $stderr == *"vnc_password_file"* ]]
	run --separate-stderr on a run_machine --rm --name no --set disk=vmdisk --set failover=b
	[ "$status" -eq 125 ]
	[[ $stderr == *"--rm and failover"* ]]
	run --separate-stderr run_box --set failover=b -- true
	[[ $stderr == *"takes no disks"* ]]
	mkdir -p "$POOL/.failover/vm" && chmod 700 "$POOL/.failover"
	head -c 512 /dev/zero >"$LEASE"
	run --separate-stderr on a run_machine -d --name vm --set disk=vmdisk --set failover=b
	[ "$status" -eq 125 ]
	[[ $stderr == *"lease is damaged"*"remove that file"* ]]
	[ "$(verdict b)" = damaged ]
	[ "$(on b hyfw failover | tail -n 1 | cut -d' ' -f1)" = vm ]
}

@test "a lost machine runs on one other host, and its own keeps its hands off" {
	local monitor keeper qemu winner loser host
	start_on_a
	say a 'printf AAAA | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null'
	monitor=$(inspect a monitor_pid)
	qemu=$(inspect a pid)
	[ "$(inspect a failover state)" = held ]
	[ "$(inspect a disks 0 cache)" = none ]
	[ "$(verdict b)" = runs ]
	run --separate-stderr on b hyfw failover vm
	[ "$status" -eq 125 ]
	[[ $stderr == *"it runs on host a"* ]]
	# a monitor that merely stands still has lost nothing
	STOPPED=$monitor
	kill -STOP "$monitor"
	sleep $((PERIOD + 1))
	[ "$(verdict b)" = runs ]
	run on b hyfw failover --all
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ -d "/proc/$qemu" ]
	kill -CONT "$monitor"
	STOPPED=

	# without its monitor the machine ends, and only then the lock is given up
	killed "$monitor"
	wait_until 5 has_ended "$qemu"
	[ "$(generation)" = 1 ]

	# two hosts at once
	on b hyfw failover --all >"$BATS_TEST_TMPDIR/b" 2>&1 3>&- &
	first=$!
	run on c hyfw failover vm
	echo "c: $output; b: $(cat "$BATS_TEST_TMPDIR/b")"
	wait "$first"
	winner=b loser=c
	[ "$status" -ne 0 ] || winner=c loser=b
	is_up() { [ "$(on "$1" hyfw ps -q | wc -l)" = 1 ]; }
	is_up "$winner"
	! is_up "$loser" || false
	[ "$(on "$loser" hyfw ps -a -q | wc -l)" = 0 ]
	[ "$(generation)" = 2 ]
	wait_until 60 logged "$winner" "guest: ready"
	say "$winner" 'echo "disk $(head -c 4 /dev/vda)"'
	wait_until 5 logged "$winner" "disk AAAA"
	run --separate-stderr on "$loser" hyfw failover vm
	[ "$status" -ne 0 ]
	[[ $stderr == *"it runs on host $winner"* ]]

	# the lost host comes back
	owner=$(stat -c %u "$POOL/vmdisk.qcow2")
	[ "$owner" != 0 ]
	run --separate-stderr on a hyfw start vm
	[ "$status" -ne 0 ]
	[[ $stderr == *"runs on host $winner"* ]]
	on a hyfw recover
	[ "$(stat -c %u "$POOL/vmdisk.qcow2")" = "$owner" ]
	on a hyfw rm vm
	on a hyfw recover
	[ "$(stat -c %u "$POOL/vmdisk.qcow2")" = "$owner" ]
	[ "$(verdict a)" = runs ]

	# split brain: the winner stands still as a whole, and the storage has given its lock up
	monitor=$(inspect "$winner" monitor_pid)
	keeper=$(keeper_of "$monitor")
	qemu=$(inspect "$winner" pid)
	STOPPED="$monitor $keeper $qemu"
	# shellcheck disable=SC2086
	kill -STOP $STOPPED
	cp "$LEASE" "$LEASE.new" && mv "$LEASE.new" "$LEASE"
	run --separate-stderr on "$loser" hyfw failover vm
	echo "$output $stderr"
	[ "$status" -ne 0 ] # QEMU's own locks of the disk: it still is there
	[[ $stderr == *"vmdisk"*"writes to it"* ]]
	[ "$(generation)" = 3 ]
	[ -d "/proc/$qemu" ]
	# shellcheck disable=SC2086
	kill -CONT $STOPPED
	STOPPED=
	wait_until 5 has_ended "$qemu"
	is_fenced() { [ "$(inspect "$winner" failover state)" = fenced ]; }
	wait_until 10 is_fenced
	# it sees first either that time has passed, or who has it
	[[ $(inspect "$winner" failover reason) =~ "host $loser has its lease now (generation 3)"|"could not be renewed for 3.0 s" ]]
	wait_until 10 has_ended "$monitor" # restart = always is none of it
	logged "$winner" "hyfw: ended at once: "
	on "$winner" hyfw events --since 10m --until 0s 2>/dev/null | grep -q fence

	# now it starts, without waiting: the lease is this host's already
	on "$loser" hyfw failover vm
	[ "$(generation)" = 4 ]
	run --separate-stderr on "$winner" hyfw start vm
	[ "$status" -ne 0 ]
	[[ $stderr == *"runs on host $loser"* ]]
	wait_until 60 logged "$loser" "guest: ready"
	say "$loser" 'echo "disk $(head -c 4 /dev/vda) again"'
	wait_until 5 logged "$loser" "disk AAAA again"

	# the storage hangs: it ends before anybody else may start it
	monitor=$(inspect "$loser" monitor_pid)
	qemu=$(inspect "$loser" pid)
	owner=$(stat -c %u "$POOL/vmdisk.qcow2")
	FROZEN=yes
	fsfreeze -f "$POOL"
	wait_until "$PERIOD" has_ended "$qemu"
	wait_until 10 has_ended "$monitor" # it waits for nothing there
	[[ $(inspect "$loser" failover reason) == *"could not be renewed for 3.0 s"* ]]
	fsfreeze -u "$POOL"
	FROZEN=
	[ "$(stat -c %u "$POOL/vmdisk.qcow2")" = "$owner" ]
	[ "$(generation)" = 4 ]

	on "$loser" hyfw failover vm
	run --separate-stderr on "$loser" hyfw update --add-disk mine vm
	[ "$status" -ne 0 ]
	[[ $stderr == *"disk mine: in no pool with shared = yes"* ]]
	on "$loser" hyfw stop -t 0 vm
	[ "$(verdict a)" = stopped ]
	run on "$winner" hyfw failover --all # nothing was lost
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	on "$loser" hyfw rm vm
	[ ! -e "$POOL/.failover/vm" ]
	[ -e "$POOL/vmdisk.qcow2" ]
}
