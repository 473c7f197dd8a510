package adminclient

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// socketName is the control socket's name in the data folder.
const socketName = "control.sock"

// maxSocketPath is how long, in bytes, the path of a unix socket may be on every platform: sockaddr_un has
// room for 104 bytes on macOS and the BSDs (108 on Linux and Windows), one of them for the closing NUL.
const maxSocketPath = 103

// SocketPath is the path of the control socket of the daemon whose data folder is dataDir: control.sock in
// that folder. Where that is too long for a unix socket, it is a name made from the folder's by hash, under
// a folder of the user's own in $XDG_RUNTIME_DIR or else the temporary folder.
func SocketPath(dataDir string) string {
	if abs, err := filepath.Abs(dataDir); err == nil { // else the working folder is gone; the relative path still names it
		dataDir = abs
	}
	path := filepath.Join(dataDir, socketName)
	if len(path) <= maxSocketPath {
		return path
	}
	sum := sha256.Sum256([]byte(dataDir))
	return filepath.Join(shortFolder(), hex.EncodeToString(sum[:8])+".sock")
}

// shortFolder is where the sockets of data folders with long names are. The temporary folder is everybody's,
// so the name there says whose it is.
func shortFolder() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && len(dir) <= maxSocketPath-32 {
		return filepath.Join(dir, "mcpmux")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("mcpmux-%d", max(os.Geteuid(), 0)))
}

// PrepareSocket makes the folder of dataDir's control socket, for its owner alone, and returns the socket's
// path. A folder that somebody else could have put there is refused: who owns the folder of the socket can
// stand in for the daemon and hear the secrets that the command line sends.
func PrepareSocket(dataDir string) (string, error) {
	path := SocketPath(dataDir)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the control socket: %w", err)
	}
	return path, checkFolder(path)
}

// checkFolder refuses a control socket in a short folder (see SocketPath) that is not the user's alone. The
// data folder itself is what the user named, and is not judged here.
func checkFolder(socket string) error {
	if filepath.Base(socket) == socketName {
		return nil
	}
	dir := filepath.Dir(socket)
	st, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil:
		return fmt.Errorf("look at the folder of the control socket: %w", err)
	case !st.IsDir() || !ownedByUser(st):
		return fmt.Errorf("%s is not a folder of yours, so the control socket in it is not trusted; remove it or set XDG_RUNTIME_DIR", dir)
	case st.Mode().Perm()&0o077 != 0 && strictModes:
		return fmt.Errorf("%s is open to other users, so the control socket in it is not trusted; chmod it to 0700", dir)
	}
	return nil
}

// localURL is the address that requests over the socket carry; its host is one that the daemon's Host check
// knows, and is never dialled.
const localURL = "http://localhost"

// apiURL joins the parts of a resource's path, each escaped.
func apiURL(parts ...string) string { return localURL + "/api/v1/" + strings.Join(parts, "/") }
