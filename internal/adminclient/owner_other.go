//go:build !unix

package adminclient

import "io/fs"

// strictModes says that permission bits tell who may open a folder. On Windows they do not: the temporary
// folder is the user's own already.
const strictModes = false

func ownedByUser(fs.FileInfo) bool { return true }
