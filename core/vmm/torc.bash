# SPDX-License-Identifier: Apache-2.0
# Bash completion for torc: options, the keys and values after them, PCI devices of this host.
# Needs nothing but bash; source it, or install it as bash-completion's completions/torc.
# shellcheck shell=bash

_torc_options="--kernel --initramfs --cmdline --cpus --memory --memory-zone --numa --disk --net --rng --device --serial
	--console --platform --metrics --config --print-config --dry-run --log-file --log-format -v -h --help -V --version"

# _torc_files PREFIX WORD: the paths that WORD begins, after PREFIX; directories end in a slash.
_torc_files()
{
	local path

	while IFS= read -r path; do
		[[ -d $path ]] && path+=/
		_torc_words+=("$1$path")
	done < <(compgen -f -- "$2")
}

# _torc_match PREFIX WORD CANDIDATE...: the candidates that WORD begins, each after PREFIX.
_torc_match()
{
	local prefix=$1 word=$2 candidate

	shift 2
	for candidate; do
		[[ $candidate == "$word"* ]] && _torc_words+=("$prefix$candidate")
	done
}

# _torc_pairs VALUE KEY=... (of $option): the keys that VALUE does not have yet, or the values of its last key.
_torc_pairs()
{
	local value=$1 done='' last key keys=()

	shift
	last=${value##*,}
	[[ $value == *,* ]] && done=${value%,*},
	case $last in
	shared=* | mergeable=* | prefault=* | hugepages=* | thp=* | readonly=* | direct=* | vhost=* | vfio_p2p_dma=* | bind=* | nested=* | pmu=*)
		_torc_match "$done${last%%=*}=" "${last#*=}" on off
		return
		;;
	hugepage_size=*)
		_torc_match "${done}hugepage_size=" "${last#*=}" 2M 1G
		return
		;;
	numa=*)
		_torc_match "${done}numa=" "${last#*=}" auto off strict
		return
		;;
	idle=*)
		_torc_match "${done}idle=" "${last#*=}" guest host
		return
		;;
	ring_affinity=*)
		_torc_match "${done}ring_affinity=" "${last#*=}" node sibling
		return
		;;
	trace=*)
		_torc_match "${done}trace=" "${last#*=}" off ring
		return
		;;
	file=*)
		_torc_files "${done}file=" "${last#*=}"
		return
		;;
	path=*)
		if [[ $option == --disk || $option == --metrics ]]; then
			_torc_files "${done}path=" "${last#*=}"
			return
		fi
		_torc_devices "${done}path=" "${last#*=}"
		return
		;;
	*=*)
		return
		;;
	esac
	for key; do
		[[ ,$done == *",$key"* ]] || keys+=("$key")
	done
	_torc_match "$done" "$last" "${keys[@]}"
}

# _torc_devices PREFIX WORD: the PCI devices of this host; TORC_PCI_DEVICES is for the test.
_torc_devices()
{
	local root=${TORC_PCI_DEVICES:-/sys/bus/pci/devices} device

	for device in "$root"/*; do
		[[ -e $device && $device == "$2"* ]] && _torc_words+=("$1$device")
	done
}

# _torc_value OPTION VALUE
_torc_value()
{
	case $1 in
	--kernel | --initramfs | --config | --log-file)
		_torc_files '' "$2"
		;;
	--cpus)
		_torc_pairs "$2" boot= max= topology= affinity= idle= nested= pmu=
		;;
	--memory)
		_torc_pairs "$2" size= shared= mergeable= prefault= hugepages= hugepage_size= thp=
		;;
	--memory-zone)
		_torc_pairs "$2" id= size= host_numa_node= file= shared= mergeable= prefault= hugepages= hugepage_size= thp=
		;;
	--numa)
		_torc_pairs "$2" guest_numa_id= cpus= memory_zones= distances=
		;;
	--disk)
		_torc_pairs "$2" path= readonly= direct= image_type= logical_block_size= num_queues= queue_size= serial= queue_affinity= id=
		;;
	--platform)
		_torc_pairs "$2" numa= ring_affinity= ring_poll_us= vfio_p2p_dma=
		;;
	--net)
		_torc_pairs "$2" tap= ip= mask= mac= mtu= fd= num_queues= queue_size= vhost= id=
		;;
	--rng)
		if [[ $2 == src=* ]]; then
			_torc_files src= "${2#src=}"
		else
			_torc_match '' "$2" src=
		fi
		;;
	--metrics)
		_torc_pairs "$2" path= interval= mode=
		;;
	--device)
		_torc_pairs "$2" path= bind= id= trace= x_exclude_mmap_bars=
		;;
	--serial | --console)
		case $2 in
		file=* | socket=*) _torc_files "${2%%=*}=" "${2#*=}" ;;
		*) _torc_match '' "$2" off null tty pty file= socket= ;;
		esac
		;;
	--log-format)
		_torc_match '' "$2" text json
		;;
	esac
}

_torc()
{
	local line=${COMP_LINE:0:COMP_POINT} word before option='' previous cut='' i
	local -a _torc_words=()

	# Bash cuts words at = and : as well; what counts here is what torc will see.
	word=${line##*[[:blank:]]}
	read -ra before <<<"${line%"$word"}"
	previous=${before[${#before[@]} - 1]}
	for ((i = ${#before[@]} - 1; i > 0; i--)); do
		if [[ ${before[i]} == -* ]]; then
			option=${before[i]%%=*}
			break
		fi
	done

	COMPREPLY=()
	if [[ $word == --*=* ]]; then
		_torc_value "${word%%=*}" "${word#*=}"
		_torc_words=("${_torc_words[@]/#/${word%%=*}=}")
	elif [[ $word == -* ]]; then
		# shellcheck disable=SC2086
		_torc_match '' "$word" $_torc_options
	elif [[ $previous == "$option" ]]; then
		_torc_value "$option" "$word"
	elif [[ $option == --device || $option == --disk || $option == --net || $option == --memory-zone ||
		$option == --numa ]]; then
		_torc_value "$option" "$word"
	fi
	# Where no value is due, or a further one is optional, an option may come.
	if [[ -z $word && ! ($previous == "$option" && $option == --*) ]]; then
		# shellcheck disable=SC2086
		_torc_match '' '' $_torc_options
	fi

	# Bash replaces only what follows the last of its own word breaks.
	for ((i = ${#word}; i > 0; i--)); do
		if [[ ${word:i-1:1} == [=:] && $COMP_WORDBREAKS == *"${word:i-1:1}"* ]]; then
			cut=${word:0:i}
			break
		fi
	done
	for word in "${_torc_words[@]}"; do
		COMPREPLY+=("${word#"$cut"}")
	done
	# More is to follow a key and a directory: no blank after those.
	if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]]; then
		compopt -o nospace 2>/dev/null
	fi
	return 0
}

complete -F _torc torc
