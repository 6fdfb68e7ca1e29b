# An integrator's view: a program built with `pkg-config hyfw` and nothing else.
load helpers

@test "a program that embeds libhyfw brings a stack up and down" {
	export PKG_CONFIG_PATH=$HYFW_PREFIX/lib/pkgconfig
	write_stack embedded <<-INI
		[workload inner]
		rootfs = $ROOTFS
		command = sleep 1000
		network = none
	INI
	# shellcheck disable=SC2046 # words
	gcc -Wall -Wextra -Werror -o "$BATS_TEST_TMPDIR/embed" "$HYFW_TOP/tests/cli/embed.c" \
		$(pkg-config --cflags --libs hyfw) -Wl,-rpath,"$HYFW_PREFIX/lib"
	run -0 "$BATS_TEST_TMPDIR/embed" "$DATA" "$STATE" "$STACK" embedded inner
	[ "$(json steps 0 workload <<<"${lines[0]}")" = inner ]
	[ "$(json 0 status <<<"${lines[1]}")" = running ]
	[ "${lines[2]}" = 137 ]
	[[ ${lines[3]} == *"there is no workload inner"* ]]
}

@test "the library exports its interface and nothing else" {
	run -0 nm -D --defined-only "$HYFW_PREFIX/lib/libhyfw.so"
	absent -v -E ' (hyfw_instance_[a-z]+|hyfw_error_(free|message|status))@@HYFW_0$| A HYFW_0$' <<<"$output"
	[[ "$(readelf -d "$HYFW_PREFIX/lib/libhyfw.so")" == *"soname: [libhyfw.so.0]"* ]]
}
