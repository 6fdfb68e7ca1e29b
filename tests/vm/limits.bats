# Control groups of version 2 alone: each limit, and what the kernel makes of it.  What
# attacks.bats shows already (memory and cpus under stress, the fork bomb) is not here.
load ../cli/helpers

setup_file() {
	[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || skip "needs control groups of version 2 alone"
	common_setup_file
	OWNER=$(owner_mark)
	export OWNER
	export SWAP=/var/lib/hyfw-test-swap
	dd if=/dev/zero of="$SWAP" bs=1M count=96 status=none
	chmod 600 "$SWAP"
	mkswap -q "$SWAP"
	swapon "$SWAP"
}

teardown_file() {
	common_teardown_file
	swapoff "$SWAP"
	rm -f "$SWAP"
}

box() { # NAME FLAG... [-- COMMAND...]
	local name=$1 flags=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do flags+=("$1"); shift; done
	[ $# -gt 0 ] || set -- -- sleep 1000
	hyfw run -d --name "$name" --network none "${flags[@]}" --rootfs "$ROOTFS" "$@"
}

# Without inspect(1) and a program to read JSON: in emulation each takes a second.
value() { cat "/sys/fs/cgroup/$OWNER/$1/$2"; } # NAME FILE
field() { value "$1" "$2" | awk -v name="$3" '$1 == name { print $2 }'; }
figures() { hyfw --format json stats "$1" >"$BATS_TEST_TMPDIR/figures"; }
figure() { grep -o "\"$1\": *[0-9]*" "$BATS_TEST_TMPDIR/figures" | grep -o '[0-9]*$'; }

@test "every limit is in the file that the kernel reads" {
	box all --cpus 0.5 --cpuset-cpus 1 --memory 64M --memory-swap 96M --pids-limit 32 --cpu-shares 512
	[ "$(value all cpu.max)" = "50000 100000" ]
	[ "$(value all cpu.weight)" = 59 ]
	[ "$(value all cpuset.cpus.effective)" = 1 ]
	[ "$(value all memory.max)" -eq $((64 << 20)) ]
	[ "$(value all memory.swap.max)" -eq $((32 << 20)) ]
	[ "$(value all pids.max)" -eq 32 ]
	[ "$(hyfw exec all -- nproc)" = 1 ]
	[ "$(hyfw exec all -- grep Cpus_allowed_list /proc/self/status | cut -f2)" = 1 ]
}

@test "swap: none without the word, up to its limit with it" {
	run run_box --memory 32M -- probe eat 48 10
	[ "$status" -eq 137 ]
	box swapping --memory 32M --memory-swap 80M -- probe eat 48 60000
	wait_until 20 used_swap swapping
	[ "$(value swapping memory.peak)" -le $((32 << 20)) ]
	[ "$(value swapping memory.swap.current)" -le $((48 << 20)) ]
	figures swapping
	[ "$(figure swap_bytes)" -gt $((8 << 20)) ]
	[ "$(figure swap_limit_bytes)" -eq $((48 << 20)) ]
	run run_box --memory 32M --memory-swap 40M -- probe eat 48 10
	[ "$status" -eq 137 ]
}
used_swap() { [ "$(value "$1" memory.swap.current)" -gt $((8 << 20)) ]; }

@test "a paused workload gets no CPU, and is killed as it is" {
	box busy --cpus 0.25 -- sh -c 'while :; do :; done'
	local before
	hyfw pause busy
	[ "$(field busy cgroup.events frozen)" = 1 ]
	before=$(field busy cpu.stat usage_usec)
	sleep 1
	[ "$(field busy cpu.stat usage_usec)" = "$before" ]
	hyfw unpause busy
	wait_until 10 used_cpu busy "$before"
	hyfw pause busy
	hyfw rm -f busy
	run hyfw inspect busy
	[ "$status" -ne 0 ]
}
used_cpu() { [ "$(field "$1" cpu.stat usage_usec)" -gt "$2" ]; } # NAME SINCE

@test "what ran into a limit is in the figures" {
	box events --memory 32M --pids-limit 20 --cpus 0.25
	hyfw exec events -- sh -c 'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done'
	run hyfw exec events -- probe eat 64 10
	[ "$status" -eq 137 ]
	hyfw exec events -- probe fork 40 100 || true
	figures events
	[ "$(figure event_oom_kill)" -ge 1 ]
	[ "$(figure event_oom_kill)" = "$(field events memory.events oom_kill)" ]
	[ "$(figure event_memory_max)" -gt 0 ]
	[ "$(figure event_pids_max)" -gt 0 ]
	[ "$(figure event_pids_max)" = "$(field events pids.events max)" ]
	[ "$(figure event_cpu_throttled)" -gt 0 ]
	[ "$(figure memory_peak_bytes)" -le $((32 << 20)) ]
}

@test "limits of a running workload are changed, and taken away" {
	box changing --memory 64M
	hyfw update --memory 48M --pids-limit 15 --cpus 0.5 --cpuset-cpus 0 changing
	[ "$(value changing memory.max)" -eq $((48 << 20)) ]
	[ "$(value changing pids.max)" -eq 15 ]
	[ "$(value changing cpu.max)" = "50000 100000" ]
	[ "$(value changing cpuset.cpus.effective)" = 0 ]
	run hyfw exec changing -- probe fork 40 100
	[[ $output =~ ^fork\ [0-9]+\ EAGAIN$ ]]
}

@test "a disk is read and written as fast as the limit lets it" {
	local since file=/root-file
	box slow --io-max /dev/vda:rbps=1M,wbps=1M
	[ "$(value slow io.max)" = "$(cat /sys/block/vda/dev) rbps=1048576 wbps=1048576 riops=max wiops=max" ]
	since=$EPOCHREALTIME
	hyfw exec slow -- dd if=/dev/zero of=$file bs=256k count=10 oflag=direct
	[ "$(((${EPOCHREALTIME/./} - ${since/./}) / 100000))" -ge 20 ]
	since=$EPOCHREALTIME
	hyfw exec slow -- dd if=$file of=/dev/null bs=256k count=10 iflag=direct
	[ "$(((${EPOCHREALTIME/./} - ${since/./}) / 100000))" -ge 20 ]
	hyfw update --io-max 0 slow
	[ -z "$(value slow io.max)" ]
}

@test "root without a user namespace: harmless devices alone, whatever it may make" {
	box devices --userns host --cap-add MKNOD
	run hyfw exec devices -- sh -c 'cd /dev/shm; mknod null c 1 3 && echo made
		for device in "b 254 0" "b 7 0" "c 1 1" "c 1 11" "c 10 200"; do mknod it $device; done
		echo >/dev/null && head -c 1 /dev/urandom >/dev/zero && echo used'
	echo "$output"
	[ "${lines[0]}" = made ]
	[ "$(grep -c 'not permitted' <<<"$output")" -eq 5 ]
	[ "${lines[-1]}" = used ]
}

@test "a workload that fills its disk fills its own" {
	local before
	before=$(df --output=avail /var/lib | tail -n 1)
	run run_box --read-only --tmpfs /data:size=8M -- dd if=/dev/zero of=/data/file bs=1M count=64
	echo "$output"
	[[ $output == *"No space left"* ]]
	[ $((before - $(df --output=avail /var/lib | tail -n 1))) -lt 4096 ]
	run run_box --memory 16M --tmpfs /data:size=200M -- dd if=/dev/zero of=/data/file bs=1M count=64
	[ "$status" -eq 137 ]
}

# That of this machine, whose /usr it sees.
@test "systemd boots, limits a service of its own, cannot lift what limits it, and ends when it is asked" {
	local name group debian=/srv/hyfw-test-systemd
	local units=$debian/etc/systemd/system
	mkdir -p "$debian"/{dev,proc,root,run,sys,tmp,usr,var} "$units"
	cp -aL /etc/{passwd,group,shadow,nsswitch.conf,os-release,ld.so.cache} "$debian/etc/"
	echo 0123456789abcdef0123456789abcdef >"$debian/etc/machine-id"
	for name in bin sbin lib lib64; do ln -sfn "usr/$name" "$debian/$name"; done
	cat >"$units/answer.service" <<-'END'
		[Unit]
		DefaultDependencies=no
		[Service]
		MemoryMax=24M
		TasksMax=7
		ExecStart=/bin/sleep 1000
	END
	cat >"$units/hyfw-test.target" <<-'END'
		[Unit]
		DefaultDependencies=no
		Requires=answer.service
		After=answer.service
		AllowIsolate=yes
	END
	hyfw run -d --name units --network none --pids-limit 40 --memory 128M -v /usr:/usr:ro \
		--rootfs "$debian" /lib/systemd/systemd --unit=hyfw-test.target
	wait_until 60 hyfw exec units -- systemctl is-active --quiet answer.service
	hyfw exec units -- systemctl --no-pager list-units
	group=/sys/fs/cgroup/$(owner_mark)/units
	[ "$(<"$group/system.slice/answer.service/memory.max")" -eq $((24 << 20)) ]
	[ "$(<"$group/system.slice/answer.service/pids.max")" = 7 ]
	[ "$(hyfw exec units -- cat /proc/1/cgroup)" = 0::/init.scope ]
	[ "$(hyfw exec units -- systemctl show -P Version)" ]
	run hyfw exec units -- sh -c 'echo max >/sys/fs/cgroup/pids.max'
	[ "$status" -ne 0 ]
	[ "$(<"$group/pids.max")" = 40 ]
	hyfw stop units
	hyfw ps -a
	[ "$(hyfw inspect units | json 0 exit_status)" != 137 ]
	[ ! -e "$group" ]
	rm -rf "$debian"
}
