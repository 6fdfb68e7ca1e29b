# `hyfw-oci` for an ordinary user: in the user namespace that Podman and Buildah make, where
# it is root, and called by the user themselves.
# shellcheck disable=SC2016 # expanded inside

load helpers

HOME_DIR=$DATA/home        # where the user may go, unlike bats' own directories
SESSION=$HYFW_TEST_STATE/user # their XDG_RUNTIME_DIR: Podman has room for 50 characters
RUNTIME=$HYFW_PREFIX/bin/hyfw-oci
NAME=hyfwt${HYFW_TEST_DATA##*-}

need() { command -v "$1" >/dev/null || skip "$1 is not installed (conf/packages, group oci)"; }

# As the user, with nothing of root's environment.
as_user() {
	timeout --foreground -k 5 60 setpriv --reuid "$NAME" --regid "$NAME" --clear-groups --reset-env \
		env -C "$HOME_DIR" HOME="$HOME_DIR" XDG_RUNTIME_DIR="$SESSION" CONTAINERS_CONF="$HOME_DIR/containers.conf" \
		CONTAINERS_STORAGE_CONF="$HOME_DIR/storage.conf" CONTAINERS_REGISTRIES_CONF="$HOME_DIR/registries.conf" \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" 3>&- </dev/null
}
podman() { as_user podman "$@"; }
box() { podman run --rm --network none "$@"; }

make_settings() {
	cat >"$HOME_DIR/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=1000:1000", "nproc=2000:2000"]
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		runtime = "hyfw-oci"
		runtime_supports_json = ["hyfw-oci"]
		runtime_supports_nocgroup = ["hyfw-oci"]
		[engine.runtimes]
		hyfw-oci = ["$RUNTIME"]
	END
	printf '[storage]\ndriver = "vfs"\n' >"$HOME_DIR/storage.conf"
	echo 'unqualified-search-registries = []' >"$HOME_DIR/registries.conf"
}

setup_file() {
	rm -rf --one-file-system "$DATA" "$STATE" "$SESSION"
	mkdir -p "$HOME_DIR" "$SESSION" "$STATE"
	userdel "$NAME" 2>/dev/null || true
	useradd --no-create-home --home-dir "$HOME_DIR" --shell /bin/sh "$NAME"
	make_settings
	tar -C "$ROOTFS" --exclude ./lib --exclude ./lib64 --exclude ./usr -c . >"$HOME_DIR/box.tar"
	chown -R "$NAME:$NAME" "$HOME_DIR" "$SESSION"
	chmod 700 "$SESSION"
	! command -v podman >/dev/null || podman import box.tar box >/dev/null
}
teardown_file() {
	if command -v podman >/dev/null; then
		podman rm -f -t 0 -a >/dev/null 2>&1 || true
		podman system migrate >/dev/null 2>&1 || true # ends the process that holds the namespace
	fi
	userdel "$NAME" 2>/dev/null || true
	rm -rf --one-file-system "$DATA" "$STATE" "$SESSION"
}
teardown() {
	! command -v podman >/dev/null || podman rm -f -t 0 -a >/dev/null
	[ -z "$(ls -A "$SESSION/hyfw/oci" 2>/dev/null)" ]
}

@test "rootless podman run: output, exit status, ids, and why a command did not run" {
	need podman
	run -0 box box sh -c 'id -u; cat /proc/self/uid_map; grep -E "NoNewPrivs|Seccomp:" /proc/self/status; hostname'
	[[ $output == 0$'\n'*" $(id -u "$NAME") "*" 1"$'\n'*"Seccomp:	2"* ]]
	run -7 box box sh -c 'exit 7'
	run -127 box box nonexistent
	run -126 box box /bin/not-executable
	run -0 box -u 1002:1003 -w /tmp box sh -c 'echo $(id -u):$(id -g) $(pwd); touch /tmp/x && echo made'
	[ "$output" = "1002:1003 /tmp"$'\n'made ]
}

@test "rootless podman run: volumes, read-only roots, settings, namespaces of ids and of the host" {
	local uid
	need podman
	uid=$(id -u "$NAME")
	as_user mkdir -p "$HOME_DIR/volume"
	as_user sh -c 'echo data >volume/file'
	run box -v "$HOME_DIR/volume:/v:ro" box sh -c 'cat /v/file; touch /v/new'
	[ "$status" -eq 1 ]
	[[ $output == *data* && $output == *"Read-only"* ]]
	run -0 box -v "$HOME_DIR/volume:/v" box sh -c 'echo more >/v/more'
	[ "$(stat -c %u "$HOME_DIR/volume/more")" = "$uid" ]
	run -0 box --sysctl net.ipv4.ip_forward=1 --read-only --tmpfs /t:size=5m box \
		sh -c 'cat /proc/sys/net/ipv4/ip_forward; ! touch /x 2>/dev/null && touch /t/x && echo tmpfs'
	[ "$output" = 1$'\n'tmpfs ]
	run -0 box --userns keep-id box id -u
	[ "$output" = "$uid" ]
	run -0 podman run --rm --network host --pid host --uts host box readlink /proc/self/ns/net
	[ "$output" = "$(readlink /proc/self/ns/net)" ]
}

@test "rootless podman exec, stop, restart, logs, and a pod" {
	need podman
	podman run -d --name life --network none box sh -c 'echo said; exec sleep 1000'
	run -0 podman exec -u 1002 life id -u
	[ "$output" = 1002 ]
	run -9 podman exec life sh -c 'exit 9'
	run -0 podman exec -t life tty
	[[ $output == /dev/pts/* ]]
	[ "$(podman logs life)" = said ]
	run -0 as_user "$RUNTIME" list --quiet
	[ "$output" = "$(podman ps -q --no-trunc)" ]
	podman restart -t 0 life
	podman stop -t 0 life
	podman rm life
	podman run -d --name shared --network none --pid host box sleep 1002
	as_user "$RUNTIME" kill --all "$(podman ps -q --no-trunc)" KILL # no control group tells its processes
	[ "$(podman wait shared)" = 137 ]
	podman pod create --name pod --network none --share pid,ipc,net,uts --infra-image localhost/box \
		--infra-command '/bin/sleep 1000'
	podman run -d --pod pod --name member box sleep 1001
	run -0 podman exec member ps
	[[ $output == *"sleep 1000"*"sleep 1001"* ]]
	podman pod rm -f -t 0 pod
}

@test "rootless buildah runs its commands" {
	need buildah
	need podman
	as_user mkdir -p build
	as_user sh -c 'printf "FROM localhost/box\nRUN echo built >/result\nCMD [\"cat\", \"/result\"]\n" >build/Dockerfile'
	as_user buildah bud --runtime "$RUNTIME" --network host -t built build
	run -0 box built
	[ "$output" = built ]
}

@test "limits that nobody has handed over are refused, and not left out" {
	need podman
	[ ! -w /sys/fs/cgroup/cgroup.procs ] || skip "here users can have control groups"
	as_user podman unshare "$RUNTIME" spec
	[ -e "$HOME_DIR/config.json" ]
	as_user sh -c 'mkdir -p bundle/rootfs && mv config.json bundle/ && tar -C bundle/rootfs -xf box.tar'
	jq '.process.terminal = false | .process.args = ["/bin/true"] | del(.linux.resources)' "$HOME_DIR/bundle/config.json" >"$DATA/plain"
	jq '.linux.resources = {memory: {limit: 50000000}}' "$DATA/plain" >"$DATA/limited"
	cp "$DATA/plain" "$HOME_DIR/bundle/config.json"
	run -0 as_user podman unshare "$RUNTIME" run --bundle bundle plain
	cp "$DATA/limited" "$HOME_DIR/bundle/config.json"
	run as_user podman unshare "$RUNTIME" run --bundle bundle limited
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *memory* ]]
}

# Owner and mode are judged with the ids of the namespace, where root of the machine has none.
@test "in a user namespace drivers come from where hyfw was built for, and nowhere else" {
	local elsewhere=$DATA/elsewhere
	need podman
	run -0 as_user podman unshare "$HYFW" plugin list
	[[ $output == *namespaces* ]]
	cp -a "$HYFW_PREFIX/lib/hyfw/plugins" "$elsewhere"
	run as_user podman unshare "$HYFW" --plugin-path "$elsewhere" plugin list
	[ "$status" -ne 0 ]
	[[ $output == *"not trusted"*"owned by user 65534"* ]]
	chmod o+w "$HYFW_PREFIX/lib/hyfw/plugins"
	run as_user podman unshare "$HYFW" plugin list
	chmod o-w "$HYFW_PREFIX/lib/hyfw/plugins"
	[ "$status" -ne 0 ]
	[[ $output == *"not trusted"*"writable by everybody"* ]]
}

@test "the user themselves: a bundle with a range of subordinate ids, exec, kill, delete" {
	local first
	command -v newuidmap >/dev/null || skip "newuidmap is not installed (package uidmap)"
	first=$(sed -n "s/^$NAME:\([0-9]*\):.*/\1/p" /etc/subuid)
	[ "$first" ] || skip "useradd gives no subordinate ids here"
	as_user mkdir -p own/rootfs
	as_user tar -C own/rootfs -xf box.tar
	"$HYFW_TOP/tests/bench/make-bundle" rootfs |
		jq --argjson uid "$(id -u "$NAME")" --argjson gid "$(id -g "$NAME")" --argjson first "$first" '
		.process.args = ["/bin/sleep", "1000"] | del(.linux.resources) |
		.linux.uidMappings = [{containerID: 0, hostID: $uid, size: 1}, {containerID: 1, hostID: $first, size: 65535}] |
		.linux.gidMappings = [{containerID: 0, hostID: $gid, size: 1}, {containerID: 1, hostID: $first, size: 65535}]' \
		>"$HOME_DIR/own/config.json"
	chmod 644 "$HOME_DIR/own/config.json"
	as_user "$RUNTIME" create --bundle own mine
	as_user "$RUNTIME" start mine
	run -0 as_user "$RUNTIME" exec --user 33:33 mine id -u
	[ "$output" = 33 ]
	as_user "$RUNTIME" kill mine KILL
	wait_until 10 as_user sh -c "'$RUNTIME' state mine | grep -q stopped"
	as_user "$RUNTIME" delete mine
}
