package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// startBackend serves the server in this process and returns its address.
func startBackend(t *testing.T, modern bool) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serveBackend(ctx, in, modern) }()
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // The line's end may come on its own.
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = in.Close()
	})
	return strings.TrimSpace(string(line[:n]))
}

func TestCallers_CheckEveryAnswerInBothEras(t *testing.T) {
	for _, modern := range []bool{false, true} {
		tg := &target{addr: startBackend(t, modern), path: "/mcp", tool: "echo"}
		cs, err := tg.dial(t.Context(), 3, modern)
		if err != nil {
			t.Fatal(err)
		}
		defer cs.Close()
		for _, c := range cs.all {
			for range 3 {
				if err := c.call(time.Now()); err != nil {
					t.Error(err)
				}
			}
			if n := len(c.request) - strings.Index(string(c.request), "\r\n\r\n") - 4; !modern && n != bodySize {
				t.Errorf("a body has %d bytes, want %d", n, bodySize)
			}
		}
		cs.all[0].body = cs.all[1].body
		if err := cs.all[0].check(200); err == nil {
			t.Error("an answer to another call was taken")
		}
	}
}

func TestReport_TellsMediansOfEachNumberOfCallers(t *testing.T) {
	at := func(callers, proxy, gateway int) round {
		return round{Callers: callers, Proxy: sample{Calls: proxy, Seconds: 1, CPU: 1}, Gateway: sample{Calls: gateway, Seconds: 1, CPU: 1}}
	}
	var out strings.Builder
	if err := report(&out, []round{at(1, 100, 50), at(1, 100, 80), at(1, 100, 60), at(16, 10, 10)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0.60 (0.50–0.80)", "1.00 (1.00–1.00)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines", n)
	}
}
