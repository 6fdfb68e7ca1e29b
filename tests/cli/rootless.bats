# Containers of an ordinary user, by `hyfw run` itself: nothing here is done as root but making
# the user.
# shellcheck disable=SC2016 # expanded inside

load helpers

HOME_DIR=$DATA/home        # where the user may go, unlike bats' own directories
SESSION=$HYFW_TEST_STATE/u # their XDG_RUNTIME_DIR
NAME=hyfwu${HYFW_TEST_DATA##*-}

as_user() {
	timeout --foreground -k 5 40 setpriv --reuid "$NAME" --regid "$NAME" --clear-groups --reset-env \
		env -C "$HOME_DIR" HOME="$HOME_DIR" XDG_RUNTIME_DIR="$SESSION" PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		"$@" 3>&- </dev/null
}
hyfw() { as_user "$HYFW" "$@"; }
box() { hyfw run --rm --network none "$@"; }

setup_file() {
	rm -rf --one-file-system "$DATA" "$STATE" "$SESSION"
	mkdir -p "$HOME_DIR" "$SESSION" "$STATE"
	userdel "$NAME" 2>/dev/null || true
	useradd --no-create-home --home-dir "$HOME_DIR" --shell /bin/sh "$NAME"
	mkdir "$HOME_DIR/root"
	tar -C "$ROOTFS" --exclude ./lib --exclude ./lib64 --exclude ./usr -c . | tar -C "$HOME_DIR/root" -x
	tar -C "$HOME_DIR/root" -cf "$HOME_DIR/box.tar" .
	chown -R "$NAME:$NAME" "$HOME_DIR" "$SESSION"
	chmod 700 "$SESSION"
	hyfw image import box box.tar >/dev/null
}
teardown_file() {
	hyfw image rm box || true
	userdel "$NAME" 2>/dev/null || true
	rm -rf --one-file-system "$DATA" "$STATE" "$SESSION"
}
teardown() {
	local name
	hyfw ps -a -q | while read -r name; do hyfw rm -f "$name"; done >/dev/null
	[ -z "$(ls -A "$SESSION/hyfw/workloads" "$HOME_DIR/.local/share/hyfw/drivers/overlay/layers" 2>/dev/null | grep -v ':$')" ]
	wait_until 10 has_nothing
}
has_nothing() { ! pgrep -u "$NAME" >/dev/null; }

@test "a command in a directory and in an image: root inside is the user" {
	local uid
	uid=$(id -u "$NAME")
	run -0 box --rootfs "$HOME_DIR/root" -- sh -c 'id -u; cat /proc/self/uid_map; hostname; ls /dev/null; touch /made'
	[[ $output == 0$'\n'*" $uid "*" 1"$'\n'*/dev/null ]]
	[ "$(stat -c %u "$HOME_DIR/root/made")" = "$uid" ]
	run -0 box box sh -c 'touch /made; rm -r /srv; mkdir /srv; ls /srv; grep -E "NoNewPrivs|Seccomp:|CapBnd" /proc/self/status'
	[[ $output == *"NoNewPrivs:	1"*"Seccomp:	2"* ]]
	run box box ls /made
	[ "$status" -ne 0 ]
	run -0 box box cat /srv/index.html
}

@test "what is not the user's to give is refused by name" {
	run box --userns host --rootfs "$HOME_DIR/root" -- true
	[ "$status" -eq 125 ]
	[[ $output == *userns* ]]
	run box -u web box id
	[ "$status" -eq 125 ]
	[[ $output == *"id range"* ]]
	run hyfw run --rm box true
	[ "$status" -eq 125 ]
	[[ $output == *"--network none"* ]]
}

@test "without control groups a limit is refused, and the default one said to be missing" {
	[ ! -w /sys/fs/cgroup/cgroup.procs ] || skip "here users can have control groups"
	run box --memory 50M box true
	[ "$status" -eq 125 ]
	[[ $output == *memory:*delegated* ]]
	run box --pids-limit 1024 box true
	[ "$status" -eq 125 ]
	[[ $output == *pids:*delegated* ]]
	printf '[workload w]\nimage = box\nnetwork = none\ncommand = true\n' >"$HOME_DIR/w.ini"
	run -0 hyfw plan w.ini
	[[ $output == *"not limited"* ]]
}

has_said_it() { [ "$(hyfw logs life)" = said ]; }

@test "ps, exec, logs, stop, start and rm" {
	hyfw run -d --name life --network none box sh -c 'echo said; exec sleep 1000'
	[[ "$(hyfw ps)" == *life*"up "* ]]
	run -0 hyfw exec life id -u
	[ "$output" = 0 ]
	run -9 hyfw exec life sh -c 'exit 9'
	wait_until 10 has_said_it
	hyfw stop -t 0 life
	hyfw start life
	run -0 hyfw exec -t life tty
	[[ $output == /dev/pts/* ]]
	run hyfw pause life
	[ "$status" -eq 125 ]
	run hyfw update --memory 50M life
	[ "$status" -eq 125 ]
	hyfw rm -f life
	run -0 hyfw recover
	[[ $output == *"nothing was left"* ]]
}

@test "volumes, read-only roots, tmpfs" {
	as_user mkdir -p volume
	as_user sh -c 'echo data >volume/file'
	run box -v "$HOME_DIR/volume:/v:ro" --read-only --tmpfs /t box sh -c 'cat /v/file; touch /t/x && echo tmpfs; touch /v/new || touch /x'
	[ "$status" -ne 0 ]
	[[ $output == *data*tmpfs*"Read-only"*"Read-only"* ]]
	run -0 box -v "$HOME_DIR/volume:/v" -v named:/n box sh -c 'echo more >/v/more; echo kept >/n/file'
	[ "$(cat "$HOME_DIR/volume/more")" = more ]
	run -0 box -v named:/n box cat /n/file
	[ "$output" = kept ]
	hyfw volume rm named
}
