# Docker with hyfw as its runtime.  The daemon is private: directories, mounts, network and
# firewall of its own; only the control groups of its containers are on the machine.

load helpers

CLIENT=$DATA/docker
SOCKET=$STATE/docker.sock
PARENT=/hyfw-test-docker-${HYFW_TEST_DATA##*-} # of the control groups
RANGE=100000:65536       # of the user namespace

docker() {
	DOCKER_CONFIG=$CLIENT DOCKER_BUILDKIT=0 timeout --foreground -k 5 60 docker -H "unix://$SOCKET" "$@" 3>&- </dev/null
}

box() { docker run --rm --network none "$@"; }

# The program with this run's directories; the rest of daemon.json is the example's.
write_settings() {
	cat >"$CLIENT/hyfw-oci" <<-END
		#!/bin/sh
		exec "$HYFW" --root "$DATA" --state "$STATE" oci "\$@"
	END
	chmod 755 "$CLIENT/hyfw-oci"
	sed "s|/usr/local/bin/hyfw-oci|$CLIENT/hyfw-oci|" "$HYFW_TOP/conf/examples/oci/daemon.json" >"$CLIENT/daemon.json"
	printf 'nobody:%s\nnogroup:%s\n' "$RANGE" "$RANGE" >"$CLIENT/subordinate"
	mkdir -p "$CLIENT"/{root,volume,build}
	echo data >"$CLIENT/volume/file"
	printf 'FROM box\nRUN id -u >/srv/index.html\nCMD ["httpd", "-f", "-h", "/srv", "-p", "80"]\n' >"$CLIENT/build/Dockerfile"
}

# Sockets of containerd's shims are in /run/containerd, wherever the rest is.  Layers are in
# memory, as Docker waits for the disk at every step.
start_daemon() { # FLAG...
	# shellcheck disable=SC2016 # expanded inside
	unshare --net --mount --propagation private sh -c '
		mkdir -p /run/containerd && mount -t tmpfs tmpfs /run/containerd
		mount -t tmpfs tmpfs "$1/root"
		mount --bind "$1/subordinate" /etc/subuid && mount --bind "$1/subordinate" /etc/subgid
		ip link set lo up
		shift
		exec dockerd "$@"' sh "$CLIENT" -H "unix://$SOCKET" --data-root "$CLIENT/root" --exec-root "$STATE/exec" \
		--pidfile "$STATE/docker.pid" --config-file "$CLIENT/daemon.json" --cgroup-parent "$PARENT" \
		--default-runtime hyfw "$@" \
		>"$CLIENT/log" 2>&1 3>&- </dev/null &
	echo $! >"$CLIENT/pid"
	wait_until 20 docker version
	tar -C "$ROOTFS" --exclude ./bin/stress-ng -c . >"$CLIENT/box.tar"
	docker import "$CLIENT/box.tar" box >/dev/null
}

stop_daemon() {
	[ -s "$CLIENT/pid" ] || return 0
	kill "$(cat "$CLIENT/pid")" 2>/dev/null || true
	wait_until 20 has_ended "$(cat "$CLIENT/pid")"
	rm "$CLIENT/pid"
}

# In the mounts and the network that the daemon has.
inside() { nsenter -t "$(cat "$CLIENT/pid")" -m -n "$@"; }

# Of containers; the daemon says where.
states() { inside find "$STATE" /run/containerd -name state.json; }

is() { [ "$(docker inspect -f "$2" "$1")" = "$3" ]; } # CONTAINER TEMPLATE VALUE

# Docker writes its events down a moment later.
told() { # CONTAINER EVENT...
	local event events
	events=$(docker events --since 1m --until 0s --filter "container=$1" --format '{{.Action}}')
	for event in "${@:2}"; do
		grep -qx "$event" <<<"$events" || return 1
	done
}

setup_file() {
	rm -rf --one-file-system "$DATA" "$STATE"
	command -v dockerd >/dev/null || return 0
	mkdir -p "$CLIENT" "$STATE"
	[ -e /run/docker ] || touch "$CLIENT/first" # the daemon makes it, whatever it is told
	write_settings
	start_daemon
}
teardown_file() {
	stop_daemon
	[ ! -e "$CLIENT/first" ] || rmdir /run/docker/plugins /run/docker || true
	rm -rf --one-file-system "$DATA" "$STATE"
}
teardown() { [ ! -S "$SOCKET" ] || docker ps -a -q | xargs -r timeout 60 docker -H "unix://$SOCKET" rm -f >/dev/null 3>&-; }
setup() { command -v dockerd >/dev/null || skip "docker.io is not installed (conf/packages, group oci)"; }

@test "docker run: output, exit status, and why a command did not run" {
	[ "$(docker info -f '{{.DefaultRuntime}}, {{.RuncCommit.ID}}')" = "hyfw, hyfw-$("$HYFW" --version | grep -oE '[0-9][0-9.]*' | head -n 1)" ]
	run -7 box box sh -c 'echo out; exit 7'
	[ "$output" = out ]
	run -127 box box nonexistent
	run -126 box box /bin/not-executable
	run -125 box -v "$CLIENT/volume/file:/etc" box true
	[[ $output == *"mount a directory onto a file (or vice-versa)"* ]]
}

@test "docker run: user, environment, volumes, devices, limits, capabilities, terminal" {
	# shellcheck disable=SC2016 # expanded inside
	run -0 box -t -u 1002:1003 -w /tmp -e A=b -v "$CLIENT/volume:/v:ro" --read-only --tmpfs /t:mode=1777 --init \
		-m 64m --cpus 0.5 --pids-limit 77 --cap-drop all --security-opt no-new-privileges --device /dev/fuse:/dev/f \
		--ulimit nofile=100:200 --sysctl net.ipv4.ip_forward=1 box sh -c '
		echo $(id -u):$(id -g) $A $(pwd) $(cat /v/file) $(ulimit -n)
		touch /v/x /x; touch /t/x && echo tmpfs
		cat /proc/1/comm /proc/sys/net/ipv4/ip_forward; tty; test -c /dev/f && echo device
		cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max
		grep -E "CapBnd|NoNewPrivs|Seccomp:" /proc/self/status' 2>&1
	output=${output//$'\r'/}
	[[ $output == "1002:1003 b /tmp data 100"*"/v/x: Read-only"*"/x: Read-only"*tmpfs*docker-init*1*/dev/pts/0*device* ]]
	[[ $output == *$'\n77\n'*50000*"CapBnd:	0000000000000000"*"NoNewPrivs:	1"*"Seccomp:	2"* ]]
}

@test "docker exec, top, stats, update, pause, restart, stop" {
	docker run -d --name life --network none -m 64m box sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
	# shellcheck disable=SC2016 # expanded inside
	run -9 docker exec -u 1002 -e A=b life sh -c 'echo $(id -u) $A; exit 9'
	[ "$output" = "1002 b" ]
	run -0 docker exec -t life tty
	[[ $output == /dev/pts/0* ]]
	run -126 docker exec life nonexistent
	[[ "$(docker top life)" == *trap* ]]
	docker update --pids-limit 60 life
	# `docker stats` takes two looks, a second apart.
	run -0 curl -sf --unix-socket "$SOCKET" "http://docker/containers/life/stats?stream=false&one-shot=true"
	[ "$(jq -r '.pids_stats.current > 0 and .memory_stats.usage > 0, .memory_stats.limit' <<<"$output" | xargs)" = "true 67108864" ]
	[ "$(docker exec life sh -c 'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null')" = 60 ]
	docker pause life
	is life '{{.State.Status}}' paused
	docker unpause life
	docker restart -t 5 life
	docker stop -t 5 life
	[ "$(docker wait life)" = 5 ]
	docker rm life
}

@test "docker tells that a container ran out of memory" {
	docker run -d --name oom --network none -m 16m --memory-swap 16m box \
		sh -c 'dd if=/dev/zero of=/dev/null bs=60M count=1; echo went on; sleep 0.5; exit 4'
	[ "$(docker wait oom)" = 4 ]
	wait_until 10 is oom '{{.State.OOMKilled}}' true
	[ "$(docker logs oom 2>/dev/null)" = "went on" ]
	wait_until 10 told oom start oom die
	docker rm oom
}

@test "docker build runs its commands, in a user namespace too; a port of the image is published" {
	stop_daemon
	start_daemon --userns-remap nobody:nogroup
	docker build -t built "$CLIENT/build"
	docker run -d --name web -p 127.0.0.1:8080:80 built
	run -0 docker exec web cat /proc/self/uid_map
	[[ $output =~ 0\ +${RANGE%:*}\ +${RANGE#*:} ]]
	wait_until 10 inside curl -sf http://127.0.0.1:8080
	[ "$(inside curl -sf http://127.0.0.1:8080)" = 0 ]
	[ -n "$(states)" ]
	docker rm -f web
}

@test "docker leaves nothing behind" {
	[ -z "$(find /sys/fs/cgroup -type d -path "*$PARENT*")" ]
	[ -z "$(states)" ]
}
