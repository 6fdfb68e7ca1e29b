# Kubernetes' way to hyfw: containerd's Container Runtime Interface with a handler of that
# name, called as kubelet calls it.  containerd is private: directories, mounts and network.

load helpers

CLIENT=$DATA/cri
SOCKET=$STATE/containerd/socket
PARENT=/hyfw-test-cri-${HYFW_TEST_DATA##*-} # of the control groups

cri() { timeout --foreground -k 5 60 "$HYFW_TOP/tests/cli/cri-call" "$SOCKET" "$@" 3>&- </dev/null; }

# The runtime with this run's directories, as its options have a path alone; the rest of its
# table is the example's.
write_settings() {
	cat >"$CLIENT/hyfw-oci" <<-END
		#!/bin/sh
		exec "$HYFW" --root "$DATA" --state "$STATE" oci "\$@"
	END
	chmod 755 "$CLIENT/hyfw-oci"
	cat >"$CLIENT/containerd.toml" <<-END
		version = 2
		root = "$CLIENT/root"
		state = "$STATE/containerd/state"
		[grpc]
		address = "$SOCKET"
		[ttrpc]
		address = "$STATE/containerd/ttrpc"
		[plugins."io.containerd.grpc.v1.cri"]
		sandbox_image = "docker.io/library/box:latest"
		[plugins."io.containerd.grpc.v1.cri".cni]
		conf_dir = "$CLIENT/none"
		[plugins."io.containerd.grpc.v1.cri".containerd]
		snapshotter = "native"
	END
	sed "/^version/d; s|/usr/local/bin/hyfw-oci|$CLIENT/hyfw-oci|" "$HYFW_TOP/conf/examples/oci/containerd.toml" \
		>>"$CLIENT/containerd.toml"
	# The pod, and its container without what it runs.
	jq -n --arg logs "$CLIENT/logs" --arg parent "$PARENT/pod" '{
		metadata: {name: "web", uid: "1", namespace: "default"}, log_directory: $logs,
		dns_config: {servers: ["10.0.0.10"]},
		linux: {cgroup_parent: $parent, security_context: {namespace_options: {network: 2, pid: 1}}}}' >"$CLIENT/pod.json"
	jq -n --arg volume "$CLIENT/volume" '{image: {image: "docker.io/library/box:latest"},
		linux: {security_context: {namespace_options: {network: 2, pid: 1}}},
		mounts: [{container_path: "/v", host_path: $volume, readonly: 1}]}' >"$CLIENT/container.json"
	mkdir -p "$CLIENT"/{root,volume,logs} "$STATE/containerd"
	echo data >"$CLIENT/volume/file"
}

# In the form that `docker save` has; its command is that of the pod's first container.
make_image() {
	mkdir "$CLIENT/image"
	tar -C "$ROOTFS" --exclude ./bin/stress-ng -cf "$CLIENT/image/layer.tar" .
	jq -n --arg layer "sha256:$(sha256sum "$CLIENT/image/layer.tar" | cut -d' ' -f1)" '{architecture: "amd64", os: "linux",
		config: {Cmd: ["/bin/sleep", "1000000"], Env: ["PATH=/bin"]}, rootfs: {type: "layers", diff_ids: [$layer]}}' \
		>"$CLIENT/image/config.json"
	echo '[{"Config": "config.json", "RepoTags": ["box:latest"], "Layers": ["layer.tar"]}]' >"$CLIENT/image/manifest.json"
	tar -C "$CLIENT/image" -cf "$CLIENT/image.tar" config.json layer.tar manifest.json
}

# Sockets of the shims are in /run/containerd, wherever the rest is.
start_daemon() {
	# shellcheck disable=SC2016 # expanded inside
	unshare --net --mount --propagation private sh -c '
		mkdir -p /run/containerd && mount -t tmpfs tmpfs /run/containerd
		mount -t tmpfs tmpfs "$0/root"
		ip link set lo up
		exec containerd -c "$0/containerd.toml"' "$CLIENT" >"$CLIENT/log" 2>&1 3>&- </dev/null &
	echo $! >"$CLIENT/pid"
	wait_until 20 cri Version
	nsenter -t "$(cat "$CLIENT/pid")" -m ctr -n k8s.io -a "$SOCKET" images import --snapshotter native \
		"$CLIENT/image.tar" >/dev/null 3>&-
}

is_there() { command -v containerd >/dev/null && /usr/bin/python3 -c 'import grpc' 2>/dev/null; }

setup_file() {
	rm -rf --one-file-system "$DATA" "$STATE"
	is_there || return 0
	mkdir -p "$CLIENT" "$STATE"
	write_settings
	make_image
	start_daemon
}
teardown_file() {
	if [ -s "$CLIENT/pid" ]; then
		kill "$(cat "$CLIENT/pid")" 2>/dev/null || true
		wait_until 20 has_ended "$(cat "$CLIENT/pid")"
	fi
	rm -rf --one-file-system "$DATA" "$STATE"
}
setup() { is_there || skip "containerd or python3-grpcio is not installed (conf/packages, group oci)"; }
teardown() {
	local pod
	is_there || return 0
	for pod in $(cri ListPodSandbox | jq -r '.items[]?.id'); do
		cri StopPodSandbox "{\"pod_sandbox_id\": \"$pod\"}"
		cri RemovePodSandbox "{\"pod_sandbox_id\": \"$pod\"}"
	done >/dev/null
}

run_pod() {
	jq '{config: ., runtime_handler: "hyfw"}' "$CLIENT/pod.json" >"$CLIENT/request"
	cri RunPodSandbox "$(cat "$CLIENT/request")" | jq -r .pod_sandbox_id
}

# A container of the pod that does this: create POD NAME JQ-FILTER
create() {
	cri CreateContainer "$(jq -n --arg pod "$1" --arg name "$2" --slurpfile sandbox "$CLIENT/pod.json" \
		--slurpfile container "$CLIENT/container.json" '{pod_sandbox_id: $pod, sandbox_config: $sandbox[0],
		config: ($container[0] | .metadata.name = $name | .log_path = $name | '"$3"')}')" | jq -r .container_id
}

about() { cri "$1" "{\"container_id\": \"$2\"}"; } # METHOD CONTAINER

# What a shell command in a container printed, and its status last.
inside() { # CONTAINER SCRIPT
	cri ExecSync "$(jq -n --arg id "$1" --arg script "$2" \
		'{container_id: $id, cmd: ["/bin/sh", "-c", $script], timeout: 20}')" | jq -r '.stdout // "", .exit_code // 0'
}

# Of containers, where containerd says.
states() { nsenter -t "$(cat "$CLIENT/pid")" -m find /run/containerd -name state.json; }

status_is() { [ "$(about ContainerStatus "$1" | jq -r "[.status.state, .status.exit_code, .status.reason] | join(\" \")")" = "$2" ]; }

@test "a pod whose handler is hyfw: a container with limits, exec, figures, update, its end" {
	local pod web side
	pod=$(run_pod)
	[ "$(cri PodSandboxStatus "{\"pod_sandbox_id\": \"$pod\"}" | jq -r .status.runtime_handler)" = hyfw ]
	web=$(create "$pod" web '.command = ["/bin/sh", "-c", "echo began; trap \"exit 7\" TERM; while :; do sleep 0.1; done"]
		| .working_dir = "/tmp" | .envs = [{key: "K", value: "v"}]
		| .linux.resources = {cpu_period: 100000, cpu_quota: 50000, memory_limit_in_bytes: 67108864, oom_score_adj: 900}
		| .linux.security_context += {run_as_user: {value: 1002}, run_as_group: {value: 1003}, readonly_rootfs: 1,
			no_new_privs: 1, seccomp: {profile_type: 0}, capabilities: {drop_capabilities: ["ALL"]}}')
	about StartContainer "$web"
	[ -n "$(states)" ]
	# shellcheck disable=SC2016 # expanded inside
	run -0 inside "$web" 'echo $(id -u):$(id -g) $(pwd) $K $(cat /v/file) $(cat /proc/1/oom_score_adj)
		touch /v/x /x 2>&1; grep -E "CapBnd|NoNewPrivs|Seccomp:" /proc/self/status; cat /etc/resolv.conf
		cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /proc/self/cgroup; exit 3'
	[[ $output == "1002:1003 /tmp v data 900"*"/v/x: Read-only"*"/x: Read-only"*"CapBnd:	0000000000000000"*"NoNewPrivs:	1"*"Seccomp:	2"*10.0.0.10* ]]
	[[ $output == *$'\n67108864\n'*"$PARENT/pod/$web"*$'\n3' ]]
	side=$(create "$pod" side '.command = ["/bin/sleep", "1001"] | .tty = 1
		| .linux.security_context.namespace_options += {pid: 3, target_id: "'"$web"'"}')
	about StartContainer "$side"
	[[ "$(inside "$side" ps)" == *began*"sleep 1001"* ]] # a shared pid namespace
	cri UpdateContainerResources "{\"container_id\": \"$web\", \"linux\": {\"memory_limit_in_bytes\": 134217728}}"
	[[ "$(inside "$web" 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max')" == 134217728* ]]
	[ "$(cri ListContainerStats | jq '[.stats[] | select(.memory.working_set_bytes.value > 0)] | length')" -eq 2 ]
	[[ "$(cat "$CLIENT/logs/web")" == *"stdout F began" ]]
	cri StopContainer "{\"container_id\": \"$web\", \"timeout\": 5}"
	status_is "$web" "2 7 Error"
	about RemoveContainer "$web"
}

@test "kubelet learns why a container ended or did not start" {
	local pod box
	pod=$(run_pod)
	box=$(create "$pod" none '.command = ["/bin/nonexistent"]')
	run -1 about StartContainer "$box"
	[[ $output == *"no such file or directory"* ]]
	status_is "$box" "2 128 StartError"
	box=$(create "$pod" oom '.command = ["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=60M", "count=1"]
		| .linux.resources = {memory_limit_in_bytes: 16777216}')
	about StartContainer "$box"
	wait_until 10 status_is "$box" "2 137 OOMKilled"
}

@test "pods leave nothing behind" {
	[ -z "$(find /sys/fs/cgroup -type d -path "*$PARENT*")" ]
	[ -z "$(ls -A "$STATE/containerd/state/io.containerd.runtime.v2.task/k8s.io")" ]
	[ -z "$(states)" ]
}
