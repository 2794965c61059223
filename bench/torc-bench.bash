# SPDX-License-Identifier: Apache-2.0
# Bash completion for torc-bench: commands, their options, PCI devices and interfaces of this host, folders of results.
# Needs nothing but bash; source it, or install it as bash-completion's completions/torc-bench.
# shellcheck shell=bash

_torc_bench()
{
	local line=${COMP_LINE:0:COMP_POINT} word before command='' last='' cut='' words='' devices='' device
	# TORC_PCI_DEVICES is for the test.
	local root=${TORC_PCI_DEVICES:-/sys/bus/pci/devices}

	# Bash cuts words at : as well.
	word=${line##*[[:blank:]]}
	read -ra before <<<"${line%"$word"}"
	[[ ${#before[@]} -gt 1 ]] && command=${before[1]} last=${before[-1]}
	for device in "$root"/*; do
		devices+=" ${device##*/}"
	done
	[[ $word == *:* && $COMP_WORDBREAKS == *:* ]] && cut=${word%:*}:
	COMPREPLY=()
	case $command:$last in
	compare:*)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return 0
		;;
	*:--out)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return 0
		;;
	*:--runtime | *:--rounds) return 0 ;;
	*:--vs)
		for device in qemu cloud-hypervisor; do
			[[ $word == *,* ]] && device=${word%,*},$device
			words+=" $device"
		done
		;;
	*:--peer) words="$devices $(compgen -G '/sys/class/net/*' | sed 's|.*/||')" ;;
	:*) words="nvme net compare --help --version" ;;
	nvme:*) words="--runtime --rounds --vs --destructive --out $devices" ;;
	net:*) words="--runtime --rounds --vs --peer --out $devices" ;;
	esac
	for device in $words; do
		[[ $device == "$word"* ]] && COMPREPLY+=("${device#"$cut"}")
	done
	return 0
}

complete -F _torc_bench torc-bench
