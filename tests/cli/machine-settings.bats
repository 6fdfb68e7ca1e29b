# Every choice that a setting of machines has starts with this QEMU, and displays answer
# as they say; no guest is waited for.
load helpers

setup_file() {
	common_setup_file
	make_guest
	capabilities_load
}

# What libvirt found out about QEMU stays for the next file of tests.
teardown() {
	local name
	hyfw ps -a -q | while read -r name; do hyfw rm -f "$name"; done >/dev/null
}

KERNEL="kernel=$GUEST/vmlinux"
# Together they have each choice once; what cannot be is in REFUSED.
MACHINES=(
	"m1 $KERNEL machine=q35 accel=auto firmware=auto display=vnc video=virtio sound=ich9 input=tablet,keyboard,mouse,usb-tablet,usb-keyboard,usb-mouse disk_bus=virtio nic_model=virtio watchdog=i6300esb watchdog_action=reset on_poweroff=destroy on_reboot=restart on_crash=destroy clock=utc nested=auto boot=hd memory_max=128M vcpus=2 vcpus_max=4"
	"m2 machine=pc accel=tcg firmware=bios display=spice video=qxl sound=ich6 disk_bus=ide nic_model=rtl8139 watchdog=ib700 watchdog_action=shutdown on_poweroff=restart on_crash=restart clock=localtime nested=off boot=network"
	"m3 machine=q35 firmware=efi display=vnc video=std sound=ac97 disk_bus=scsi nic_model=e1000 watchdog=i6300esb watchdog_action=poweroff on_reboot=destroy on_crash=preserve nested=on boot=cdrom"
	"m4 machine=pc display=vnc vnc_websocket=auto vnc_password=secret77 video=cirrus sound=es1370 disk_bus=sata nic_model=e1000e watchdog=ib700 watchdog_action=pause on_crash=coredump-destroy boot=fd"
	"m5 $KERNEL firmware=qboot display=none video=none sound=none disk_bus=usb watchdog=none on_crash=coredump-restart tpm=yes"
	"m6 machine=pc video=auto sound=sb16 watchdog=i6300esb watchdog_action=none suspend_to_mem=yes suspend_to_disk=yes acpi=no apic=no rng=no balloon=no"
	"m7 watchdog=i6300esb watchdog_action=inject-nmi"
)
# libvirt has none; KVM is not on every host.
REFUSED="machine=microvm accel=kvm persistent"

write_machines() {
	local machine words word
	printf '[hyfw]\nname = all\n[network lan]\ndriver = bridge\nsubnet = 10.98.78.0/24\ninternal = yes\n'
	for machine in "${MACHINES[@]}"; do
		read -r -a words <<<"$machine"
		truncate -s 1M "$DATA/disks/${words[0]}.img"
		printf '[workload %s]\nisolation = kvm\nnetwork = lan\nmemory = 64M\nstop_timeout = 1s\n' "${words[0]}"
		printf 'disk = %s:format=raw\n' "$DATA/disks/${words[0]}.img"
		for word in "${words[@]:1}"; do printf '%s = %s\n' "${word%%=*}" "$(tr , ' ' <<<"${word#*=}")"; done
	done
}

@test "each choice of each setting is in one of the machines below" {
	hyfw --format json plugin inspect kvm >"$BATS_TEST_TMPDIR/plugin"
	/usr/bin/python3 - "$BATS_TEST_TMPDIR/plugin" "$REFUSED" "${MACHINES[@]}" <<-'END'
		import json, sys
		have = set()
		for word in " ".join(sys.argv[2:]).split():
		    key, _, values = word.partition("=")
		    have |= {(key, value) for value in values.split(",")}
		options = [o for o in json.load(open(sys.argv[1]))["options"] if o["section"] == "workload" and o["type"] == "choice"]
		assert len(options) > 15
		missing = [f'{o["key"]}={c}' for o in options for c in o["choices"] if (o["key"], c) not in have]
		sys.exit("no machine has " + " ".join(missing) if missing else 0)
	END
}

vnc_types() { # SOCKET or PORT -> version and the types of authentication that are offered
	/usr/bin/python3 -c '
import socket, sys
where = sys.argv[1]
s = socket.socket(socket.AF_UNIX if where.startswith("/") else socket.AF_INET)
s.settimeout(10)
s.connect(where if where.startswith("/") else ("127.0.0.1", int(where)))
version = s.recv(12); s.sendall(version); count = s.recv(1)[0]; print(version.decode().strip(), list(s.recv(count)))' "$1"
}

@test "they all start; a display on a socket, behind a password and as WebSocket answers" {
	mkdir -m 755 "$DATA/disks"
	write_stack all < <(write_machines)
	hyfw up "$STACK"
	capabilities_save
	for machine in "${MACHINES[@]}"; do is_status "${machine%% *}" running; done

	# on a unix socket that only root reaches: no authentication (1)
	hyfw vnc m3 >"$BATS_TEST_TMPDIR/vnc"
	socket=$(sed -n 's/^vnc on socket //p' "$BATS_TEST_TMPDIR/vnc")
	[ "$(stat -c %a "$(dirname "$socket")")" = 700 ]
	[ "$(vnc_types "$socket")" = "RFB 003.008 [1]" ]
	# with a password: that alone (2); and the same for browsers
	port=$(hyfw vnc m4 | sed -n 's/^vnc on .* port //p')
	[ "$(vnc_types "$port")" = "RFB 003.008 [2]" ]
	websocket=$(tr '\0' '\n' <"/proc/$(hyfw --format json inspect m4 | json 0 pid)/cmdline" | sed -n 's/^127.*,websocket=\([0-9]*\).*/\1/p')
	/usr/bin/python3 - "$websocket" <<-'END'
		import socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
		s.settimeout(10)
		s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
		          b"dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n")
		answer = s.recv(4096)
		assert answer.startswith(b"HTTP/1.1 101"), answer
		assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer, answer # RFC 6455, 1.3
	END
	hyfw vnc m2 | grep -q '^connect: remote-viewer spice+unix:///'
	for machine in "${MACHINES[@]}"; do hyfw rm -f "${machine%% *}"; done
	hyfw down "$STACK"
	[ -z "$(own_processes)" ]
	[ -z "$(compgen -G "$DATA/drivers/kvm/nvram/m*")" ] && [ -z "$(compgen -G "$DATA/drivers/kvm/tpm/m*")" ]
}

logged() { # NAME TEXT
	hyfw logs "$1" | tr -d '\r' | grep -a -q -F -- "$2"
}

# OVMF's shell runs startup.nsh when nothing else boots: the kernel is an EFI program.
@test "EFI: a disk boots, and the variables stay as long as the workload" {
	command -v mformat >/dev/null || skip "no mformat: install mtools"
	mkdir -p -m 755 "$DATA/disks"
	disk=$DATA/disks/efi.img
	truncate -s 48M "$disk"
	mformat -i "$disk" -F ::
	mcopy -i "$disk" "$GUEST/vmlinuz" ::linux.efi
	mcopy -i "$disk" "$GUEST/initrd" ::initrd
	printf '\\linux.efi %s nonet initrd=\\initrd\r\n' "$GUEST_CMDLINE" >"$BATS_TEST_TMPDIR/startup.nsh"
	mcopy -i "$disk" "$BATS_TEST_TMPDIR/startup.nsh" ::
	hyfw run -d --name efi --isolation kvm --network none -m 256M --set firmware=efi --set tpm=yes --set display=vnc \
		--disk "$disk:format=raw" >/dev/null
	wait_until 120 logged efi "guest: ready"
	variables=$DATA/drivers/kvm/nvram/efi.fd
	[ "$(stat -c %u "$variables")" = "$(stat -c %u "/proc/$(hyfw --format json inspect efi | json 0 pid)")" ]
	hyfw kill efi
	wait_until 10 is_status efi exited
	run cmp -s "$variables" /usr/share/OVMF/OVMF_VARS_4M.fd
	[ "$status" -eq 1 ] # OVMF has written to it
	hyfw rm efi
	[ ! -e "$variables" ]
}
