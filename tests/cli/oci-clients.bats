# Real clients of an OCI runtime, with hyfw as theirs: Podman (through conmon) and
# containerd's ctr.  What this machine may lack (systemd, journald, a raise of limits) is
# said in the clients' own configuration.

load helpers

CLIENT=$DATA/clients # where the containers' users may go, unlike bats' own directories

# The runtime with this run's directories, as clients can give it no such flags.
make_runtime() {
	cat >"$CLIENT/hyfw-oci" <<-END
		#!/bin/sh
		exec "$HYFW" --root "$DATA" --state "$STATE" oci "\$@"
	END
	chmod 755 "$CLIENT/hyfw-oci"
}

podman_settings() {
	cat >"$CLIENT/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		runtime = "hyfw-oci"
		runtime_supports_json = ["hyfw-oci"]
		runtime_supports_nocgroup = ["hyfw-oci"]
		[engine.runtimes]
		hyfw-oci = ["$CLIENT/hyfw-oci"]
	END
}

podman() {
	CONTAINERS_CONF=$CLIENT/containers.conf timeout --foreground -k 5 60 podman --root "$CLIENT/podman" \
		--runroot "$STATE/podman" --tmpdir "$STATE/libpod" --storage-driver vfs "$@" 3>&- </dev/null
}

box() { podman run --rm --network none "$@"; }

ctr() { timeout --foreground -k 5 60 ctr -n hyfw-test -a "$STATE/containerd/socket" "$@" 3>&- </dev/null; }

setup_file() {
	rm -rf --one-file-system "$DATA" "$STATE"
	mkdir -p "$CLIENT" "$STATE"
	make_runtime
	podman_settings
	command -v podman >/dev/null || return 0
	tar -C "$ROOTFS" -c . >"$CLIENT/box.tar"
	podman import "$CLIENT/box.tar" box >/dev/null
}
teardown_file() {
	[ ! -s "$CLIENT/containerd.pid" ] || kill "$(cat "$CLIENT/containerd.pid")" 2>/dev/null || true
	! command -v podman >/dev/null || podman rmi -f -a >/dev/null 2>&1 || true
	rm -rf --one-file-system "$DATA" "$STATE"
	# The clients' own groups, above those of their containers.
	rmdir /sys/fs/cgroup/{,*/}{libpod_parent/conmon,libpod_parent,hyfw-test} 2>/dev/null || true
}
teardown() {
	! command -v podman >/dev/null || podman rm -f -t 0 -a >/dev/null
	[ -z "$(ls -A "$STATE/oci" 2>/dev/null)" ]
}

need() { command -v "$1" >/dev/null || skip "$1 is not installed (conf/packages, group oci)"; }

@test "podman run: output, exit status, and why a command did not run" {
	need podman
	run -0 box box echo out
	[ "$output" = out ]
	run -7 box box sh -c 'exit 7'
	run -127 box box nonexistent
	run -126 box box /bin/not-executable
}

@test "podman run: user, environment, volumes, devices, limits, capabilities" {
	need podman
	mkdir -p "$CLIENT/volume"
	echo data >"$CLIENT/volume/file"
	# shellcheck disable=SC2016 # expanded inside
	run -0 box -u 1002:1003 -w /tmp -e A=b box sh -c 'echo $(id -u):$(id -g) $A $(pwd)'
	[ "$output" = "1002:1003 b /tmp" ]
	run box -v "$CLIENT/volume:/v:ro" box sh -c 'cat /v/file; touch /v/new'
	[ "$status" -eq 1 ]
	[[ $output == *data* && $output == *"Read-only"* ]]
	run -0 box --cap-drop all --security-opt no-new-privileges box grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status
	[[ $output == *"CapBnd:	0000000000000000"*"NoNewPrivs:	1"*"Seccomp:	2"* ]]
	run -0 box --sysctl net.ipv4.ip_forward=1 --read-only --tmpfs /t:size=5m box \
		sh -c 'cat /proc/sys/net/ipv4/ip_forward; ! touch /x 2>/dev/null && touch /t/x && echo tmpfs'
	[ "$output" = "1
tmpfs" ]
}

@test "podman run: a user namespace, and the host's namespaces" {
	need podman
	run -0 box --uidmap 0:100000:65536 --gidmap 0:100000:65536 box cat /proc/self/uid_map
	[[ $output =~ 0\ +100000\ +65536 ]]
	run -0 box --pid host --ipc host --uts host box readlink /proc/self/ns/uts
	[ "$output" = "$(readlink /proc/self/ns/uts)" ]
}

@test "podman exec, pause, unpause, stop, restart" {
	need podman
	podman run -d --name life --network none box sleep 1000
	run -0 podman exec -u 1002 life id -u
	[ "$output" = 1002 ]
	run -9 podman exec life sh -c 'exit 9'
	run -127 podman exec life nonexistent
	run -0 podman exec -t life tty
	[[ $output == /dev/pts/* ]]
	podman pause life
	[ "$(podman inspect -f '{{.State.Status}}' life)" = paused ]
	podman unpause life
	podman restart -t 0 life
	podman stop -t 0 life
	[ "$(podman wait life)" = 137 ]
	podman rm life
}

@test "podman pod: containers that share namespaces" {
	need podman
	podman pod create --name pod --network none --share pid,ipc,net,uts --infra-image localhost/box \
		--infra-command '/bin/sleep 1000'
	podman run -d --pod pod --name member box sleep 1001
	run -0 podman exec member ps
	[[ $output == *"sleep 1000"*"sleep 1001"* ]]
	podman stop -t 0 member
	run -0 podman exec "$(podman ps -q | head -n 1)" true # the other goes on
	podman pod rm -f -t 0 pod
}

@test "podman build runs its commands" {
	need podman
	need buildah
	mkdir -p "$CLIENT/build"
	printf 'FROM localhost/box\nRUN echo built >/result\nCMD ["cat", "/result"]\n' >"$CLIENT/build/Dockerfile"
	podman build --network host -t built "$CLIENT/build"
	run -0 box built
	[ "$output" = built ]
}

@test "containerd's ctr: run, exec, pause, metrics, kill" {
	local image flags
	need ctr
	need podman # it makes the image
	mkdir -p "$STATE/containerd"
	cat >"$CLIENT/containerd.toml" <<-END
		version = 2
		root = "$CLIENT/containerd"
		state = "$STATE/containerd"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$STATE/containerd/socket"
		[ttrpc]
		address = "$STATE/containerd/ttrpc"
	END
	containerd -c "$CLIENT/containerd.toml" >"$CLIENT/containerd.log" 2>&1 3>&- &
	echo $! >"$CLIENT/containerd.pid"
	wait_until 20 ctr version
	podman save --format oci-archive -o "$CLIENT/image.tar" localhost/box
	ctr image import --snapshotter native "$CLIENT/image.tar"
	image=$(ctr image ls -q | head -n 1)
	flags=(--snapshotter native --runc-binary "$CLIENT/hyfw-oci")
	run ctr run "${flags[@]}" --rm "$image" once /bin/sh -c 'echo heard; exit 3'
	[ "$status" -eq 3 ]
	[[ $output == *heard* ]]
	run ctr run "${flags[@]}" --rm "$image" none /bin/nonexistent
	[ "$status" -eq 1 ]
	[[ $output == *"no such file or directory"* ]]
	ctr run "${flags[@]}" -d "$image" box /bin/sleep 1000
	run -6 ctr task exec --exec-id more box /bin/sh -c 'exit 6'
	ctr task pause box
	[[ "$(ctr task ls)" == *PAUSED* ]]
	ctr task resume box
	[[ "$(ctr task metrics box)" == *memory* ]]
	ctr task kill -s KILL box
	wait_until 10 ctr task rm box
	ctr container rm box
	kill "$(cat "$CLIENT/containerd.pid")"
	wait_until 10 has_ended "$(cat "$CLIENT/containerd.pid")"
}
