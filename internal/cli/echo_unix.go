//go:build unix

package cli

import (
	"errors"
	"os"
	"os/exec"
)

// silence switches the echo of a terminal off and returns what switches it on again. stty knows every
// unix's terminal structures; the standard library does not. A device that stty does not know as a terminal
// echoes nothing.
func silence(terminal *os.File) (restore func(), err error) {
	err = stty(terminal, "-g")
	if errors.Is(err, exec.ErrNotFound) {
		return func() {}, err
	}
	if err != nil {
		return func() {}, nil
	}
	return func() { _ = stty(terminal, "echo") }, stty(terminal, "-echo") // nothing is left to do if it stays silent
}

func stty(terminal *os.File, arg string) error {
	cmd := exec.Command("stty", arg)
	cmd.Stdin = terminal
	return cmd.Run()
}
