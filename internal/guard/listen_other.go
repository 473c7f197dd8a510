//go:build !windows

package guard

import (
	"errors"
	"syscall"
)

// exclusive does nothing here: an address with a listening socket cannot be bound a second time.
func exclusive(_, _ string, _ syscall.RawConn) error { return nil }

// addrInUse says that another socket has the address.
func addrInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
