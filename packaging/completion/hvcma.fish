# SPDX-License-Identifier: GPL-2.0-only
#
# fish: what may come next, as "hvcma --complete" says. Values of options are left to files.

function __hvcma_complete
    set -l words (commandline -opc)
    $words[1] --complete $words[2..-1] 2>/dev/null
end
complete -c hvcma -n __fish_is_first_arg -f
complete -c hvcma -a '(__hvcma_complete)'
