# Each attack without the defence and with it.  Without: it has to work, or the
# test would prove nothing.
load helpers

# Thousandths of a CPU that a workload used over some seconds.
cpu_used() { # NAME [SECONDS]
	local group first second start
	group=$(cgroup_of "$1" cpuacct)
	start=$(date +%s%N)
	first=$(cpu_nanoseconds "$group")
	sleep "${2:-4}"
	second=$(cpu_nanoseconds "$group")
	echo $(((second - first) * 1000 / ($(date +%s%N) - start)))
}

cpu_nanoseconds() {
	if [ -e "$1/cpuacct.usage" ]; then
		cat "$1/cpuacct.usage"
	else
		awk '$1 == "usage_usec" { printf "%.0f\n", $2 * 1000 }' "$1/cpu.stat"
	fi
}

memory_peak() {
	local group
	group=$(cgroup_of "$1" memory)
	cat "$group/memory.max_usage_in_bytes" 2>/dev/null || cat "$group/memory.peak"
}

stress() { # NAME FLAG...
	local name=$1
	shift
	hyfw run -d --name "$name" --tmpfs /tmp "$@" --network none --rootfs "$ROOTFS" -- \
		stress-ng --vm 4 --vm-bytes 256m --timeout 60 --temp-path /tmp
	sleep 1.5
}

@test "stress-ng without limits takes what it asks for" {
	[ -x "$ROOTFS/bin/stress-ng" ] || skip "stress-ng is not installed"
	stress unlimited
	local cpu memory
	cpu=$(cpu_used unlimited) memory=$(memory_peak unlimited 2>/dev/null || echo 0)
	echo "cpu $cpu/1000 memory $memory"
	[ "$cpu" -gt 275 ]       # more than the limit of the next test lets through, on a busy machine too
	[ "$memory" -eq 0 ] || [ "$memory" -gt $((100 << 20)) ]
}

@test "stress-ng with cpus 0.25 stays at a quarter of a CPU" {
	[ -x "$ROOTFS/bin/stress-ng" ] || skip "stress-ng is not installed"
	stress slow --cpus 0.25
	local cpu
	cpu=$(cpu_used slow)
	echo "cpu $cpu/1000"
	[ "$cpu" -gt 100 ]
	[ "$cpu" -le 275 ]       # a tenth more for where the periods begin
}

# Short of memory, stress-ng is in the kernel's reclaim nearly all of its time, and
# Linux since 6.18 throttles a task only when it goes back to user mode.  What was
# overdrawn is paid back: bursts of up to 3.5 CPU seconds were seen, with nothing at
# all for seconds after them, and a quarter of a CPU in the long run.  So twenty
# seconds, and one burst more than the quarter.
@test "stress-ng with cpus 0.25 and memory 50M: never above 50M, and slow" {
	[ -x "$ROOTFS/bin/stress-ng" ] || skip "stress-ng is not installed"
	stress limited --cpus 0.25 --memory 50M
	local cpu memory
	cpu=$(cpu_used limited 20) memory=$(memory_peak limited)
	echo "cpu $cpu/1000 memory $memory"
	[ "$cpu" -gt 0 ]
	[ "$cpu" -le 450 ]
	[ "$memory" -le $((50 << 20)) ]
	[ "$memory" -gt $((10 << 20)) ]
}

@test "memory: a process that wants more than the limit is killed, its neighbour is not" {
	hyfw run -d --name quiet --network none --rootfs "$ROOTFS" -- sleep 60
	run run_box --memory 50M -- probe eat 200 10
	echo "$status $output"
	[ "$status" -eq 137 ]
	is_status quiet running
	run run_box -- probe eat 200 10
	[ "$output" = "eat ok" ]
}

@test "a fork bomb stops at the limit, the host and the neighbour answer, and it can be killed" {
	hyfw run -d --name neighbour --network none --rootfs "$ROOTFS" -- sleep 60
	hyfw run -d --name bomb --pids-limit 64 --network none --rootfs "$ROOTFS" -- \
		sh -c 'bomb() { bomb | bomb & }; bomb; while :; do :; done'
	sleep 1
	local pids start
	pids=$(cat "$(cgroup_of bomb pids)/pids.current")
	echo "pids $pids"
	[ "$pids" -le 64 ]
	start=$(date +%s%N)
	/bin/true
	hyfw exec neighbour -- true
	[ $((($(date +%s%N) - start) / 1000000)) -lt 5000 ]
	hyfw kill bomb || true
	hyfw rm -f bomb
	is_status neighbour running
}

@test "forks: as many as asked for without a limit in the way, EAGAIN with it" {
	run run_box --pids-limit 400 -- probe fork 300 300
	[ "$output" = "fork 300 ok" ]
	run run_box --pids-limit 50 -- probe fork 300 300
	echo "$output"
	[[ $output =~ ^fork\ [0-9]+\ EAGAIN$ ]]
	[ "$(cut -d' ' -f2 <<<"$output")" -lt 50 ]
}

@test "root inside is root outside only without the user namespace" {
	local directory=$DATA/owned
	mkdir -m 777 "$directory"
	echo secret >"$directory/secret"
	chmod 600 "$directory/secret"
	run run_box --userns host --cap-add DAC_OVERRIDE -v "$directory:/mnt" -- cat /mnt/secret
	echo "without: $output"
	[ "$output" = secret ]
	hyfw run -d --name mapped --network none --rootfs "$ROOTFS" -- sleep 60
	local pid
	pid=$(hyfw --format json inspect mapped | json 0 pid)
	[ "$(stat -c %u "/proc/$pid")" -ge 65536 ]
	[ "$(hyfw exec mapped -- id -u)" = 0 ]
	rm -rf "$directory"
}

@test "a directory handed in is the workload's, and :ro takes writing away; its neighbour directory stays out of reach" {
	local directory=$DATA/handed
	mkdir -p "$directory/in" "$directory/out"
	echo secret >"$directory/out/secret"
	echo shared >"$directory/in/shared"
	ln -s ../out/secret "$directory/in/link"
	run run_box -v "$directory/in:/mnt:ro" -- sh -c 'cat /mnt/shared; cat /mnt/link /mnt/../out/secret; echo x >>/mnt/shared'
	echo "$output"
	[ "$(cat "$directory/in/shared")" = shared ]
	[ "${lines[0]}" = shared ]
	[[ $output != *secret$'\n'* && $output != *$'\n'secret ]]
	rm -rf "$directory"
}

granted=(--userns host --cap-add ALL --security-opt seccomp=unconfined)

@test "mounting works when everything is granted, and is refused by default" {
	run run_box "${granted[@]}" -- probe mount bind fsopen
	echo "without: $output"
	grep -qx 'mount ok' <<<"$output"
	run run_box -- probe mount bind remount umount fsopen pivot_root
	echo "with: $output"
	[ "${#lines[@]}" -eq 6 ]
	absent ' ok$' <<<"$output"
}

@test "kernel modules and kexec are refused" {
	run run_box "${granted[@]}" -- probe init_module delete_module
	echo "without: $output"
	absent EPERM <<<"$output"
	run run_box -- probe init_module finit_module delete_module kexec_load
	echo "with: $output"
	[ "$(grep -cE ' (EPERM|ENOSYS)$' <<<"$output")" -eq 4 ]
}

@test "the kernel's keyrings are refused" {
	run run_box "${granted[@]}" -- probe add_key keyctl
	echo "without: $output"
	grep -q ' ok$' <<<"$output"
	run run_box -- probe add_key keyctl
	echo "with: $output"
	[ "$(grep -cE ' (EPERM|ENOSYS)$' <<<"$output")" -eq 2 ]
}

@test "ptrace and reading another process are refused" {
	run run_box "${granted[@]}" -- probe ptrace process_vm_readv
	echo "without: $output"
	grep -qx 'ptrace ok' <<<"$output"
	run run_box -- probe ptrace process_vm_readv
	echo "with: $output"
	[ "$(grep -cE ' (EPERM|ENOSYS)$' <<<"$output")" -eq 2 ]
}

@test "new namespaces are refused" {
	run run_box "${granted[@]}" -- probe unshare_user unshare_net clone_user
	echo "without: $output"
	[ "$(grep -c ' ok$' <<<"$output")" -eq 3 ]
	run run_box -- probe unshare_user unshare_net clone_user setns
	echo "with: $output"
	[ "$(grep -cE ' (EPERM|ENOSYS|EACCES)$' <<<"$output")" -eq 4 ]
}

@test "raw devices are refused, made or found" {
	run run_box "${granted[@]}" -- sh -c 'mknod /tmp/zero c 1 5 && echo made; rm -f /tmp/zero'
	echo "without: $output"
	[[ $output == *made* ]]
	run run_box -- probe block_device memory_device dev_mem dev_kmsg packet_socket
	echo "with: $output"
	[ "${#lines[@]}" -eq 5 ]
	absent ' ok$' <<<"$output"
}

@test "a device file in a directory handed in is refused, also to who may mount" {
	local directory=$DATA/nodes
	mkdir -p "$directory"
	mknod -m 666 "$directory/disk" b 7 250
	mknod -m 666 "$directory/zero" c 1 5
	run run_box -v "$directory:/mnt" -- sh -c 'head -c1 /mnt/zero || echo refused'
	echo "by default: $output"
	[[ $output == *refused ]]
	# With "nodev" taken away a harmless one opens, so the other one is refused by
	# the control group (EPERM; without that it would be ENXIO).
	run run_box --cap-add SYS_ADMIN -v "$directory:/mnt" -- sh -c \
		'mount -o remount,bind,dev /mnt && head -c1 /mnt/zero >/dev/null && echo lifted; head -c1 /mnt/disk'
	echo "with SYS_ADMIN: $output"
	[[ $output == *lifted* && $output == *"not permitted"* ]]
	rm -rf "$directory"
}

@test "a workload that may mount is warned of when it has a read-only volume" {
	mkdir -p "$DATA/kept"
	run run_box --cap-add SYS_ADMIN -v "$DATA/kept:/mnt:ro" -- true
	[[ $output == *"sys_admin"*"writable"* ]]
	run run_box --cap-add SYS_ADMIN -v "$DATA/kept:/mnt" -- true
	[[ $output != *writable* ]]
	run run_box -v "$DATA/kept:/mnt:ro" -- true
	[[ $output != *writable* ]]
	rm -rf "$DATA/kept"
}

@test "bpf, perf, userfaultfd, io_uring, file handles, reboot, swap, clock, kernel log are refused" {
	run run_box -- probe bpf perf_event_open userfaultfd io_uring open_by_handle_at reboot swapon settimeofday syslog
	echo "$output"
	[ "${#lines[@]}" -eq 9 ]
	absent ' ok$' <<<"$output"
	absent SIG <<<"$output"
}

@test "sensitive kernel files cannot be written or read" {
	run run_box -- probe core_pattern sysrq kcore sys_write
	echo "$output"
	[ "${#lines[@]}" -eq 4 ]
	absent ' ok$' <<<"$output"
}

@test "everyday calls still work under the default confinement" {
	run run_box -- probe root_write setuid
	echo "$output"
	[ "$(grep -c ' ok$' <<<"$output")" -eq 2 ]
	run run_box --tmpfs /tmp -- sh -c 'rm -rf /tmp/d /tmp/l /tmp/p && mkdir /tmp/d && chown 1000:1000 /tmp/d && chmod 4755 /tmp/d && ln -s a /tmp/l && mkfifo /tmp/p && su web -c "id -u"'
	echo "$output"
	[ "$output" = 1002 ]
}

@test "the runtime's own binary cannot be overwritten through /proc/self/exe or /proc/1/exe" {
	local before after
	before=$(sha256sum <"$HYFW")
	# As in CVE-2019-5736: the image's command is a link to the runtime itself.
	local root=$DATA/overwrite
	cp -a "$ROOTFS" "$root"
	ln -sf /proc/self/exe "$root/bin/evil"
	run hyfw run --rm --network none --rootfs "$root" -- /bin/evil
	echo "link: $status $output"
	run run_box -- probe init_exe
	echo "init: $output"
	hyfw run -d --name target --network none --rootfs "$root" -- \
		sh -c 'while :; do for p in /proc/[0-9]*; do echo x 2>/dev/null >>$p/exe && echo wrote $p; done; sleep 0.05; done 2>/dev/null'
	local n
	for n in 1 2 3; do HYFW_TIMEOUT=10 hyfw exec target -- /bin/evil || true; done
	run hyfw logs target
	after=$(sha256sum <"$HYFW")
	[ "$before" = "$after" ]
	hyfw rm -f target
	rm -rf "$root"
}

@test "no descriptor leaks in, from us or from the caller" {
	exec 7<"$HYFW_TOP/README.md"
	run run_box -- probe fds
	echo "run: $output"
	[ -z "$output" ]
	hyfw run -d --name leaky --network none --rootfs "$ROOTFS" -- sleep 60
	run hyfw exec leaky -- probe fds
	echo "exec: $output"
	[ -z "$output" ]
	exec 7<&-
	run hyfw exec leaky -- sh -c 'ls -l /proc/1/fd | wc -l'
	[ "$output" -le 4 ]
}

@test "a monitor keeps neither descriptors nor arguments of the caller" {
	exec 7<"$HYFW_TOP/README.md"
	hyfw run -d --name kept -e PASSWORD=hunter2 --network none --rootfs "$ROOTFS" -- \
		sh -c 'test "$PASSWORD" = hunter2 && sleep 60'
	exec 7<&-
	local monitor
	monitor=$(hyfw --format json inspect kept | json 0 monitor_pid)
	run tr '\0' ' ' <"/proc/$monitor/cmdline"
	echo "$output"
	[[ $output == *" run"* && $output != *hunter2* ]]
	run ls -l "/proc/$monitor/fd"
	[[ $output == *journal* && $output != *README* ]]
	sleep 0.3
	is_status kept running
}

@test "directories that another user could have filled are not used" {
	local other=$BATS_TEST_TMPDIR/other option
	mkdir "$other"
	run "$HYFW" --root "$other" --state "$other" ps
	[ "$status" -eq 0 ]
	for option in --root --state; do
		chown 1002 "$other"
		run "$HYFW" --root "$DATA" --state "$STATE" "$option" "$other" ps
		echo "$output"
		[ "$status" -eq 125 ] && [[ $output == *"not trusted"* ]]
		chown 0 "$other"
		chmod 1777 "$other"
		run "$HYFW" --root "$DATA" --state "$STATE" "$option" "$other" ps
		[ "$status" -eq 125 ] && [[ $output == *"not trusted"* ]]
		chmod 755 "$other"
	done
	ln -s "$other" "$BATS_TEST_TMPDIR/link"
	chown -h 1002 "$BATS_TEST_TMPDIR/link"
	run "$HYFW" --root "$DATA" --state "$BATS_TEST_TMPDIR/link" ps
	[ "$status" -eq 125 ]
}

@test "the working directory cannot be one outside (CVE-2024-21626)" {
	local n
	for n in 3 4 5 6 7 8 9 10 11 12; do
		run run_box -w "/proc/self/fd/$n" -- cat ../../../../etc/hostname
		[[ $output != "$(hostname)" ]] || { echo "through descriptor $n"; false; }
		run run_box -w "/proc/self/fd/$n/../../../.." -- ls -d root/work home/debian
		[ "$status" -ne 0 ]
	done
}

# The kernel opens the interpreter of a script while the descriptors that exec
# closes are still open.
@test "the interpreter of a script is not one of the host, through a descriptor of ours" {
	local root=$DATA/interpreter busybox n
	busybox=$(command -v busybox)
	cp -a "$ROOTFS" "$root"
	printf '#!/bin/busybox echo\n' >"$root/bin/script"
	chmod 755 "$root/bin/script"
	run hyfw run --rm --network none --rootfs "$root" -- /bin/script
	[ "$output" = /bin/script ]
	hyfw run -d --name scripts --network none --rootfs "$root" -- sleep 60
	for n in 3 4 5 6 7 8 9 10 11 12 13 14; do
		printf '#!/proc/self/fd/%d/../../../../../../..%s echo\n' "$n" "$busybox" >"$root/bin/script"
		run -127 hyfw run --rm --network none --rootfs "$root" -- /bin/script
		printf '#!/proc/self/fd/%d/1/root%s echo\n' "$n" "$busybox" >"$root/bin/script"
		run -127 hyfw exec scripts /bin/script
	done
	hyfw rm -f scripts
	rm -rf "$root"
}

@test "a directory of the caller is not given to a command as its standard input" {
	hyfw run -d --name given --network none --rootfs "$ROOTFS" -- sleep 60
	run "${HYFW_COMMAND[@]}" exec -i given ls /proc/self/fd/0/ </etc
	echo "$output"
	[ "$status" -eq 125 ]
	[[ $output == *directory* ]]
	run "${HYFW_COMMAND[@]}" exec -i given cat <<<text
	[ "$output" = text ]
}

@test "the host's processes and mounts are not seen" {
	run run_box -- sh -c 'ls /proc | grep -c "^[0-9]"'
	echo "$output"
	[ "$output" -le 5 ]
	run run_box -- sh -c 'grep -c . /proc/self/mounts; grep /oldroot /proc/self/mounts; grep -E " /(work|home|var|opt)" /proc/self/mounts'
	echo "$output"
	[ "${#lines[@]}" -eq 1 ]
}

@test "a workload cannot read another one's volume or root" {
	hyfw run -d --name victim -v victim-data:/data --network none box sh -c 'echo private >/data/file; chmod 600 /data/file; sleep 60'
	wait_until 5 hyfw exec victim -- test -s /data/file
	run run_box -- sh -c 'cat /data/file; find / -xdev -name file -path "*victim*" 2>/dev/null'
	echo "$output"
	[[ $output != *private* && $output != *victim* ]]
	hyfw rm -f victim
	drop_volume victim-data
}

@test "a symbolic link swapped under a volume while starting never leads outside" {
	local directory=$DATA/swap stop=$BATS_TEST_TMPDIR/stop n
	mkdir -p "$directory/real" "$directory/outside"
	echo outside >"$directory/outside/marker"
	(
		while [ ! -e "$stop" ]; do
			ln -sfn ../outside "$directory/real/link"
			rm -f "$directory/real/link"; mkdir -p "$directory/real/link"; rmdir "$directory/real/link"
		done
	) 3>&- 2>/dev/null &
	local swapper=$!
	for n in $(seq 15); do
		run run_box -v "$directory/real:/mnt" -v "swap-volume:/mnt/link" -- cat /mnt/link/marker
		[[ $output != outside ]] || { touch "$stop"; echo "start $n"; false; }
	done
	touch "$stop"
	wait "$swapper" || true
	drop_volume swap-volume
	rm -rf "$directory"
}
