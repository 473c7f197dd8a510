package authclient

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

func (w *world) offer(id mcpmux.ServerID) string {
	w.t.Helper()
	address, err := w.Offer(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return address
}

func TestOffer_AllClientsShareOneLoginUntilABrowserComes(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	addresses := make([]string, 50)
	var all sync.WaitGroup
	for i := range addresses {
		all.Go(func() { addresses[i], _ = w.Offer(t.Context(), id) })
	}
	all.Wait()
	slices.Sort(addresses)
	first := addresses[0]
	if first == "" || len(slices.Compact(addresses)) != 1 || w.at.Count(oauthtest.Register) != 1 {
		t.Fatalf("%d registrations, addresses %q", w.at.Count(oauthtest.Register), slices.Compact(addresses))
	}
	w.pass(loginLife - time.Second)
	if again := w.offer(id); again != first {
		t.Errorf("another address while the first is good: %s", again)
	}
	c := browser(t)
	status, next := open(t, c, first)
	if status != http.StatusFound {
		t.Fatalf("status %d", status)
	}
	if status, _ := open(t, c, oauthtest.Approve(t, c, next)); status != http.StatusOK {
		t.Errorf("the end of the login: %d", status)
	}
	w.mustUse(id)
}

func TestOffer_OneLoginIsBegunInAMinute(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	first := w.offer(id)
	if status, _ := open(t, browser(t), first); status != http.StatusFound {
		t.Fatalf("status %d", status)
	}
	w.pass(offersIn - time.Second)
	if again := w.offer(id); again != "" {
		t.Errorf("an address within the minute: %s", again)
	}
	w.pass(time.Second)
	if again := w.offer(id); again == "" || again == first {
		t.Errorf("after the minute: %q", again)
	}
	// One that nobody came for is over with its time.
	w.pass(loginLife)
	if again := w.offer(id); again == "" {
		t.Error("no address after the first one's time")
	}
}

func TestOffer_ALoginThatCannotBeBegunIsTriedOnceAMinute(t *testing.T) {
	w := newWorld(t, oauthtest.Script{PRM: oauthtest.Members{"resource": "https://evil.example/mcp"}})
	id := w.server("gh", mcpmux.LoginConfig{})
	for range 5 {
		if address, err := w.Offer(t.Context(), id); err == nil || address != "" {
			t.Fatalf("%q, %v", address, err)
		}
	}
	tries := w.at.Count(oauthtest.PRM)
	w.pass(offersIn)
	if _, err := w.Offer(t.Context(), id); err == nil || w.at.Count(oauthtest.PRM) != 2*tries {
		t.Errorf("%v; %d requests for metadata, then %d", err, tries, w.at.Count(oauthtest.PRM))
	}
}

func TestOffer_APersonsOwnLoginIsNotDisturbed(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	begun, err := w.Begin(t.Context(), id, MethodBrowser, false)
	if err != nil {
		t.Fatal(err)
	}
	if address := w.offer(id); address != "" {
		t.Errorf("a login was begun beside the person's: %s", address)
	}
	if status, _ := open(t, browser(t), begun.URL); status != http.StatusFound {
		t.Errorf("the person's address: %d", status)
	}
	// The other way round the person's counts.
	offered := w.offer(id)
	if begun, err = w.Begin(t.Context(), id, MethodBrowser, false); err != nil || offered == "" {
		t.Fatalf("%v, %q", err, offered)
	}
	if address := w.offer(id); address != "" {
		t.Errorf("an address that leads nowhere: %s", address)
	}
	if status, _ := open(t, browser(t), begun.URL); status != http.StatusFound {
		t.Errorf("the person's address: %d", status)
	}
}

func TestOffer_ThereIsNoneWhereNoBrowserLogsIn(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	for name, target := range map[string]Target{
		"client credentials":        {Login: mcpmux.LoginConfig{Grant: mcpmux.GrantClient}},
		"by a code":                 {Login: mcpmux.LoginConfig{Grant: mcpmux.GrantDevice}},
		"its own header":            {Own: true},
		"a server that asks nobody": {},
	} {
		at := oauthtest.New(t, oauthtest.Script{Open: true, PRMPlace: oauthtest.PRMNone})
		target.Alias, target.URL = name, at.MCP()
		w.target(mcpmux.ServerID(name), target)
		if address, err := w.Offer(t.Context(), mcpmux.ServerID(name)); err != nil || address != "" {
			t.Errorf("%s: %q, %v", name, address, err)
		}
		if n := at.Count(oauthtest.Token) + at.Count(oauthtest.Authorize); n != 0 {
			t.Errorf("%s: %d requests to the authorization server", name, n)
		}
	}
}

func TestOffer_ACallerThatGoesAwayDoesNotEndIt(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if address, err := w.Offer(gone, id); address != "" && err != nil {
		t.Errorf("%q, %v", address, err)
	}
	if address := w.offer(id); address == "" || w.at.Count(oauthtest.Register) != 1 {
		t.Errorf("%q, %d registrations", address, w.at.Count(oauthtest.Register))
	}
}

func TestEngine_TellsOfALoginOnceItIsInEffect(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	var order []string
	w.cfg.Applied = func(context.Context, int64) error { order = append(order, "applied"); return nil }
	w.cfg.LoggedIn = func(of mcpmux.ServerID) { order = append(order, "told of "+string(of)) }
	if status := w.login(id); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if want := []string{"applied", "told of " + string(id)}; !slices.Equal(order, want) {
		t.Errorf("%q, want %q", order, want)
	}
	w.at.Update(func(s *oauthtest.Script) { s.Deny = "access_denied" })
	if w.login(id); len(order) != 2 {
		t.Errorf("a login that was declined: %q", order)
	}
}
