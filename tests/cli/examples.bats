# Every file in conf/examples runs.  The images are stand-ins made of busybox.
load helpers

teardown() {
	common_teardown
	[ -z "${ovs:-}" ] || kill "$(<"$ovs/ovs-vswitchd.pid")" "$(<"$ovs/ovsdb-server.pid")"
}

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

# A disk that boots the guest of the machine tests (make-guest): its kernel, and its
# initramfs, which is the whole machine.
build_guest() { # IMAGE...
	local tree=$BATS_TEST_TMPDIR/tree image release
	make_guest
	capabilities_load
	if [ ! -d "$GUEST/capabilities" ]; then
		run_machine --rm --name first -- nonet run=poweroff >/dev/null
		capabilities_save
	fi
	machine_snapshot >"$SNAPSHOT" # with what the driver keeps
	mkdir -p "$tree"/{boot,dev,etc,proc,sbin,sys}
	release=$(basename "$(find /boot -name 'vmlinuz-*-amd64' | sort -V | tail -n 1)" | cut -d- -f2-)
	cp "$GUEST/vmlinuz" "$tree/boot/vmlinuz-$release"
	cp "$GUEST/initrd" "$tree/boot/initrd.img-$release"
	for image in "$@"; do
		hyfw image build-disk "$image" --from "$tree" --cmdline "$GUEST_CMDLINE hostname=$image"
	done
}

page_of() { curl -fsS --max-time 2 "$1" | grep "$2"; }

example_up() { HYFW_TIMEOUT=120 hyfw up "$HYFW_TOP/conf/examples/$1"; }

@test "machine" {
	build_guest small-machine
	hyfw check "$HYFW_TOP/conf/examples/machine.ini"
	example_up machine.ini
	wait_until 60 page_of http://127.0.0.1:8890/ small-machine
	hyfw down "$HYFW_TOP/conf/examples/machine.ini"
	drop_volume machine-data
	hyfw image rm small-machine
}

@test "two-machines" {
	build_guest fedora arch
	hyfw check "$HYFW_TOP/conf/examples/two-machines.ini"
	example_up two-machines.ini
	wait_until 60 page_of http://127.0.0.1:8891/ fedora
	wait_until 60 bash -c "$(printf '%q ' "${HYFW_COMMAND[@]}") logs arch | grep 'guest: eth0 10.1.10.3/24'"
	hyfw logs fedora | grep "guest: eth0 10.1.10.2/24"
	hyfw down "$HYFW_TOP/conf/examples/two-machines.ini"
	hyfw image rm fedora arch
}

@test "hybrid-network" {
	command -v ovs-vswitchd >/dev/null || skip "needs Open vSwitch (package openvswitch-switch)"
	ovs=$BATS_TEST_TMPDIR/ovs
	local example=$HYFW_TOP/conf/examples/hybrid-network.ini
	mkdir "$ovs"
	ovsdb-tool create "$ovs/conf.db" /usr/share/openvswitch/vswitch.ovsschema
	OVS_RUNDIR=$ovs ovsdb-server "$ovs/conf.db" --remote="punix:$ovs/db.sock" --no-chdir --detach \
		--pidfile="$ovs/ovsdb-server.pid" --log-file="$ovs/db.log" 3>&- 2>/dev/null
	ovs-vsctl --db="unix:$ovs/db.sock" --no-wait init
	OVS_RUNDIR=$ovs ovs-vswitchd "unix:$ovs/db.sock" --no-chdir --detach --pidfile="$ovs/ovs-vswitchd.pid" \
		--log-file="$ovs/switch.log" 3>&- 2>/dev/null
	printf '[plugin ovs]\ndb = unix:%s/db.sock\n' "$ovs" >"$BATS_TEST_TMPDIR/hyfw.ini"
	HYFW_COMMAND+=(--config "$BATS_TEST_TMPDIR/hyfw.ini")
	build_guest store-disk
	hyfw image import busybox "$ROOTFS"
	hyfw check "$example"
	example_up hybrid-network.ini
	wait_until 60 hyfw exec site -- probe connect store 80 1000
	run hyfw exec office -- probe connect "$(hyfw --format json inspect store | json 0 networks 0 address | sed 's:/.*::')" 80 1000
	[ "$status" -ne 0 ]
	hyfw down "$example"
	hyfw image rm busybox store-disk
	hyfw recover
	rm -f "$STATE/drivers/ovs/run"
}
