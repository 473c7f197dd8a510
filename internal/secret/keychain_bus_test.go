//go:build linux || freebsd || netbsd || openbsd || dragonfly

package secret

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// busConfig is a session bus that provides nothing.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir=DIR</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

func TestSystem_BusWithoutSecretServiceIsNoKeychain(t *testing.T) {
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("no dbus-daemon here")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	write(t, config, strings.Replace(busConfig, "DIR", dir, 1), 0o600)
	cmd := exec.Command(program, "--nofork", "--print-address", "--config-file="+config)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", strings.TrimSpace(address))
	if _, err := (System{}).Get(keychainService, "x"); !errors.Is(err, ErrNoKeychain) {
		t.Errorf("Get: %v", err)
	}
	if err := (System{}).Set(keychainService, "x", "y"); !errors.Is(err, ErrNoKeychain) {
		t.Errorf("Set: %v", err)
	}
}
