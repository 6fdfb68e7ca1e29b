# SELinux in the test machine: labels, what they refuse, and what stays.  Enforcing but where
# a test says otherwise; the harness looks that it is so in the end.
LABELLED=/srv/hyfw-test-selinux
load labels

CONTAINER='^[a-z_]+:[a-z_]+:container_t:s0:c[0-9]+,c[0-9]+$'

@test "a container has the policy's type and a pair of its own, and so has what is run in it" {
	box one
	box two
	local one two
	one=$(label_of one) two=$(label_of two)
	echo "one $one two $two"
	[[ $one =~ $CONTAINER ]]
	[[ $two =~ $CONTAINER ]]
	[ "$one" != "$two" ]
	[ "$(hyfw exec one -- cat /proc/self/attr/current | tr -d '\0\n')" = "$one" ]
	[ "$(hyfw inspect one | json 0 confinement selinux)" = enforcing ]
	[ "$(pairs)" -eq 2 ]
}

@test "its own files carry its pair: root of an image, /dev, tmpfs, terminal's file system" {
	hyfw image import small "$ROOTFS"
	local pair path pid
	hyfw run -d --name one --network none --tmpfs /scratch small -- sleep 1000
	pair=$(pair_of one) pid=$(hyfw inspect one | json 0 pid)
	for path in / /dev /dev/shm /dev/pts /scratch; do
		echo "$path $(file_label "/proc/$pid/root$path")"
		[ "$(file_label "/proc/$pid/root$path" | cut -d: -f3-)" = "container_file_t:s0:$pair" ]
	done
	[ "$(hyfw exec one -- sh -c 'echo x >/file && echo y >/scratch/file && cat /file /scratch/file' | tr -d '\n')" = xy ]
	denials
	[ -z "$(denials | grep -v 'dontaudit' | grep -E 'class=(file|dir) ' | grep -E 'name="(file|scratch)"')" ]
}

@test "a directory as root is labelled for all that run from it, and has its labels back after the last" {
	local root=$DIR/root before
	cp -a "$ROOTFS" "$root"
	before=$(find "$root" -exec stat -c '%C %n' {} +)
	hyfw run -d --name one --network none --rootfs "$root" -- sleep 1000
	hyfw run -d --name two --network none --rootfs "$root" -- sleep 1000
	[ "$(file_label "$root/bin/busybox" | cut -d: -f3-)" = container_file_t:s0 ]
	hyfw exec one -- sh -c 'echo 1 >/made'
	hyfw rm -f one
	[ "$(hyfw exec two -- cat /made)" = 1 ]
	hyfw rm -f two
	rm "$root/made"
	diff <(echo "$before") <(find "$root" -exec stat -c '%C %n' {} +)
}

@test "hosts and resolv.conf of a workload with a network can be read" {
	hyfw run --rm --rootfs "$ROOTFS" -- cat /etc/hosts /etc/resolv.conf
}

@test "A cannot read B's volume of the same type; permissive it can, and that is logged" {
	box b -v "$DIR:/data:Z"
	[ "$(hyfw exec b -- cat /data/secret)" = secret ]
	run run_box -v "$DIR:/data" -- cat /data/secret
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output != *secret ]]
	denials
	denials | grep -q 'permissive=0'
	setenforce 0
	run run_box -v "$DIR:/data" -- cat /data/secret
	setenforce 1
	[ "$status" -eq 0 ]
	[ "$output" = secret ]
	denials | grep -q 'permissive=1'
}

@test "the host's root at /mnt: written and read when permissive, logged" {
	local written=/root/hyfw-test-written
	echo private >/root/hyfw-test-private
	setenforce 0
	run run_box -v /:/mnt -- sh -c "echo owned >/mnt$written && cat /mnt/root/hyfw-test-private"
	setenforce 1
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = private ]
	[ "$(cat "$written")" = owned ]
	rm -f "$written" /root/hyfw-test-private
	[ "$(denials | grep -c 'permissive=1')" -ge 3 ]
}

@test "the host's root at /mnt: neither written nor read when enforcing" {
	local written=/root/hyfw-test-written
	echo private >/root/hyfw-test-private
	run run_box -v /:/mnt -- sh -c "echo owned >/mnt$written"
	[ "$status" -ne 0 ]
	[ ! -e "$written" ]
	run run_box -v /:/mnt -- cat /mnt/root/hyfw-test-private
	rm -f "$written" /root/hyfw-test-private
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output != *private ]] || [[ $output == *denied* ]]
	denials | grep -q 'permissive=0'
}

@test ":Z gives a directory the workload's label, and its own back when that is removed" {
	local before after pair
	before=$(file_label "$DIR" "$DIR/secret" "$DIR/below" "$DIR/below/file")
	box one -v "$DIR:/data:Z"
	pair=$(pair_of one)
	[ "$(file_label "$DIR/below/file" | cut -d: -f3-)" = "container_file_t:s0:$pair" ]
	hyfw exec one -- sh -c 'echo new >/data/below/new'
	hyfw stop one
	hyfw start one
	[ "$(pair_of one)" = "$pair" ]
	[ "$(hyfw exec one -- cat /data/below/new)" = new ]
	hyfw rm -f one
	after=$(file_label "$DIR" "$DIR/secret" "$DIR/below" "$DIR/below/file")
	diff <(echo "$before") <(echo "$after")
	[ "$(file_label "$DIR/below/new")" = "$(file_label "$DIR/below")" ]
	[ "$(pairs)" -eq 0 ]
}

@test ":z is for several, and the last of them gives the labels back" {
	local before
	before=$(file_label "$DIR" "$DIR/below")
	box one -v "$DIR:/data:z"
	box two -v "$DIR:/data:z,ro"
	[ "$(file_label "$DIR" | cut -d: -f3-)" = container_file_t:s0 ]
	[ "$(hyfw exec two -- cat /data/secret)" = secret ]
	hyfw exec one -- sh -c 'echo made >/data/below/made'
	[ "$(hyfw exec two -- cat /data/below/made)" = made ]
	hyfw rm -f one
	[ "$(hyfw exec two -- cat /data/secret)" = secret ]
	hyfw rm -f two
	[ "$(file_label "$DIR" "$DIR/below")" = "$before" ]
	[ "$(file_label "$DIR/below/made" | cut -d: -f3)" = etc_t ]
}

@test ":Z twice is refused, and nothing of the second is left" {
	box one -v "$DIR:/data:Z"
	run --separate-stderr run_box -v "$DIR:/data:Z" -- true
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"of workload one; a volume of several workloads takes :z in all of them"* ]]
	[ "$(pairs)" -eq 1 ]
	[ "$(hyfw exec one -- cat /data/secret)" = secret ]
}

@test "a named volume can be used without a word about labels" {
	box one -v things:/data
	hyfw exec one -- sh -c 'echo 1 >/data/one'
	[ "$(run_box -v things:/data -- cat /data/one)" = 1 ]
	hyfw rm -f one
	hyfw volume rm things
}

@test "directories of the system are not relabelled" {
	local path before
	ln -s /etc "$DIR/link"
	for path in / /etc /usr /home /root /var /boot "$DIR/link"; do
		before=$(file_label -L "$path")
		run --separate-stderr run_box -v "$path:/x:Z" -- true
		echo "$path: $stderr"
		[ "$status" -eq 125 ]
		[[ $stderr == *"belongs to the system and is not relabelled"* ]]
		[ "$(file_label -L "$path")" = "$before" ]
	done
	[ "$(pairs)" -eq 0 ]
}

@test "after kill -9 of the monitor recover frees the pair and gives the labels back" {
	local before pid
	before=$(file_label "$DIR" "$DIR/below/file")
	hyfw run -d --rm --name gone --network none -v "$DIR:/data:Z" --rootfs "$ROOTFS" -- sleep 1000
	[ "$(pairs)" -eq 1 ]
	pid=$(hyfw inspect gone | json 0 monitor_pid)
	kill -9 "$pid"
	wait_until 10 has_ended "$pid"
	hyfw recover
	[ "$(pairs)" -eq 0 ]
	[ "$(file_label "$DIR" "$DIR/below/file")" = "$before" ]
}

@test "killed in the middle of giving labels: recover brings the earlier ones back" {
	local before count pid
	mkdir "$DIR/many"
	python3 -c '
import sys
for number in range(6000):
    open("%s/%d" % (sys.argv[1], number), "x").close()' "$DIR/many"
	chcon -t etc_t "$DIR/many/17"
	before=$(find "$DIR" -exec stat -c '%C %n' {} +)
	kill_when_labelled &
	pid=$!
	hyfw run -d --name half --network none -v "$DIR:/data:Z" --rootfs "$ROOTFS" -- sleep 1000 || true
	wait "$pid"
	count=$(find "$DIR/many" -exec stat -c %C {} + | grep -c container_file_t)
	echo "$count of 6001 had their new label"
	[ "$count" -gt 0 ]
	[ "$count" -lt 6001 ]
	hyfw recover
	diff <(echo "$before") <(find "$DIR" -exec stat -c '%C %n' {} +) | head -n 5 >"$BATS_TEST_TMPDIR/left"
	cat "$BATS_TEST_TMPDIR/left"
	[ ! -s "$BATS_TEST_TMPDIR/left" ]
	hyfw rm half
	[ "$(pairs)" -eq 0 ]
}
# Every process of hyfw, once one of the files has its new label.
kill_when_labelled() {
	python3 - "$DIR/many" "$HYFW" 3>&- 8>&- <<'END'
import os, sys
directory, program = sys.argv[1:]
first = next(os.scandir(directory)).path
before = os.getxattr(first, "security.selinux")
while os.getxattr(first, "security.selinux") == before:
    pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if os.readlink("/proc/%s/exe" % pid) == program:
            os.kill(int(pid), 9)
    except OSError:
        pass
END
}

@test "no pair left: one sentence, and the first goes on" {
	printf '[plugin selinux]\ncategories = c0.c1\n' >"$MAIN"
	box one
	[ "$(pair_of one)" = c0,c1 ]
	run --separate-stderr run_box -- true
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"all 1 pairs of the categories c0 to c1 are taken"* ]]
	hyfw rm -f one
	run_box -- true
}

@test "a label that the policy does not have: one sentence, and nothing left" {
	run --separate-stderr run_box --security-opt label=type:nosuch_t -- true
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"the SELinux policy has no label "*":nosuch_t:"* ]]
	printf '[plugin selinux]\ncontainer_type = nosuch_t\n' >"$MAIN"
	run --separate-stderr run_box -- true
	[ "$status" -eq 125 ]
	[ "$(pairs)" -eq 0 ]
}

@test "a file system without labels: one sentence, and nothing left" {
	mkdir "$DIR/ram"
	mount -t tmpfs -o context=system_u:object_r:var_t:s0 none "$DIR/ram" # takes no others
	run --separate-stderr run_box -v "$DIR/ram:/data:Z" -- true
	umount "$DIR/ram"
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"the file system of $DIR/ram keeps no labels; mount it with context=, or leave :z and :Z out"* ]]
	[ "$(pairs)" -eq 0 ]
}

@test "type, level and no label at all can be asked for" {
	box level --security-opt label=level:s0:c7,c8
	[[ $(label_of level) == *:container_t:s0:c7,c8 ]]
	box plain --security-opt label=disable
	[[ $(label_of plain) == *:unconfined_t:* ]]
	box spc --set selinux=privileged
	[[ $(label_of spc) == *:spc_t:s0 ]]
	[ "$(pairs)" -eq 0 ]
}

@test "a mode that changes while it runs is told, and left alone" {
	box one
	setenforce 0
	run --separate-stderr hyfw stats one
	local mode
	mode=$(hyfw inspect one | json 0 confinement selinux)
	[ "$(getenforce)" = Permissive ]
	setenforce 1
	echo "$stderr"
	[[ $stderr == *"SELinux was enforcing when this workload started and is permissive now"* ]]
	[ "$mode" = permissive ]
}

@test "many at once have as many pairs" {
	local i pids=()
	for i in 1 2 3 4 5 6; do
		box "w$i" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ "$(pairs)" -eq 6 ]
	[ "$(for i in 1 2 3 4 5 6; do pair_of "w$i"; done | sort -u | wc -l)" -eq 6 ]
}

@test "hyfw selinux and hyfw doctor show what there is" {
	run hyfw selinux
	echo "$output"
	[[ $output == *"mode "*"enforcing"* ]]
	[[ $output == *":unconfined_t:"* ]]
	hyfw selinux contexts | grep -E '^container +[a-z_]+:[a-z_]+:container_t:s0 +yes'
	hyfw selinux booleans | grep -E '^container_manage_cgroup +(on|off)'
	[ "$(hyfw --format json selinux status | json mode)" = enforcing ]
	hyfw selinux policy | grep -E '^container +200 +yes'
	hyfw doctor | grep -E 'SELinux +enforcing'
}

@test ":Z without the module is refused where there is SELinux" {
	run --separate-stderr run_box --set "security=cgroups capabilities seccomp" -v "$DIR:/data:Z" -- true
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *":Z asks for an SELinux label, and \`security\` leaves the module selinux out"* ]]
}

oci() { timeout -k 5 100 "${HYFW_COMMAND[@]}" oci --root "$STATE/oci" "$@" </dev/null; }

# A bundle whose client gave its root that level, as Podman and containerd do.
bundle() { # DIRECTORY LEVEL JQ-FILTER
	mkdir -p "$1"
	cp -a "$ROOTFS" "$1/rootfs"
	mkdir "$1/rootfs/other"
	chcon -R -t container_file_t -l "$2" "$1/rootfs"
	jq --arg level "$2" '.root.path = "rootfs" | .process.selinuxLabel = "system_u:system_r:container_t:" + $level |
		.linux.mountLabel = "system_u:object_r:container_file_t:" + $level | '"$3" /t/bundle.json >"$1/config.json"
}

@test "an OCI bundle: its label, that of its file systems, and no way to another's" {
	local path pid
	bundle "$DIR/one" s0:c7,c8 '.process.args = ["sleep", "1000"]'
	bundle "$DIR/two" s0:c9,c10 '.process.args = ["sh", "-c", "cat /proc/self/attr/current; echo; cat /other/etc/passwd"] |
		.mounts += [{ destination: "/other", type: "bind", source: "'"$DIR"'/one/rootfs", options: ["bind"] }]'
	oci create --bundle "$DIR/one" one
	oci start one
	pid=$(oci state one | jq .pid)
	[ "$(tr -d '\0\n' <"/proc/$pid/attr/current")" = system_u:system_r:container_t:s0:c7,c8 ]
	for path in / /dev /dev/shm /dev/pts; do
		echo "$path $(file_label "/proc/$pid/root$path")"
		[ "$(file_label "/proc/$pid/root$path")" = system_u:object_r:container_file_t:s0:c7,c8 ]
	done
	[ "$(oci exec one sh -c 'echo made >/dev/shm/file; cat /dev/shm/file /proc/self/attr/current' | tr -d '\0\n')" = \
		madesystem_u:system_r:container_t:s0:c7,c8 ]
	run oci run --bundle "$DIR/two" two
	echo "$output"
	[ "$status" -ne 0 ]
	[[ ${lines[0]} == system_u:system_r:container_t:s0:c9,c10* ]]
	[[ ${lines[-1]} == *"Permission denied"* ]]
	denials | grep 'scontext=[^ ]*:c9,c10 tcontext=[^ ]*:c7,c8 ' | grep -q 'permissive=0'
	jq '.process.selinuxLabel = "system_u:system_r:nosuch_t:s0"' "$DIR/two/config.json" >"$DIR/config.json"
	mv "$DIR/config.json" "$DIR/two/"
	run oci run --bundle "$DIR/two" two
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"nosuch_t"* ]]
	oci delete --force one
	[ -z "$(oci list --quiet)" ]
}
