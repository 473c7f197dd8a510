package secret

import "errors"

// Lock is what makes a key of a passphrase for a file that leaves this machine. It stands in the file and is no secret.
type Lock struct {
	Salt []byte `json:"salt"`
	Cost Cost   `json:"cost"`
}

// maxLock bounds what a file may ask for, which may be anybody's: a quarter of a GiB and some seconds.
//
//nolint:gochecknoglobals // constant
var maxLock = Cost{Time: 10, Memory: 256 << 10, Threads: 16}

// ErrLock says that no key can be made as a file says.
var ErrLock = errors.New("how its key is made of the passphrase is damaged, or more than McpMux does")

// NewLock makes a Lock for a new file.
func NewLock() Lock { return Lock{Salt: newSalt(), Cost: defaultCost} }

// Box makes the Box of a passphrase. Whether it is the right one shows when something is opened.
func (l Lock) Box(passphrase Value) (*Box, error) {
	c := l.Cost
	if c.Time > maxLock.Time || c.Memory > maxLock.Memory || c.Threads > maxLock.Threads || len(l.Salt) > 4*saltSize {
		return nil, ErrLock
	}
	key, err := Place{Salt: l.Salt, Cost: c}.derive(passphrase)
	if err != nil {
		return nil, ErrLock
	}
	defer key.Clear()
	return NewBoxVersion(key, 1)
}
