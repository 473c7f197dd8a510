package secret

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"
)

// Keychain is a place where the operating system keeps secrets for the user. Its methods may block for as
// long as nobody answers a prompt, and are called in a goroutine of their own.
type Keychain interface {
	// Get answers an item. Its errors are ErrNoItem (the keychain is open and has no such item), ErrNoKeychain
	// (there is no keychain) and anything else, which means: locked or out of reach.
	Get(service, account string) (string, error)
	// Set stores an item, replacing the one of that name. Its errors are as those of Get, without ErrNoItem.
	Set(service, account, text string) error
	// Delete removes an item. Its errors are as those of Get.
	Delete(service, account string) error
}

// ErrNoItem says that an open keychain has no such item. It alone may lead to a new master key.
var ErrNoItem = errors.New("the keychain has no such item")

// ErrNoKeychain says that this machine or session has no keychain at all.
var ErrNoKeychain = errors.New("there is no OS keychain in this session")

// System is the keychain of the operating system: the macOS Keychain, the Windows Credential Manager, or the
// Secret Service on a session bus.
type System struct{}

// Get implements Keychain.
func (System) Get(service, account string) (string, error) {
	if !reachable() {
		return "", ErrNoKeychain
	}
	text, err := keyring.Get(service, account)
	return text, classify(err)
}

// Set implements Keychain.
func (System) Set(service, account, text string) error {
	if !reachable() {
		return ErrNoKeychain
	}
	return classify(keyring.Set(service, account, text))
}

// Delete implements Keychain.
func (System) Delete(service, account string) error {
	if !reachable() {
		return ErrNoKeychain
	}
	return classify(keyring.Delete(service, account))
}

// WouldAsk says whether the system's keychain would ask its person before it gives anything. Finding that out asks
// nobody, so a program may look again and again.
func WouldAsk(ctx context.Context) bool {
	asks, err := within(ctx, keychainLimit, func() (bool, error) { return reachable() && locked(), nil })
	return asks || err != nil
}

// None is the keychain of a machine that has none.
type None struct{}

// Get implements Keychain.
func (None) Get(string, string) (string, error) { return "", ErrNoKeychain }

// Set implements Keychain.
func (None) Set(string, string, string) error { return ErrNoKeychain }

// Delete implements Keychain.
func (None) Delete(string, string) error { return ErrNoKeychain }

func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNoItem
	case errors.Is(err, keyring.ErrUnsupportedPlatform), absent(err):
		return fmt.Errorf("%w: %w", ErrNoKeychain, err)
	}
	return err
}

// keychainLimit is how long a keychain may take when nobody is there to answer its prompt. A read takes
// milliseconds; a prompt that nobody answers would block for ever.
const keychainLimit = 5 * time.Second

// within runs f in a goroutine and waits for it no longer than limit. A keychain library that panics (one
// does when the bus dies under an open prompt) is an error, not the end of the daemon. The goroutine of an
// f that never returns stays behind: the library gives no way to end it.
func within[T any](ctx context.Context, limit time.Duration, f func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if r := recover(); r != nil {
				a.err = fmt.Errorf("the keychain library panicked: %v", r)
			}
			done <- a
		}()
		a.v, a.err = f()
	}()
	select {
	case a := <-done:
		return a.v, a.err
	case <-ctx.Done():
		var zero T
		return zero, fmt.Errorf("no answer from the keychain: %w", ctx.Err())
	}
}
