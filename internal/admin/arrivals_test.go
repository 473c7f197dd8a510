package admin

import (
	"strings"
	"testing"
)

func TestArrivals_ManyAreOneEvent(t *testing.T) {
	w := newWorld(t)
	w.admin.ClientsCame() // nobody listens
	next := w.listening()
	for range 100 {
		w.admin.ClientsCame()
	}
	if got := next(); !strings.HasPrefix(got, "event: clients\n") {
		t.Fatalf("event %q", got)
	}
	w.admin.Publish("gateway", true)
	if got := next(); !strings.HasPrefix(got, "event: gateway\n") {
		t.Errorf("a second one: %q", got)
	}
	w.admin.ClientsCame()
	w.admin.Close()
	w.admin.ClientsCame()
	w.admin.arrivals.mu.Lock()
	defer w.admin.arrivals.mu.Unlock()
	if !w.admin.arrivals.closed {
		t.Error("it tells on after the end")
	}
}
