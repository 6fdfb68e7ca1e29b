# `hyfw oci`: mounts and devices as the suites of other runtimes ask for them.
# shellcheck disable=SC2016,SC2034 # expanded inside; used by oci-helpers

load helpers
load oci-helpers

WORK=$BATS_FILE_TMPDIR
BUNDLE=$WORK/bundle

# Without a user namespace, on a copy of the root that may be written to: own_root [DIRECTORY]
own_root() {
	local root=$WORK/${1:-root}
	[ -d "$root" ] || cp -a "$ROOTFS" "$root"
	echo '.root.path = "'"$root"'" | del(.linux.uidMappings, .linux.gidMappings) |
		.linux.namespaces |= map(select(.type != "user"))'
}
# With the user namespace of the bundle, on a copy that is its root's.
mapped_root() {
	[ -d "$WORK/mapped" ] || { cp -a "$ROOTFS" "$WORK/mapped" && chown -R -h 2000000:2000000 "$WORK/mapped"; }
	echo '.root.path = "'"$WORK/mapped"'"'
}
mount_of() { # DESTINATION TYPE SOURCE OPTION...
	local options
	options=$(printf '"%s",' "${@:4}")
	echo '.mounts += [{"destination": "'"$1"'", "type": "'"$2"'", "source": "'"$3"'", "options": ['"${options%,}"']}]'
}

@test "a source in the root shows what was mounted there before, by the path of the root" {
	mkdir -p "$WORK/a/x" "$WORK/b"
	echo one >"$WORK/a/x/file"
	echo two >"$WORK/b/file"
	run box 'cat /final/x/file' "$(own_root) | $(mount_of /mnt bind "$WORK/a" rbind) | $(mount_of /mnt/x bind "$WORK/b" rbind) |
		$(mount_of "$WORK/root/final" bind "$WORK/root/mnt" rbind)"
	[ "$output" = two ]
	run box 'cat /mnt/x/file' "$(mapped_root) | $(mount_of /mnt bind "$WORK/a" rbind) |
		$(mount_of /srv bind "$WORK/mapped/mnt" rbind) | .process.args[2] = \"cat /srv/x/file\""
	[ "$output" = one ]
}

@test "proc is mounted on a directory and on no link" {
	own_root linked >/dev/null
	rm -rf --one-file-system "$WORK/linked/proc"
	mkdir -p "$WORK/linked/elsewhere"
	ln -s /elsewhere "$WORK/linked/proc"
	run box true "$(own_root linked)"
	[ "$status" -ne 0 ]
	[[ $output == *"must be mounted on ordinary directory"* ]]
}

@test "a tmpfs has the mode of what it covers, and its own where there is nothing" {
	mkdir -p "$WORK/root/covered"
	chmod 0710 "$WORK/root/covered"
	run box 'stat -c %a /covered /new/place; grep -c "^tmpfs /new/place .*mode=" /proc/self/mounts' \
		"$(own_root) | $(mount_of /covered tmpfs tmpfs rw) | $(mount_of /new/place tmpfs tmpfs rw)"
	[ "$output" = $'710\n1777\n0' ]
	[ "$(stat -c %a "$WORK/root/new/place")" = 755 ]
}

@test "what is mounted on the root is the root" {
	own_root other >/dev/null
	echo other >"$WORK/other/marker"
	run box 'cat /marker; ls -d /proc/self /dev/null; touch /x' "$(own_root) | .root.readonly = true |
		.mounts = [{destination: \"/\", type: \"bind\", source: \"$WORK/other\", options: [\"bind\"]}] + .mounts"
	[[ $output == $'other\n'*/proc/self*"/x: Read-only"* ]]
}

@test "flags of a bind that are not said are those of mount(8), or stay where ids are mapped" {
	mkdir -p "$WORK/flags"
	mount -t tmpfs tmpfs "$WORK/flags"
	mount --bind -o remount,ro,noexec "$WORK/flags"
	flags='grep " /mnt " /proc/self/mounts | cut -d" " -f4'
	run box "$flags" "$(own_root) | $(mount_of /mnt bind "$WORK/flags" bind)"
	kept=$output
	run box "$flags" "$(own_root) | $(mount_of /mnt bind "$WORK/flags" bind nosuid)"
	cleared=$output
	run box "$flags" "$(mapped_root) | $(mount_of /mnt bind "$WORK/flags" bind nosuid)"
	mapped=$output
	umount "$WORK/flags"
	[[ $kept == ro,*noexec* ]]
	[[ $cleared == rw,nosuid* && $cleared != *noexec* ]]
	[[ $mapped == ro,nosuid*noexec* ]]
}

@test "links are copied, and not followed where that is said" {
	echo inside >"$WORK/target"
	ln -sfn "$WORK/target" "$WORK/link"
	run box 'readlink /a/copy; cat /mnt/file' "$(own_root) | $(mount_of /a/copy bind "$WORK/link" bind copy-symlink) |
		$(mount_of /mnt/file bind "$WORK/link" bind)"
	[ "$output" = "$WORK/target"$'\n'inside ]
	ln -sfn nowhere "$WORK/root/loose"
	run box 'readlink /loose' "$(own_root) | $(mount_of /loose bind "$WORK/link" bind src-nofollow dest-nofollow)"
	[ "$output" = "$WORK/target" ]
	run box 'cat /loose' "$(own_root) | $(mount_of /loose bind "$WORK/link" bind dest-nofollow)"
	[ "$output" = inside ]
	[ "$(readlink "$WORK/root/loose")" = nowhere ]
}

@test "ids of a bind are mapped as its options say, also by those of the container" {
	mkdir -p "$WORK/ids"
	touch "$WORK/ids/file"
	chown 1:2 "$WORK/ids/file"
	mapped_root >/dev/null
	run box 'stat -c %u:%g /mnt/file' "$(mapped_root) | $(mount_of /mnt bind "$WORK/ids" bind 'idmap=uids=@0-4-10;gids=0-2000000-10')"
	[ "$output" = 5:2 ]
	run box true "$(mapped_root) | $(mount_of /mnt bind "$WORK/ids" bind 'idmap=uids=0-1-10')"
	[ "$status" -ne 0 ]
	[[ $output == *"not of the form idmap="* ]]
}

@test "messages of the host's ipc namespace are mounted in a user namespace too" {
	run box 'grep -c " /dev/mqueue mqueue " /proc/self/mounts' '.linux.namespaces |= map(select(.type != "ipc"))'
	[ "$output" = 1 ]
}

@test "devices have their owner and mode in a user namespace" {
	run box 'stat -c "%t:%T %a %u:%g" /dev/some; echo x >/dev/some && echo written' "$(mapped_root)"' | .process.user = {uid: 3, gid: 4} |
		.linux.devices = [{path: "/dev/some/", type: "c", major: 1, minor: 5, fileMode: 416, uid: 3, gid: 4}]'
	[ "$output" = $'1:5 640 3:4\nwritten' ]
	run box 'readlink /dev/ptmx' "$(own_root)"' | .linux.devices = [{path: "/dev/ptmx", type: "c", major: 5, minor: 2}]'
	[ "$output" = pts/ptmx ]
}

@test "nothing is made in a /dev that is bound" {
	mkdir -p "$WORK/dev"
	run box 'ls -A /dev' "$(own_root) | .mounts |= map(select(.destination | startswith(\"/dev\") | not)) |
		$(mount_of /dev bind "$WORK/dev" rbind)"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ -z "$(ls -A "$WORK/dev")" ]
}

@test "a path is masked once, however often it is listed" {
	run box 'grep -c " /srv " /proc/self/mounts' "$(own_root)"' | .linux.maskedPaths = ["/srv", "/srv"]'
	[ "$output" = 1 ]
}

@test "a root that is shared is nobody's slave" {
	run box 'grep " / / " /proc/self/mountinfo || grep " / .* - " /proc/self/mountinfo | head -1' \
		"$(own_root)"' | .linux.rootfsPropagation = "shared"'
	[[ $output == *shared:* && $output != *master:* ]]
}

@test "without pivot_root a proc without masks is out of reach" {
	bundle "$(own_root)"' | del(.linux.seccomp) | .process.capabilities |= map_values(. + ["CAP_SETFCAP"] | unique) |
		.process.args = ["unshare", "-m", "-r", "-p", "-f", "/bin/sh", "-c", "mount -t proc none /proc && echo mounted"]'
	run oci run --no-pivot --bundle "$BUNDLE" bare
	[ "$status" -ne 0 ]
	[[ $output != *mounted* ]]
	[[ $output == *[Pp]"ermission denied"* || $output == *"not permitted"* ]]
}
