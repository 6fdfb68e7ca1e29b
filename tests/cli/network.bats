# Several networks, of several drivers, for one workload or for many at once.
load helpers

teardown() {
	common_teardown
	ip link delete hynet1 2>/dev/null || true
}

setup() { STACK=$BATS_TEST_TMPDIR/stack.ini; }

two_drivers() { # MORE-OF-THE-LAST-WORKLOAD...
	ip link add hynet0 type veth peer name hynet1
	ip link set hynet0 up
	ip link set hynet1 up
	cat >"$STACK" <<-END
		[defaults]
		stop_signal = SIGKILL
		cap_add = NET_RAW

		[network lan]
		subnet = 10.96.1.0/24

		[network cable]
		driver = macvtap
		parent = hynet0
		mode = bridge
		subnet = 10.96.2.0/24

		[workload site]
		image = box
		command = httpd -f -p 80 -h /srv
		network = lan
		network = cable

		[workload beside]
		image = box
		command = sleep 600
		network = cable
	END
	printf '[workload caller]\nimage = box\ncommand = sleep 600\n' >>"$STACK"
	printf '%s\n' "$@" >>"$STACK"
}

address() { hyfw exec "$1" -- ip -o -4 addr show "$2" | awk '{ sub("/.*", "", $4); print $4 }'; }

@test "a link goes by the network whose driver knows links, whatever the other is" {
	two_drivers "network = cable" "network = lan" "links = site"
	run --separate-stderr hyfw up "$STACK"
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	run hyfw exec caller -- probe connect "$(address site eth0)" 80 1000
	[ "$output" = "connect ok" ]
	hyfw exec caller -- wget -q -O- http://site/
	hyfw exec beside -- ping -c 1 -W 2 "$(address site eth1)"
	hyfw down "$STACK"
}

@test "a link where no driver knows links is refused" {
	two_drivers "network = cable" "network = other" "links = site" "[network other]"
	for command in check up; do
		run --separate-stderr hyfw "$command" "$STACK"
		[ "$status" -eq 125 ]
		[[ $stderr == *"'site' and this workload have in common know no links"* ]]
	done
	[ -z "$(hyfw ps -a -q)" ]
}

@test "twenty at once, on two networks each: no address twice" {
	local n starts=()
	{
		printf '[defaults]\nstop_signal = SIGKILL\nnetwork = one\nnetwork = two\n'
		printf '[network one]\nsubnet = 10.96.3.0/24\n[network two]\nsubnet = 10.96.4.0/24\ninternal = yes\n'
	} >"$BATS_TEST_TMPDIR/main.ini"
	HYFW_COMMAND+=(--config "$BATS_TEST_TMPDIR/main.ini")
	for n in $(seq 20); do
		hyfw run -d --name "w$n" --set stop_signal=SIGKILL --rootfs "$ROOTFS" sleep 600 3>&- &
		starts+=($!)
	done
	wait "${starts[@]}"
	[ "$(hyfw ps -q | wc -l)" -eq 20 ]
	for n in $(seq 20); do hyfw --format json inspect "w$n"; done | grep -o '"address": *"[^"]*"' >"$BATS_TEST_TMPDIR/addresses"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/addresses")" -eq 40 ]
	[ "$(sort -u "$BATS_TEST_TMPDIR/addresses" | wc -l)" -eq 40 ]
}

@test "a UDP port on one address of the host is on no other" {
	local port pid server own
	port=$(free_port)
	own=$(hostname -I | cut -d' ' -f1)
	hyfw run -d --name echo --set stop_signal=SIGKILL -p "127.0.0.1:$port:9/udp" --rootfs "$ROOTFS" sleep 600
	pid=$(hyfw --format json inspect echo | json 0 pid)
	nsenter -t "$pid" -n timeout 60 /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 9))
while True:
    data, who = s.recvfrom(100)
    s.sendto(b"heard " + data, who)' 3>&- &
	server=$!
	asks() {
		/usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.sendto(b"you", (sys.argv[1], int(sys.argv[2])))
assert s.recv(100) == b"heard you"' "$1" "$port"
	}
	wait_until 10 asks 127.0.0.1
	run ! asks "$own"
	kill "$server"
	hyfw rm -f echo
}
