# Bash completion for hyfw.  Commands and flags are asked of hyfw itself, so that
# they are always those of the version that runs; names are those that exist now.

_hyfw_commands() {
	hyfw help 2>/dev/null | sed -n '/^Commands:/,$s/^  \([a-z][a-z-]*\) .*/\1/p'
}

# The flags that "hyfw [COMMAND] --help" shows.
_hyfw_flags() {
	hyfw "$@" --help 2>/dev/null | grep -oE -- '(^|[^a-zA-Z0-9-])--?[a-z][a-z-]*' | grep -oE -- '--?[a-z][a-z-]*' | sort -u
}

_hyfw_names() { # FLAG-OF-PS...
	hyfw ps -q "$@" 2>/dev/null
}

_hyfw_table() { # image|volume|template
	hyfw "$1" list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_hyfw_verbs() {
	case $1 in
	image) echo "import build-disk list inspect rm" ;;
	volume) echo "list rm" ;;
	disk) hyfw disk --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' | sort -u ;;
	plugin) echo "list inspect" ;;
	driver) echo "parity list inspect" ;;
	config) echo "show" ;;
	completion) echo "bash" ;;
	oci) hyfw oci --help 2>/dev/null | sed -n '/^Verbs:/,$s/^  \([a-z][a-z-]*\) .*/\1/p' ;;
	esac
}

_hyfw() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command="" verb="" words="" i

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--config | --root | --state | --plugin-path | --format) [ -n "$command" ] || i=$((i + 1)) ;;
		-*) ;;
		*)
			if [ -z "$command" ]; then
				command=${COMP_WORDS[i]}
			elif [ -z "$verb" ]; then
				verb=${COMP_WORDS[i]}
			fi
			;;
		esac
	done

	case $previous in
	--config | --root | --state | --plugin-path | --rootfs | -v | --volume | --disk | --cdrom)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--format) words="table json" ;;
	--network) words="none $(_hyfw_table network)" ;;
	--autostart) [ "$command" = start ] || words="yes no" ;;
	--restart) words="no on-failure always unless-stopped" ;;
	--isolation) words="namespaces kvm" ;;
	--userns) words="auto host" ;;
	--systemd) words="auto always off" ;;
	-s | --signal) words="TERM KILL INT HUP QUIT USR1 USR2 STOP CONT" ;;
	esac
	if [ -z "$words" ]; then
		case $current in
		-*)
			# shellcheck disable=SC2086 # nothing when there is no command yet
			words=$(_hyfw_flags $command)
			;;
		*) words=$(_hyfw_words "$command" "$verb") ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	case $command in
	up | down | plan | check | ps | logs)
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X '!*.ini' -- "$current"; compgen -d -S / -- "$current")
		compopt -o nospace 2>/dev/null || true
		;;
	disk) [ -z "$verb" ] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current") ;;
	image) [ "$verb" != import ] || mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
	esac
}

_hyfw_words() { # COMMAND VERB
	case $1 in
	"") _hyfw_commands ;;
	run | create) [ -n "$2" ] || _hyfw_table image ;;
	start) _hyfw_names -a ;;
	stop | kill | pause | unpause | reboot) _hyfw_names ;;
	attach | console) [ -n "$2" ] || _hyfw_names ;;
	restart | update) _hyfw_names -a ;;
	migrate | rename | why) [ -n "$2" ] || _hyfw_names -a ;;
	adopt) virsh -q list --all --name 2>/dev/null ;;
	vnc | port | save | top) [ -n "$2" ] || _hyfw_names ;;
	failover) hyfw failover 2>/dev/null | awk 'NR > 1 { print $1 }' ;;
	template)
		case $2 in
		"") echo "create list inspect rm" ;;
		create) _hyfw_names ;;
		inspect | rm) _hyfw_table template ;;
		esac
		;;
	selinux) [ -n "$2" ] || echo "status contexts booleans policy" ;;
	snapshot) [ -n "$2" ] && _hyfw_names -a || echo "create list revert delete" ;;
	exec) [ -n "$2" ] || _hyfw_names ;;
	rm | inspect | logs | wait | stats) _hyfw_names -a ;;
	disk)
		case $2 in
		"") _hyfw_verbs disk ;;
		snapshot) echo "create list revert delete" ;;
		*) _hyfw_names -a; _hyfw_table volume; _hyfw_table image | sed 's,^,image/,' ;;
		esac
		;;
	oci)
		case $2 in
		"") _hyfw_verbs oci ;;
		create | run | list | spec | features) ;;
		*) hyfw oci list --quiet 2>/dev/null ;;
		esac
		;;
	image | volume | plugin | driver | config | completion)
		case $2 in
		"") _hyfw_verbs "$1" ;;
		rm) _hyfw_table "$1" ;;
		inspect) _hyfw_table "$1" ;;
		esac
		;;
	esac
}

complete -F _hyfw hyfw
