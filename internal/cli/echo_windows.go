package cli

import (
	"context"
	"os"
	"syscall"
)

// enableEchoInput is ENABLE_ECHO_INPUT of the console's input mode.
const enableEchoInput = 0x4

// silence switches the echo of a console off and returns what switches it on again.
func silence(_ context.Context, terminal *os.File) (restore func(), err error) {
	handle := syscall.Handle(terminal.Fd())
	var mode uint32
	if err := syscall.GetConsoleMode(handle, &mode); err != nil {
		return func() {}, nil // not a console: nothing echoes
	}
	set := syscall.NewLazyDLL("kernel32.dll").NewProc("SetConsoleMode")
	if ok, _, err := set.Call(uintptr(handle), uintptr(mode&^enableEchoInput)); ok == 0 {
		return func() {}, err
	}
	return func() { _, _, _ = set.Call(uintptr(handle), uintptr(mode)) }, nil
}
