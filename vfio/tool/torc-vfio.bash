# SPDX-License-Identifier: Apache-2.0
# Bash completion for torc-vfio: commands, their options, PCI devices of this host, folders.
# Needs nothing but bash; source it, or install it as bash-completion's completions/torc-vfio.
# shellcheck shell=bash

_torc_vfio()
{
	local line=${COMP_LINE:0:COMP_POINT} word before command='' cut='' i
	# TORC_PCI_DEVICES is for the test.
	local root=${TORC_PCI_DEVICES:-/sys/bus/pci/devices} words='' device

	# Bash cuts words at : as well.
	word=${line##*[[:blank:]]}
	read -ra before <<<"${line%"$word"}"
	for ((i = 1; i < ${#before[@]}; i++)); do
		[[ ${before[i]} == -* ]] || { command=${before[i]} && break; }
	done
	case ${before[-1]} in
	--sys | --proc | --dev)
		COMPREPLY=()
		while IFS= read -r device; do
			COMPREPLY+=("$device/")
		done < <(compgen -d -- "$word")
		compopt -o nospace 2>/dev/null
		return 0
		;;
	esac
	case $command in
	'') words="list inspect bind unbind vfs recover check --help --version" ;;
	list | inspect | check) words="--json --sys --proc --dev" ;;
	bind) words=--force ;;
	esac
	case $command in
	inspect | bind | unbind | vfs | check)
		for device in "$root"/*; do
			words+=" ${device##*/}"
		done
		;;
	esac
	[[ $word == *:* && $COMP_WORDBREAKS == *:* ]] && cut=${word%:*}:
	COMPREPLY=()
	for device in $words; do
		[[ $device == "$word"* ]] && COMPREPLY+=("${device#"$cut"}")
	done
	return 0
}

complete -F _torc_vfio torc-vfio
