//go:build unix

package backend

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes the process the leader of a group, which its children join: signals to the group reach the
// grandchildren that npx and its like leave otherwise.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func terminateGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGTERM) } // nobody left is fine

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) } // nobody left is fine

func signalOf(state *os.ProcessState) string {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return ws.Signal().String()
	}
	return ""
}
