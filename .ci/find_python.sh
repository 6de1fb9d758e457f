# Sourced by run. `find_python 3.12` prints the real path of a CPython of that version that can make virtual
# environments. A version manager's shim on PATH may exist without working, and a distribution's Python may
# lack ensurepip, so each candidate is asked.

find_python() {
    local version=$1 candidate found
    local -a candidates
    mapfile -t candidates < <(
        type -aP "python$version" || true
        printf '%s\n' "${PYENV_ROOT:-${HOME:-/root}/.pyenv}/versions/$version".*/bin/"python$version" | sort -rV
    )
    for candidate in "${candidates[@]}"; do
        found=$("$candidate" -c "
import ensurepip, os, platform, sys, venv
assert platform.python_implementation() == 'CPython' and '%d.%d' % sys.version_info[:2] == '$version'
print(os.path.realpath(sys.executable))" 2>/dev/null) || continue
        printf '%s\n' "$found"
        return 0
    done
    printf 'CPython %s was asked for and is neither on PATH nor under pyenv\n' "$version" >&2
    return 1
}
