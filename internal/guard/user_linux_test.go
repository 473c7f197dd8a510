package guard

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// nobody is a user that every Linux has and that owns nothing.
const nobody = 65534

// TestMain is also the program of another user: it sends what it is told to the address it is told.
func TestMain(m *testing.M) {
	if addr := os.Getenv("GUARD_TEST_CALL"); addr != "" {
		if err := callAsOther(addr, os.Getenv("GUARD_TEST_SEND"), os.Getenv("GUARD_TEST_CLOSE") != ""); err != nil {
			_, _ = io.WriteString(os.Stderr, err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	// net/http waits half a second before it closes a connection whose request it did not read to the end.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func callAsOther(addr, text string, closes bool) error {
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	nc, err := net.Dial(network, addr)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(nc, text); errors.Is(err, syscall.EPIPE) { // hung up on already
		return nil
	} else if err != nil {
		return err
	}
	if closes {
		return nc.Close()
	}
	if _, err = io.Copy(os.Stdout, nc); errors.Is(err, syscall.ECONNRESET) { // hung up on before everything was read
		return nil
	}
	return err
}

// asOther runs this test binary as nobody, to send text to addr, and returns what it heard.
func asOther(t *testing.T, addr, text string, closes bool) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can run a process of another user")
	}
	// The test binary lies in a folder of root's, so its file is handed over open.
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = self.Close() }()
	cmd := exec.CommandContext(t.Context(), "/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{self}
	cmd.Dir = "/"
	cmd.Env = []string{"GUARD_TEST_CALL=" + addr, "GUARD_TEST_SEND=" + text}
	if closes {
		cmd.Env = append(cmd.Env, "GUARD_TEST_CLOSE=1")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v: %s", err, exit.Stderr)
		}
		t.Skipf("this system does not run it: %v", err)
	}
	return string(out)
}

// addrs are the listener's addresses, one for each family.
func (l *Listener) addrs() []string {
	var all []string
	for _, s := range l.socks {
		all = append(all, s.Addr().String())
	}
	return all
}

func TestOtherUser_IsRefusedWhereTheListenerIsForOneUser(t *testing.T) {
	l := served(t, Config{OneUser: true}, func(http.ResponseWriter, *http.Request) { t.Error("it got through") })
	for _, addr := range l.addrs() {
		got := asOther(t, addr, "GET /api HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", false)
		head, body, _ := strings.Cut(got, "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 403 ") || !strings.Contains(body, "nobody") {
			t.Errorf("%s: %q", addr, got)
		}
		var answer map[string]any
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestOtherUser_IsToldWhereEverybodyMayCome(t *testing.T) {
	names := make(chan string, 2)
	l := served(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		name, other := OtherUser(r)
		if !other {
			name = "not other"
		}
		names <- name
		w.WriteHeader(http.StatusNoContent)
	})
	for _, addr := range l.addrs() {
		asOther(t, addr, "GET / HTTP/1.1\r\nHost: "+addr+"\r\nConnection: close\r\n\r\n", false)
		if name := <-names; name != "nobody" {
			t.Errorf("%s: the other user is %q", addr, name)
		}
	}
}

// A socket that was closed belongs to nobody, and the kernel says root of it.
func TestOtherUser_WhoClosesAtOnceIsNotTakenForRoot(t *testing.T) {
	l := listen(t, "localhost:0")
	sock := l.socks[0]
	asOther(t, sock.Addr().String(), "GET / HTTP/1.1\r\n\r\n", true)
	nc, err := sock.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	if o := ownerOfAddrs(nc.RemoteAddr().String(), nc.LocalAddr().String()); o.kind != ownerGone {
		t.Errorf("the owner of a closed connection is %+v", o)
	}
}

func TestOtherUser_AResetConnectionIsNobodys(t *testing.T) {
	l := listen(t, "localhost:0")
	client, err := net.Dial("tcp", l.socks[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nc, err := l.socks[0].Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	if err := client.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	if o := ownerOfAddrs(nc.RemoteAddr().String(), nc.LocalAddr().String()); o.kind != ownerGone {
		t.Errorf("the owner of a reset connection is %+v", o)
	}
}

func TestOtherUser_WeAreNotOther(t *testing.T) {
	l := served(t, Config{OneUser: true}, func(w http.ResponseWriter, r *http.Request) {
		if name, other := OtherUser(r); other {
			t.Errorf("we are %q", name)
		}
		if o := ownerOf(r); o.kind != ownerKnown || int(o.uid) != os.Getuid() {
			t.Errorf("our owner is %+v", o)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	for _, addr := range l.addrs() {
		get := "GET / HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(nc)
		for range 2 { // the second time it is known
			if _, err := io.WriteString(nc, get); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(in, nil)
			if err != nil || resp.StatusCode != http.StatusNoContent {
				t.Fatalf("%v, %v", resp, err)
			}
			_ = resp.Body.Close()
		}
		_ = nc.Close()
	}
}

// A socket of IPv6 that is connected to an IPv4 address is one of IPv4 on the other side.
func TestOtherUser_SeesThroughMappedAddresses(t *testing.T) {
	if !haveIPv6(t) {
		t.Skip("this machine has no IPv6")
	}
	l := listen(t, "localhost:0")
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	to := &unix.SockaddrInet6{Port: l.Port(), Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16()}
	if err := unix.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	nc, err := l.socks[0].Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	_, port, _ := net.SplitHostPort(nc.RemoteAddr().String())
	for _, pair := range [][2]string{
		{nc.RemoteAddr().String(), nc.LocalAddr().String()},
		{"[::ffff:127.0.0.1]:" + port, "[::ffff:127.0.0.1]" + strings.TrimPrefix(l.socks[0].Addr().String(), "127.0.0.1")},
	} {
		if o := ownerOfAddrs(pair[0], pair[1]); o.kind != ownerKnown || int(o.uid) != os.Getuid() {
			t.Errorf("%v: the owner is %+v", pair, o)
		}
	}
}

func TestOtherUser_IsUnknownBeyondLoopback(t *testing.T) {
	for _, remote := range []string{"192.0.2.1:5", "[2001:db8::1]:5", "@", ""} {
		if o := ownerOfAddrs(remote, "127.0.0.1:45819"); o.kind != ownerUnknown {
			t.Errorf("%q: %+v", remote, o)
		}
	}
}

// The kernel may find a listener where there is no connection.
func TestDiagnose_AListenerIsNoConnection(t *testing.T) {
	l := listen(t, "localhost:0")
	at := netip.MustParseAddrPort(l.socks[0].Addr().String())
	if s, err := diagnose(at, netip.MustParseAddrPort("127.0.0.1:1")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%+v, %v", s, err)
	}
}

func BenchmarkOtherUser_FirstRequestOfAConnection(b *testing.B) {
	sock, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sock.Close() }()
	client, err := net.Dial("tcp", sock.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	nc, err := sock.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	remote, local := nc.RemoteAddr().String(), nc.LocalAddr().String()
	b.ReportAllocs()
	for b.Loop() {
		if o := ownerOfAddrs(remote, local); o.kind != ownerKnown {
			b.Fatal("not known")
		}
	}
}
