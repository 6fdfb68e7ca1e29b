# What is typed wrongly: one clear sentence, the documented status, nothing left.
load helpers

# COMMAND... is refused with STATUS, and its one line of error holds TEXT.
refused() { # STATUS TEXT COMMAND...
	local wanted=$1 text=$2
	shift 2
	run --separate-stderr "$@"
	echo "$* -> $status: $stderr"
	[ "$status" -eq "$wanted" ]
	[[ "$stderr" == "hyfw: "*"$text"* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[ -z "$(hyfw ps -a -q)" ]
}

box() { hyfw run --rm --network none "$@"; }

@test "a command that is missing is 127, one that cannot be executed 126" {
	local root=$BATS_TEST_TMPDIR/root
	mkdir "$root" && cp -a "$ROOTFS/." "$root/" && chmod 755 "$BATS_TEST_TMPDIR" "$root"
	printf 'echo hi\n' >"$root/bin/plain"
	printf '#!/no/such/interpreter\n' >"$root/bin/stray"
	: >"$root/bin/nothing"
	chmod 755 "$root"/bin/{plain,stray,nothing}
	refused 127 'nosuch: executable file not found' box box -- nosuch
	refused 127 '/no/such: executable file not found' box box -- /no/such
	refused 127 'stray: no such file or directory: the interpreter in its first line' box --rootfs "$root" -- stray
	refused 127 'there is no command to run' box box
	refused 126 'plain: cannot be executed: Exec format error' box --rootfs "$root" -- plain
	refused 126 'nothing: cannot be executed' box --rootfs "$root" -- nothing
	refused 126 '/etc: cannot be executed' box box -- /etc
}

@test "a missing image is 127 for run and up, and check finds it" {
	refused 127 'image nosuch: not found' box nosuch -- true
	write_stack missing <<<$'[workload a]\nimage = nosuch\ncommand = true'
	refused 127 'image nosuch: not found' hyfw up "$STACK"
	refused 125 "$STACK:1: [workload a]" hyfw check "$STACK"
}

@test "a workload of a stack that cannot start is named" {
	write_stack one <<<$'[workload good]\nimage = box\ncommand = sleep 60\nnetwork = none\n[workload bad]\nimage = box\ncommand = nosuch\nnetwork = none'
	refused 127 'workload bad: isolation namespaces: nosuch: executable file not found' hyfw up "$STACK"
}

@test "users that are not there" {
	refused 125 'user nosuch: no such user' box -u nosuch box -- true
	refused 125 'group nosuch: no such group' box -u 5:nosuch box -- true
	refused 125 '--user 4294967295' box -u 4294967295 box -- true
	refused 125 'id range' box -u 70000 box -- true
}

@test "a missing working directory is made, one that is a file is refused" {
	run -0 box -w /srv/new/deep box -- pwd
	[ "$output" = /srv/new/deep ]
	refused 125 '/etc/passwd: Not a directory' box -w /etc/passwd box -- pwd
	refused 125 '--workdir relative' box -w relative box -- pwd
}

@test "volumes: missing, relative, at the root, on /proc" {
	refused 125 '/no/such: there is no such directory' box -v /no/such:/x box -- true
	refused 125 '--volume ./nosuch:/x: No such file' box -v ./nosuch:/x box -- true
	refused 125 'cannot be the root' box -v /etc:/ box -- true
	refused 125 'below /proc' box -v /etc:/proc box -- true
	refused 125 'below /proc' box --tmpfs /proc/sys box -- true
	refused 125 "without '..'" box -v /etc:/../x box -- true
	refused 125 'ro or rw' box -v /etc:/mnt:odd box -- true
	cd "$BATS_TEST_TMPDIR"
	mkdir -p here && echo seen >here/file
	run -0 box -v ./here:/x box -- cat /x/file
	[ "$output" = seen ]
}

@test "a link of the root file system to /proc is no way to mount there" {
	local root=$BATS_TEST_TMPDIR/root
	mkdir "$root" && cp -a "$ROOTFS/." "$root/" && chmod 755 "$BATS_TEST_TMPDIR" "$root"
	ln -s /proc "$root/elsewhere"
	refused 125 'refuse to mount' box -v /etc:/elsewhere/sys --rootfs "$root" -- true
}

@test "flags without a value, and flags that contradict each other" {
	local flag
	for flag in --env --volume --memory --network --cap-add --tmpfs --label; do
		refused 125 "$flag" box "$flag" '' box -- true
	done
	refused 125 '--rm and --restart' box --restart always box -- true
	refused 125 "--name a b" box --name 'a b' box -- true
	refused 125 '--env NOSUCHVARIABLE: the environment has no variable' box -e NOSUCHVARIABLE box -- true
	TAKEN=along run -0 box -e TAKEN box -- sh -c 'echo $TAKEN'
	[ "$output" = along ]
}

@test "arguments arrive as they were typed" {
	run -0 box box -- printf '%s|' a '' 'b c' '"' '${HOME}' '$x' '%'
	[ "$output" = 'a||b c|"|${HOME}|$x|%|' ]
}

@test "limits that no workload can start in" {
	refused 125 'less than the 4 MiB' box -m 1M box -- true
	refused 125 '--memory 100k' box -m 100k box -- true
	refused 125 'there is no CPU 8000' box --cpuset-cpus 8000 box -- true
	refused 125 '--pids-limit 0' box --pids-limit 0 box -- true
}

@test "subnets that hosts cannot have, or this host has" {
	local subnet
	for subnet in 127.0.0.0/8 224.0.0.0/8 255.255.255.0/24 10.0.0.0/31 10.0.0.5/24; do
		write_stack net <<<$'[network n]\nsubnet = '"$subnet"$'\n[workload a]\nimage = box\ncommand = true\nnetwork = n'
		refused 125 "$STACK:2: [network n] subnet = $subnet" hyfw check "$STACK"
	done
	ip link add hyfwtaken type bridge && ip addr add 10.213.0.1/24 dev hyfwtaken
	write_stack net <<<$'[network n]\nsubnet = 10.213.0.0/16\n[workload a]\nimage = box\ncommand = true\nnetwork = n'
	run --separate-stderr hyfw up "$STACK"
	ip link del hyfwtaken
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"overlaps hyfwtaken (10.213.0.1/24)"* ]]
}

@test "ports: in use by the host, by another workload, twice in a stack" {
	local port
	port=$(free_port)
	hyfw run -d --name first -p "$port:80" box -- sleep 60
	run --separate-stderr hyfw run --rm -p "$port:80" box -- true
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"port $port/tcp"*"taken by first"* ]]
	hyfw rm -f first
	/usr/bin/python3 -c 'import socket, sys, time
s = socket.socket(); s.bind(("", int(sys.argv[1]))); s.listen(); print("up", flush=True); time.sleep(30)' "$port" >"$BATS_TEST_TMPDIR/up" 3>&- &
	wait_until 5 grep up "$BATS_TEST_TMPDIR/up"
	run --separate-stderr hyfw run --rm -p "$port:80" box -- true
	kill $!
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"port $port/tcp is in use by a process of the host"* ]]
	write_stack twice <<<$'[workload a]\nimage = box\ncommand = true\npublish = 8080:80\n[workload b]\nimage = box\ncommand = true\npublish = 8080:80'
	refused 125 "$STACK:8: [workload b] publish = 8080:80: workload a publishes" hyfw check "$STACK"
}

@test "files that cannot be a stack" {
	refused 125 'is a directory' hyfw up "$BATS_TEST_TMPDIR"
	mkfifo "$BATS_TEST_TMPDIR/pipe.ini"
	refused 125 'is not a regular file' hyfw check "$BATS_TEST_TMPDIR/pipe.ini"
	: >"$BATS_TEST_TMPDIR/empty.ini"
	refused 125 'there is no [workload NAME]' hyfw check "$BATS_TEST_TMPDIR/empty.ini"
	ln -s loop.ini "$BATS_TEST_TMPDIR/loop.ini"
	refused 125 'symbolic links' hyfw check "$BATS_TEST_TMPDIR/loop.ini"
}

@test "a plugin directory that is not there" {
	refused 125 'plugin directory: /no: No such file' hyfw --plugin-path /no/such run --rm box -- true
}
