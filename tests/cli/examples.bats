# Every file in conf/examples runs.  The images are stand-ins made of busybox.
load helpers

@test "every example is checked by some test here" {
	local file
	for file in "$HYFW_TOP"/conf/examples/*.ini; do
		grep -q "examples/$(basename "$file")" "$BATS_TEST_FILENAME"
	done
}

@test "quickstart" {
	local root=$DATA/nginx-root
	cp -a "$ROOTFS" "$root"
	mkdir -p "$root"/var/log/nginx "$root"/var/lib/nginx
	printf '#!/bin/sh\nexec httpd -f -p 80 -h /srv\n' >"$root/bin/nginx"
	chmod 755 "$root/bin/nginx"
	hyfw image import quickstart-nginx "$root"
	rm -rf "$root"
	hyfw check "$HYFW_TOP/conf/examples/quickstart.ini"
	if curl -s -o /dev/null --max-time 1 http://127.0.0.1:8888/; then
		hyfw image rm quickstart-nginx
		skip "port 8888 is in use on this machine"
	fi
	hyfw up "$HYFW_TOP/conf/examples/quickstart.ini"
	wait_until 5 curl -fsS --max-time 1 http://127.0.0.1:8888/
	hyfw down "$HYFW_TOP/conf/examples/quickstart.ini"
	drop_volume quickstart-logs
	hyfw image rm quickstart-nginx
}

@test "two-tier" {
	hyfw image import busybox "$ROOTFS"
	hyfw check "$HYFW_TOP/conf/examples/two-tier.ini"
	hyfw up "$HYFW_TOP/conf/examples/two-tier.ini"
	wait_until 5 curl -fsS --max-time 1 http://127.0.0.1:8889/
	wait_until 5 hyfw exec site -- probe connect store 5432 1000
	# Nothing outside: `back` is internal.
	run hyfw exec store -- ip route
	[[ $output != *default* ]]
	hyfw down "$HYFW_TOP/conf/examples/two-tier.ini"
	drop_volume two-tier-data
	hyfw image rm busybox
}
