//go:build unix

package daemon

import (
	"io/fs"
	"os"
	"syscall"
)

// anothers says whether a folder belongs to another user, who could read what is kept in it, or put something there.
func anothers(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) != os.Geteuid()
}

// ownFolder lets nobody but its owner into a folder.
func ownFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return os.Chmod(dir, 0o700) //nolint:gosec // G302: a folder
}
