# What tests of crashes load after helpers.bash: hyfw killed at the write of a journal that
# they choose.
# shellcheck disable=SC2154 # of the files that load it, and helpers.bash

# Every process started from here on counts, and dies at the number in "at".
arm() {
	export HYFW_CRASH_AT=$BATS_TEST_TMPDIR/points
	rm -rf "$HYFW_CRASH_AT"
	mkdir "$HYFW_CRASH_AT"
}
passed() { stat -c %s "$HYFW_CRASH_AT/count"; }

# Counts anew from here: what COMMAND and the monitors it meets pass.
count_points() { # COMMAND...
	: >"$HYFW_CRASH_AT/count"
	hyfw "$@" >/dev/null
	passed
}

# Fails when fewer points were passed this time.
crash_at() { # N COMMAND...
	local at=$1
	shift
	: >"$HYFW_CRASH_AT/count"
	echo "$at" >"$HYFW_CRASH_AT/at"
	hyfw "$@" >/dev/null 2>&1 || true
	rm "$HYFW_CRASH_AT/at"
	[ "$(passed)" -ge "$at" ]
}
