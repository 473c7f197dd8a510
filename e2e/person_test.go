package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// openVar names, to this program when it stands for a browser, whom to tell the address that is to be opened.
const openVar = "MCPMUX_E2E_OPEN"

// reloadTime is how long a person reloads the page of an application that does not listen yet. Its code is good for a
// minute.
const reloadTime = 20 * time.Second

// asBrowser is this program as applications start it for a browser: it passes the address on and ends, as programs
// like xdg-open do.
func asBrowser(tell string, args []string) int {
	if len(args) == 0 {
		return 2
	}
	resp, err := http.Post(tell, "text/plain", strings.NewReader(args[len(args)-1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, "no browser:", err)
		return 1
	}
	resp.Body.Close()
	return 0
}

// person is the user of a daemon. Applications open a page in their browser; there they read the code of the request,
// and decide on it in a terminal. They know nothing that is not on the page.
type person struct {
	d *Daemon
	// decide is the command that is given a request's code.
	decide []string
	// bin holds the programs by which applications open a browser.
	bin string

	all sync.WaitGroup
	// mu guards the following.
	mu      sync.Mutex
	visited []visitLog
}

// visitLog is what happened to an address that an application opened.
type visitLog struct {
	authorize url.Values // what the application asked for
	callback  string     // where the answer went
	page      string     // the last page: the application's own
}

// Person sits in front of the daemon until the test ends, and decides on every request by `mcpmux client approve`, or
// the command that is given.
func (d *Daemon) Person(decide ...string) *person {
	d.t.Helper()
	if len(decide) == 0 {
		decide = []string{"client", "approve"}
	}
	p := &person{d: d, decide: decide, bin: d.t.TempDir()}
	desk := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		address, err := io.ReadAll(r.Body)
		if err != nil {
			d.t.Error(err)
			return
		}
		p.all.Go(func() { p.open(string(address)) })
	}))
	d.t.Cleanup(func() {
		desk.Close()
		p.all.Wait()
	})
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	shim := fmt.Sprintf("#!/bin/sh\n%s='%s' exec '%s' \"$@\"\n", openVar, desk.URL, self)
	for _, name := range []string{"xdg-open", "open", "browser"} {
		if err := os.WriteFile(filepath.Join(p.bin, name), []byte(shim), 0o700); err != nil {
			d.t.Fatal(err)
		}
	}
	return p
}

// env is the environment of an application of this person: a home of its own, the browser, and no way to the Internet.
func (p *person) env(t *testing.T, more ...string) []string {
	t.Helper()
	home := shortTempDir(t)
	const nowhere = "http://127.0.0.1:9" // discard: nobody answers
	env := []string{
		"HOME=" + home, "USERPROFILE=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "XDG_RUNTIME_DIR=" + home,
		"PATH=" + p.bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		// Without a display, and with no application known to the desktop, xdg-open heeds BROWSER.
		"BROWSER=" + filepath.Join(p.bin, "browser"), "XDG_DATA_DIRS=" + home,
		"HTTP_PROXY=" + nowhere, "HTTPS_PROXY=" + nowhere, "http_proxy=" + nowhere, "https_proxy=" + nowhere,
		"NO_PROXY=localhost,127.0.0.1,::1", "no_proxy=localhost,127.0.0.1,::1",
	}
	for _, name := range []string{"TMPDIR", "LANG"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return append(env, more...)
}

// visits are what was opened and came to an end so far.
func (p *person) visits() []visitLog {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.visited)
}

// open opens an address, and fails the test where it does not lead back to the application.
func (p *person) open(address string) {
	seen, err := p.follow(address)
	if err != nil {
		p.d.t.Errorf("the browser at %s: %v", address, err)
	}
	p.mu.Lock()
	p.visited = append(p.visited, seen)
	p.mu.Unlock()
}

// follow is the way of one login: the authorization endpoint sends the browser to the consent page; that asks how the
// request goes, and follows the answer to the application.
func (p *person) follow(address string) (seen visitLog, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return seen, err
	}
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	b := &tab{c: &http.Client{Jar: jar, Transport: transport}}
	at, status, page, err := b.navigate(address)
	if err != nil {
		return seen, err
	}
	if u, err := url.Parse(address); err == nil {
		seen.authorize = u.Query()
	}
	id, consent := strings.CutPrefix(at.Path, "/consent/")
	if !consent || status != http.StatusOK || at.Port() != portOf(p.d.t, "http://"+p.d.Dashboard) {
		return seen, fmt.Errorf("it ended at %s with %d: %s", at, status, page)
	}
	state := &url.URL{Scheme: at.Scheme, Host: at.Host, Path: "/consent-state/" + id}
	st, err := b.state(state.String())
	if err != nil {
		return seen, err
	}
	if st.State != "waiting" || st.Code == "" || st.Redirect != "" {
		return seen, fmt.Errorf("before anybody decided the page was told %+v", st)
	}
	code, decided := st.Code, make(chan error, 1)
	go func() { decided <- p.say(code) }()
	for st.State == "waiting" {
		if st, err = b.state(state.String() + "?wait=1"); err != nil {
			return seen, errors.Join(err, <-decided)
		}
	}
	if err := <-decided; err != nil {
		return seen, err
	}
	seen.callback = st.Redirect
	_, status, seen.page, err = b.navigate(st.Redirect)
	// mcp-remote may open the browser before it listens; who is not that fast does not notice, others reload.
	for deadline := time.Now().Add(reloadTime); errors.Is(err, syscall.ECONNREFUSED) && time.Now().Before(deadline); {
		<-time.After(pollEvery)
		_, status, seen.page, err = b.navigate(st.Redirect)
	}
	if err == nil && status >= http.StatusBadRequest && !strings.Contains(st.Redirect, "error=") {
		err = fmt.Errorf("the application answered %d: %s", status, seen.page)
	}
	return seen, err
}

// say decides on a request in the terminal.
func (p *person) say(code string) error {
	out, errText, exit := p.d.TryCLI(append(slices.Clone(p.decide), code)...)
	if exit != 0 {
		return fmt.Errorf("mcpmux %s: exit code %d\n%s%s", strings.Join(p.decide, " "), exit, out, errText)
	}
	return nil
}

// tab is a page in a browser that runs no scripts: what the consent page's would do is done by state.
type tab struct{ c *http.Client }

// navigate opens an address as one that was typed, and follows redirects on this machine; where one leads elsewhere
// it stays.
func (b *tab) navigate(address string) (at *url.URL, status int, page string, err error) {
	b.c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if host := r.URL.Hostname(); host != "localhost" && host != "127.0.0.1" || len(via) > 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}
	at, status, body, err := b.get(address, map[string]string{
		"Accept": "text/html", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1",
	})
	return at, status, string(body), err
}

// requestState is what the page is told of its request.
type requestState struct {
	State    string
	Code     string
	Redirect string `json:"redirect_to"`
}

func (b *tab) state(address string) (st requestState, err error) {
	_, status, body, err := b.get(address, map[string]string{
		"Accept": "application/json", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty",
	})
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the page was told %d: %s", status, body)
	}
	if err != nil {
		return st, err
	}
	return st, json.Unmarshal(body, &st)
}

func (b *tab) get(address string, headers map[string]string) (at *url.URL, status int, body []byte, err error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, nil, err
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	resp, err := b.c.Do(r)
	if err != nil {
		return nil, 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.Request.URL, resp.StatusCode, body, err
}
