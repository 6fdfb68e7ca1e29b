# Drivers that fail, hang or die at each of their steps: one sentence, status 125,
# and nothing stays.  The fakes leave a file for each step begun and not undone.
load helpers

PLUGINS=${HYFW_TEST_DATA:?}/fault-plugins

setup_file() {
	rm -rf "$DATA" "$STATE" "$PLUGINS"
	mkdir -p -m 755 "$DATA" "$STATE" "$PLUGINS"
	cp "$HYFW_PREFIX"/lib/hyfw/plugins/*.so "${HYFW_BUILD:?}"/tests/drivers/fake-*.so "$PLUGINS/"
	chmod 644 "$PLUGINS"/*.so
	printf '[hyfw]\nstep_timeout = 2s\n' >"$DATA/main.ini"
}
teardown_file() { rm -rf "$DATA" "$STATE" "$PLUGINS"; }
teardown() {
	faked rm -f web >/dev/null 2>&1 || true
	faked recover >/dev/null 2>&1 || true
	rm -rf "$STATE/drivers" "$DATA/drivers" "$STATE/quarantine" "$DATA/stacks"
}

faked() { hyfw --config "$DATA/main.ini" --plugin-path "$PLUGINS" "$@"; }

# A stack of one workload with a network and a volume, all of them pretended.
stack() { # [plugin] DRIVER, LINE
	write_stack fault <<-EOI
		[plugin fake-$1]
		$2
		[network front]
		driver = fake-network
		[volume data]
		driver = fake-storage
		path = $ROOTFS
		[workload web]
		isolation = fake-isolation
		rootfs = $ROOTFS
		command = /bin/sleep 60
		network = front
		volume = data:/mnt
	EOI
}

is_dead_web() {
	run -0 --separate-stderr faked ps -a
	[[ "$output" == *" dead "* ]]
}

nothing_left() {
	run -0 faked ps -a -q
	[ -z "$output" ]
	run find "$STATE" "$DATA" -type f ! -path '*/locks/*' ! -path '*/cache/*' ! -path '*/events/*' ! -name main.ini ! -name ids \
		! -name undo-misbehaved
	echo "left: $output"
	[ -z "$output" ]
	run own_processes
	[ -z "$output" ]
}

# up fails with TEXT in its one line of error and leaves nothing.
fails() { # DRIVER, LINE, TEXT
	up_fails "$@"
	nothing_left
}

# The same where a process was killed: the next command undoes the rest.
is_killed() { # DRIVER, LINE, TEXT
	up_fails "$@"
	run -0 faked recover
	nothing_left
}

up_fails() {
	stack "$1" "$2"
	run -125 --separate-stderr faked up "$STACK"
	echo "$1 $2: $stderr"
	[[ "$stderr" == "hyfw: "*"$3"* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
}

@test "without a fault the pretended stack comes up, leaves its traces, and goes" {
	stack isolation 'fail_at = 0'
	run -0 faked up "$STACK"
	is_status web running || [ "$(faked ps -q)" = web ]
	[ -e "$STATE/drivers/fake-network/attach.web.front" ]
	[ -e "$STATE/drivers/fake-isolation/create.web" ]
	run -0 faked down "$STACK"
	nothing_left
}

@test "a driver fails at each of its steps" {
	fails network 'fail_at = 1' 'network fake-network: step 1 failed as asked'
	fails network 'fail_at = 2' 'network fake-network: step 2 failed as asked'
	fails network 'fail_at = 3' 'network fake-network: step 3 failed as asked'
	fails storage 'fail_at = 1' 'storage fake-storage: step 1 failed as asked'
	fails isolation 'fail_at = 1' 'isolation fake-isolation: step 1 failed as asked'
	fails isolation 'fail_at = 2' 'isolation fake-isolation: step 2 failed as asked'
}

@test "a driver fails outside its steps" {
	fails network 'fail_in = open' 'network fake-network: open failed as asked'
	fails network 'fail_in = check' 'network fake-network: check failed as asked'
	fails network 'fail_in = plan' 'network fake-network: plan failed as asked'
	fails storage 'fail_in = attachment' 'storage fake-storage: attachment failed as asked'
}

@test "a driver hangs: the step is stopped and undone" {
	is_killed network 'hang_at = 2' 'step_timeout'
	is_killed isolation 'hang_at = 1' 'step_timeout'
	is_killed isolation 'hang_at = 2' 'step_timeout'
}

@test "a driver kills its process: what it had begun is undone" {
	is_killed network 'die_at = 1' 'signal 9'
	is_killed network 'die_at = 2' 'signal 9'
	is_killed network 'die_at = 3' 'signal 9'
	is_killed isolation 'die_at = 1' 'signal 9'
	is_killed isolation 'die_at = 2' 'signal 9'
}

@test "an undo that fails once is done by the next command" {
	stack network 'undo_fail_at = 1'
	run -0 faked up "$STACK"
	run faked down "$STACK"
	[ -e "$DATA/drivers/fake-network/undo-misbehaved" ]
	run faked recover
	run faked down "$STACK"
	nothing_left
}

@test "an undo whose process dies is done by the next command" {
	stack network 'undo_die_at = 1'
	run -0 faked up "$STACK"
	run faked down "$STACK"
	faked recover
	run faked down "$STACK"
	nothing_left
}

@test "an undo that keeps failing is told as that, and nothing else" {
	stack network 'fail_in = undo'
	run -0 faked up "$STACK"
	run -125 --separate-stderr faked down "$STACK"
	[[ "$stderr" == *"undo failed as asked"* ]]
	for _ in 1 2; do
		run -125 --separate-stderr faked recover
		[[ "$stderr" == *"workload web: undo pretended web.front: network fake-network: undo failed as asked"* ]]
		[[ "$output$stderr" != *finished* ]]
	done
	is_dead_web
}

@test "rm -f frees the name of what cannot be undone and says what stays" {
	local kept
	stack network 'fail_in = undo'
	run -0 faked up "$STACK"
	run -125 --separate-stderr faked rm -f web
	echo "$stderr"
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == "hyfw: workload web is removed, but pretended web.front, network front stay behind "* ]]
	[[ "$stderr" == *"undo failed as asked"*"$STATE/quarantine/web-1"* ]]
	grep -q '"object":"pretended web.front"' "$STATE/quarantine/web-1"
	grep -q '"object":"pretended front"' "$STATE/quarantine/front-1"
	run -0 faked recover
	run -0 --separate-stderr faked ps -a -q
	[ -z "$output$stderr" ]
	run -125 faked rm -f web
	[[ "$output" == *"there is no workload web"* ]]
	rm -rf "$STATE/quarantine" "$STATE/drivers"
	stack isolation 'fail_at = 0' # the name is free again
	run -0 faked up "$STACK"
	run -0 faked rm -f web
	run -0 faked down "$STACK"
	nothing_left
}

@test "recover says nothing of workloads that are well" {
	run -0 faked create --name web --isolation fake-isolation --network none --rootfs "$ROOTFS" -- /bin/true
	run -0 faked recover
	[[ "$output" == *"nothing was left to undo"* ]]
	run -0 faked ps -a -q
	[ "$output" = web ]
	run -0 faked rm web
	nothing_left
}

@test "a damaged journal removes nothing, until rm -f" {
	run -0 faked create --name web --isolation fake-isolation --network none --rootfs "$ROOTFS" -- /bin/true
	sed -i '1s/create/creaTe/' "$DATA/workloads/web/journal"
	run -125 faked recover
	[[ "$output" == *"workload web: $DATA/workloads/web/journal is damaged; "*"hyfw rm -f web"* ]]
	run -0 faked ps -a -q
	[ "$output" = web ]
	run faked rm -f web
	[ -e "$STATE/quarantine/web-1" ]
	rm -rf "$STATE/quarantine"
	run -0 faked recover
	nothing_left
}
