# Machines that start from a template: a booted guest that was saved, which goes on
# under another name, with addresses of its own.
load helpers

setup_file() {
	common_setup_file
	make_guest
	capabilities_load
	run_machine --rm --name first -- run=poweroff nonet >/dev/null
	capabilities_save
	machine_snapshot >"$SNAPSHOT"
}

teardown() {
	local name
	hyfw ps -a -q | while read -r name; do hyfw rm -f "$name"; done >/dev/null
	hyfw --format json template list | python3 -c 'import json, sys; [print(row["name"]) for row in json.load(sys.stdin)]' |
		while read -r name; do hyfw template rm "$name"; done
	hyfw recover
	rm -rf "$DATA/stacks/lan"
	common_teardown
}

refused() { # WORDS COMMAND...
	local words=$1
	shift
	run --separate-stderr hyfw "$@"
	echo "$stderr"
	[ "$status" -ne 0 ]
	[[ $stderr == *"$words"* ]]
}

@test "machines go on where a template was made, each as itself" {
	run_machine -d -i --name base -- nonet
	has_said base "guest: ready"
	say base 'echo "kept in memory" >/tmp/state; echo stored'
	has_said base stored
	hyfw template create booted base
	[ "$(stat -c %a "$DATA/drivers/kvm/templates/booted/memory")" = 600 ]
	say base 'echo goes "on"'
	has_said base "goes on"
	refused "there is a template booted already" template create booted base
	hyfw rm -f base

	cat >"$BATS_TEST_TMPDIR/lan.ini" <<-END
		[network lan]
		driver = bridge
		subnet = 10.231.77.0/24
		[workload two]
		isolation = kvm
		template = booted
		network = lan
		interactive = yes
		description = the second
	END
	hyfw plan "$BATS_TEST_TMPDIR/lan.ini" | grep -F "from template booted"
	hyfw run -d -i --name one --isolation kvm --template booted --network none
	hyfw up "$BATS_TEST_TMPDIR/lan.ini"
	hyfw ps | grep "^one .*template booted"
	say one 'echo "one: $(cat /tmp/state)"'
	has_said one "one: kept in memory"
	say two 'echo "two: $(cat /tmp/state)"; modprobe virtio_net; sleep 1; nic eth0'
	has_said two "two: kept in memory"
	! logged two "guest: up" || false # it has not booted
	has_said two "guest: eth0 10.231.77."
	address=$(hyfw logs two | sed -n 's/.*guest: eth0 \(10[0-9.]*\).*/\1/p')
	[ "$(timeout 10 curl -s "http://$address/")" = "page of the test guest guest" ]

	# a user, a uuid and control groups for each
	one=$(hyfw --format json inspect one | json 0 pid) two=$(hyfw --format json inspect two | json 0 pid)
	[ "$(stat -c %u "/proc/$one")" != "$(stat -c %u "/proc/$two")" ]
	[ "$(tr '\0' '\n' <"/proc/$one/cmdline" | grep -A1 '^-uuid')" != "$(tr '\0' '\n' <"/proc/$two/cmdline" | grep -A1 '^-uuid')" ]
	grep -q "$(owner_mark)/one" "/proc/$one/cgroup"
	grep -q "$(owner_mark)/two" "/proc/$two/cgroup"

	# in use
	refused "template booted is used by one" template rm booted
	[[ $(hyfw template list) == *"booted "*"256.0M"*"one two"* ]]
	hyfw stop one
	hyfw start one
	say one 'echo "one again: $(cat /tmp/state)"'
	has_said one "one again: kept in memory"
	hyfw rm -f one
	hyfw down "$BATS_TEST_TMPDIR/lan.ini"
	hyfw template rm booted
	[ -z "$(ls -A "$DATA/drivers/kvm/templates" "$DATA/drivers/kvm/machines" | grep -v :)" ]
}

@test "what does not fit is refused in a sentence, and nothing stays" {
	run_machine -d -i --name base -- nonet
	has_said base "guest: up"
	refused "a name is of letters" template create ../x base
	hyfw template create small base
	hyfw rm -f base
	from=(run -d --rm --isolation kvm --network none --name no --template)
	refused "there is no template none" "${from[@]}" none
	refused "memory = 512M: template small has memory = 256M" "${from[@]}" small -m 512M
	refused "vcpus = 2: template small has vcpus = 1" "${from[@]}" small --vcpus 2
	refused "machine = pc: template small has machine = q35" "${from[@]}" small --set machine=pc
	refused "rng = false: template small has rng = true" "${from[@]}" small --set rng=no
	refused "the disks of a machine are its template's" "${from[@]}" small --disk "$GUEST/vmlinux:format=raw,ro"
	[ -z "$(hyfw ps -a -q)" ]

	memory=$DATA/drivers/kvm/templates/small/memory
	cp "$memory" "$BATS_TEST_TMPDIR/whole"
	truncate -s 1M "$memory"
	refused "template small is damaged: its memory has 1048576 bytes" "${from[@]}" small
	[[ $(hyfw template list) == *small*damaged* ]]
	# as many bytes, but not those
	truncate -s "$(stat -c %s "$BATS_TEST_TMPDIR/whole")" "$memory"
	refused "template small is damaged, or was made by another QEMU: load of migration failed" "${from[@]}" small
	[ -z "$(hyfw ps -a -q)" ]
	[ -z "$(own_processes)" ]
	cp "$BATS_TEST_TMPDIR/whole" "$memory"
	printf X | dd of="$memory" bs=1 seek=3 conv=notrunc status=none
	refused "its memory is no saved machine" "${from[@]}" small
}
