# A vendor's view: the installed SDK is all that a driver is built with.
load helpers

PLUGINS=${HYFW_TEST_DATA:?}/sdk-plugins

setup_file() { :; }
teardown_file() { rm -rf "$DATA" "$STATE"; }
setup() {
	export PKG_CONFIG_PATH=$HYFW_PREFIX/lib/pkgconfig
	rm -rf "$PLUGINS"
	mkdir -p -m 755 "$PLUGINS"
}
teardown() { rm -rf "$PLUGINS"; }
plugin() { hyfw --plugin-path "$PLUGINS" plugin "$@"; }

@test "pkg-config tells where headers, plugins, version script and template are" {
	[ "$(pkg-config --modversion hyfw-sdk)" = 1.0 ]
	[ -f "$(pkg-config --variable=versionscript hyfw-sdk)" ]
	[ -f "$(pkg-config --variable=template hyfw-sdk)/meson.build" ]
	[ -f "$(pkg-config --variable=plugindir hyfw-sdk)/namespaces.so" ]
	[[ "$(pkg-config --libs hyfw-sdk)" != *-lhyfw* ]]
}

@test "the template, copied out of the tree, builds with the SDK alone and loads" {
	local copy=$BATS_TEST_TMPDIR/mine
	cp -r "$(pkg-config --variable=template hyfw-sdk)" "$copy"
	meson setup --werror "$copy/build" "$copy"
	ninja -C "$copy/build"
	DESTDIR=$BATS_TEST_TMPDIR/stage meson install -C "$copy/build"
	install -m 644 "$BATS_TEST_TMPDIR/stage$HYFW_PREFIX/lib/hyfw/plugins/scratch.so" "$PLUGINS/"
	run -0 plugin list
	grep -E '^scratch +storage +1.0 +ok' <<<"$output"
	run -0 plugin inspect scratch
	grep -E '^ +volume +mode +text +- +Mode of' <<<"$output"
	grep -E '^ +plugin +mode +text +0755 +Mode of' <<<"$output"
	[ "$(nm -D --defined-only "$PLUGINS/scratch.so" | wc -l)" -eq 1 ]
	absent -i hyfw <<<"$(readelf -d "$PLUGINS/scratch.so" | grep NEEDED)"
}

@test "a driver in C++ has its entry point under its C name, and its note" {
	command -v g++ || skip "g++ is not installed"
	cat >"$BATS_TEST_TMPDIR/cxx.cc" <<-'EOC'
		#include <hyfw/network.h>
		static const hyfw_plugin descriptor = hyfw_plugin();
		HYFW_PLUGIN_EXPORT(HYFW_KIND_NETWORK, 0, descriptor)
	EOC
	# shellcheck disable=SC2046 # words
	g++ -shared -fPIC -fvisibility=hidden -Wall -Wextra -Werror $(pkg-config --cflags hyfw-sdk) \
		-Wl,--version-script="$(pkg-config --variable=versionscript hyfw-sdk)" -Wl,-z,defs \
		-o "$PLUGINS/cxx.so" "$BATS_TEST_TMPDIR/cxx.cc"
	run -0 plugin list
	# Note and symbol are right; the descriptor is empty.
	grep -E '^cxx .*refused +wrong magic in its descriptor$' <<<"$output"
}
