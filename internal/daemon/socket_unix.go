//go:build unix

package daemon

import "os"

// ownFolder lets nobody but its owner into a folder.
func ownFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return os.Chmod(dir, 0o700) //nolint:gosec // G302: a folder
}
