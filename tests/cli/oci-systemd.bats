# --systemd-cgroup: scopes of a systemd that is started for these tests.

load helpers
load oci-helpers

setup_file() {
	local status=0
	rm -rf --one-file-system "$DATA" "$STATE"
	mkdir -p "$DATA" "$STATE"
	"$HYFW_TOP/tests/bench/make-bundle" "$ROOTFS" >"$WORK/base.json"
	"$HYFW_TOP/tests/cli/private-systemd" "$WORK/systemd" "test-systemd-$$" >"$WORK/why" || status=$?
	[ "$status" -ne 77 ] || skip "$(cat "$WORK/why")"
	[ "$status" -eq 0 ]
	wait_until 30 is_up
	export SNAPSHOT="$BATS_FILE_TMPDIR/before"
	machine_snapshot >"$SNAPSHOT"
}

teardown_file() {
	local group
	if [ -e "$WORK/systemd/group" ]; then
		group=$(cat "$WORK/systemd/group")
		[ ! -e "$WORK/systemd/pid" ] || kill -KILL "$(cat "$WORK/systemd/pid")"
		wait_until 10 is_empty "$group"
		find "$group" -depth -type d -exec rmdir {} +
	fi
	rm -rf --one-file-system "$DATA" "$STATE"
}
is_empty() { grep -q '^populated 0' "$1/cgroup.events"; }

teardown() {
	local id
	oci list --quiet | while read -r id; do oci delete --force "$id"; done
	assert_machine_as "$SNAPSHOT"
}

# Beside that systemd.
inside() { nsenter -t "$(cat "$WORK/systemd/pid")" -m -p -C "$@"; }
is_up() { inside systemctl show -p Version && inside test -S /run/dbus/system_bus_socket; }
oci() {
	timeout --foreground -k 5 "${HYFW_TIMEOUT:-40}" nsenter -t "$(cat "$WORK/systemd/pid")" -m -p -C \
		"${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" --systemd-cgroup "$@" </dev/null
}

property() { inside systemctl show -p "$2" --value "$1"; }
has_controllers() { grep -q memory "$(cat "$WORK/systemd/group")/cgroup.controllers"; }
group_of() { echo "$(cat "$WORK/systemd/group")$(inside sed -n 's/^0:://p' "/proc/$(oci state "$1" | jq .pid)/cgroup")"; }
is_gone() { [ "$(property "$1" ActiveState)" = inactive ]; }

# Without controllers there are no limits.
scope() { echo '.linux.cgroupsPath = "'"$1"'" | .linux.resources |= {devices: (.devices // [])}'; }

@test "a container is in a scope of its slice, with the properties that it asks for" {
	local resources='.'
	! has_controllers || resources='.linux.resources += {memory: {limit: 33554432}, pids: {limit: 50}}'
	sleeper one "$(scope user-boxes.slice:libpod:one) | $resources"' | .annotations = {
		"org.systemd.property.TimeoutStopSec": "90", "org.systemd.property.Documentation": "['"'http://a/', 'http://b/'"']",
		"org.systemd.property.SendSIGHUP": "true"}'
	[ "$(oci state one | jq -r .status)" = running ]
	[[ $(group_of one) == */user.slice/user-boxes.slice/libpod-one.scope ]]
	[ "$(property libpod-one.scope Slice)" = user-boxes.slice ]
	[ "$(property libpod-one.scope Delegate)" = yes ]
	[ "$(property libpod-one.scope TimeoutStopUSec)" = "1min 30s" ]
	[ "$(property libpod-one.scope Documentation)" = "http://a/ http://b/" ]
	[ "$(property libpod-one.scope SendSIGHUP)" = yes ]
	[ "$(property libpod-one.scope DevicePolicy)" = strict ]
	property libpod-one.scope DeviceAllow | grep -q '/dev/char/1:3 rwm'
	# nobody but the container is in it
	[ "$(wc -l <"$(group_of one)/cgroup.procs")" -eq 1 ]
	if has_controllers; then
		[ "$(property libpod-one.scope MemoryMax)" = 33554432 ]
		[ "$(property libpod-one.scope TasksMax)" = 50 ]
		oci update --memory 64M --pids-limit 60 --cpu-quota 25000 --cpu-period 100000 one
		[ "$(property libpod-one.scope MemoryMax)" = 67108864 ]
		inside systemctl daemon-reload
		[ "$(cat "$(group_of one)/memory.max")" = 67108864 ]
		[ "$(cat "$(group_of one)/pids.max")" = 60 ]
		[ "$(cat "$(group_of one)/cpu.max")" = "25000 100000" ]
	fi
	# a second one of that name gets nothing of it
	bundle '.process.args = ["/bin/true"] | '"$(scope user-boxes.slice:libpod:one)"
	run oci run --bundle "$BUNDLE" two
	[ "$status" -eq 1 ]
	[[ $output == *"libpod-one.scope"*"already"* ]]
	[ "$(oci state one | jq -r .status)" = running ]
	oci delete --force one
	wait_until 10 is_gone libpod-one.scope
}

@test "a scope goes with the last process, and what systemd refuses is told" {
	bundle '.process.args = ["/bin/true"] | '"$(scope system.slice:cri:three)"
	oci run --bundle "$BUNDLE" three
	wait_until 10 is_gone cri-three.scope
	bundle '.process.args = ["/bin/true"] | '"$(scope system.slice:cri:four)"' |
		.annotations = {"org.systemd.property.NoSuchThing": "true"}'
	run oci run --bundle "$BUNDLE" four
	[ "$status" -eq 1 ]
	[[ $output == *"cri-four.scope of systemd: "*NoSuchThing* ]]
	bundle '.process.args = ["/bin/true"] | .annotations = {"org.systemd.property.TimeoutStopSec": "soon"}'
	run oci run --bundle "$BUNDLE" four
	[ "$status" -eq 1 ]
	[[ $output == *"annotations: org.systemd.property.TimeoutStopSec: soon is not a value"* ]]
	[ -z "$(oci list --quiet)" ]
}
