# shellcheck shell=bash
# What the files of tests about SELinux have in common.  Loaded after LABELLED is set: the directory
# of that file, on a file system that keeps labels.
load ../cli/helpers

setup_file() {
	common_setup_file
	mkdir -p "$LABELLED"
}

teardown_file() {
	setenforce 1
	common_teardown_file
	rm -rf "$LABELLED"
}

# A configuration of its own: in the main one of this machine containers have no labels.
setup() {
	[ -e /sys/fs/selinux/enforce ] || skip "no SELinux here"
	exec 8>/run/hyfw-test-enforcing # only one of them may turn that off
	flock 8
	MAIN=$BATS_TEST_TMPDIR/hyfw.ini
	: >"$MAIN"
	# shellcheck disable=SC2034 # of helpers.bash
	HYFW_COMMAND=("$HYFW" --config "$MAIN" --root "$DATA" --state "$STATE")
	DIR=$LABELLED/$BATS_TEST_NUMBER
	rm -rf "$DIR"
	mkdir -p "$DIR/below"
	echo secret >"$DIR/secret"
	echo deeper >"$DIR/below/file"
	chcon -t etc_t "$DIR/below"
	echo "hyfw-test $LABELLED $BATS_TEST_NUMBER" >/dev/kmsg
}

teardown() {
	setenforce 1
	common_teardown
}

box() { # NAME FLAG... [-- COMMAND...]: runs until it is removed
	local name=$1 flags=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do flags+=("$1"); shift; done
	hyfw run -d --name "$name" --network none "${flags[@]}" --rootfs "$ROOTFS" -- sleep 1000
}

label_of() { hyfw inspect "$1" | json 0 confinement label; }
pair_of() { label_of "$1" | cut -d: -f5; }
file_label() { stat -c %C "$@"; }
pairs() { find "$DATA/drivers/selinux/pairs" -type l 2>/dev/null | wc -l; }

# Denials of containers since the test began.
denials() {
	dmesg | awk -v mark="hyfw-test $LABELLED $BATS_TEST_NUMBER" '
		substr($0, length($0) - length(mark) + 1) == mark { delete lines; count = 0; next }
		/avc: +denied/ && /scontext=[^ ]*:container_t:/ { lines[count++] = $0 }
		END { for (i = 0; i < count; i++) print lines[i] }'
}
