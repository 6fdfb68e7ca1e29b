# What every tests/cli/*.bats loads.  tests/run sets HYFW (the staged command),
# HYFW_PREFIX, HYFW_TOP, HYFW_TEST_ROOTFS, HYFW_TEST_DATA and HYFW_TEST_STATE.
# Each file of tests has data and state directories of its own.

bats_require_minimum_version 1.5.0
: "${HYFW:?run these tests with tests/run cli}"

file_name=$(basename "${BATS_TEST_FILENAME:-none}" .bats)
DATA=$HYFW_TEST_DATA/run-$file_name
STATE=$HYFW_TEST_STATE/run-$file_name
ROOTFS=$HYFW_TEST_ROOTFS
HYFW_COMMAND=("$HYFW" --root "$DATA" --state "$STATE")

hyfw() {
	timeout --foreground -k 5 "${HYFW_TIMEOUT:-40}" "${HYFW_COMMAND[@]}" "$@" </dev/null
}

# A container of busybox that goes when it ends.
run_box() { # FLAG... -- COMMAND...
	local flags=()
	while [ "$1" != -- ]; do flags+=("$1"); shift; done
	hyfw run --rm --network none "${flags[@]}" --rootfs "$ROOTFS" "$@"
}

# The guest of the machine tests (make-guest), made once for each run of the tests:
# kernel in $GUEST/vmlinux, initramfs in $GUEST/initrd.
GUEST=$HYFW_TEST_DATA/guest
make_guest() {
	"$HYFW_TOP/tests/cli/make-guest" "$GUEST"
}

# Words of the kernel's command line that make the guest boot fast in emulation.
GUEST_CMDLINE="console=ttyS0 panic=-1 quiet nokaslr mitigations=off tsc=reliable no_timer_check cryptomgr.notests random.trust_cpu=on"

# A machine with that guest, without a network: run_machine FLAG... [-- WORD...], the
# words for its command line.
run_machine() {
	local flags=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do flags+=("$1"); shift; done
	[ $# -eq 0 ] || shift
	hyfw run --isolation kvm --network none -m 256M --set kernel="$GUEST/vmlinux" --set initrd="$GUEST/initrd" \
		--set cmdline="$GUEST_CMDLINE $*" "${flags[@]}"
}

# What libvirt finds out about QEMU takes it seconds: once for all files of tests.
capabilities_load() {
	mkdir -p "$DATA/drivers/kvm" && chmod 755 "$DATA/drivers" "$DATA/drivers/kvm"
	[ ! -d "$GUEST/capabilities" ] || cp -a "$GUEST/capabilities" "$DATA/drivers/kvm/"
}
capabilities_save() {
	[ -d "$GUEST/capabilities" ] || cp -a "$DATA/drivers/kvm/capabilities" "$GUEST/"
}

common_setup_file() {
	rm -rf --one-file-system "$DATA" "$STATE"
	mkdir -p "$DATA" "$STATE"
	hyfw image import box "$ROOTFS" >/dev/null
	export SNAPSHOT="$BATS_FILE_TMPDIR/before"
	machine_snapshot >"$SNAPSHOT"
}

common_teardown_file() {
	local name
	hyfw ps -a -q | while read -r name; do hyfw rm -f "$name"; done || true
	[ -z "${HYFW_TEST_LOOK_ONCE:-}" ] || assert_machine_as "$SNAPSHOT"
	hyfw image rm box || true
	hyfw recover || true
	rm -rf --one-file-system "$DATA" "$STATE"
}

# Removes what the test made and fails it when anything else stays.  HYFW_TEST_LOOK_ONCE:
# the look, which takes longer than most tests in an emulated machine, is for the file.
common_teardown() {
	local name
	hyfw ps -a -q | while read -r name; do hyfw rm -f "$name"; done >/dev/null
	[ -n "${HYFW_TEST_LOOK_ONCE:-}" ] || assert_machine_as "$SNAPSHOT"
}

setup_file() { common_setup_file; }
teardown_file() { common_teardown_file; }
teardown() { common_teardown; }

# ---- what is on the machine ------------------------------------------------

# The mark of this instance: FNV-1a of "STATE:DATA", as core/base/context.c has it.
owner_mark() {
	local text=$STATE:$DATA hash=2166136261 i code
	for ((i = 0; i < ${#text}; i++)); do
		printf -v code '%d' "'${text:i:1}"
		hash=$(((hash ^ code) * 16777619 & 0xffffffff))
	done
	printf 'hyfw-%08x' "$hash"
}

# Everything that a workload could leave behind, sorted, without numbers that
# differ from run to run.  What another instance of hyfw has is left out, as tests
# of several clones may run side by side.
machine_snapshot() {
	local owner path interface alias table
	owner=$(owner_mark)
	{
		for path in /sys/class/net/*/; do
			alias=
			{ read -r alias <"$path/ifalias"; } 2>/dev/null || true
			interface=${path%/}
			echo "interface ${interface##*/} $alias"
		done
		ip -o addr show 2>/dev/null | awk '{ print "address", $2, $4 }' | grep -v ' hy' || true
		ip route show table all 2>/dev/null | grep -v ' dev hy' | sed 's/^/route /' || true
		find /run/netns -mindepth 1 2>/dev/null | sed 's/^/netns /' || true
		awk '{ print "mount", $2, $1, $3 }' /proc/self/mounts
		find /sys/fs/cgroup -mindepth 1 -type d -path '*hyfw*' 2>/dev/null | sed 's/^/cgroup /' || true
		libvirt_groups | sed 's/^/cgroup /'
		nft list tables 2>/dev/null | while read -r _ table; do
			case $table in
			*hyfw-*) [[ $table == *"$owner"* ]] || continue ;;
			esac
			# shellcheck disable=SC2086 # family and name
			nft -s list table $table 2>/dev/null | sed "s/^/nft $table: /"
		done
		own_processes | sed 's/^[0-9]* /process /'
		# Not the directories and locks that an instance has once it was used.
		find "$DATA" "$STATE" -mindepth 1 -xdev \( \( -name cache -o -name locks -o -name events -o -path '*/images/*' \) -prune -o -name '*.qcow2' -printf 'file %y %p %U:%G %m\n' -o -printf 'file %y %p\n' \) 2>/dev/null |
			grep -vE "^file d ($DATA|$STATE)/([a-z]+|(drivers|shared)/[a-z0-9]+|drivers/[a-z0-9]+/[a-z]+)$" || true
	} | awk -v owner="$owner" -v test="${HYFW_TEST_DATA##*/}" '
		/hyfw-/ && index($0, owner) == 0 && index($0, test) == 0 { next }
		{ print }' | sort
}

# Control groups that libvirt makes for machines, empty ones: a QEMU that runs in them
# may be that of another instance.
libvirt_groups() {
	find /sys/fs/cgroup -mindepth 2 -type d -path '*/machine/qemu-*' -prune 2>/dev/null | while read -r group; do
		[ -n "$(find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null)" ] || echo "${group%%/qemu-*}/qemu"
	done
}

# "PID NAME" of the processes of this instance: its monitors and commands by their
# binary and directories, its workloads by their control group, and those that drivers
# start (a QEMU that is in no control group yet, dnsmasq) by their directories.
own_processes() {
	grep -l -s -F "$(owner_mark)" /proc/[0-9]*/cgroup | cut -d/ -f3 | sed 's/$/ workload/' || true
	find /proc/[0-9]* -maxdepth 1 -name exe -lname "$HYFW" 2>/dev/null | sed 's/exe$/cmdline/' |
		xargs -r grep -l -s -F -- "$STATE" | cut -d/ -f3 | sed 's/$/ hyfw/' || true
	find /proc/[0-9]* -maxdepth 1 -name exe \( -lname '*/qemu-*' -o -lname '*/dnsmasq' -o -lname '*/swtpm' \) 2>/dev/null |
		sed 's/exe$/cmdline/' | xargs -r grep -l -s -F -- "$STATE/" | cut -d/ -f3 | sed 's/$/ driver/' || true
}

# The kernel takes namespaces and interfaces down a moment after their last
# process: wait for them, but not for ever.
assert_machine_as() { # FILE
	local try now=$BATS_TEST_TMPDIR/now
	for try in $(seq 20); do
		machine_snapshot >"$now"
		if cmp -s "$1" "$now"; then return 0; fi
		sleep 0.1
	done
	echo "the machine is not as before ($try looks):"
	diff "$1" "$now" | head -n 20
	false
}

# ---- small things ------------------------------------------------------------

wait_until() { # SECONDS COMMAND...
	local tries=$(($1 * 10)) try
	shift
	for try in $(seq "$tries"); do
		if "$@" >/dev/null 2>&1; then return 0; fi
		sleep 0.1
	done
	echo "still not after $try looks: $*"
	return 1
}

# A process that has ended with all its threads, even when nobody has asked for its
# status yet: who reaps it is not always ours, and it may happen between two looks.
has_ended() { # PID
	! grep -qs '^State:.*[^ZX] (' "/proc/$1"/task/*/status
}

# kill(2) only asks: what a process held is free when it has ended.
killed() { # PID...
	local pid
	kill -KILL "$@"
	for pid in "$@"; do wait_until 30 has_ended "$pid"; done
}

status_of() { # NAME -> "running", "exited", ...
	hyfw --format json ps -a | /usr/bin/python3 -c '
import json, sys
for workload in json.load(sys.stdin):
    if workload["name"] == sys.argv[1]:
        print(workload["status"])' "$1"
}

is_status() { [ "$(status_of "$1")" = "$2" ]; }

# What a workload printed, and a line typed on its terminal.
logged() { # NAME TEXT
	hyfw logs "$1" | grep -q -F -- "$2"
}

has_said() { # NAME TEXT
	HYFW_TIMEOUT=60 wait_until 60 logged "$@"
}

say() { # NAME LINE
	{ printf '%s\n' "$2"; sleep 1; } | timeout 1.5 "${HYFW_COMMAND[@]}" attach --sig-proxy=false "$1" >/dev/null || true
}

# A value out of JSON on standard input: json 0 name
json() {
	/usr/bin/python3 -c '
import json, sys
value = json.load(sys.stdin)
for step in sys.argv[1:]:
    value = value[int(step) if isinstance(value, list) else step]
print(value if isinstance(value, str) else json.dumps(value))' "$@"
}

is_json() { /usr/bin/python3 -m json.tool >/dev/null; }

free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
}

# The control group directory of a workload for one controller, as its first
# process says it: works on v1, hybrid and v2.
cgroup_of() { # NAME CONTROLLER
	local pid line
	pid=$(hyfw --format json inspect "$1" | json 0 pid)
	line=$(grep -E "^[0-9]+:([^:]*,)?$2(,[^:]*)?:" "/proc/$pid/cgroup" | cut -d: -f3-) || true
	if [ -n "$line" ] && [ -d "/sys/fs/cgroup/$2$line" ]; then
		echo "/sys/fs/cgroup/$2$line"
	else
		echo "/sys/fs/cgroup$(grep '^0::' "/proc/$pid/cgroup" | cut -d: -f3-)"
	fi
}

write_stack() { # NAME, text on standard input -> path in $STACK
	STACK=$BATS_TEST_TMPDIR/$1.ini
	cat >"$STACK"
}

# grep that wants nothing found; `! grep` would not fail a test.
absent() {
	if grep "$@"; then return 1; fi
}

# Volumes that stayed empty go with the last workload that used them.
drop_volume() {
	hyfw volume rm "$1" 2>/dev/null || true
}
