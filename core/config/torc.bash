# SPDX-License-Identifier: Apache-2.0
# Bash completion for torc: options, the keys and values after them, PCI devices of this host.
# Needs nothing but bash: source <(torc --schema bash), or install that as bash-completion's completions/torc.
# shellcheck shell=bash

# What torc --schema bash puts behind this: _torc_options, all of them; _torc_keys, an option's keys with what stands behind each;
# _torc_values, the same for options without keys; _torc_many, options that take several values.
# shellcheck disable=SC2154

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

# _torc_alternatives PREFIX WORD ALTERNATIVES: words; FILE, PATH and DEVICE; KEY=PATH and KEY=PATH[,KEY=VALUE]; what else is in
# capitals one has to know.
_torc_alternatives()
{
	local prefix=$1 word=$2 rest=$3 one more

	while [[ -n $rest ]]; do
		one=${rest%%|*} rest=${rest#"${rest%%|*}"}
		rest=${rest#|}
		case $one in
		FILE | PATH) _torc_files "$prefix" "$word" ;;
		DEVICE) _torc_devices "$prefix" "$word" ;;
		[[:upper:][]*) ;;
		*=*)
			more=${one#*\[,}
			if [[ $word == "${one%%=*}="*,* && $more != "$one" ]]; then
				[[ ${word##*,} == *=* ]] || _torc_match "$prefix${word%,*}," "${word##*,}" "${more%%=*}="
			elif [[ $word == "${one%%=*}="* ]]; then
				_torc_files "$prefix${one%%=*}=" "${word#*=}"
			else
				_torc_match "$prefix" "$word" "${one%%=*}="
			fi
			;;
		*) _torc_match "$prefix" "$word" "$one" ;;
		esac
	done
}

# _torc_pairs VALUE KEY=ALTERNATIVES...: the keys that VALUE does not have yet, or the values of its last key.
_torc_pairs()
{
	local value=$1 done='' last pair keys=()

	shift
	last=${value##*,}
	[[ $value == *,* ]] && done=${value%,*},
	for pair; do
		if [[ $last == "${pair%%=*}="* ]]; then
			_torc_alternatives "$done${pair%%=*}=" "${last#*=}" "${pair#*=}"
			return
		fi
		[[ ,$done == *",${pair%%=*}="* ]] || keys+=("${pair%%=*}=")
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
	local keys

	if [[ ${_torc_keys[$1]+there} ]]; then
		read -ra keys <<<"${_torc_keys[$1]}"
		_torc_pairs "$2" "${keys[@]}"
	else
		_torc_alternatives '' "$2" "${_torc_values[$1]-}"
	fi
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
		_torc_match '' "$word" "${_torc_options[@]}"
	elif [[ $previous == "$option" ]]; then
		_torc_value "$option" "$word"
	elif [[ -n $option && " $_torc_many " == *" $option "* ]]; then
		_torc_value "$option" "$word"
	fi
	# Where no value is due, or a further one is optional, an option may come.
	if [[ -z $word && ! ($previous == "$option" && $option == --*) ]]; then
		_torc_match '' '' "${_torc_options[@]}"
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
