package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// haveIPv6 says whether this machine has the loopback address of IPv6.
func haveIPv6(t *testing.T) bool {
	t.Helper()
	sock, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil {
		return false
	}
	if err := sock.Close(); err != nil {
		t.Fatal(err)
	}
	return true
}

func listen(t *testing.T, addr string) *Listener {
	t.Helper()
	l, err := Listen(t.Context(), Binding{Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestListen_ServesBothFamiliesAtOnePort(t *testing.T) {
	l := listen(t, "localhost:0")
	srv := Server(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "here")
	}), slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- l.Serve(srv) }()

	ips := []string{"127.0.0.1"}
	if haveIPv6(t) {
		ips = append(ips, "::1")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, ip := range ips {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort(ip, strconv.Itoa(l.Port())), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != "here" || err != nil {
			t.Errorf("%s: got %q, %v", ip, body, err)
		}
	}
	if err := srv.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve after a shutdown: %v", err)
	}
}

func TestListen_RefusesToStartBesideASquatterOfEitherFamily(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		t.Run(ip, func(t *testing.T) {
			if ip == "::1" && !haveIPv6(t) {
				t.Skip("this machine has no IPv6")
			}
			squatter, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(ip, "0"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = squatter.Close() }()
			_, port, _ := net.SplitHostPort(squatter.Addr().String())

			_, err = Listen(t.Context(), Binding{Addr: "localhost:" + port})
			taken, ok := errors.AsType[*TakenError](err)
			if !ok {
				t.Fatalf("want a *TakenError, got %v", err)
			}
			if taken.Addr != squatter.Addr().String() {
				t.Errorf("it names %s, not %s", taken.Addr, squatter.Addr())
			}
			if runtime.GOOS == "linux" && taken.PID != os.Getpid() {
				t.Errorf("it names process %d, not this one, %d", taken.PID, os.Getpid())
			}
			for _, want := range []string{taken.Addr, "--gateway-addr"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not tell %q", err, want)
				}
			}
			other := map[string]string{"127.0.0.1": "::1", "::1": "127.0.0.1"}[ip]
			if other == "::1" && !haveIPv6(t) {
				return
			}
			again, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(other, port))
			if err != nil {
				t.Fatalf("the other family was left open: %v", err)
			}
			_ = again.Close()
		})
	}
}

func TestListen_TakesOnlyLoopback(t *testing.T) {
	for _, addr := range []string{
		":8080", "0.0.0.0:8080", "[::]:8080", "192.168.1.5:8080", "example.com:8080", "[fe80::1%lo]:1", "127.0.0.2:8080",
		"localhost", "localhost:", "localhost:http", "localhost:70000", "localhost:-1", "", "8080",
	} {
		l, err := Listen(t.Context(), Binding{Addr: addr})
		if err == nil {
			_ = l.Close()
			t.Errorf("%q was opened", addr)
			continue
		}
		if !strings.Contains(err.Error(), strconv.Quote(addr)) {
			t.Errorf("%q: the error does not name it: %v", addr, err)
		}
	}
}

func TestListen_EachLoopbackHostStandsForBothFamilies(t *testing.T) {
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		l := listen(t, host+":0")
		want := 1
		if haveIPv6(t) {
			want = 2
		}
		if len(l.socks) != want {
			t.Errorf("%s: %d sockets, want %d", host, len(l.socks), want)
		}
		if want := "http://" + host + ":" + strconv.Itoa(l.Port()); l.URL() != want {
			t.Errorf("URL %s, want %s", l.URL(), want)
		}
	}
}

func TestListen_ClosesTwiceWithoutError(t *testing.T) {
	l := listen(t, "localhost:0")
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestListen_WhatOtherMachinesReachIsOpenTogetherWithLoopback(t *testing.T) {
	for addr, ips := range map[string][]string{
		"127.0.0.2:0": {"127.0.0.2", "127.0.0.1"}, // of no family of loopback that Listen knows: as good as another machine's
		"0.0.0.0:0":   {"127.0.0.1", "127.0.0.2"},
		":0":          {"127.0.0.1", "127.0.0.2"},
	} {
		if runtime.GOOS != "linux" && strings.HasPrefix(addr, "127.0.0.2") {
			continue // other systems have one address of 127.0.0.0/8
		}
		l, err := Listen(t.Context(), Binding{Addr: addr, Remote: true, Public: "https://mux.example"})
		if err != nil {
			t.Fatal(err)
		}
		if haveIPv6(t) {
			ips = append(ips, "::1")
		}
		for _, ip := range ips {
			if ip == "127.0.0.2" && runtime.GOOS != "linux" {
				continue
			}
			nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort(ip, strconv.Itoa(l.Port())))
			if err != nil {
				t.Errorf("%s: %v", addr, err)
				continue
			}
			_ = nc.Close()
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestListen_AnAddressThatThisMachineDoesNotHaveIsAnError(t *testing.T) {
	l, err := Listen(t.Context(), Binding{Addr: "192.0.2.1:0", Remote: true, Public: "https://mux.example"})
	if err == nil {
		_ = l.Close()
		t.Error("it was opened, by loopback alone")
	}
}

func TestListener_IsKnownByItsPublicOrigin(t *testing.T) {
	for _, tc := range []struct {
		binding     Binding
		url, public string
	}{
		{Binding{Addr: "localhost:0"}, "http://localhost:PORT", ""},
		{Binding{Addr: "localhost:0", Public: "https://mux.example"}, "https://mux.example", "https://mux.example"},
		{Binding{Addr: "127.0.0.2:0", Remote: true, TLS: new(tls.Config)}, "https://127.0.0.2:PORT", "https://127.0.0.2:PORT"},
	} {
		if runtime.GOOS != "linux" && strings.HasPrefix(tc.binding.Addr, "127.0.0.2") {
			continue
		}
		l, err := Listen(t.Context(), tc.binding)
		if err != nil {
			t.Fatal(err)
		}
		fill := func(s string) string { return strings.ReplaceAll(s, "PORT", strconv.Itoa(l.Port())) }
		if l.URL() != fill(tc.url) || l.Public() != fill(tc.public) || l.Origins()[0] != l.URL() {
			t.Errorf("%+v: %s, %s, %v", tc.binding, l.URL(), l.Public(), l.Origins())
		}
		_ = l.Close()
	}
}
