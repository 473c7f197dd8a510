package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// visitor is an application whose user has a real browser, and a page of the application for what comes back.
type visitor struct {
	*app
	home string
	page *browserTab
}

// newVisitor opens what the application asks for in a tab of p.
func (d *Daemon) newVisitor(p *profile, name string, changes ...string) *visitor {
	d.t.Helper()
	home, _ := foreign(d.t, "<body>back in the application")
	v := &visitor{app: d.newApp(name, home+"/callback"), home: home}
	v.page, _ = p.open("about:blank")
	v.ask(changes...)
	return v
}

func (v *visitor) ask(changes ...string) {
	v.t.Helper()
	v.page.visit(v.at("/oauth/authorize?" + v.wish(changes...).Encode()))
}

// answered is what the browser brings back.
func (v *visitor) answered() url.Values {
	v.t.Helper()
	to, err := url.Parse(v.page.awaitURL(v.home + "/callback"))
	if err != nil {
		v.t.Fatal(err)
	}
	return to.Query()
}

func (v *visitor) session() *MCP {
	v.t.Helper()
	return v.d.Session(v.given(v.exchange(v.answered().Get("code"))).Access)
}

// Whoever is not logged in is told how, stays on the page, and decides there.
func TestConsent_InABrowserThatIsNotLoggedIn(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	p := startBrowser(t).profile("user")
	v := d.newVisitor(p, "Editor")
	v.page.awaitText("You are not logged in")
	v.page.awaitText("mcpmux client approve")
	d.logInBrowser(p)
	v.page.awaitText("It calls itself")
	v.page.awaitText("Any program on this machine can call itself so.")
	v.page.click("Let it in")
	if tools := v.session().Tools(); !slices.Contains(tools, "files_echo") {
		t.Errorf("it sees %q", tools)
	}
	if s := v.page.seen(); len(s.Errors) > 0 || len(s.Dialogs) > 0 {
		t.Errorf("the page: %+v", s)
	}
}

// Everything is ticked at first, and what is not ticked does not exist for the application.
func TestConsent_IsNarrowedByUnticking(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	d.AddScripted("mail", mcptest.Script{})
	p := startBrowser(t).profile("user")
	d.logInBrowser(p)
	v := d.newVisitor(p, "Editor")
	v.page.awaitText("What it sees")
	v.page.check("Only what I choose", true)
	v.page.check("Everything of mail", false)
	v.page.fill("Name", "My editor")
	v.page.choose("Connection mode", "Locked to this Space")
	v.page.click("Let it in")
	if tools := v.session().Tools(); !slices.Contains(tools, "files_echo") || slices.Contains(tools, "mail_echo") {
		t.Errorf("it sees %q", tools)
	}
	var c struct {
		Mode   string
		Grants []struct{ Set string }
	}
	d.JSON(&c, "client", "show", "My editor")
	if c.Mode != "locked" || len(c.Grants) != 1 {
		t.Errorf("the client is %+v", c)
	}
}

func TestConsent_Denied(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	p := startBrowser(t).profile("user")
	d.logInBrowser(p)
	v := d.newVisitor(p, "Editor")
	v.page.click("Deny")
	if q := v.answered(); q.Get("error") != "access_denied" || q.Get("state") != v.state || q.Has("code") {
		t.Errorf("told %v", q)
	}
	if list := d.CLI("client", "list"); strings.Contains(list, "Editor") {
		t.Errorf("it is in the list:\n%s", list)
	}
}

// A decision in a terminal is seen by the page that waits; a request shows in the list and in every open dashboard.
func TestConsent_DecidedInATerminalTheBrowserGoesOn(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	b := startBrowser(t)
	home := d.logInBrowser(b.profile("elsewhere"))
	v := d.newVisitor(b.profile("user"), "Editor")
	home.awaitText("Waiting to be let in")
	home.awaitText("Editor asks to be let in, in another browser")
	if list := d.CLI("client", "list"); !strings.Contains(list, "Editor") || !strings.Contains(list, "no") {
		t.Errorf("the list:\n%s", list)
	}
	d.CLI("client", "approve", "editor")
	v.session().Tools()
}

// Another browser lets an application in with the code of its page alone.
func TestConsent_FromAnotherBrowserTakesTheCodeOfThePage(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	b := startBrowser(t)
	home := d.logInBrowser(b.profile("elsewhere"))
	v := d.newVisitor(b.profile("user"), "Editor")
	v.page.awaitText("mcpmux client approve")
	home.awaitText("Waiting to be let in")
	if status := home.visit("http://" + d.Dashboard + strings.TrimPrefix(v.page.url(), "http://"+d.Dashboard)); status != http.StatusOK {
		t.Fatal(status)
	}
	home.awaitText("There is nothing to decide here")
	home.visit("http://" + d.Dashboard + "/")
	home.fill("The code that the page of Editor shows", "AAAA-AAAA")
	home.click("Let it in")
	home.awaitText("the code is not the one")
	_, rest, ok := strings.Cut(v.page.text(), "mcpmux client approve ")
	if !ok {
		t.Fatal(v.page.text())
	}
	home.fill("The code that the page of Editor shows", strings.ToLower(rest[:len("ABCD-EFGH")]))
	home.click("Let it in")
	v.session().Tools()
}

// What was agreed to is not asked again; something else is.
func TestConsent_IsRememberedInTheBrowser(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	p := startBrowser(t).profile("user")
	d.logInBrowser(p)
	v := d.newVisitor(p, "Editor")
	v.page.click("Let it in")
	v.session().Tools()
	v.ask()
	v.session().Tools()
	v.ask("resource", v.at("/mcp/s/files"))
	v.page.awaitText("needs your word again")
	v.page.awaitText("the server files alone")
}
