package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// browser is a real one, Chromium, which browser/driver.mjs drives.
type browser struct {
	t    *testing.T
	in   io.WriteCloser
	out  *bufio.Reader
	last int
}

// chromium is the program; MCPMUX_TEST_CHROMIUM names another than that of the system. Elsewhere than on Linux there
// may be none; where `make setup` installs one, its absence fails the test.
func chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("MCPMUX_TEST_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if runtime.GOOS != "linux" {
		t.Skip("there is no Chromium: name one with MCPMUX_TEST_CHROMIUM")
	}
	t.Fatal("there is no Chromium: run `make setup`, or install the package chromium")
	return ""
}

// startBrowser starts it with further flags; it ends with the test.
func startBrowser(t *testing.T, flags ...string) *browser {
	t.Helper()
	driver, err := filepath.Abs(filepath.Join("browser", "driver.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join("browser", "node_modules", "playwright-core")); err != nil {
		t.Fatalf("%v: run `make setup`", err)
	}
	home := shortTempDir(t)
	cmd := exec.Command(node(t), append([]string{driver, chromium(t)}, flags...)...)
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home)
	log := new(logBuffer)
	cmd.Stderr = log
	b := &browser{t: t}
	out, err := cmd.StdoutPipe()
	if err == nil {
		b.in, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	b.out = bufio.NewReader(out)
	t.Cleanup(func() {
		_ = b.in.Close()
		late := time.AfterFunc(stopTime, func() { _ = cmd.Process.Kill() })
		_, _ = io.Copy(io.Discard, b.out)
		_ = cmd.Wait() // what it says then tells nothing of the product
		late.Stop()
		if t.Failed() {
			t.Logf("the browser's driver said:\n%s", log)
		}
	})
	var hello struct{ Version string }
	if line, err := b.out.ReadBytes('\n'); err != nil || json.Unmarshal(line, &hello) != nil || hello.Version == "" {
		t.Fatalf("the browser did not start: %s, %v\n%s", line, err, log)
	}
	return b
}

// do asks the driver for something; v is what its answer is put into (nil: nothing).
func (b *browser) do(v any, op string, members map[string]any) error {
	b.t.Helper()
	b.last++
	ask := map[string]any{"id": b.last, "op": op}
	maps.Copy(ask, members)
	if _, err := io.WriteString(b.in, mustJSON(b.t, ask)+"\n"); err != nil {
		b.t.Fatal(err)
	}
	line, err := b.out.ReadBytes('\n')
	if err != nil {
		b.t.Fatalf("%s: the driver ended: %v", op, err)
	}
	var answer struct {
		Value json.RawMessage
		Error string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		b.t.Fatalf("%s: %s", op, line)
	}
	if answer.Error != "" {
		return browserError(answer.Error)
	}
	if v != nil {
		if err := json.Unmarshal(answer.Value, v); err != nil {
			b.t.Fatalf("%s: %s: %v", op, answer.Value, err)
		}
	}
	return nil
}

type browserError string

func (e browserError) Error() string { return string(e) }

// must is do for what has to succeed.
func (b *browser) must(v any, op string, members map[string]any) {
	b.t.Helper()
	if err := b.do(v, op, members); err != nil {
		b.t.Fatalf("%s %v: %v", op, members, err)
	}
}

// profile is a browser with cookies and a store of its own.
type profile struct {
	b    *browser
	name string
	tabs int
}

func (b *browser) profile(name string) *profile {
	b.t.Helper()
	b.must(nil, "context", map[string]any{"name": name})
	return &profile{b: b, name: name}
}

// rebound is a profile in which the address /trap of an origin shows a page: what a name shows before it is made to
// lead elsewhere.
func (b *browser) rebound(name, origin, html string) *profile {
	b.t.Helper()
	b.must(nil, "context", map[string]any{"name": name, "origin": origin, "html": html})
	return &profile{b: b, name: name}
}

// browserTab is one page of a profile.
type browserTab struct {
	b    *browser
	name string
}

func (p *profile) open(url string) (*browserTab, int) {
	p.b.t.Helper()
	p.tabs++
	t := &browserTab{p.b, p.name + " " + string(rune('a'+p.tabs-1))}
	p.b.must(nil, "page", map[string]any{"context": p.name, "name": t.name})
	return t, t.visit(url)
}

// visit opens an address, and answers the status; 0 is a page that the browser did not show.
func (t *browserTab) visit(url string) int {
	t.b.t.Helper()
	var at struct{ Status int }
	t.b.must(&at, "goto", map[string]any{"page": t.name, "url": url})
	return at.Status
}

func (t *browserTab) run(v any, script string, arg any) {
	t.b.t.Helper()
	t.b.must(v, "run", map[string]any{"page": t.name, "script": script, "arg": arg})
}

func (t *browserTab) text() (text string) {
	t.b.t.Helper()
	t.b.must(&text, "text", map[string]any{"page": t.name})
	return text
}

// awaitText waits until a text is shown.
func (t *browserTab) awaitText(text string) {
	t.b.t.Helper()
	if err := t.b.do(nil, "has", map[string]any{"page": t.name, "text": text}); err != nil {
		t.b.t.Fatalf("%q is not shown: %v\n%s", text, err, t.text())
	}
}

func (t *browserTab) click(button string) {
	t.b.t.Helper()
	if err := t.b.do(nil, "click", map[string]any{"page": t.name, "button": button}); err != nil {
		t.b.t.Fatalf("the button %q: %v\n%s", button, err, t.text())
	}
}

// check ticks what has a label, or takes the tick away.
func (t *browserTab) check(label string, on bool) {
	t.b.t.Helper()
	t.b.must(nil, "check", map[string]any{"page": t.name, "label": label, "on": on})
}

func (t *browserTab) fill(label, text string) {
	t.b.t.Helper()
	t.b.must(nil, "fill", map[string]any{"page": t.name, "label": label, "text": text})
}

func (t *browserTab) choose(label, option string) {
	t.b.t.Helper()
	t.b.must(nil, "choose", map[string]any{"page": t.name, "label": label, "text": option})
}

func (t *browserTab) url() (url string) {
	t.b.t.Helper()
	t.b.must(&url, "url", map[string]any{"page": t.name})
	return url
}

// awaitURL waits until the page is at an address that begins so.
func (t *browserTab) awaitURL(prefix string) (url string) {
	t.b.t.Helper()
	if err := t.b.do(&url, "at", map[string]any{"page": t.name, "url": prefix}); err != nil {
		t.b.t.Fatalf("it does not get to %s: %v\n%s", prefix, err, t.text())
	}
	return url
}

// seen is what happened in a page.
type seen struct {
	Dialogs, Console, Errors []string
	Answers                  []struct {
		Method, URL string
		Status      int
	}
}

func (t *browserTab) seen() (s seen) {
	t.b.t.Helper()
	t.b.must(&s, "seen", map[string]any{"page": t.name})
	return s
}

// foreign serves a page of somebody else at another port of this machine, and answers its origin. What is asked of it
// is kept.
func foreign(t *testing.T, html string) (origin string, asked *logBuffer) {
	t.Helper()
	asked = new(logBuffer)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(asked, r.Method+" "+r.URL.String()+" "+mustJSON(t, r.Header)+"\n")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, html)
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1), asked
}

// logInBrowser logs a profile in to the dashboard as a person does: by the address that the command line gives.
func (d *Daemon) logInBrowser(p *profile) *browserTab {
	d.t.Helper()
	t, status := p.open(strings.TrimSpace(d.CLI("dashboard", "--print")))
	if status != http.StatusOK {
		d.t.Fatalf("the dashboard: %d", status)
	}
	t.awaitText("Log out")
	return t
}
