# Open vSwitch that switches in the kernel, and VLAN devices: what most hosts of tests have no
# modules for.
load ../cli/helpers

setup_file() {
	[ -d /sys/module/openvswitch ] || modprobe openvswitch || skip "this kernel has no module openvswitch"
	export OVS=$BATS_FILE_TMPDIR/ovs MAIN=$BATS_FILE_TMPDIR/hyfw.ini
	mkdir "$OVS"
	ovsdb-tool create "$OVS/conf.db" /usr/share/openvswitch/vswitch.ovsschema
	OVS_RUNDIR=$OVS ovsdb-server "$OVS/conf.db" --remote="punix:$OVS/db.sock" --no-chdir --detach \
		--pidfile="$OVS/ovsdb-server.pid" --log-file="$OVS/db.log" 3>&- 2>/dev/null
	vsctl --no-wait init
	OVS_RUNDIR=$OVS ovs-vswitchd "unix:$OVS/db.sock" --no-chdir --detach --pidfile="$OVS/ovs-vswitchd.pid" \
		--log-file="$OVS/switch.log" 3>&- 2>/dev/null
	# The network beyond the host: far is the other end of the uplink.
	ip netns add hyfw-far
	ip link add up0 type veth peer name far netns hyfw-far
	ip link set up0 up
	far ip link set far up
	far ip link add link far name far.10 type vlan id 10
	far ip addr add 10.93.0.200/24 dev far
	far ip addr add 10.93.10.200/24 dev far.10
	far ip link set far.10 up
	cat >"$MAIN" <<-END
		[defaults]
		security = cgroups capabilities seccomp

		[plugin ovs]
		db = unix:$OVS/db.sock

		[network lan]
		driver = ovs
		subnet = 10.93.0.0/24
	END
	common_setup_file
}

teardown_file() {
	[ -e "$OVS/db.sock" ] || return 0
	common_teardown_file
	ip netns del hyfw-far
	kill "$(<"$OVS/ovs-vswitchd.pid")" "$(<"$OVS/ovsdb-server.pid")"
}

setup() { HYFW_COMMAND+=(--config "$MAIN"); }

teardown() {
	common_teardown
	[ "$(vsctl list-br)" = "" ]
	[ "$(vsctl list QoS)$(vsctl list Queue)" = "" ]
}

vsctl() { ovs-vsctl --db="unix:$OVS/db.sock" --timeout=20 "$@"; }
far() { ip netns exec hyfw-far "$@"; }
datapaths() { OVS_RUNDIR=$OVS ovs-appctl -t "$OVS/ovs-vswitchd.$(<"$OVS/ovs-vswitchd.pid").ctl" dpif/show; }

box() { # NAME FLAG...
	local name=$1
	shift
	hyfw run -d --name "$name" --cap-add NET_RAW "$@" --rootfs "$ROOTFS" sleep 1000
}

address_of() { hyfw exec "$1" -- ip -o -4 addr show eth0 | awk '{ sub("/.*", "", $4); print $4 }'; }
can_ping() { hyfw exec "$1" -- ping -c 1 -W 2 "$2"; }

@test "auto takes the kernel's datapath, in which the containers' ports are" {
	box web --network lan
	box db --network lan
	[ "$(vsctl --bare --columns=datapath_type list Bridge)" = system ]
	datapaths
	datapaths | grep -q '^system@ovs-system:'
	can_ping web 10.93.0.1
	# neighbours are apart here too
	run ! can_ping web "$(address_of db)"
	# it is the kernel that forwards
	[ "$(ovs_dp_flows)" -gt 0 ]
	hyfw rm -f web db
}
ovs_dp_flows() {
	OVS_RUNDIR=$OVS ovs-appctl -t "$OVS/ovs-vswitchd.$(<"$OVS/ovs-vswitchd.pid").ctl" dpctl/dump-flows system@ovs-system | grep -c actions
}

@test "VLAN access: untagged inside, tagged on the uplink, and apart from the others" {
	write_stack vlans <<-END
		[defaults]
		cap_add = NET_RAW
		stop_signal = SIGKILL

		[network office]
		driver = ovs
		subnet = 10.93.10.0/24
		uplink = up0

		[workload tagged]
		image = box
		command = sleep 1000
		network = office
		vlan = 10

		[workload other]
		image = box
		command = sleep 1000
		network = office
		vlan = 20
	END
	hyfw up "$STACK"
	wait_until 5 can_ping tagged 10.93.10.200
	run ! can_ping other 10.93.10.200
	hyfw down "$STACK"
}

@test "a rate holds in the kernel's datapath" {
	local listener start took
	box slow --network lan --set network_rate=2000
	mkfifo "$BATS_TEST_TMPDIR/silent" # else nc hangs up at once
	exec 5<>"$BATS_TEST_TMPDIR/silent"
	busybox nc -l -p 9300 <&5 >"$BATS_TEST_TMPDIR/got" 3>&- &
	listener=$!
	start=$(date +%s%N)
	hyfw exec slow -- sh -c 'dd if=/dev/zero bs=1000 count=1000 2>/dev/null | nc 10.93.0.1 9300'
	took=$((($(date +%s%N) - start) / 1000000))
	wait "$listener"
	exec 5>&-
	echo "$(wc -c <"$BATS_TEST_TMPDIR/got") bytes took $took ms"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/got")" -eq 1000000 ]
	# 8000 kbit at 2000 kbit/s, of which 2000 may come at once, and as many in the first second
	[ "$took" -gt 1900 ]
	OVS_RUNDIR=$OVS ovs-ofctl -O OpenFlow13 meter-stats "unix:$OVS/$(vsctl list-br).mgmt" | tee /dev/stderr |
		grep -q '^ *0: packet_count:[1-9]'
	hyfw rm -f slow
}

@test "macvlan on a VLAN device: its frames are tagged outside" {
	ip link add link up0 name up0.10 type vlan id 10
	ip link set up0.10 up
	write_stack macvlan <<-END
		[network office]
		driver = macvtap
		parent = up0.10
		subnet = 10.93.10.0/24

		[workload web]
		image = box
		command = sleep 1000
		cap_add = NET_RAW
		stop_signal = SIGKILL
		network = office
	END
	hyfw up "$STACK"
	can_ping web 10.93.10.200
	run ! can_ping web 10.93.0.200
	hyfw down "$STACK"
	ip link del up0.10
}
