# hyfw as an OCI runtime: what the suites of other runtimes ask of its commands.

# shellcheck disable=SC2016 # expanded inside, or jq's own

load helpers
load oci-helpers

status_is() { [ "$(oci state "$1" | jq -r .status)" = "$2" ]; }

# A Unix socket that takes one message: listener PATH stream|dgram OUTPUT
listener() {
	cat >"$WORK/listener" <<-'END'
		import array, os, socket, sys
		kind = socket.SOCK_STREAM if sys.argv[2] == "stream" else socket.SOCK_DGRAM
		listener = socket.socket(socket.AF_UNIX, kind)
		listener.bind(sys.argv[1])
		if kind == socket.SOCK_STREAM:
		    listener.listen()
		    open(sys.argv[1] + ".ready", "w").close()
		    connection, _ = listener.accept()
		else:
		    open(sys.argv[1] + ".ready", "w").close()
		    connection = listener
		text, control, _, _ = connection.recvmsg(1000, 100)
		told = text.decode()
		for _, _, data in control:
		    fd = array.array("i", data[:4])[0]
		    told += "\n" + open("/proc/self/fdinfo/%d" % fd).read()
		with open(sys.argv[3], "w") as output:
		    output.write(told)
	END
	rm -f "$1" "$1.ready" "$3"
	timeout 60 python3 "$WORK/listener" "$1" "$2" "$3" 3>&- &
	wait_until 10 test -e "$1.ready"
}

@test "help, versions and verbs that there are not are told as runc does" {
	run oci --help
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == NAME:* && ${lines[1]} == *"hyfw oci - Open Container Initiative runtime"* ]]
	[[ $output == *Usage:* ]]
	run oci update -h
	[ "$status" -eq 0 ]
	[[ ${lines[1]} == *"hyfw oci update"* && $output == *"Usage: hyfw oci [OPTION...] update [OPTION]... CONTAINER"* ]]
	[[ $output == *--pids-limit* ]]
	run oci checkpoint --help
	[ "$status" -eq 0 ]
	run oci checkpoint --image-path /tmp any
	[ "$status" -eq 1 ]
	[[ $output == *"checkpoint: not supported"* ]]
	run oci restore any
	[ "$status" -eq 1 ]
	[[ $output == *"restore: not supported"* ]]
	run oci foo -h
	[ "$status" -eq 1 ]
	[[ $output == *"No help topic for 'foo'"* ]]
	ln -sf "$HYFW_PREFIX/bin/hyfw" "$WORK/runc"
	run "$WORK/runc" -v
	[[ ${lines[0]} == "runc version "[0-9]* && ${lines[1]} == commit:* && ${lines[2]} == "spec: 1."* ]]
}

@test "flags with words that there are not are refused" {
	local flag
	for flag in --log-format=xml --log=ftp:/a --rootless=perhaps --cgroup-manager=other; do
		run oci "$flag" list
		[ "$status" -eq 1 ]
	done
	oci --rootless auto --log "file:$WORK/log" list
	oci --debug list 2>&1 | grep level=debug
	run oci --debug --log "$WORK/log" --log-format json list
	[[ $output != *level* ]]
	grep '"level":"debug"' "$WORK/log"
}

@test "list tells all in one line of JSON, in runc's order" {
	sleeper listed
	oci list --format json >"$WORK/list"
	[ "$(wc -l <"$WORK/list")" -eq 1 ]
	grep -E '^\[\{"ociVersion":"[^"]*","id":"listed","pid":[0-9]+,"status":"running","bundle":"'"$BUNDLE"'","rootfs":"[^"]*","created":' \
		"$WORK/list"
}

@test "an environment has each name once, and a home from passwd" {
	run box 'env | grep -c ^ONE=; echo $ONE $HOME' '.process.env += ["ONE=1", "HOME=", "ONE=2"]'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 1 ]
	[[ ${lines[1]} == "2 /"* ]]
	sleeper more '.process.env = ["PATH=/bin:/usr/bin", "A=1"]'
	[ "$(oci exec --env A=2 --env B=3 more sh -c 'echo $A$B; env | grep -c ^A=')" = $'23\n1' ]
}

@test "exec takes groups, a short process and unknown capabilities" {
	sleeper more '.process.capabilities = {bounding: ["CAP_KILL"], permitted: ["CAP_KILL"], effective: ["CAP_KILL"]}'
	[ "$(oci exec --user 7:8 --additional-gids 9 -g 10 more id -G)" = "8 9 10" ]
	run oci exec --cap CAP_UNKNOWN more grep CapBnd /proc/self/status
	[ "$status" -eq 0 ]
	[[ $output == *0000000000000020* ]]
	# In pieces, as a pipe may be read.
	[[ "$(oci exec --process <(echo '{"args": ["grep", "CapEff", '; sleep 0.2; echo '"/proc/self/status"], "cwd": "/"}') \
		more)" == *0000000000000020* ]]
	run oci exec --tty --detach more true
	[ "$status" -eq 255 ]
	[[ $output == *"without setting console socket"* ]]
}

@test "a command that cannot be executed is told in one line, as exec COMMAND" {
	sleeper more
	run oci exec more /bin/none
	[ "$status" -eq 255 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"exec /bin/none: no such file or directory"* ]]
	run oci exec more none
	[[ $output == *"exec none: executable file not found in \$PATH"* ]]
	run oci exec more /etc
	[[ $output == *"exec /etc: permission denied"* ]]
}

@test "exec --cgroup goes below the container's own groups alone" {
	local group
	sleeper more
	group=$(group_of more pids)
	mkdir "$group/below"
	if has_v1; then
		oci exec --cgroup pids:below --detach --pid-file "$WORK/pid" more sleep 1000
	else
		oci exec --cgroup below --detach --pid-file "$WORK/pid" more sleep 1000
	fi
	grep -qx "$(cat "$WORK/pid")" "$group/below/cgroup.procs"
	run oci exec --cgroup .. more true
	[ "$status" -eq 255 ]
	[[ $output == *" .. is not a sub cgroup path"* ]]
	run oci exec --cgroup nothing more true
	[[ $output == *" adding pid "*"/cgroup.procs: no such file or directory"* ]]
	oci delete --force more
	[ ! -e "$group" ]
}

@test "paused is what the freezer says, whoever wrote there" {
	local group pid
	sleeper still
	group=$(group_of still freezer)
	if [ -e "$group/freezer.state" ]; then echo FROZEN >"$group/freezer.state"; else echo 1 >"$group/cgroup.freeze"; fi
	wait_until 5 status_is still paused
	run oci exec still true
	[ "$status" -eq 255 ]
	[[ $output == *--ignore-paused* ]]
	oci resume still
	status_is still running
	oci pause still
	oci exec --ignore-paused still echo gone on >"$WORK/said" 3>&- & # it waits with the others
	pid=$!
	oci resume still
	wait "$pid"
	[ "$(cat "$WORK/said")" = "gone on" ]
	oci pause still
	oci delete --force still
	[ -e /sys/fs/cgroup/freezer/tasks ] || return 0 # cgroup v1: a freezer that is not the container's
	sleeper still
	group=/sys/fs/cgroup/freezer/still-$$
	mkdir "$group"
	oci state still | jq .pid >"$group/tasks"
	echo FROZEN >"$group/freezer.state"
	oci delete --force still
	wait_until 5 rmdir "$group"
}

@test "kill looks with 0, and with KILL reaches everybody in a shared pid namespace" {
	local group pid
	sleeper looked
	oci kill looked 0
	oci kill looked kill
	wait_until 10 status_is looked stopped
	run oci kill looked 0
	[ "$status" -eq 1 ]
	[[ $output == *"container not running"* ]]
	oci kill --all looked 0
	oci delete looked
	sleeper shared '.linux.namespaces |= map(select(.type != "pid"))'
	oci exec --detach --pid-file "$WORK/pid" shared sleep 1000
	pid=$(cat "$WORK/pid")
	group=$(group_of shared pids)
	kill -KILL "$(oci state shared | jq .pid)"
	wait_until 10 status_is shared stopped
	kill -0 "$pid"
	oci kill shared KILL
	wait_until 10 has_ended "$pid"
	run oci ps shared
	[ "$status" -eq 0 ]
	[[ $output == *PID* && ${#lines[@]} -eq 1 ]]
	oci delete shared
	[ ! -e "$group" ]
}

@test "a memory policy is the container's and its further commands'" {
	[ -e /proc/self/numa_maps ] || skip "the kernel has no NUMA"
	run box 'head -n 1 /proc/self/numa_maps' '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0"}'
	[ "$status" -eq 0 ]
	[[ $output == *" bind:0 "* ]]
	sleeper placed '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0"}'
	[[ "$(oci exec placed head -n 1 /proc/self/numa_maps)" == *" interleave:0 "* ]]
	run -0 box 'head -n 1 /proc/self/numa_maps' '.linux.memoryPolicy = {}'
	[[ $output == *" default "* ]]
	run -1 box true '.linux.memoryPolicy = {nodes: "0"}'
	[[ $output == *"invalid memory policy mode"* ]]
	run box true '.linux.memoryPolicy = {mode: "MPOL_DEFAULT", nodes: "0"}'
	[ "$status" -eq 1 ]
	[[ $output == *set_mempolicy*"invalid argument"* ]]
}

# In a network namespace of the test's own: run SCRIPT, which makes devices, then a container.
with_devices() { # SCRIPT-OUTSIDE SCRIPT-INSIDE JQ-FILTER
	bundle '.process.args = ["/bin/sh", "-c", $script] | '"$3" --arg script "$2"
	unshare --net sh -ec "$1"'; shift; exec "$@"' -- - timeout --foreground -k 5 40 "${HYFW_COMMAND[@]}" oci \
		--root "$OCI_ROOT" run --bundle "$BUNDLE" moved </dev/null
}

@test "network devices move into the container with their addresses" {
	local devices='.linux.netDevices = {"out0": {"name": "in0"}, "out1": {}}'
	unshare --net ip link add out0 type veth peer name out1 || skip "the kernel has no veth devices"
	run with_devices 'ip link add out0 mtu 1400 type veth peer name out1
		ip address add 192.0.2.7/24 broadcast + dev out0; ip -6 address add 2001:db8::7/64 nodad dev out0
		ip address add 127.0.0.33 scope host dev out0; ip link set out0 up' \
		'ip address; ip link show out1' "$devices"' | .hooks.prestart = [{path: "/bin/sh",
			args: ["sh", "-c", "nsenter --net=/proc/$(jq .pid)/ns/net ip link show in0 >&2"], env: ["PATH=/usr/sbin:/usr/bin"]}]'
	[ "$status" -eq 0 ]
	[[ $output == *"in0"*"mtu 1400"* && $output == *"out1"*UP* ]]
	[[ $output == *"inet 192.0.2.7/24 brd 192.0.2.255 "*in0* && $output == *"inet6 2001:db8::7/64 "* ]]
	[[ $output != *127.0.0.33* ]]
	run with_devices 'ip link add out0 type veth peer name out1; ip link delete out0' true "$devices"
	[ "$status" -eq 1 ]
	[[ $output == *"linux.netDevices.out0: find it: No such device"* ]]
}

@test "ps shows the processes of the container alone, whatever its options" {
	sleeper watched
	[[ "$(oci ps watched)" == *UID*PID*PPID*CMD*sleep* ]]
	run oci ps watched aux
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} == *PID*COMMAND* && ${lines[1]} == *sleep* ]]
}

@test "one that was never started is deleted without --force" {
	bundle '.process.args = ["/bin/sleep", "1000"]'
	oci create --bundle "$BUNDLE" waiting
	oci delete waiting
	run oci state waiting
	[ "$status" -eq 1 ]
}

@test "a failing poststart hook deletes the container, poststop hooks all run, also after a failed creation" {
	local stop='[{path: "/bin/false"}, {path: "/bin/sh", args: ["sh", "-c", "cat >" + $out]}]'
	rm -f "$WORK/out"
	bundle '.process.args = ["/bin/sleep", "1000"] | .hooks = {poststart: [{path: "/bin/true"}, {path: "/bin/false"}], poststop: '"$stop"'}' \
		--arg out "$WORK/out"
	oci create --bundle "$BUNDLE" hooked
	run oci start hooked
	[ "$status" -eq 1 ]
	[[ $output == *"error running poststart hook #1:"* && $output == *"error running poststop hook #0:"* ]]
	[ "$(jq -r .status "$WORK/out")" = stopped ]
	run oci state hooked
	[ "$status" -eq 1 ]
	rm "$WORK/out"
	bundle '.hooks = {createRuntime: [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}], poststop: '"$stop"'}' \
		--arg out "$WORK/out"
	run oci create --bundle "$BUNDLE" hooked
	[ "$status" -eq 1 ]
	[[ $output == *"did not end within 1 s"* ]]
	[ "$(jq -r .id "$WORK/out")" = hooked ]
}

@test "a hook without a list has the caller's environment, and its output goes where an annotation says" {
	bundle '.process.args = ["/bin/true"] | .annotations = {"run.oci.hooks.stdout": $out} |
		.hooks.prestart = [{path: "/bin/sh", args: ["sh", "-c", "echo $FROM_CALLER"]}]' --arg out "$WORK/hooked"
	FROM_CALLER=kept oci run --bundle "$BUNDLE" hooked
	[ "$(cat "$WORK/hooked")" = kept ]
}

@test "a pidfd is sent to whom a flag or an annotation names" {
	listener "$WORK/pidfd" stream "$WORK/told"
	bundle '.process.args = ["/bin/sleep", "1000"]'
	oci create --bundle "$BUNDLE" --pidfd-socket "$WORK/pidfd" held
	wait_until 10 test -s "$WORK/told"
	grep -P "^Pid:\t$(oci state held | jq .pid)$" "$WORK/told"
	oci start held
	listener "$WORK/pidfd" stream "$WORK/told"
	oci exec --detach --pid-file "$WORK/pid" --pidfd-socket "$WORK/pidfd" held sleep 1000
	wait_until 10 test -s "$WORK/told"
	grep -P "^Pid:\t$(cat "$WORK/pid")$" "$WORK/told"
	oci delete --force held
	listener "$WORK/pidfd" stream "$WORK/told"
	sleeper held '.annotations["run.oci.pidfd_receiver"] = "'"$WORK/pidfd"'"'
	wait_until 10 test -s "$WORK/told"
}

@test "readiness goes to NOTIFY_SOCKET with the main process beside it" {
	local script='import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b"STATUS=up\nREADY=1", os.environ["NOTIFY_SOCKET"])
'
	# The root file system of the tests has no program that can send it: a child of ours in
	# the container's mount namespace does.
	local place
	place=$(mktemp -d /run/hyfw-notify.XXXXXX)
	listener "$place/socket" dgram "$WORK/told"
	bundle '.process.args = ["sh", "-c", "echo $NOTIFY_SOCKET >/dev/shm/where; exec sleep 1000"] |
		.mounts += [{destination: "/run", type: "tmpfs", source: "tmpfs"}]'
	NOTIFY_SOCKET=$place/socket oci create --bundle "$BUNDLE" ready
	NOTIFY_SOCKET=$place/socket oci start ready 3>&- &
	local started=$! pid
	pid=$(oci state ready | jq .pid)
	wait_until 10 test -s "/proc/$pid/root/dev/shm/where"
	[ "$(cat "/proc/$pid/root/dev/shm/where")" = "$place/socket/notify" ]
	kill -0 "$started"
	NOTIFY_SOCKET=/proc/$pid/root$place/socket/notify python3 -c "$script"
	wait "$started"
	wait_until 10 test -s "$WORK/told"
	rm -r "$place"
	[ "$(cat "$WORK/told")" = "MAINPID=$pid"$'\n'"READY=1" ]
}

@test "a socket that cannot be at the caller's path is at runc's" {
	local memory='.mounts += [{destination: "/run", type: "tmpfs", source: "tmpfs"}]'
	for NOTIFY_SOCKET in @somewhere /dev/log /run/../run/socket; do
		export NOTIFY_SOCKET
		run -0 box 'echo $NOTIFY_SOCKET; test -S $NOTIFY_SOCKET && echo there' "$memory"
		[ "${lines[*]}" = "/run/notify/notify.sock there" ]
	done
	export NOTIFY_SOCKET=/run/served
	run -0 box 'echo $NOTIFY_SOCKET.; ls /run/served' "$memory"' + [{destination: "/run/served", type: "tmpfs", source: "tmpfs"}]'
	[ "$output" = . ]
	unset NOTIFY_SOCKET
}

@test "descriptors that nobody gave are not preserved, more than there are do no harm" {
	bundle '.process.args = ["/bin/true"]'
	run bash -c 'exec 3>&- 4>&-; exec "$@"' -- "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" run --bundle "$BUNDLE" \
		--preserve-fds 2 none
	[ "$status" -eq 1 ]
	[[ $output == *"preserved-fd 0"* ]]
	bash -c 'exec 3</dev/null; exec "$@"' -- "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" run --bundle "$BUNDLE" \
		--preserve-fds 100 some
	# Podman's --preserve-fd=9,40 asks for as many as there are up to the last.
	bundle '.process.args = ["/bin/ls", "/proc/self/fd"]'
	run -0 bash -c 'exec 3>&- 9</dev/null 40</dev/null; exec "$@"' -- "${HYFW_COMMAND[@]}" oci --root "$OCI_ROOT" run \
		--bundle "$BUNDLE" --preserve-fds 38 holes
	[[ $output == *$'\n40\n9'* ]]
	run -1 oci run --bundle "$BUNDLE" --preserve-fd=9,40 list
	[[ $output == *"9,40: not a number"* ]]
}

@test "run --keep leaves a stopped container and its name taken" {
	bundle '.process.args = ["/bin/true"]'
	oci run --keep --bundle "$BUNDLE" kept
	status_is kept stopped
	run oci run --keep --bundle "$BUNDLE" kept
	[ "$status" -eq 1 ]
	oci delete kept
}
