//go:build unix

package adminclient

import (
	"io/fs"
	"os"
	"syscall"
)

// strictModes says that permission bits tell who may open a folder.
const strictModes = true

func ownedByUser(st fs.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid()
}
