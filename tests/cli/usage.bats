# Help, wrong use, exit statuses: what a user meets first.
load helpers

@test "help lists the commands on standard output" {
	run --separate-stderr hyfw help
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	for command in run create start stop kill rm exec logs ps inspect stats wait up down plan check recover image volume plugin config completion; do
		grep -q "^  $command " <<<"$output"
	done
}

@test "no command: the help on standard error, status 125" {
	run --separate-stderr hyfw
	[ "$status" -eq 125 ]
	[ -z "$output" ]
	[[ $stderr == *"Usage: hyfw"* ]]
}

@test "--version" {
	run hyfw --version
	[ "$status" -eq 0 ]
	[[ $output =~ ^hyfw\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "an unknown command is named, status 125" {
	run --separate-stderr hyfw launch
	[ "$status" -eq 125 ]
	[ -z "$output" ]
	[[ $stderr == *"'launch'"* ]]
}

@test "every command has --help and refuses an unknown flag with 125" {
	for command in $(hyfw help | awk '/^  [a-z]/ { print $1 }'); do
		run --separate-stderr hyfw "$command" --help
		echo "$command --help: $status $output $stderr"
		[ "$status" -eq 0 ]
		[[ $output == *"hyfw $command"* ]]
		run --separate-stderr hyfw "$command" --no-such-flag
		echo "$command --no-such-flag: $status $stderr"
		[ "$status" -eq 125 ]
		[[ $stderr == hyfw* ]]
	done
}

@test "run passes the payload's status on" {
	run run_box -- sh -c 'exit 7'
	[ "$status" -eq 7 ]
	run run_box -- true
	[ "$status" -eq 0 ]
}

@test "a missing command is 127, one that cannot be executed 126" {
	run -127 --separate-stderr run_box -- no-such-command
	echo "$stderr"
	[[ $stderr == *no-such-command* ]]
	run --separate-stderr run_box -- /bin/not-executable
	echo "$stderr"
	[ "$status" -eq 126 ]
	[[ $stderr == *not-executable* ]]
}

@test "killed by signal N is 128+N" {
	hyfw run -d --name doomed --network none --rootfs "$ROOTFS" -- sleep 60
	hyfw kill doomed
	run hyfw wait doomed
	[ "$output" = 137 ]
	run run_box -- sh -c 'sh -c "kill -TERM \$\$"; exit $?'
	[ "$status" -eq 143 ]
}

@test "a missing image is 127, a missing directory 125, and the message says how to get one" {
	run -127 --separate-stderr hyfw run --rm --network none no-such-image true
	echo "$stderr"
	[[ $stderr == *no-such-image* ]]
	run --separate-stderr hyfw run --rm --network none --rootfs /no/such/dir -- true
	echo "$stderr"
	[ "$status" -eq 125 ]
	[[ $stderr == */no/such/dir* ]]
}

@test "an unknown workload is 125 for every command that takes one" {
	for command in start stop kill rm logs inspect stats wait; do
		run --separate-stderr hyfw "$command" nobody-knows-it
		echo "$command: $status $stderr"
		[ "$status" -eq 125 ]
		[[ $stderr == *nobody-knows-it* ]]
	done
	run --separate-stderr hyfw exec nobody-knows-it -- true
	[ "$status" -eq 125 ]
}

@test "impossible values of flags are refused with the flag's name" {
	for flag in --memory=lots --cpus=0 --cpus=none --pids-limit=-3 --publish=99999:80 --publish=80: \
		--restart=sometimes --volume=relative --cap-add=CAP_NOTHING --tmpfs=relative --hostname='a b' \
		--env='=x' --cpuset-cpus=7-3 --isolation=nothing --network=no-such-network --name='../x'; do
		run --separate-stderr hyfw run --rm "$flag" --rootfs "$ROOTFS" -- true
		echo "$flag: $status $stderr"
		[ "$status" -eq 125 ]
		[ -n "$stderr" ]
	done
}

@test "output that cannot be written is a failure" {
	run bash -c '"$@" >/dev/full' -- "${HYFW_COMMAND[@]}" help
	[ "$status" -ne 0 ]
}

@test "man page: every command and flag is in it, and nothing else" {
	"$HYFW_TOP/tests/check-man" "$HYFW"
}
