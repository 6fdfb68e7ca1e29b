# `hyfw oci`: mounts, devices, paths and the root of a bundle.
# shellcheck disable=SC2016,SC2034 # expanded inside; used by oci-helpers

load helpers
load oci-helpers

WORK=$BATS_FILE_TMPDIR
BUNDLE=$WORK/bundle

# Without a user namespace, on a copy of the root that may be written to.
own_root() {
	[ -d "$WORK/root" ] || cp -a "$ROOTFS" "$WORK/root"
	echo '.root.path = "'"$WORK/root"'" | del(.linux.uidMappings, .linux.gidMappings) |
		.linux.namespaces |= map(select(.type != "user"))'
}
mount_of() { # DESTINATION TYPE SOURCE OPTION...
	local options
	options=$(printf '"%s",' "${@:4}")
	echo '.mounts += [{"destination": "'"$1"'", "type": "'"$2"'", "source": "'"$3"'", "options": ['"${options%,}"']}]'
}

@test "binds have their flags: read-only, also below; files; links that lead nowhere" {
	mkdir -p "$WORK/shared/below"
	echo text >"$WORK/shared/file"
	mount -t tmpfs tmpfs "$WORK/shared/below"
	run box 'cat /mnt/file; touch /mnt/x /mnt/below/x; grep " /mnt" /proc/self/mounts' \
		"$(own_root) | $(mount_of /mnt bind "$WORK/shared" rbind rro nosuid)"
	umount "$WORK/shared/below"
	[[ $output == *text* && $output == *"/mnt/x: Read-only"* && $output == *"/mnt/below/x: Read-only"* ]]
	[[ $output == *" /mnt "*" ro,nosuid"* ]]
	ln -sf ../run/deep/there "$WORK/root/etc/nowhere"
	run box 'cat /etc/nowhere /run/deep/there' "$(own_root) | $(mount_of /etc/nowhere bind "$WORK/shared/file" bind)"
	[ "$output" = $'text\ntext' ]
	ln -sfn / "$WORK/root/out"
	run box 'cat /tmp/hyfw-oci-target' "$(own_root) | $(mount_of /out/../../../tmp/hyfw-oci-target bind "$WORK/shared/file" bind)"
	[ "$output" = text ]
	[ ! -e /tmp/hyfw-oci-target ]
}

@test "a source that is missing and a target in proc are refused by name" {
	run box true "$(own_root) | $(mount_of /mnt bind /no/such/place bind)"
	[ "$status" -ne 0 ]
	[[ $output == *"mount at /mnt"*"/no/such/place"*[Nn]"o such file"* ]]
	run box true "$(own_root) | $(mount_of /proc/fs tmpfs tmpfs)"
	[ "$status" -ne 0 ]
	[[ $output == *"/proc/fs"* ]]
	run box true "$(own_root) | $(mount_of /mnt nosuchfs none)"
	[ "$status" -ne 0 ]
	[[ $output == *"mount /mnt"* ]]
}

@test "a tmpfs has its size and mode, or that of what it covers, and may begin as a copy" {
	run box 'df -k /mnt | tail -1; stat -c %a /mnt; stat -c %a /srv; cat /copy/a/b; stat -c %u:%a /copy/a/b; readlink /copy/l; touch /copy/x' \
		"$(own_root) | $(mount_of /mnt tmpfs tmpfs size=1m mode=751) | $(mount_of /srv tmpfs tmpfs) |
		$(mount_of /copy tmpfs tmpfs tmpcopyup ro)"
	[ "$status" -ne 0 ] # there is nothing to copy yet
	mkdir -p "$WORK/root/srv" "$WORK/root/copy/a"
	chmod 1770 "$WORK/root/srv"
	echo copied >"$WORK/root/copy/a/b"
	chmod 640 "$WORK/root/copy/a/b"
	chown 77 "$WORK/root/copy/a/b"
	ln -sf nowhere "$WORK/root/copy/l"
	run box 'df -k /mnt | tail -1; stat -c %a /mnt; stat -c %a /srv; cat /copy/a/b; stat -c %u:%a /copy/a/b; readlink /copy/l; touch /copy/x' \
		"$(own_root) | $(mount_of /mnt tmpfs tmpfs size=1m mode=751) | $(mount_of /srv tmpfs tmpfs) |
		$(mount_of /copy tmpfs tmpfs tmpcopyup ro)"
	[[ $output == *" 1024 "*751*1770*copied*77:640*nowhere*"Read-only"* ]]
}

@test "an overlay with paths that are long is mounted" {
	local long
	long=$WORK/$(printf 'l%.0s' {1..200})
	mkdir -p "$long"/{a,b} "$WORK/over"/{upper,work}
	mount -t tmpfs tmpfs "$WORK/over" && mkdir -p "$WORK/over"/{upper,work}
	echo a >"$long/a/a"; echo b >"$long/b/b"
	run box 'cat /mnt/a /mnt/b; echo new >/mnt/c; grep -c "overlay /mnt overlay rw,nosuid" /proc/self/mounts' \
		"$(own_root) | $(mount_of /mnt overlay overlay "lowerdir=$long/a:$long/b" "upperdir=$WORK/over/upper" "workdir=$WORK/over/work" nosuid)"
	written=$(cat "$WORK/over/upper/c")
	umount "$WORK/over"
	[ "$output" = $'a\nb\n1' ]
	[ "$written" = new ]
}

@test "ids of a bind are mapped as the container's, or as the mount says" {
	mkdir -p "$WORK/ids"
	echo x >"$WORK/ids/file"
	chown 1000:1001 "$WORK/ids/file"
	run box 'stat -c %u:%g /tmp/file' "$(mount_of /tmp bind "$WORK/ids" bind)"
	[ "$output" = 65534:65534 ]
	run box 'stat -c %u:%g /tmp/file' "$(mount_of /tmp bind "$WORK/ids" bind idmap)"
	[ "$output" = 1000:1001 ]
	run box 'stat -c %u:%g /mnt/file' "$(own_root) | $(mount_of /mnt bind "$WORK/ids" bind idmap) |
		.mounts[-1].uidMappings = [{containerID: 1000, hostID: 5, size: 1}] |
		.mounts[-1].gidMappings = [{containerID: 1001, hostID: 6, size: 1}]"
	[ "$output" = 5:6 ]
}

@test "devices: those of the specification, and what is listed with owner and mode" {
	local before
	before=$(stat -c %u:%g:%a /dev/null /dev/zero)
	run box 'stat -c "%n %t:%T %a %u:%g %F" /dev/null /dev/tty /dev/fuse /dev/pipe; readlink /dev/ptmx; readlink /dev/fd' \
		"$(own_root)"' | .linux.devices = [{path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 416, uid: 3, gid: 4},
		{path: "/dev/pipe", type: "p"}]'
	[[ $output == *"/dev/null 1:3 666 0:0"*"/dev/fuse a:e5 640 3:4"*"/dev/pipe "*fifo*pts/ptmx*/proc/self/fd* ]]
	run box 'echo x >/dev/null && stat -c %t:%T /dev/null /dev/zero' .
	[ "$output" = $'1:3\n1:5' ]
	[ "$(stat -c %u:%g:%a /dev/null /dev/zero)" = "$before" ]
}

@test "paths are masked and read-only; the root too" {
	run box 'wc -c </proc/timer_list; ls /sys/firmware | wc -l; echo 1 >/proc/sys/kernel/shmmni; touch /x; echo >/etc/hostname' \
		"$(own_root)"' | .root.readonly = true | .linux.maskedPaths = ["/proc/timer_list", "/sys/firmware", "/etc/hostname", "/no"] |
		.linux.readonlyPaths = ["/proc/sys"]'
	[[ $output == 0$'\n'0$'\n'*"shmmni: Read-only"*"/x: Read-only"* ]]
}

@test "what is mounted on the host later is seen with rslave, and not without" {
	mkdir -p "$WORK/tree/sub"
	mount -t tmpfs tmpfs "$WORK/tree"
	mount --make-shared "$WORK/tree"
	mkdir -p "$WORK/tree/sub"
	bundle "$(own_root) | .process.args = [\"/bin/sleep\", \"1000\"] | $(mount_of /mnt bind "$WORK/tree" rbind rslave) |
		$(mount_of /srv bind "$WORK/tree" rbind)"
	oci create --bundle "$BUNDLE" slave
	oci start slave
	mount -t tmpfs tmpfs "$WORK/tree/sub"
	touch "$WORK/tree/sub/there"
	run oci exec slave ls /mnt/sub /srv/sub
	umount "$WORK/tree/sub"
	oci delete --force slave
	umount "$WORK/tree"
	[ "$output" = $'/mnt/sub:\nthere\n\n/srv/sub:' ]
}

@test "mounts are listed in their order; what the host has below one that it shares stays" {
	local tree=$WORK/peer up=../../../../../../../../../../../../../../.. seen left
	mkdir -p "$tree" "$WORK/shared"
	echo text >"$WORK/shared/file"
	ln -sfn "$up$WORK/shared" "$WORK/up" # "/.." is what is mounted on "/"
	mount -t tmpfs tmpfs "$tree"
	mount --make-shared "$tree"
	mkdir -p "$tree/before" "$tree/later"
	mount -t tmpfs tmpfs "$tree/before"
	bundle "$(own_root)"' | .process.args = ["/bin/sleep", "1000"] | '"$(mount_of /m1 bind "$WORK/shared" bind) |
		$(mount_of /m2 tmpfs tmpfs) | $(mount_of /m3 bind "$tree" rbind rshared) | $(mount_of /m4 tmpfs tmpfs) |
		$(mount_of /m5 bind "$WORK/up" rbind rslave) | $(mount_of /m6 bind "$WORK/shared/file" bind ro) |
		$(mount_of /m7 bind /proc/self/ns/net bind rshared)"
	oci create --bundle "$BUNDLE" ordered || { umount -R "$tree" && false; }
	oci start ordered
	seen=$(oci exec ordered awk '$5 ~ "^/m[1-6]$" { printf $5 }' /proc/self/mountinfo)
	mount -t tmpfs tmpfs "$tree/later"
	touch "$tree/before/one" "$tree/later/two"
	run oci exec ordered sh -c 'cat /m5/file /m6; grep -c " /m7 .* nsfs " /proc/self/mountinfo; ls /m3/*'
	left=$(findmnt -rno TARGET | grep -c "^$tree/")
	oci delete --force ordered
	umount -R "$tree"
	[ "$seen" = /m1/m2/m3/m4/m5/m6 ]
	[ "$output" = $'text\ntext\n1\n/m3/before:\none\n\n/m3/later:\ntwo' ]
	[ "$left" -eq 2 ]
}

# Podman's `-v /:/host`, and what watches a whole machine.
@test "a bind that the root lies in shows the host, without the container in it" {
	local binds hooks
	echo text >"$WORK/shared/of-the-host"
	binds="$(mount_of /host bind / rbind rslave) | $(mount_of /up bind "$(dirname "$WORK")" rbind ro rslave)"
	for hooks in . '.hooks.createRuntime = [{path: "/bin/true"}]'; do
		run box "cat '/host$WORK/shared/of-the-host'; ls -d /host/host; grep -c ' /up/.* - proc ' /proc/self/mountinfo" \
			"$(own_root) | $binds | $hooks"
		[[ $output == text$'\n'*"/host/host: No such file"*$'\n'0 ]]
	done
}

@test "a bind that holds another one has what the host has there, with flags of its own" {
	local tree=$WORK/holder
	mkdir -p "$tree/pods"
	mount -t tmpfs tmpfs "$tree"
	mount --make-shared "$tree"
	mkdir -p "$tree/pods/later"
	mount -t tmpfs tmpfs "$tree/pods"
	bundle "$(own_root)"' | .process.args = ["/bin/sleep", "1000"] | '"$(mount_of /m1 bind "$tree/pods" rbind rshared ro) |
		$(mount_of /m2 bind "$tree" rbind rslave)"
	oci create --bundle "$BUNDLE" holder || { umount -R "$tree" && false; }
	oci start holder
	mkdir "$tree/pods/new"
	mount -t tmpfs tmpfs "$tree/pods/new"
	touch "$tree/pods/new/file"
	run oci exec holder sh -c 'ls /m2/pods/new; touch /m2/pods/written && echo written; touch /m1/written'
	oci delete --force holder
	umount -R "$tree"
	[[ $output == file$'\n'written$'\n'*"/m1/written: Read-only"* ]]
}

@test "the root has its propagation, and need not be pivoted to" {
	run box 'grep " / / " /proc/self/mountinfo; grep -c " / .*shared:" /proc/self/mountinfo' "$(own_root)"
	[ "${lines[-1]}" = 0 ]
	run box 'grep " / " /proc/self/mountinfo | head -1' "$(own_root)"' | .linux.rootfsPropagation = "shared"'
	[[ $output == *shared:* ]]
	bundle "$(own_root)"' | .process.args = ["/bin/sh", "-c", "cat /etc/passwd; ls /"]'
	run oci run --no-pivot --bundle "$BUNDLE" pivotless
	[ "$status" -eq 0 ]
	[[ $output == *root:x* && $output != *boot* ]]
}

@test "control groups are mounted" {
	run box 'ls /sys/fs/cgroup; touch /sys/fs/cgroup/x' "$(own_root) | $(mount_of /sys/fs/cgroup cgroup cgroup ro nosuid)"
	[[ $output == *"Read-only"* ]]
	[[ $output == *memory* || $output == *cgroup.procs* ]]
	run box 'ls /sys/fs/cgroup' "$(own_root) | $(mount_of /sys/fs/cgroup cgroup cgroup ro) |
		.linux.namespaces |= map(select(.type != \"cgroup\"))"
	[ "$status" -eq 0 ]
	[[ $output == *memory* || $output == *cgroup.procs* ]]
}
