# Networks of driver ovs with an Open vSwitch of the tests' own, in datapath netdev; in the
# test machine also in that of the kernel.
# It always has the bridge ovs-theirs, which is somebody else's.
load helpers

DATAPATH=${HYFW_TEST_DATAPATH:-netdev}

setup_file() {
	command -v ovs-vswitchd >/dev/null || skip "needs Open vSwitch (package openvswitch-switch)"
	export OVS=$BATS_FILE_TMPDIR/ovs MAIN=$BATS_FILE_TMPDIR/hyfw.ini
	mkdir "$OVS"
	ovsdb-tool create "$OVS/conf.db" /usr/share/openvswitch/vswitch.ovsschema
	OVS_RUNDIR=$OVS ovsdb-server "$OVS/conf.db" --remote="punix:$OVS/db.sock" --no-chdir --detach \
		--pidfile="$OVS/ovsdb-server.pid" --log-file="$OVS/db.log" 3>&- 2>/dev/null
	vsctl --no-wait init
	switch_start
	vsctl add-br ovs-theirs -- set Bridge ovs-theirs datapath_type=$DATAPATH
	cat >"$MAIN" <<-END
		[defaults]
		security = cgroups capabilities seccomp

		[plugin ovs]
		db = unix:$OVS/db.sock

		[network lan]
		driver = ovs
		datapath = $DATAPATH
		subnet = 10.92.0.0/24
	END
	common_setup_file
	# What is there once the driver was used: again as it is then.
	setup
	hyfw run --rm --network lan --rootfs "$ROOTFS" true
	machine_snapshot >"$SNAPSHOT"
}

teardown_file() {
	[ -e "$OVS/db.sock" ] || return 0
	common_teardown_file
	vsctl del-br ovs-theirs
	kill "$(<"$OVS/ovs-vswitchd.pid")" "$(<"$OVS/ovsdb-server.pid")"
}

setup() { HYFW_COMMAND+=(--config "$MAIN"); }

teardown() {
	common_teardown
	[ "$(vsctl list-br)" = ovs-theirs ]
	[ "$(vsctl list-ports ovs-theirs)" = "" ]
	[ "$(vsctl list QoS)$(vsctl list Queue)" = "" ]
}

vsctl() { ovs-vsctl --db="unix:$OVS/db.sock" --timeout=10 "$@"; }

switch_start() {
	OVS_RUNDIR=$OVS ovs-vswitchd "unix:$OVS/db.sock" --no-chdir --detach --pidfile="$OVS/ovs-vswitchd.pid" \
		--log-file="$OVS/switch.log" 3>&- 2>/dev/null
}

switch_restart() {
	local pid
	pid=$(<"$OVS/ovs-vswitchd.pid")
	kill -9 "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
	switch_start
}

ports() { vsctl --bare --columns=name find Port "external_ids:hyfw=$(owner_mark)" 'external_ids:hyfw-workload!=""'; }

box() { # NAME FLAG...
	local name=$1
	shift
	hyfw run -d --name "$name" --network lan --cap-add NET_RAW "$@" --rootfs "$ROOTFS" sleep 1000
}

address_of() { hyfw exec "$1" -- ip -o -4 addr show eth0 | awk '{ sub("/.*", "", $4); print $4 }'; }

can_ping() { hyfw exec "$1" -- ping -c 1 -W 1 "$2"; }

@test "a linked container is reached by name, another one not" {
	write_stack names <<-END
		[defaults]
		network = lan
		cap_add = NET_RAW
		stop_signal = SIGKILL

		[workload db]
		image = box
		command = sleep 1000
		network_rate_in = 20000

		[workload web]
		image = box
		command = sleep 1000
		links = db
		network_rate = 20000

		[workload other]
		image = box
		command = sleep 1000
	END
	hyfw up "$STACK"
	[ "$(ports | wc -w)" -eq 3 ]
	can_ping web db
	can_ping web 10.92.0.1
	run ! can_ping db "$(address_of web)"
	run ! can_ping other "$(address_of db)"
	hyfw down "$STACK"
}

@test "VLANs are apart" {
	write_stack vlans <<-END
		[defaults]
		network = lan
		cap_add = NET_RAW
		stop_signal = SIGKILL

		[workload db]
		image = box
		command = sleep 1000
		vlan = 10

		[workload web]
		image = box
		command = sleep 1000
		vlan = 10
		links = db

		[workload office]
		image = box
		command = sleep 1000
		vlan = 20
		links = db
	END
	hyfw up "$STACK"
	can_ping web db
	run ! can_ping office db
	hyfw down "$STACK"
}

@test "a published port is reached from the host, and by no neighbour" {
	local port own
	port=$(free_port)
	own=$(hostname -I | cut -d' ' -f1)
	mkdir "$DATA/srv"
	chmod 755 "$BATS_TEST_TMPDIR" "$DATA/srv"
	head -c 2000000 /dev/urandom >"$DATA/srv/large"
	chmod 644 "$DATA/srv/large"
	hyfw run -d --name web --network lan --set stop_signal=SIGKILL -p "$port:80" -p 81-82 -v "$DATA/srv:/srv:ro" --rootfs "$ROOTFS" httpd -f -p 80 -h /srv
	box other
	hyfw ps | grep -E "$port->80/tcp, [0-9]+->81/tcp, [0-9]+->82/tcp"
	wait_until 5 curl -fsS --max-time 3 -o /dev/null "http://127.0.0.1:$port/large"
	curl -fsS --max-time 10 "http://$own:$port/large" | cmp - "$DATA/srv/large"
	run hyfw exec other -- probe connect 10.92.0.1 "$port" 1000
	[ "$output" = "connect ECONNREFUSED" ]
	hyfw rm -f web
	run ! curl -fsS --max-time 2 -o /dev/null "http://127.0.0.1:$port/large"
	run --separate-stderr hyfw run --rm --network lan -p 80 --set vlan=10 --rootfs "$ROOTFS" true
	[ "$status" -eq 125 ]
	[[ $stderr == *"publish: the host is in no VLAN"* ]]
	hyfw rm -f other
	rm -rf "$DATA/srv"
}

@test "a plan shows what would be done and does nothing" {
	write_stack plan <<-END
		[workload web]
		image = box
		command = sleep 1000
		command = true
		network = lan
		vlan = 30
		vlan_trunk = 10
		vlan_trunk = 20
	END
	run hyfw plan "$STACK"
	[ "$status" -eq 0 ]
	[[ $output == *"ovs-vsctl add-br "*" datapath_type=$DATAPATH fail_mode=secure "* ]]
	[[ $output == *"vlan_mode=native-untagged tag=30 trunks=10,20"* ]]
	[ "$(vsctl list-br)" = ovs-theirs ]
}

@test "a plan says what a bridge of somebody else's means" {
	write_stack theirs <<-END
		[workload web]
		image = box
		command = true
		network = office

		[network office]
		driver = ovs
		bridge = ovs-theirs
		datapath = $DATAPATH
		subnet = 10.92.1.0/24
	END
	run hyfw plan "$STACK"
	[ "$status" -eq 0 ]
	[[ $output == *"ovs-theirs"*"not ours"*"can forge addresses until"* ]]
	sed -i 's/ovs-theirs/ovs-own/' "$STACK"
	run hyfw plan "$STACK"
	[ "$status" -eq 0 ]
	[[ $output != *"not ours"* ]]
}

@test "a trunk without a VLAN of its own has no use for an address" {
	write_stack trunk <<-END
		[workload web]
		image = box
		command = sleep 1000
		command = true
		network = lan
		vlan_trunk = 10
		vlan_trunk = 20
	END
	run --separate-stderr hyfw up "$STACK"
	[ "$status" -eq 125 ]
	[[ $stderr == *"vlan_trunk without vlan"* ]]
}

@test "the next workload brings the flows back after ovs-vswitchd was killed" {
	box web
	can_ping web 10.92.0.1
	switch_restart
	run ! can_ping web 10.92.0.1
	box late
	wait_until 3 can_ping web 10.92.0.1
	hyfw rm -f web late
}

@test "a monitor that is killed leaves no row" {
	box web
	killed "$(own_processes | awk '$2 == "hyfw" { print $1 }')"
	wait_until 5 hyfw ps
	wait_until 5 is_status web exited
	[ "$(ports)" = "" ]
	[ "$(vsctl list-br)" = ovs-theirs ]
	hyfw rm -f web
}

@test "rows from before a reboot go with the next workload" {
	local port
	box web --rm
	port=$(ports)
	killed "$(own_processes | awk '$2 == "hyfw" { print $1 }')"
	rm -rf --one-file-system "$STATE"
	mkdir "$STATE"
	[ "$(ports)" = "$port" ]
	box late
	[ "$(ports | wc -w)" -eq 1 ]
	[ "$(ports)" != "$port" ]
	hyfw rm -f late
	nft delete table netdev "$(owner_mark)-ovs-$port" 2>/dev/null || true # tables end with the machine
}

@test "recover finds rows in the database of the main configuration" {
	box web --rm
	[ "$(ports | wc -w)" -eq 1 ]
	port=$(ports)
	killed "$(own_processes | awk '$2 == "hyfw" { print $1 }')"
	rm -rf --one-file-system "$STATE"
	mkdir "$STATE"
	hyfw recover
	[ "$(ports)" = "" ]
	nft delete table netdev "$(owner_mark)-ovs-$port" 2>/dev/null || true
}
