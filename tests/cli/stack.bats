# INI files: check, plan, up, down, and everything that can be wrong in them.
load helpers

# busybox as the first process does not hear SIGTERM, and nobody wants to wait ten
# seconds for it: the stacks here stop with SIGKILL.

two_tier() {
	write_stack two <<-END
		[defaults]
		stop_signal = SIGKILL
		memory = 32M
		pids = 32

		[workload web]
		image = box
		command = httpd -f -p 80 -h /srv
		network = front
		publish = 127.0.0.1:$PORT:80
		depends_on = store
		links = store

		[workload store]
		image = box
		command = httpd -f -p 5432 -h /srv
		network = front
		volume = two-data:/data

		[network front]
		driver = bridge

		[volume two-data]
		driver = dir
	END
}

setup() {
	PORT=$(free_port)
	STACK=$BATS_TEST_TMPDIR/bad.ini   # what `... | write_stack bad` writes
}

@test "up serves the page, down leaves the machine as it was" {
	two_tier
	hyfw check "$STACK"
	hyfw up "$STACK"
	run hyfw ps
	[[ $output == *web* && $output == *store* ]]
	wait_until 5 curl -fsS --max-time 1 "http://127.0.0.1:$PORT/"
	run curl -fsS "http://127.0.0.1:$PORT/"
	[ "$output" = "page of the test image" ]
	hyfw down "$STACK"
	[ -z "$(hyfw ps -a -q)" ]
	drop_volume two-data
}

@test "up again while it is up changes nothing" {
	two_tier
	hyfw up "$STACK"
	local before
	before=$(hyfw --format json inspect web | json 0 pid)
	run hyfw up "$STACK"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(hyfw --format json inspect web | json 0 pid)" = "$before" ]
	run hyfw plan "$STACK"
	[[ $output == *"web runs like this already"* ]]
	sed -i 's/^pids = 32/pids = 33/' "$STACK"
	run hyfw plan "$STACK"
	[[ $output == *"web is there with other settings"* ]]
	hyfw down "$STACK"
	run hyfw down "$STACK"
	[ "$status" -eq 0 ]
	drop_volume two-data
}

@test "two up at once: one stack, nothing twice" {
	two_tier
	local first=0 second=0
	hyfw up "$STACK" 3>&- &
	local pid=$!
	hyfw up "$STACK" || second=$?
	wait "$pid" || first=$?
	echo "$first $second"
	[ "$first" -eq 0 ] || [ "$second" -eq 0 ]
	[ "$(hyfw ps -q | sort | tr '\n' ' ')" = "store web " ]
	hyfw down "$STACK"
	drop_volume two-data
}

@test "data in a volume outlives down" {
	two_tier
	hyfw up "$STACK"
	hyfw exec store -- sh -c 'echo kept >/data/file'
	hyfw down "$STACK"
	hyfw up "$STACK"
	run hyfw exec store -- cat /data/file
	[ "$output" = kept ]
	hyfw down "$STACK"
	drop_volume two-data
}

@test "ps and logs take a stack file" {
	two_tier
	hyfw run -d --name stranger --network none --rootfs "$ROOTFS" -- sleep 60
	hyfw up "$STACK"
	run hyfw ps "$STACK"
	[[ $output == *web* && $output != *stranger* ]]
	run hyfw logs "$STACK"
	[ "$status" -eq 0 ]
	hyfw down "$STACK"
	is_status stranger running
	drop_volume two-data
}

@test "plan changes nothing and says what would be typed" {
	two_tier
	machine_snapshot >"$BATS_TEST_TMPDIR/before-plan"
	run hyfw plan "$STACK"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"ip link"* ]]
	[[ $output == *web* && $output == *store* ]]
	hyfw --format json plan "$STACK" | is_json
	assert_machine_as "$BATS_TEST_TMPDIR/before-plan"
}

@test "a port in use is named, and nothing stays" {
	two_tier
	/usr/bin/python3 -c "
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', $PORT)); s.listen(); time.sleep(60)" 3>&- &
	local holder=$!
	wait_until 5 bash -c "echo >/dev/tcp/127.0.0.1/$PORT"
	run --separate-stderr hyfw up "$STACK"
	kill "$holder"
	echo "$status $stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *"$PORT"* ]]
	[ -z "$(hyfw ps -q)" ]
	drop_volume two-data
}

@test "one workload that cannot start takes the whole stack back" {
	two_tier
	sed -i 's/^command = httpd -f -p 80 .*/command = no-such-command/' "$STACK"
	run -127 --separate-stderr hyfw up "$STACK"
	echo "$stderr"
	[[ $stderr == *no-such-command* ]]
	[ -z "$(hyfw ps -a -q)" ]
	drop_volume two-data
}

@test "neighbours are refused, linked ones allowed" {
	write_stack neighbours <<-END
		[defaults]
		stop_signal = SIGKILL
		network = shared
		[workload server]
		image = box
		command = httpd -f -p 80 -h /srv
		[workload friend]
		image = box
		command = sleep 600
		links = server
		[workload stranger]
		image = box
		command = sleep 600
		[network shared]
		driver = bridge
	END
	hyfw up "$STACK"
	local address
	address=$(hyfw exec server -- ip -o -4 addr show eth0 | awk '{ sub("/.*", "", $4); print $4 }')
	wait_until 5 hyfw exec friend -- probe connect "$address" 80 500
	run hyfw exec friend -- probe connect "$address" 80 1000
	[ "$output" = "connect ok" ]
	run hyfw exec stranger -- probe connect "$address" 80 1000
	echo "$output"
	[ "$output" != "connect ok" ]
	run hyfw exec friend -- probe connect server 80 1000
	[ "$output" = "connect ok" ]
	hyfw down "$STACK"
}

# refused LINE-OF-THE-ERROR-OR-"" TEXT...: check and up both refuse and name TEXT
refused() {
	local line=$1 command text
	shift
	for command in check up; do
		run --separate-stderr hyfw "$command" "$STACK"
		echo "$command: $status $stderr"
		[ "$status" -eq 125 ]
		[ -z "$line" ] || [[ $stderr == *"$STACK:$line"* ]]
		for text in "$@"; do
			[[ $stderr == *"$text"* ]]
		done
	done
	[ -z "$(hyfw ps -a -q)" ]
}

@test "an unknown key is refused with the nearest one and the line" {
	write_stack bad <<-END
		[workload web]
		image = box
		memroy = 50M
	END
	refused 3 memroy memory
}

@test "an unknown driver is refused with the nearest one" {
	write_stack bad <<-END
		[workload web]
		image = box
		network = n
		[network n]
		driver = brigde
	END
	refused 5 brigde bridge
}

@test "an unknown section, a reference to nothing, a bad value" {
	printf '[workloads web]\nimage = box\n' | write_stack bad
	refused 1 workloads workload
	printf '[workload web]\nimage = box\nnetwork = nowhere\n' | write_stack bad
	refused 3 nowhere
	printf '[workload web]\nimage = box\ndepends_on = nobody\n' | write_stack bad
	refused 3 nobody
	printf '[workload web]\nimage = box\ncpus = many\n' | write_stack bad
	refused 3 cpus many
	printf '[workload web]\nimage = box\nmemory = 1\n' | write_stack bad
	refused 3 memory
	printf '[workload web]\nimage = box\npublish = 8080:\n' | write_stack bad
	refused 3 publish 8080:
	printf '[workload web]\ncpus = 1\n' | write_stack bad
	refused 1 image
}

@test "depends_on in a circle is refused" {
	printf '[workload a]\nimage = box\ndepends_on = b\n[workload b]\nimage = box\ndepends_on = a\n' | write_stack bad
	refused "" depends_on
}

@test "lines of 200 KB, NUL bytes, a name of 300 characters: refused, never cut" {
	{ printf '[workload web]\nimage = '; head -c 200000 /dev/zero | tr '\0' a; echo; } | write_stack bad
	refused 2
	printf '[workload web]\nimage = b\0ox\n' | write_stack bad
	refused 2
	{ printf '[workload '; head -c 300 /dev/zero | tr '\0' w; printf ']\nimage = box\n'; } | write_stack bad
	refused 1
	printf 'image = box\n' | write_stack bad
	refused 1
	printf '[workload web\nimage = box\n' | write_stack bad
	refused 1
}

@test "a missing file, a directory, an empty file" {
	STACK=$BATS_TEST_TMPDIR/missing.ini
	refused "" missing.ini
	STACK=$BATS_TEST_TMPDIR
	refused ""
	: | write_stack bad
	refused ""
}

@test "config show --origin tells where a value comes from" {
	two_tier
	run hyfw config show --origin "$STACK"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"$STACK:"* ]]
	[[ $output == *default* ]]
}

@test "\${VAR} from the environment where the key allows it" {
	write_stack vars <<-'END'
		[workload web]
		image = box
		network = none
		stop_signal = SIGKILL
		command = sh -c "echo $WORD; sleep 60"
		env = WORD=${HYFW_TEST_WORD}
	END
	HYFW_TEST_WORD=from-outside hyfw up "$STACK"
	wait_until 5 bash -c "$(printf '%q ' "${HYFW_COMMAND[@]}") logs web | grep -q from-outside"
	hyfw down vars
	unset HYFW_TEST_WORD
	run --separate-stderr hyfw check "$STACK"
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == *HYFW_TEST_WORD* ]]
}

@test "a random host port is told by ps or inspect and works" {
	hyfw run -d --name random -p 80 box httpd -f -p 80 -h /srv
	local port
	port=$(hyfw ps | grep -oE '[0-9]+->80' | cut -d- -f1)
	echo "$port"
	wait_until 5 curl -fsS --max-time 1 "http://127.0.0.1:$port/"
}

@test "the published port is reached from another address of the machine" {
	hyfw run -d --name everywhere -p "$PORT:80" box httpd -f -p 80 -h /srv
	local address
	address=$(hostname -I | awk '{ print $1 }')
	[ -n "$address" ] || skip "the machine has no address but loopback"
	wait_until 5 curl -fsS --max-time 1 "http://$address:$PORT/"
}

@test "addresses come back: fifty starts one after the other" {
	local n
	for n in $(seq 50); do
		hyfw run --rm box true || { echo "start $n"; false; }
	done
}

@test "interactive keeps standard input open, without it a reader sees its end" {
	write_stack input <<-INI
		[workload held]
		image = box
		command = cat
		network = none
		interactive = yes
		stop_signal = SIGKILL

		[workload ended]
		image = box
		command = cat
		network = none
	INI
	hyfw up "$STACK"
	wait_until 10 is_status ended exited
	is_status held running
	hyfw down "$STACK"
}
