//go:build linux || freebsd || netbsd || openbsd || dragonfly

package secret

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
)

func TestSystem_AbsentAndLockedAreToldApart(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want error // ErrNoItem, ErrNoKeychain, or nil for locked
	}{
		{"no item", keyring.ErrNotFound, ErrNoItem},
		{"no bus", &exec.Error{Name: "dbus-launch", Err: exec.ErrNotFound}, ErrNoKeychain},
		{"dead bus", &net.OpError{Op: "dial", Err: os.ErrNotExist}, ErrNoKeychain},
		{"no secret service", dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"}, ErrNoKeychain},
		{"no secret service, wrapped", fmt.Errorf("x: %w", &dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"}), ErrNoKeychain},
		{"service in trouble", dbus.Error{Name: "org.freedesktop.DBus.Error.NoReply"}, nil},
		{"locked", errors.New("failed to unlock correct collection '/org/freedesktop/secrets/aliases/default'"), nil},
	} {
		got := classify(c.err)
		if c.want != nil && !errors.Is(got, c.want) || c.want == nil && (errors.Is(got, ErrNoItem) || errors.Is(got, ErrNoKeychain)) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestSystem_DeadBusIsNoKeychain(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "bus"))
	if _, err := (System{}).Get(keychainService, "x"); !errors.Is(err, ErrNoKeychain) {
		t.Errorf("err = %v", err)
	}
}
