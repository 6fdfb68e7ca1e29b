# Which drivers there are, and what is said of bad ones.  The plugins are those of
# tests/drivers, in a directory that only root can write.
load helpers

BUILT=${HYFW_BUILD:?}/tests/drivers
PLUGINS=${HYFW_TEST_DATA:?}/plugins

setup_file() {
	export HYFW_PROOF="$BATS_FILE_TMPDIR/proof"
}
teardown_file() { rm -rf "$DATA" "$STATE"; }
setup() {
	rm -rf "$PLUGINS" "$HYFW_PROOF"
	mkdir -p -m 755 "$PLUGINS"
}
teardown() { rm -rf "$PLUGINS"; }

put() { # NAME...
	local name
	for name in "$@"; do install -m 644 "$BUILT/$name.so" "$PLUGINS/"; done
}
plugin() { hyfw --plugin-path "$PLUGINS" plugin "$@"; }

# The row of one plugin says so.
row() { # NAME PATTERN
	grep -E "^$1 +$2" <<<"$output"
}

@test "list: the drivers that are installed" {
	run -0 hyfw plugin list
	row NAME 'KIND +VERSION +RESULT +REASON'
	row namespaces 'isolation +[0-9.]+ '
	row bridge 'network +[0-9.]+ '
	absent refused <<<"$output"
}

@test "list: bad plugins are reported with their reason and stop nobody" {
	put bad-magic bad-new bad-undefined bad-crash bad-two bad-runpath fake-network fake-storage
	echo 'not a plugin' >"$PLUGINS/bad-text.so"
	put bad-probe && chmod 666 "$PLUGINS/bad-probe.so"
	echo 'left by a package manager' >"$PLUGINS/fake-network.so.dpkg-new"
	ln -s fake-network.so "$PLUGINS/link.so"
	run -0 plugin list
	row bad-magic '.*refused +wrong magic'
	row bad-new '.*refused +too new: needs driver API 1.999'
	row bad-undefined '.*refused +cannot be loaded: undefined symbol: hyfw_tests_nobody_has_this'
	row bad-crash '.*refused +its constructor crashed with SIGSEGV'
	row bad-two '.*refused +exports 2 symbols'
	row bad-runpath '.*refused +its RUNPATH has'
	row bad-text '.*refused +not an ELF file'
	row bad-probe '.*refused +not trusted: .*writable by everybody'
	row link '.*refused +not trusted: .*symbolic link'
	row fake-network 'network +1 +degraded +it only pretends'
	row fake-storage 'storage +1 +degraded'
	[ "${#lines[@]}" -eq 12 ]
}

@test "list: JSON, and names alone" {
	put fake-network bad-magic
	run -0 plugin list --format json
	is_json <<<"$output"
	[ "$(json 0 name <<<"$output")" = bad-magic ]
	[ "$(json 0 result <<<"$output")" = refused ]
	[ "$(json 1 kind <<<"$output")" = network ]
	run -0 plugin list -q
	[ "$output" = $'bad-magic\nfake-network' ]
}

@test "list: a constructor that hangs is left after five seconds" {
	put bad-hang fake-network
	run -0 plugin list
	row bad-hang '.*refused +its constructor did not return within 5 seconds'
	row fake-network 'network '
}

@test "no code of a refused file runs" {
	put bad-magic bad-new bad-major bad-note bad-two bad-runpath
	run -0 plugin list
	[ "$(grep -c refused <<<"$output")" -eq 6 ]
	[ ! -e "$HYFW_PROOF" ]
	put odd-old # the proof proves something
	run -0 plugin list
	[ -e "$HYFW_PROOF" ]
}

@test "a plugin directory that others may write is refused as a whole" {
	put fake-network
	chmod 777 "$PLUGINS"
	run -125 --separate-stderr plugin list
	[[ "$stderr" == "hyfw: plugin directory: not trusted: $PLUGINS is writable by everybody" ]]
	run -125 --separate-stderr plugin inspect fake-network
	[[ "$stderr" == *"not trusted: $PLUGINS is writable by everybody" ]]
	[[ "$output" == *"$PLUGINS"*"is writable by everybody"* ]]
}

@test "inspect: options, capabilities, needs, honoured keys, trust" {
	put fake-network
	run -0 plugin inspect fake-network
	grep -E '^fake-network: a network that is not there$' <<<"$output"
	grep -E '^ +kind +network$' <<<"$output"
	grep -E '^ +result +degraded: it only pretends$' <<<"$output"
	grep -E "^ +$PLUGINS/fake-network.so +root +0644 +trusted$" <<<"$output"
	grep -E '^ +device /dev/null +required +met$' <<<"$output"
	grep -E '^ +plugin +fail_at +number +- +the step that fails$' <<<"$output"
	grep -E '^ +gives-nothing$' <<<"$output"
	grep -E '^ +network.subnet$' <<<"$output"
	run -0 plugin --format json inspect "$PLUGINS/fake-network.so"
	[ "$(json options 0 key <<<"$output")" = fail_at ]
	[ "$(json needs 1 met <<<"$output")" = true ]
	[ "$(json trust 0 path <<<"$output")" = / ]
}

@test "inspect: what is not there, and what cannot be a plugin" {
	run -125 --separate-stderr plugin inspect nothing
	[ "$stderr" = "hyfw: plugin nothing: there is no driver 'nothing' in $PLUGINS; \`hyfw plugin list\` shows all" ]
	run -125 --separate-stderr plugin inspect /etc/passwd
	[[ "$stderr" == *"a plugin's file is called NAME.so" ]]
	run -125 --separate-stderr plugin inspect 'UP'
	[[ "$stderr" == *"cannot be a driver's name"* ]]
	run -125 --separate-stderr plugin bogus
	[[ "$stderr" == *"there is no 'bogus'"* ]]
}

@test "the environment cannot make hyfw load anything" {
	put fake-network odd-old
	mkdir "$PLUGINS/lib"
	mv "$PLUGINS/odd-old.so" "$PLUGINS/lib/odd-old.so"
	LTDL_LIBRARY_PATH=$PLUGINS/lib LD_LIBRARY_PATH=$PLUGINS/lib LD_PRELOAD=$PLUGINS/lib/odd-old.so \
		run -125 plugin inspect odd-old
	LTDL_LIBRARY_PATH=$PLUGINS/lib run -0 plugin list -q
	[ "$output" = fake-network ]
}
