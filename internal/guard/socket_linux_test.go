package guard

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// openSocket is a unix socket that everybody may open, until the test ends.
func openSocket(t *testing.T) (path string, l net.Listener) {
	t.Helper()
	dir, err := os.MkdirTemp("", "mux") //nolint:usetesting // the name of a test's folder can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path = filepath.Join(dir, "s.sock")
	l, err = net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for name, mode := range map[string]os.FileMode{dir: 0o755, path: 0o666} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	return path, l
}

// greet writes to everybody who gets through l.
func greet(l net.Listener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(nc, "hello")
		_ = nc.Close()
	}
}

func TestOneUser_AnotherUserIsHungUpOn(t *testing.T) {
	path, l := openSocket(t)
	names := make(chan string, 1)
	go greet(OneUser(l, func(name string) { names <- name }))
	if got := asOther(t, path, "GET / HTTP/1.1\r\n\r\n", false); got != "" {
		t.Errorf("the other user heard %q", got)
	}
	if name := <-names; name != "nobody" {
		t.Errorf("the other user is %q", name)
	}
}

func TestOneUser_WeGetThrough(t *testing.T) {
	path, l := openSocket(t)
	go greet(OneUser(l, func(name string) { t.Errorf("%s was refused", name) }))
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	if got, err := io.ReadAll(nc); string(got) != "hello" || err != nil {
		t.Errorf("we heard %q, %v", got, err)
	}
}

func TestOneUser_EndsWithItsListener(t *testing.T) {
	_, l := openSocket(t)
	_ = l.Close()
	if _, err := OneUser(l, nil).Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
}
