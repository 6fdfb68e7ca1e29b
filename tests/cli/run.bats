# Each flag of `hyfw run`, by its effect inside.
load helpers

@test "standard output and error stay apart" {
	run --separate-stderr run_box -- sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
}

@test "-i gives standard input" {
	run bash -c 'echo hello | "$@"' -- "${HYFW_COMMAND[@]}" run --rm -i --network none --rootfs "$ROOTFS" -- cat
	[ "$status" -eq 0 ]
	[ "$output" = hello ]
}

@test "without -i standard input is empty" {
	run bash -c 'echo hello | "$@"' -- "${HYFW_COMMAND[@]}" run --rm --network none --rootfs "$ROOTFS" -- cat
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "-t gives a terminal with the size of ours" {
	run script -qec "stty rows 33 cols 77; ${HYFW_COMMAND[*]} run --rm -it --network none --rootfs $ROOTFS -- sh -c 'tty; stty size'" /dev/null
	echo "$output"
	[[ $output == */dev/* ]]
	[[ $output == *"33 77"* ]]
}

@test "-t: the size is there before the command looks, and its end is never lost" {
	local try
	for try in 1 2 3 4 5 6 7 8; do
		run script -qec "stty rows 33 cols 77; ${HYFW_COMMAND[*]} run --rm -it --network none --rootfs $ROOTFS -- stty size" /dev/null
		echo "$status $output"
		[ "$status" -eq 0 ]
		[[ $output == *"33 77"* ]]
	done
}

@test "--name, --hostname, --label" {
	hyfw run -d --name named --hostname inner --label tier=front --network none --rootfs "$ROOTFS" -- sleep 60
	run hyfw exec named -- hostname
	[ "$output" = inner ]
	[ "$(hyfw ps -q)" = named ]
	hyfw --format json inspect named | grep -q '"tier' 
	run --separate-stderr hyfw run -d --name named --network none --rootfs "$ROOTFS" -- sleep 60
	[ "$status" -eq 125 ]
	[[ $stderr == *named* ]]
}

@test "the hostname is the workload's name when none is given" {
	run run_box --name called -- hostname
	[ "$output" = called ]
}

@test "-e sets and inherits the environment, and nothing else of ours is seen" {
	export FROM_OUTSIDE=outer NOT_WANTED=secret
	run run_box -e 'A=b c' -e FROM_OUTSIDE -- env
	echo "$output"
	grep -qx 'A=b c' <<<"$output"
	grep -qx 'FROM_OUTSIDE=outer' <<<"$output"
	absent -q NOT_WANTED <<<"$output"
	grep -q '^PATH=' <<<"$output"
}

@test "-w sets the working directory" {
	run run_box -w /srv -- pwd
	[ "$output" = /srv ]
}

@test "-u by number and by name, with supplementary groups" {
	run run_box -u 1002:1003 -- id -u
	[ "$output" = 1002 ]
	run run_box -u web -- sh -c 'id -u; id -g; id -G; echo $HOME'
	echo "$output"
	[ "${lines[0]}" = 1002 ]
	[ "${lines[1]}" = 1003 ]
	[[ ${lines[2]} == *1010* ]]
	run --separate-stderr run_box -u no-such-user -- true
	[ "$status" -eq 125 ]
	[[ $stderr == *no-such-user* ]]
}

@test "--entrypoint replaces the image's" {
	run run_box --entrypoint /bin/echo -- one two
	[ "$output" = "one two" ]
}

@test "-v binds a host directory, read-write and read-only" {
	local directory=$DATA/shared
	mkdir -p "$directory"; chmod 777 "$directory"
	echo outside >"$directory/file"
	run run_box -v "$directory:/mnt/shared" -- sh -c 'cat /mnt/shared/file; echo inside >/mnt/shared/new'
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = outside ]
	[ "$(cat "$directory/new")" = inside ]
	run run_box -v "$directory:/mnt/shared:ro" -- sh -c 'echo x >/mnt/shared/new2'
	[ "$status" -ne 0 ]
	[ ! -e "$directory/new2" ]
	rm -rf "$directory"
}

@test "-v with a name keeps its data from one workload to the next" {
	run_box -v keep:/data -- sh -c 'echo kept >/data/file'
	run run_box -v keep:/data -- cat /data/file
	[ "$output" = kept ]
	hyfw volume list | grep -q '^keep'
	hyfw volume rm keep
	run hyfw volume list
	[[ $output != *keep* ]]
}

@test "a new volume takes owner and mode of the directory that it covers" {
	local root=$DATA/owned
	cp -a "$ROOTFS" "$root"
	mkdir "$root/store"
	chown 70:71 "$root/store"
	chmod 2750 "$root/store"
	hyfw image import owned "$root"
	rm -rf "$root"
	run hyfw run --rm --network none -u 70:71 -v adopted:/store owned -- sh -c 'echo x >/store/file; stat -c "%u %g %a" /store'
	echo "$output"
	[ "$output" = "70 71 750" ]
	# what is not empty stays as it is
	hyfw run --rm --network none -v adopted:/store owned -- sh -c 'chown 0:0 /store; chmod 755 /store'
	run hyfw run --rm --network none -v adopted:/store owned -- stat -c "%u %g %a" /store
	[ "$output" = "0 0 755" ]
	hyfw volume rm adopted
	# a directory of the host is never touched
	mkdir -p "$DATA/mine"
	hyfw run --rm --network none -v "$DATA/mine:/store" owned -- true
	[ "$(stat -c '%u %g %a' "$DATA/mine")" = "0 0 755" ]
	rmdir "$DATA/mine"
	hyfw image rm owned
}

@test "--link opens a workload that runs already, by its name" {
	hyfw run -d --name peer --rootfs "$ROOTFS" -- httpd -f -p 80 -h /srv
	run hyfw run --rm --link peer --rootfs "$ROOTFS" -- wget -q -O - http://peer/
	echo "$output"
	[ "$output" = "page of the test image" ]
	run hyfw run --rm --link nobody --rootfs "$ROOTFS" -- true
	[ "$status" -eq 125 ]
	[[ $output == *"--link nobody: there is no workload nobody"* ]]
	cat >"$BATS_TEST_TMPDIR/other.ini" <<-END
		[network other]
		driver = bridge
	END
	run hyfw --config "$BATS_TEST_TMPDIR/other.ini" run --rm --network other --link peer --rootfs "$ROOTFS" -- true
	echo "$output"
	[ "$status" -eq 125 ]
	[[ $output == *"on none of the networks of this one"* ]]
	hyfw rm -f peer
}

@test "a volume target with links never leaves the root" {
	local root=$DATA/linked
	cp -a "$ROOTFS" "$root"
	rm -rf "$root/srv"; ln -s /../../../../tmp "$root/srv"
	mkdir -p "$DATA/shared2"
	run hyfw run --rm --network none -v "$DATA/shared2:/srv/deep" --rootfs "$root" -- true
	echo "$output"
	[ ! -e /tmp/deep ]
	rm -rf "$root" "$DATA/shared2"
}

@test "--read-only with --tmpfs" {
	run run_box --read-only --tmpfs /tmp -- sh -c 'touch /tmp/x && echo tmp; touch /x'
	[ "$status" -ne 0 ]
	[[ $output == *tmp* ]]
	[[ $output == *"Read-only file system"* ]]
}

@test "a --tmpfs size is the size" {
	run run_box --tmpfs /scratch:size=1M -- sh -c 'dd if=/dev/zero of=/scratch/x bs=64k count=64 2>&1; stat -c %s /scratch/x'
	echo "$output"
	[ "${lines[-1]}" -eq 1048576 ]
}

@test "an image's root is not changed by a workload" {
	hyfw run --rm --network none box sh -c 'echo x >/etc/passwd; rm -rf /srv'
	run hyfw run --rm --network none box cat /srv/index.html
	[ "$output" = "page of the test image" ]
}

@test "a created workload keeps its writable layer between starts" {
	hyfw create --name layer --network none box sh -c 'cat /state 2>/dev/null; echo again >>/state'
	hyfw start layer
	hyfw wait layer
	hyfw start layer
	hyfw wait layer
	run hyfw logs layer
	[ "$output" = again ]
}

@test "all eight namespaces are its own" {
	local kind
	run run_box -- sh -c 'for n in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$n; done'
	echo "$output"
	for kind in cgroup ipc mnt net pid time user uts; do
		grep -q "^$kind:" <<<"$output"
		absent -qxF "$(readlink "/proc/self/ns/$kind")" <<<"$output"
	done
}

@test "--userns host shares the user namespace, and only that" {
	run run_box --userns host -- sh -c 'readlink /proc/self/ns/user; readlink /proc/self/ns/pid'
	echo "$output"
	[ "${lines[0]}" = "$(readlink /proc/self/ns/user)" ]
	[ "${lines[1]}" != "$(readlink /proc/self/ns/pid)" ]
}

@test "two workloads have different ranges of ids" {
	hyfw run -d --name one --network none --rootfs "$ROOTFS" -- sleep 60
	hyfw run -d --name two --network none --rootfs "$ROOTFS" -- sleep 60
	local first second
	first=$(hyfw exec one -- awk '{ print $2 }' /proc/self/uid_map)
	second=$(hyfw exec two -- awk '{ print $2 }' /proc/self/uid_map)
	echo "$first $second"
	[ "$first" -ge 65536 ]
	[ "$second" -ge 65536 ]
	[ $((first > second ? first - second : second - first)) -ge 65536 ]
}

@test "--memory, --cpus, --pids-limit, --cpu-shares, --cpuset-cpus reach the kernel" {
	hyfw run -d --name limited --memory 64M --cpus 0.25 --pids-limit 20 --cpu-shares 512 --cpuset-cpus 0 \
		--network none --rootfs "$ROOTFS" -- sleep 60
	local memory cpu pids
	memory=$(cgroup_of limited memory) cpu=$(cgroup_of limited cpu) pids=$(cgroup_of limited pids)
	echo "$memory $cpu $pids"
	if [ -e "$memory/memory.limit_in_bytes" ]; then
		[ "$(cat "$memory/memory.limit_in_bytes")" -eq $((64 << 20)) ]
		[ "$(($(cat "$cpu/cpu.cfs_quota_us") * 100 / $(cat "$cpu/cpu.cfs_period_us")))" -eq 25 ]
		[ "$(cat "$cpu/cpu.shares")" -eq 512 ]
		[ "$(cat "$(cgroup_of limited cpuset)/cpuset.cpus")" = 0 ]
	else
		[ "$(cat "$memory/memory.max")" -eq $((64 << 20)) ]
		read -r quota period <"$cpu/cpu.max"
		[ $((quota * 100 / period)) -eq 25 ]
		[ "$(cat "$cpu/cpuset.cpus")" = 0 ]
	fi
	[ "$(cat "$pids/pids.max")" -eq 20 ]
	run hyfw exec limited -- grep Cpus_allowed_list /proc/self/status
	[[ $output == *"0" ]]
}

# The first whole disk of this machine, and its numbers.
a_disk() {
	local dir
	for dir in /sys/block/*; do
		[ -b "/dev/${dir##*/}" ] && echo "/dev/${dir##*/} $(cat "$dir/dev")" && return
	done
}

@test "--io-max and --device-read-bps limit a disk, until an update" {
	local disk numbers group
	read -r disk numbers < <(a_disk)
	[ -n "$disk" ] || skip "there is no disk"
	hyfw run -d --name disks --io-max "$disk:wiops=20" --device-read-bps "$disk:1M" --network none \
		--rootfs "$ROOTFS" -- sleep 60
	group=$(cgroup_of disks blkio)
	if [ -e "$group/blkio.throttle.read_bps_device" ]; then
		rates() { echo $(cat "$group"/blkio.throttle.{read_bps,write_bps,read_iops,write_iops}_device); }
		[ "$(rates)" = "$numbers 1048576 $numbers 20" ]
		hyfw update --io-max "$disk:wbps=2M" disks
		[ "$(rates)" = "$numbers 2097152" ]
	else
		rates() { cat "$group/io.max"; }
		[ "$(rates)" = "$numbers rbps=1048576 wbps=max riops=max wiops=20" ]
		hyfw update --io-max "$disk:wbps=2M" disks
		[ "$(rates)" = "$numbers rbps=max wbps=2097152 riops=max wiops=max" ]
	fi
	run hyfw update --io-max /dev/null:rbps=1M disks
	[ "$status" -ne 0 ]
	[[ $output == *"io_max: /dev/null: is not the device of a disk"* ]]
	hyfw update --io-max unlimited disks
	[ -z "$(rates)" ]
	run hyfw run --rm --io-max /dev/no-disk:rbps=1M --network none --rootfs "$ROOTFS" -- true
	[ "$status" -eq 125 ]
	[[ $output == *"io_max: /dev/no-disk: No such file or directory"* ]]
}

@test "without flags there is a pid limit of 1024 and no new privileges" {
	hyfw run -d --name plain --network none --rootfs "$ROOTFS" -- sleep 60
	[ "$(cat "$(cgroup_of plain pids)/pids.max")" -eq 1024 ]
	run hyfw exec plain -- grep -E 'NoNewPrivs|Seccomp:' /proc/self/status
	echo "$output"
	[[ ${lines[0]} == *1 ]]
	[[ ${lines[1]} == *2 ]]
}

@test "--cap-add and --cap-drop" {
	local default all none
	capability() { grep CapEff | awk '{ print $2 }'; }
	default=$(run_box -- cat /proc/self/status | capability)
	none=$(run_box --cap-drop all -- cat /proc/self/status | capability)
	all=$(run_box --cap-drop all --cap-add NET_RAW -- cat /proc/self/status | capability)
	echo "$default $none $all"
	[ "$none" = 0000000000000000 ]
	[ "$all" = 0000000000002000 ]
	[ "$((16#$default & 1 << 21))" -eq 0 ]       # no SYS_ADMIN
	[ "$((16#$default & 1 << 10))" -ne 0 ]       # NET_BIND_SERVICE
}

@test "--security-opt seccomp=FILE takes a Docker profile" {
	cat >"$BATS_TEST_TMPDIR/profile.json" <<-END
		{"defaultAction": "SCMP_ACT_ALLOW",
		 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 42}]}
	END
	run run_box --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" -- mkdir /tmp/refused
	echo "$output"
	[ "$status" -ne 0 ]
	run --separate-stderr run_box --security-opt seccomp=/no/such/file -- true
	[ "$status" -eq 125 ]
	[[ $stderr == */no/such/file* ]]
}

@test "--network none has loopback only, and it is up" {
	run run_box -- ip -o link
	echo "$output"
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *lo:* && $output == *UP* ]]
}

@test "--isolation namespaces is the default, by its name" {
	run run_box --isolation namespaces -- echo yes
	[ "$output" = yes ]
}

@test "-d returns at once and prints the name" {
	run hyfw run -d --network none --rootfs "$ROOTFS" -- sleep 60
	[ "$status" -eq 0 ]
	[ "$output" = "$(hyfw ps -q)" ]
}

@test "--rm removes it, without --rm it stays until rm" {
	run_box --name gone -- true
	[ -z "$(hyfw ps -a -q)" ]
	hyfw run --name stays --network none --rootfs "$ROOTFS" -- true
	[ "$(hyfw ps -a -q)" = stays ]
	[ -z "$(hyfw ps -q)" ]
	hyfw rm stays
	[ -z "$(hyfw ps -a -q)" ]
}

@test "SIGINT and SIGTERM to hyfw run reach the workload, and nothing stays" {
	"${HYFW_COMMAND[@]}" run --rm --name signalled --network none --rootfs "$ROOTFS" -- \
		sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done' >"$BATS_TEST_TMPDIR/out" 3>&- &
	local pid=$! status=0
	wait_until 10 grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -TERM "$pid"
	wait "$pid" || status=$?
	[ "$status" -eq 9 ]
}

@test "symbolic links to the outside in a root file system stay inside" {
	local root=$DATA/escape
	cp -a "$ROOTFS" "$root"
	ln -s /etc/passwd "$root/srv/passwd"
	run hyfw run --rm --network none --rootfs "$root" -- cat /srv/passwd
	[[ $output == *"web:x:1002"* ]]
	rm -rf "$root"
}

@test "an init gets what systemd needs: /run, /run/lock and /tmp of its own, and its signal to end" {
	local bin=$HYFW_TEST_DATA/init
	local init=(-v "$bin:/usr/local/sbin:ro")
	mkdir -p "$bin"
	cat >"$bin/init" <<-'END'
		#!/bin/sh
		trap 'echo asked; exit 7' 37
		grep -E '^tmpfs /(run|run/lock|tmp) ' /proc/mounts | cut -d' ' -f2
		grep -q '^tmpfs /run ' /proc/mounts || exit 3
		echo "in $container"
		while :; do sleep 0.1; done
	END
	chmod 755 "$bin/init"
	hyfw run -d --name init --network none "${init[@]}" --tmpfs /tmp:size=1M --rootfs "$ROOTFS" /usr/local/sbin/init
	wait_until 10 logged init "in hyfw"
	[ "$(hyfw logs init)" = $'/run\n/run/lock\n/tmp\nin hyfw' ]
	hyfw stop init
	[ "$(hyfw inspect init | json 0 exit_status)" = 7 ]
	run run_box "${init[@]}" --systemd off -- /usr/local/sbin/init
	[ "$status" -eq 3 ]
	run run_box "${init[@]}" --entrypoint sh -- /usr/local/sbin/init
	[ "$status" -eq 3 ]
	run --separate-stderr run_box --systemd always --userns host -- true
	echo "$stderr"
	[ "$status" -eq 125 ]
	if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
		[[ $stderr == *"systemd = always: without a user namespace"* ]]
		[ "$(run_box --systemd always -- sh -c 'mkdir /sys/fs/cgroup/mine && echo made')" = made ]
	else
		[[ $stderr == *"systemd = always: systemd divides control groups of version 2 alone, and this machine has others"* ]]
	fi
}

@test "hyfw why: a limit that was run into, and the value to change" {
	hyfw run -d --name small --memory 32M --pids-limit 20 --network none --rootfs "$ROOTFS" -- sleep 1000
	run --separate-stderr hyfw why small
	echo "$stderr"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[[ $stderr == *"capabilities: the kernel does not write down which one was missing; it has chown "* ]]
	[[ $stderr == *"written down with seccomp_log = yes"* ]]
	run hyfw exec small -- probe eat 64 10
	[ "$status" -eq 137 ]
	hyfw exec small -- probe fork 40 100 || true
	run hyfw why small
	echo "$output"
	[[ $output == *"cgroups: "*" was killed, as the workload wanted more than memory = 32M"* ]]
	[[ $output == *"permit   memory = 64M, for example, or while it runs: hyfw update --memory 64M small"* ]]
	[[ $output == *"a new process was refused, as the workload has its pids = 20"* ]]
	[[ $output == *"hyfw update --pids-limit 40 small"* ]]
	absent -q seccomp_log <<<"$output"
	hyfw update --memory 96M --pids-limit 40 small # nobody has asked how those ended that were forked
	hyfw exec small -- probe eat 64 10
}

@test "hyfw why: a system call that was refused, and what permits it" {
	hyfw run -d --name calls --set seccomp_log=yes --network none --rootfs "$ROOTFS" -- sleep 1000
	run hyfw exec calls -- probe mount
	[[ $output == *EPERM* ]]
	run hyfw why calls
	echo "$output"
	dmesg 2>/dev/null | grep -q 'type=1326' || skip "this kernel keeps no records of system calls (audit)"
	[[ $output == *"seccomp: probe may not make the system call mount"* ]]
	[[ $output == *"permit   cap_add = SYS_ADMIN, and with it all else that this capability is for"* ]]
	[[ $output == *"permit   seccomp = PATH, a profile in JSON that permits mount"* ]]
	hyfw run -d --name quiet --network none --rootfs "$ROOTFS" -- sleep 1000
	hyfw exec quiet -- probe mount || true
	run --separate-stderr hyfw why quiet
	[ -z "$output" ]
}
