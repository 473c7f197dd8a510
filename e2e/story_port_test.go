package e2e

import (
	"net"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// settled starts a daemon whose gateway listens at a free port that is its setting.
func settled(t *testing.T) *Daemon {
	t.Helper()
	first := Start(t, Options{})
	first.CLI("settings", "set", "gateway.addr", "localhost:"+freePort(t))
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	return Start(t, Options{Dir: first.Dir, Settled: true})
}

// The port is changed: at once, with what is open going on, and not to one that somebody has.
func TestStory_ThePortIsChanged(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := settled(t)
	d.AddScripted("files", mcptest.Script{})
	key := d.NewClient("Editor")
	m := d.Session(key)
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/settings?tab=gateway", shows: "Address of the gateway"})

	// One that is taken is refused with a free one beside it, and the gateway stays.
	held, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	_, taken, _ := net.SplitHostPort(held.Addr().String())
	tab.fill("Address of the gateway", "localhost:"+taken)
	tab.click("Save")
	tab.awaitText("is taken by")
	tab.awaitText("is free")
	tab.accessible()
	if text := string(m.Call("files_echo", `{"n":1}`).Result(t)); !strings.Contains(text, "1") {
		t.Errorf("at the old port: %s", text)
	}
	tab.fill("Address of the gateway", "example.com:80")
	tab.click("Save")
	tab.awaitText("its host is localhost")

	next := "localhost:" + freePort(t)
	tab.fill("Address of the gateway", next)
	tab.click("Save")
	tab.awaitText("Address of the gateway: " + next)
	old := d.Gateway
	d.awaitStart()
	if d.Gateway != next {
		t.Fatalf("the gateway is at %s, not at %s", d.Gateway, next)
	}
	// The session that was open goes on at the new address, and nobody is at the old one.
	m.URL = "http://" + next + "/mcp"
	if text := string(m.Call("files_echo", `{"n":2}`).Result(t)); !strings.Contains(text, "2") {
		t.Errorf("at the new port: %s", text)
	}
	if c, err := net.Dial("tcp", old); err == nil {
		_ = c.Close()
		t.Error("somebody listens at the old port")
	}
	tab.shown(d, page{path: "/"})
	tab.awaitText(next)
	tab.clean("409", "400")
}

// By the keyboard alone, with the message's undo.
func TestStory_ThePortIsChangedByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := settled(t)
	before := d.Gateway
	tab := d.logInBrowser(b.profile("person"))
	tab.press("g", "e")
	tab.awaitRole("heading", "Settings")
	tab.tab("General", "Gateway")
	next := "localhost:" + freePort(t)
	tab.enter("textbox", "Address of the gateway", next)
	tab.press("Enter")
	tab.awaitText("Address of the gateway: " + next)
	d.Await("the gateway at the new port", func() bool { d.awaitStart(); return d.Gateway == next })
	tab.hit("button", "Undo")
	d.Await("the gateway at the old port", func() bool { d.awaitStart(); return d.Gateway == before })
	tab.clean()
}
