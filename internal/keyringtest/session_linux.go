package keyringtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// RequireVariable set to "require", makes tests fail where the programs of a Secret Service are missing.
const RequireVariable = "MCPMUX_TEST_KEYRING"

// limit is how long a session may take to begin or to end. It takes some tens of milliseconds; machines
// under test are slow.
const limit = 30 * time.Second

// Require ends the test where the programs that make a Secret Service are not installed: it is left out, or
// fails where MCPMUX_TEST_KEYRING=require.
func Require(t *testing.T) {
	t.Helper()
	for _, name := range []string{"dbus-run-session", "dbus-daemon", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv(RequireVariable) == "require" {
			t.Fatalf("%s is not in PATH: run `make keyring`, which installs dbus and gnome-keyring or says how", name)
		}
		t.Skipf("%s is not in PATH", name)
	}
}

// Options say what is in a session.
type Options struct {
	// Home keeps the keyrings; "" is a new folder. Sessions of one Home are those of one person.
	Home string
	// Password is that of the login keyring, which the first session of a Home makes. With another one the
	// keyring stays locked.
	Password string
	// Bare is a bus that provides nothing.
	Bare bool
}

// Session is a session bus and what is on it.
type Session struct {
	Home    string
	Address string   // of the bus
	Env     []string // of programs in the session; nothing in it is of the user who runs the test

	t       *testing.T
	cmd     *exec.Cmd
	hold    io.Closer // the session lasts until this is closed
	ended   chan struct{}
	keyring uint32        // the process of gnome-keyring; 0: there is none
	log     *bytes.Buffer // to be read after ended
	finish  func()
}

// What begin is told.
const (
	withKeyring = "keyring"
	bare        = "bare"
)

// begin is what runs in a session: it unlocks a keyring, unless told not to, says where the bus is, and lasts
// until its input ends. The service goes on in the background once the keyring is as it will be.
const begin = `set -e
if test "$1" = keyring; then
  printf '%s\n' "$KEYRING_PASSWORD" | gnome-keyring-daemon --daemonize --unlock --components=secrets >/dev/null
fi
unset KEYRING_PASSWORD
printf '%s\n' "$DBUS_SESSION_BUS_ADDRESS"
exec cat >/dev/null`

// bareBus configures a bus that provides nothing. DIR is where its socket is.
const bareBus = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=DIR</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

// Start begins a session, which ends with the test at the latest.
func Start(t *testing.T, o Options) *Session {
	t.Helper()
	Require(t)
	if o.Home == "" {
		o.Home = t.TempDir()
	}
	run := shortDir(t)
	s := &Session{Home: o.Home, Env: environment(o.Home, run), t: t, ended: make(chan struct{}), log: new(bytes.Buffer)}
	s.finish = sync.OnceFunc(s.end)
	args, what := []string{"--", "sh", "-c", begin, "sh"}, withKeyring
	if o.Bare {
		file := filepath.Join(run, "bus.conf")
		if err := os.WriteFile(file, []byte(strings.Replace(bareBus, "DIR", run, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		args, what = append([]string{"--config-file=" + file}, args...), bare
	}
	s.launch(append(args, what), o.Password)
	if what == withKeyring {
		s.awaitKeyring()
	}
	return s
}

// shortDir is a folder with a short path: a socket's has at most 107 bytes (unix(7)), and the path of
// t.TempDir holds the name of the test.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kr") //nolint:usetesting // its path is too long, see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// environment has neither a display, where somebody could be asked, nor the bus of the user.
func environment(home, run string) []string {
	env := []string{
		"HOME=" + home, "XDG_DATA_HOME=" + filepath.Join(home, "data"), "XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "XDG_RUNTIME_DIR=" + run, "LC_ALL=C",
	}
	for _, name := range []string{"PATH", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// launch starts the processes and learns where the bus is.
func (s *Session) launch(args []string, password string) {
	s.t.Helper()
	// Every process of the session holds life; it reads as ended when the last of them has ended.
	life, held, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command("dbus-run-session", args...) //nolint:noctx // It ends when its input does.
	s.cmd.Env = append(slices.Clip(s.Env), "KEYRING_PASSWORD="+password)
	s.cmd.Stderr, s.cmd.ExtraFiles = s.log, []*os.File{held}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	hold, err := s.cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.hold = hold
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	err = s.cmd.Start()
	_ = held.Close() // The processes hold theirs.
	if err != nil {
		s.t.Fatal(err)
	}
	line := make(chan string, 1)
	go func() {
		defer close(s.ended)
		defer func() { _ = life.Close() }()
		text, _ := bufio.NewReader(out).ReadString('\n') // Nothing read is told as such.
		line <- strings.TrimSpace(text)
		_, _ = io.Copy(io.Discard, life)
		_ = s.cmd.Wait() // How it ended is of no interest: it may have been killed.
	}()
	s.t.Cleanup(func() {
		s.End()
		if s.t.Failed() {
			s.t.Logf("output of the session:\n%s", s.log)
		}
	})
	select {
	case s.Address = <-line:
	case <-time.After(limit):
	}
	if s.Address == "" {
		s.t.Fatal("the session does not begin")
	}
	s.Env = append(s.Env, "DBUS_SESSION_BUS_ADDRESS="+s.Address)
}

// awaitKeyring waits until gnome-keyring is on the bus, which it is a moment after it went to the background.
// Before that it would not notice that the bus ended.
func (s *Session) awaitKeyring() {
	s.t.Helper()
	conn := s.Connect()
	owners := make(chan *dbus.Signal, 16)
	conn.Signal(owners)
	err := conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, serviceName))
	if err != nil {
		s.t.Fatal(err)
	}
	deadline := time.After(limit)
	for {
		// A name without an owner is an error; the signal says when to ask again.
		if conn.BusObject().Call("org.freedesktop.DBus.GetConnectionUnixProcessID", 0, serviceName).Store(&s.keyring) == nil {
			return
		}
		select {
		case <-owners:
		case <-deadline:
			s.t.Fatal("gnome-keyring does not come to the bus")
		}
	}
}

// End ends the bus, and what is on it with it, and waits until all of it has ended.
func (s *Session) End() { s.finish() }

func (s *Session) end() {
	_ = s.hold.Close() // It may have ended by itself.
	select {
	case <-s.ended:
		return
	case <-time.After(limit):
	}
	s.t.Errorf("the session did not end within %s", limit)
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // Its processes may be ending.
	if s.keyring != 0 {
		_ = syscall.Kill(int(s.keyring), syscall.SIGKILL) // It has a process group of its own.
	}
}

// Connect is a connection to the bus, for the time of the test.
func (s *Session) Connect() *dbus.Conn {
	s.t.Helper()
	conn, err := dbus.Connect(s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() }) // The bus may have ended before.
	return conn
}

// Names of the Secret Service API, draft 0.2 (freedesktop.org).
const (
	serviceName = "org.freedesktop.secrets"
	servicePath = dbus.ObjectPath("/org/freedesktop/secrets")
	service     = "org.freedesktop.Secret.Service"
	prompt      = "org.freedesktop.Secret.Prompt"
	login       = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
)

// Lock locks the login keyring, as its owner may at any time.
func (s *Session) Lock() {
	s.t.Helper()
	var locked []dbus.ObjectPath
	var asks dbus.ObjectPath
	err := s.Connect().Object(serviceName, servicePath).Call(service+".Lock", 0, []dbus.ObjectPath{login}).Store(&locked, &asks)
	if err == nil && (len(locked) != 1 || asks != "/") {
		err = fmt.Errorf("locked %v, prompt %s", locked, asks)
	}
	if err != nil {
		s.t.Fatalf("lock the keyring: %v", err)
	}
}

// Unlock unlocks the login keyring, as its owner does by answering the prompt. The interface, whose name says
// that it is gnome-keyring's alone, is what its own password dialogue uses.
func (s *Session) Unlock(password string) {
	s.t.Helper()
	object := s.Connect().Object(serviceName, servicePath)
	var none dbus.Variant
	// gnome-keyring takes all of its standard input for the password, with the line end that begin writes.
	master := secretText{Parameters: []byte{}, Value: []byte(password + "\n"), ContentType: "text/plain"}
	err := object.Call(service+".OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&none, &master.Session)
	if err == nil {
		err = object.Call("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword", 0, login, master).Err
	}
	if err != nil {
		s.t.Fatalf("unlock the keyring: %v", err)
	}
}

// secretText is a Secret of the Secret Service API: a text on its way through a session.
type secretText struct {
	Session           dbus.ObjectPath
	Parameters, Value []byte
	ContentType       string
}

// Items is how many items the keyrings have for the service that a program stores them for, locked or not.
func (s *Session) Items(name string) int {
	s.t.Helper()
	var open, locked []dbus.ObjectPath
	err := s.Connect().Object(serviceName, servicePath).Call(service+".SearchItems", 0, map[string]string{"service": name}).Store(&open, &locked)
	if err != nil {
		s.t.Fatalf("search the keyrings: %v", err)
	}
	return len(open) + len(locked)
}

// Deaf is a Secret Service whose keyring is locked, and whose prompt nobody answers.
type Deaf struct {
	// Asked gets something each time that a prompt is open.
	Asked chan struct{}

	conn *dbus.Conn
}

// Deafen makes a Deaf service the one of a bare session.
func Deafen(s *Session) *Deaf {
	s.t.Helper()
	conn := s.Connect()
	d := &Deaf{Asked: make(chan struct{}, 64), conn: conn}
	for _, part := range []struct {
		methods map[string]any
		path    dbus.ObjectPath
		name    string
	}{
		{map[string]any{"Unlock": d.unlock}, servicePath, service},
		{map[string]any{"Get": d.get}, servicePath, "org.freedesktop.DBus.Properties"},
		{map[string]any{"Get": d.getCollection}, login, "org.freedesktop.DBus.Properties"},
		{map[string]any{"Prompt": d.prompt}, servicePath + "/prompt/1", prompt},
	} {
		if err := conn.ExportMethodTable(part.methods, part.path, part.name); err != nil {
			s.t.Fatal(err)
		}
	}
	reply, err := conn.RequestName(serviceName, dbus.NameFlagDoNotQueue)
	if err == nil && reply != dbus.RequestNameReplyPrimaryOwner {
		err = errors.New("the bus has a Secret Service already")
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (*Deaf) get(owner, name string) (dbus.Variant, *dbus.Error) {
	if owner != service || name != "Collections" {
		return dbus.Variant{}, dbus.MakeFailedError(errors.New("no property " + name))
	}
	return dbus.MakeVariant([]dbus.ObjectPath{login}), nil
}

func (*Deaf) getCollection(owner, name string) (dbus.Variant, *dbus.Error) {
	if owner != "org.freedesktop.Secret.Collection" || name != "Locked" {
		return dbus.Variant{}, dbus.MakeFailedError(errors.New("no property " + name))
	}
	return dbus.MakeVariant(true), nil
}

func (*Deaf) unlock([]dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	return []dbus.ObjectPath{}, servicePath + "/prompt/1", nil
}

// prompt answers that the prompt is open, and tells of it once the caller has heard so: messages between two
// connections keep their order, so that who answers a ping has read what came before it.
func (d *Deaf) prompt(from dbus.Sender, call dbus.Message, _ string) *dbus.Error {
	d.conn.Send(&dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldDestination: dbus.MakeVariant(string(from)),
		dbus.FieldReplySerial: dbus.MakeVariant(call.Serial()),
	}}, nil)
	_ = d.conn.Object(string(from), "/").Call("org.freedesktop.DBus.Peer.Ping", 0).Err // One that ended heard enough.
	select {
	case d.Asked <- struct{}{}:
	default: // A test that looks has seen one.
	}
	return nil // The library answers once more, which is of no effect.
}
