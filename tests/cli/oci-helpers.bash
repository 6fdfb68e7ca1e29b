# What the tests of `hyfw oci` load after helpers.bash: bundles, and the runtime as its
# clients call it.
# shellcheck disable=SC2034,SC2154 # of the files that load it, and helpers.bash

OCI_ROOT=$STATE/oci
WORK=$BATS_FILE_TMPDIR
BUNDLE=$WORK/bundle

oci() {
	timeout --foreground -k 5 "${HYFW_TIMEOUT:-40}" "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" "$@" </dev/null
}

# The bundle with its config.json changed: bundle [JQ-FILTER [JQ-ARGUMENT...]]
bundle() {
	mkdir -p "$BUNDLE"
	jq "${@:2}" "${1:-.}" "$WORK/base.json" >"$BUNDLE/config.json"
}

# Runs a shell command in a container that goes with it: box SCRIPT [JQ-FILTER]
box() {
	# shellcheck disable=SC2016 # jq's own
	bundle '.process.args = ["/bin/sh", "-c", $script] | '"${2:-.}" --arg script "$1"
	oci run --bundle "$BUNDLE" "box$BATS_TEST_NUMBER"
}

# A container that runs: sleeper ID [JQ-FILTER]
sleeper() {
	bundle '.process.args = ["/bin/sleep", "1000"] | '"${2:-.}"
	oci create --bundle "$BUNDLE" "$1"
	oci start "$1"
}

# The directory of a container's control group for a controller.
group_of() { # ID CONTROLLER
	local pid line names path
	pid=$(oci state "$1" | jq .pid)
	while IFS=: read -r _ names path; do
		[[ ,$names, == *",$2,"* ]] || continue
		for line in "/sys/fs/cgroup/$names" "/sys/fs/cgroup/$2"; do
			[ -d "$line" ] && echo "$line$path" && return
		done
	done <"/proc/$pid/cgroup"
	path=$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
	if [ -d /sys/fs/cgroup/unified ]; then echo "/sys/fs/cgroup/unified$path"; else echo "/sys/fs/cgroup$path"; fi
}

# Which of two files has the value: value ID CONTROLLER V1-FILE V2-FILE
value() {
	local group
	group=$(group_of "$1" "$2")
	if [ -e "$group/$3" ]; then cat "$group/$3"; else cat "$group/$4"; fi
}

has_v1() { [ ! -e /sys/fs/cgroup/cgroup.controllers ]; }

setup_file() {
	rm -rf --one-file-system "$DATA" "$STATE"
	mkdir -p "$DATA" "$STATE"
	"$HYFW_TOP/tests/bench/make-bundle" "$ROOTFS" >"$WORK/base.json"
	export SNAPSHOT="$BATS_FILE_TMPDIR/before"
	machine_snapshot >"$SNAPSHOT"
}
teardown_file() { rm -rf --one-file-system "$DATA" "$STATE"; }
teardown() {
	local id
	oci list --quiet | while read -r id; do oci delete --force "$id"; done
	assert_machine_as "$SNAPSHOT"
	[ -z "$(ls -A "$OCI_ROOT" 2>/dev/null)" ]
}
