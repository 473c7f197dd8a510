//go:build !(linux || freebsd || netbsd || openbsd || dragonfly)

package secret

// reachable says whether there is a keychain to ask; these systems always have one or say so themselves.
func reachable() bool { return true }

// absent says whether err means that there is no keychain; these systems have no further errors for it.
func absent(error) bool { return false }

// locked says whether the keychain would ask its person before it gives anything. These systems unlock it with the
// person's session.
func locked() bool { return false }
