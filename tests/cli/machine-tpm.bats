# What the TPM of a machine keeps: over stop and start, a saved machine, snapshots inside
# of its disk; and its process, which may end alone.  The guest speaks with /dev/tpm0
# itself (TCG, TPM 2.0 Library, part 3: commands as bytes).
load helpers

setup_file() {
	common_setup_file
	make_guest
	command -v swtpm >/dev/null || skip "no swtpm: install swtpm"
	capabilities_load
	run_machine --rm --name first -- run=poweroff nonet >/dev/null
	capabilities_save
	mkdir -p "$DATA/disks" && chmod 755 "$DATA/disks"
	qemu-img create -q -f qcow2 "$DATA/disks/vm.qcow2" 8M
	machine_snapshot >"$SNAPSHOT"
}

teardown() {
	hyfw ps -a -q | while read -r name; do hyfw rm -f "$name"; done >/dev/null
	hyfw recover
	common_teardown
}

tpm_of_guest() { # the process id of the only swtpm of this instance
	find /proc/[0-9]* -maxdepth 1 -name exe -lname '*/swtpm' 2>/dev/null | sed 's/exe$/cmdline/' |
		xargs -r grep -l -s -F "$DATA/" | cut -d/ -f3
}

# define: eight bytes that stay (NV index 0x01500001); write TEXT, read; extend: the
# register 16, which is empty after a reset.
make_program() {
	cat >"$BATS_TEST_TMPDIR/tpm" <<-'END'
		#!/bin/sh
		exec 3<>/dev/tpm0
		auth='\0\0\0\011\100\0\0\011\0\0\0\0\0'
		nv='\001\120\0\001'
		own='\100\0\0\001'
		do_it() { printf "$1" >&3; dd bs=4096 count=1 <&3 2>/dev/null; }
		case $1 in
		define) do_it "\200\002\0\0\0\055\0\0\001\052$own$auth\0\0\0\016$nv\0\013\0\006\0\006\0\0\0\010" ;;
		write) do_it "\200\002\0\0\0\053\0\0\001\067$own$nv$auth\0\010$2\0\0" ;;
		read) do_it "\200\002\0\0\0\043\0\0\001\116$own$nv$auth\0\010\0\0" | dd bs=1 skip=16 count=8 2>/dev/null ;;
		extend) do_it "\200\002\0\0\0\101\0\0\001\202\0\0\0\020$auth\0\0\0\001\0\013abcdefghabcdefghabcdefghabcdefgh" ;;
		esac | case $1 in
		read) cat ;;
		*) dd bs=1 skip=6 count=4 2>/dev/null | hexdump -v -e '1/1 "%02x"' ;;
		esac
	END
	printf 'echo %s | base64 -d >/bin/tpm; chmod +x /bin/tpm; echo pro"gram"' "$(gzip -9c "$BATS_TEST_TMPDIR/tpm" | base64 -w 0)"
}

program_sent() { # NAME
	say "$1" "$(make_program | sed 's/base64 -d/base64 -d | gunzip/')"
	has_said "$1" program
}

keeps() { # NAME TAG TEXT: what is kept, and the register
	say "$1" "echo \"$2 \$(tpm read) \$(cut -c 1-4 /sys/class/tpm/tpm0/pcr-sha256/16)\""
	has_said "$1" "$2 $3"
}

lacks_tpm() { [ "$(hyfw --format json inspect vm | json 0 lacks)" = TPM ]; }
is_whole() { [ "$(hyfw --format json inspect vm | json 0 lacks)" = null ]; }
ready_again() { [ "$(hyfw logs vm | grep -c 'guest: ready')" -eq 2 ]; }

@test "what a TPM keeps: stop and start, a saved machine, snapshots; a swtpm that is killed" {
	run_machine -d -i --name vm --set tpm=yes --set disk="$DATA/disks/vm.qcow2"
	has_said vm "guest: ready"
	program_sent vm
	say vm 'echo "made $(tpm define) $(tpm write AAAAAAAA) $(tpm extend)"'
	has_said vm "made 00000000 00000000 00000000"
	keeps vm first "AAAAAAAA 5D8E"
	hyfw snapshot create vm one
	say vm 'echo "changed $(tpm write BBBBBBBB) $(tpm extend)"'
	has_said vm "changed 00000000 00000000"
	keeps vm second "BBBBBBBB 2CB9"
	hyfw snapshot revert vm one
	keeps vm third "AAAAAAAA 5D8E"
	say vm 'echo "again $(tpm write CCCCCCCC)"'
	has_said vm "again 00000000"
	hyfw save vm
	is_status vm exited
	[ -z "$(tpm_of_guest)" ]
	hyfw restore vm
	keeps vm fourth "CCCCCCCC 5D8E"

	# the guest goes on without it, and has it again when it starts anew
	is_whole
	kill -KILL "$(tpm_of_guest)"
	wait_until 10 lacks_tpm
	hyfw ps | grep -q ' (without TPM) '
	hyfw events --no-stream | grep -E 'lose +vm +what=TPM'
	is_status vm running
	say vm 'echo "a"live'
	has_said vm alive
	hyfw stop vm
	hyfw start vm
	wait_until 60 ready_again
	is_whole
	program_sent vm
	keeps vm fifth "CCCCCCCC 0000"
	hyfw stop vm
}
