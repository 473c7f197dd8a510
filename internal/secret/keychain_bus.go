//go:build linux || freebsd || netbsd || openbsd || dragonfly

package secret

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/godbus/dbus/v5"
)

// reachable says whether there is a session bus to ask. Without one the D-Bus library would launch a bus of
// its own, which has no keychain and outlives the daemon.
func reachable() bool {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" && a != "autolaunch:" {
		return true
	}
	run := fmt.Sprintf("/run/user/%d", os.Getuid())
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(filepath.Join(run, name)); err == nil {
			return true
		}
	}
	return false
}

// absent says whether err means that there is no Secret Service, in contrast to one that is locked: no bus
// answers at the address, or nothing on the bus provides the service.
func absent(err error) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return true
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return true
	}
	answer, ok := errors.AsType[dbus.Error](err)
	if pointer, is := errors.AsType[*dbus.Error](err); is {
		answer, ok = *pointer, true
	}
	if !ok {
		return false
	}
	// D-Bus specification, "Standard errors".
	switch answer.Name {
	case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner":
		return true
	}
	return false
}

// The Secret Service API, draft 0.2: its collection for a login session, and the one that stands for it.
const (
	secretService   = "org.freedesktop.secrets"
	loginCollection = "/org/freedesktop/secrets/collection/login"
	defaultAlias    = "/org/freedesktop/secrets/aliases/default"
	lockedProperty  = "org.freedesktop.Secret.Collection.Locked"
)

// locked says whether the keychain would ask its person before it gives anything. Reading that asks nobody.
func locked() bool {
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }() // nothing more is wanted of it
	for _, path := range []dbus.ObjectPath{loginCollection, defaultAlias} {
		if v, err := conn.Object(secretService, path).GetProperty(lockedProperty); err == nil {
			is, _ := v.Value().(bool)
			return is
		}
	}
	return false
}
