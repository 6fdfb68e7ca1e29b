# Containers and machines on one network, a kind of network for each test.  The
# machine is the small guest; what it is to do is typed on its console.
load helpers

setup_file() {
	export OVS=$BATS_FILE_TMPDIR/ovs MAIN=$BATS_FILE_TMPDIR/hyfw.ini
	printf '[plugin ovs]\ndb = unix:%s/db.sock\n' "$OVS" >"$MAIN"
	common_setup_file
	make_guest
	capabilities_load
	setup
	# What is there once the drivers were used: again as it is then.
	switch_start
	prime >"$STACK"
	up
	has_said vm "guest: ready"
	hyfw down "$STACK"
	capabilities_save
	machine_snapshot >"$SNAPSHOT"
}

setup() {
	HYFW_COMMAND+=(--config "$MAIN")
	STACK=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/stack.ini
}

teardown() {
	[ ! -e "$STACK" ] || hyfw down "$STACK" 2>/dev/null || true
	ip link delete hytest1 2>/dev/null || true
	common_teardown
	[ -z "${SERVER:-}" ] || kill "$SERVER" "$NAMESPACE"
}

teardown_file() {
	setup
	common_teardown_file
	[ ! -e "$OVS" ] || switch_stop
}

prime() {
	printf '[network lan]\nsubnet = 10.93.0.0/24\n'
	machine vm "network = lan"
	[ ! -e "$OVS" ] || { lab; container box "network = lab"; }
}

lab() { printf '[network lab]\ndriver = ovs\ndatapath = netdev\nsubnet = 10.92.0.0/24\n'; }

up() { HYFW_TIMEOUT=90 hyfw up "$STACK"; }

machine() { # NAME LINE... -> its section
	printf '[workload %s]\nisolation = kvm\nmemory = 256M\nkernel = %s\ninitrd = %s\ncmdline = %s\n' \
		"$1" "$GUEST/vmlinux" "$GUEST/initrd" "$GUEST_CMDLINE hostname=$1 ${WORDS:-}"
	printf '%s\n' "${@:2}"
}

container() { # NAME LINE...
	printf '[workload %s]\nimage = box\ncommand = httpd -f -p 80 -h /srv\nstop_signal = SIGKILL\ncap_add = NET_RAW\n' "$1"
	printf '%s\n' "${@:2}"
}

logged() { hyfw logs "$1" | grep -q -E -- "$2"; }

has_said() { wait_until 60 logged "$@"; }

# Types a command on the console; what it prints, and its status.
in_guest() { # NAME COMMAND
	local mark=mark$RANDOM$RANDOM attached keys=$BATS_TEST_TMPDIR/keys
	[ -p "$keys" ] || mkfifo "$keys"
	"${HYFW_COMMAND[@]}" attach "$1" <"$keys" >/dev/null 2>&1 3>&- &
	attached=$!
	exec 9>"$keys"
	printf '(%s); echo %s-$?\n' "$2" "$mark" >&9
	wait_until 40 logged "$1" "^$mark-[0-9]"
	exec 9>&-
	kill -KILL "$attached"
	wait "$attached" 2>/dev/null || true
	hyfw logs "$1" | tr -d '\r' | sed -n "/echo $mark-/,/^$mark-/p" | sed '1d;$d'
	return "$(hyfw logs "$1" | tr -d '\r' | sed -n "s/^$mark-//p")"
}

# The wget of a static busybox cannot find out what port "http" is.
fetch() { echo "{ echo GET / HTTP/1.0; echo; sleep 1; } | nc -w 5 $1 ${2:-80} | grep ."; }

can_fetch() { # NAME HOST: a container
	hyfw exec "$1" -- sh -c "$(fetch "$2")"
}

guest_fetches() { # NAME HOST [PORT]: what a web server answers
	in_guest "$1" "$(fetch "$2" "${3:-}")"
}

host_link() {
	ip link add hytest0 type veth peer name hytest1
	ip link set hytest0 up
	ip link set hytest1 up
}

address_of() { # NAME
	hyfw --format json inspect "$1" | json 0 networks 0 address | sed 's:/.*::'
}

@test "bridge: by name both ways where they are linked, and what a machine may not send" {
	local port guest
	port=$(free_port)
	{
		printf '[network lan]\nsubnet = 10.93.0.0/24\n[defaults]\nnetwork = lan\n'
		container store
		machine vm "links = store" "publish = $port:80"
		container site "links = vm"
		container other
	} >"$STACK"
	up
	has_said vm "guest: eth0 10.93.0"
	has_said vm "guest: ready"
	guest=$(address_of vm)

	guest_fetches vm store
	can_fetch site vm
	run can_fetch other "$guest"
	[ "$status" -ne 0 ]
	run guest_fetches vm "$(address_of other)"
	[ "$status" -ne 0 ]
	[ "$(curl -fsS --max-time 5 "http://$(hostname -I | cut -d' ' -f1):$port/")" = "page of the test guest vm" ]

	# Another address, of IP or of Ethernet: nothing comes through.
	in_guest vm "ping -c 1 -W 2 10.93.0.1 >/dev/null"
	run in_guest vm "ip addr add 10.93.0.77/24 dev eth0; ping -c 2 -W 1 -I 10.93.0.77 10.93.0.1; r=\$?; ip addr del 10.93.0.77/24 dev eth0; exit \$r"
	[ "$status" -ne 0 ]
	run in_guest vm "ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:77 up; ip route add default via 10.93.0.1; ping -c 2 -W 1 10.93.0.1"
	[ "$status" -ne 0 ]
	hyfw down "$STACK"
}

@test "ovs: one VLAN is shared, the other one is apart" {
	[ -e "$OVS" ] || skip "needs Open vSwitch (package openvswitch-switch)"
	{
		lab
		printf '[defaults]\nnetwork = lab\n'
		container store "vlan = 10"
		machine vm "vlan = 10" "links = store"
		container site "vlan = 10" "links = vm"
		container office "vlan = 20" "links = vm"
	} >"$STACK"
	up
	has_said vm "guest: eth0 10.92.0"
	has_said vm "guest: ready"
	guest_fetches vm store
	can_fetch site vm
	run can_fetch office "$(address_of vm)"
	[ "$status" -ne 0 ]
	hyfw down "$STACK"
	[ "$(vsctl list-br)" = "" ]
}

@test "macvtap: a machine and a container beside the host on one parent" {
	host_link
	ip addr add 10.94.0.1/24 dev hytest1
	{
		printf '[network out]\ndriver = macvtap\nparent = hytest0\nmode = bridge\nsubnet = 10.94.0.0/24\n'
		printf 'address_range = 10.94.0.20-10.94.0.30\n[defaults]\nnetwork = out\n'
		container box
		WORDS=nonet machine vm
	} >"$STACK"
	up
	has_said vm "guest: ready"
	in_guest vm "ip link set eth0 up && ip addr add 10.94.0.200/24 dev eth0"
	guest_fetches vm 10.94.0.20
	can_fetch box 10.94.0.200
	curl -fsS --max-time 5 http://10.94.0.200/
	hyfw down "$STACK"
}

# hyfw has a network namespace of its own here, whose way out leads to a web server.
@test "user: out by the host's ways, in by a published port; none: no interface at all" {
	command -v passt >/dev/null || skip "needs passt"
	host_link
	unshare --net sleep 170 3>&- &
	wait_until 5 bash -c "[ \"\$(readlink /proc/$!/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]"
	NAMESPACE=$!
	ip link set hytest0 netns "$NAMESPACE"
	ip addr add 10.95.0.1/24 dev hytest1
	HYFW_COMMAND=(nsenter "--net=/proc/$NAMESPACE/ns/net" "${HYFW_COMMAND[@]}")
	"${HYFW_COMMAND[@]:0:2}" sh -c "ip addr add 10.95.0.2/24 dev hytest0; ip link set lo up; ip link set hytest0 up
		ip route add default via 10.95.0.1"
	mkdir "$BATS_TEST_TMPDIR/pages"
	echo "page of the outside" >"$BATS_TEST_TMPDIR/pages/index.html"
	busybox httpd -f -p 10.95.0.1:80 -h "$BATS_TEST_TMPDIR/pages" 3>&- &
	SERVER=$!
	{
		printf '[network way]\ndriver = user\n'
		machine vm "network = way" "publish = 8079-8081:79-81"
		machine alone "network = none"
	} >"$STACK"
	up
	has_said vm "guest: ready"
	run guest_fetches vm 10.95.0.1
	echo "$output"
	[[ $output == *"page of the outside"* ]]
	[ "$(curl -fsS --max-time 5 http://10.95.0.2:8080/)" = "page of the test guest vm" ]
	has_said alone "guest: ready"
	[ "$(in_guest alone "ls /sys/class/net")" = lo ]
	hyfw down "$STACK"
}

# ---- an Open vSwitch of the test's own ------------------------------------------

vsctl() { ovs-vsctl --db="unix:$OVS/db.sock" --timeout=10 "$@"; }

switch_start() {
	command -v ovs-vswitchd >/dev/null || return 0
	mkdir "$OVS"
	ovsdb-tool create "$OVS/conf.db" /usr/share/openvswitch/vswitch.ovsschema
	OVS_RUNDIR=$OVS ovsdb-server "$OVS/conf.db" --remote="punix:$OVS/db.sock" --no-chdir --detach \
		--pidfile="$OVS/ovsdb-server.pid" --log-file="$OVS/db.log" 3>&- 2>/dev/null
	vsctl --no-wait init
	OVS_RUNDIR=$OVS ovs-vswitchd "unix:$OVS/db.sock" --no-chdir --detach --pidfile="$OVS/ovs-vswitchd.pid" \
		--log-file="$OVS/switch.log" 3>&- 2>/dev/null
}

switch_stop() {
	kill "$(<"$OVS/ovs-vswitchd.pid")" "$(<"$OVS/ovsdb-server.pid")"
}
