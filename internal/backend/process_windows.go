package backend

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// ownGroup keeps the child out of our console's group.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP, HideWindow: true}
}

// terminateGroup asks the tree to end, killGroup ends it. Windows has no signals; taskkill walks the tree.
func terminateGroup(pid int) { taskkill("/T", pid) }

func killGroup(pid int) { taskkill("/F", pid) }

func taskkill(how string, pid int) {
	_ = exec.Command("taskkill", how, "/T", "/PID", strconv.Itoa(pid)).Run() // nobody left is fine
}

func signalOf(*os.ProcessState) string { return "" }
