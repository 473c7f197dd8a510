//go:build unix

package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
)

// silence switches the echo of a terminal off and returns what switches it on again. stty knows every
// unix's terminal structures; the standard library does not. A device that stty does not know as a terminal
// echoes nothing.
func silence(ctx context.Context, terminal *os.File) (restore func(), err error) {
	err = stty(ctx, terminal, "-g")
	if errors.Is(err, exec.ErrNotFound) {
		return func() {}, err
	}
	if err != nil {
		return func() {}, nil
	}
	return func() { _ = stty(context.WithoutCancel(ctx), terminal, "echo") }, stty(ctx, terminal, "-echo") // nothing is left to do if it stays silent
}

func stty(ctx context.Context, terminal *os.File, arg string) error {
	cmd := exec.CommandContext(ctx, "stty", arg)
	cmd.Stdin = terminal
	return cmd.Run()
}
