package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/store"
)

// activityRow is what tests look at of a record.
type activityRow struct {
	ID                                              int64
	Method, Name, Server, Client, Outcome, Decision string
}

// A call is seen while it is made, among others, narrowed down to, looked into and taken away as a file.
// It measures, so it is not run beside others.
func TestStory_TheActivityIsSeenAsItHappens(t *testing.T) {
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	d.AddScripted("mail", mcptest.Script{})
	m := d.Session(d.NewClient("Editor"))
	other := d.Session(d.NewClient("Terminal"))
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/activity?what=requests", shows: "Nothing in the record is like that"})
	tab.click("Show everything")
	tab.awaitText("admin/post") // adding a server was a decision
	tab.choose("Kind", "requests")
	tab.awaitText("Nothing in the record is like that")

	// Shown within a second of its end, without a hand: what is measured is the page's clock, which is this machine's.
	tab.run(nil, `window.first = {};
		new MutationObserver(() => { for (const word of ["files_echo", "mail_echo"]) if (document.body.innerText.includes(word)) first[word] ??= Date.now() })
			.observe(document.body, { subtree: true, childList: true, characterData: true })`, nil)
	for _, tool := range []string{"files_echo", "mail_echo"} {
		m.Call(tool, `{"text":"hello"}`)
		ended := time.Now()
		tab.until("(word) => window.first[word]", tool)
		var at int64
		tab.run(&at, "return window.first[arg]", tool)
		took := time.UnixMilli(at).Sub(ended)
		t.Logf("%s: shown %v after its end", tool, took.Round(time.Millisecond))
		if took > time.Second {
			t.Errorf("%s was shown %v after its end", tool, took)
		}
	}
	tab.awaitText("Shown live")
	tab.accessible()

	// One that was not let through has its reason; the address is a link to what is shown.
	other.Post(`{"jsonrpc":"2.0","id":"unknown","method":"tools/call","params":{"name":"files_secret","arguments":{}}}`)
	tab.awaitText("Unknown tool: files_secret")
	tab.choose("Outcome", "denied")
	tab.until(`() => document.querySelectorAll("main li").length === 1`, nil)
	if url := tab.url(); !strings.Contains(url, "outcome=denied") || !strings.Contains(url, "what=requests") {
		t.Errorf("the address is %s", url)
	}
	tab.visit(tab.url())
	tab.awaitText("Unknown tool: files_secret")
	tab.choose("Outcome", "any")

	// Into one, and from there to what is like it.
	tab.clickRole("button", "files_echo")
	tab.awaitRole("dialog", "files_echo")
	if text := tab.textOf("dialog", "files_echo"); !strings.Contains(text, "Editor") || !strings.Contains(text, "allowed") || !strings.Contains(text, "tools/call") {
		t.Errorf("the dialog says: %s", text)
	}
	tab.awaitRole("link", "Editor") // to where one sees what it may
	tab.accessible()
	tab.click("Only this server")
	tab.until(`() => [...document.querySelectorAll("main li")].every((li) => li.innerText.includes("files_echo"))`, nil)

	// What is filtered is what is saved, in both forms, and what the command line says.
	folder := t.TempDir()
	var want []activityRow
	d.JSON(&want, "audit", "--requests", "--server", "files")
	tab.click("Export")
	lines := filepath.Join(folder, "lines")
	if name := tab.downloadItem("As JSON lines", lines); !strings.HasPrefix(name, "mcpmux-activity-") || !strings.HasSuffix(name, ".jsonl") {
		t.Errorf("the file is called %q", name)
	}
	tab.click("Export")
	table := filepath.Join(folder, "table")
	tab.downloadItem("As CSV", table)
	got := jsonLines(t, lines)
	if len(want) != 1 || len(got) != 1 || got[0] != want[0] {
		t.Errorf("the file has %+v, the command line %+v", got, want)
	}
	rows := csvRows(t, table)
	if len(rows) != 2 || rows[1][8] != "files_echo" || rows[1][9] != "allowed" {
		t.Errorf("the table is %q", rows)
	}

	// The counts, and from a count to its calls.
	tab.choose("Server", "any")
	tab.clickRole("tab", "Counts")
	tab.awaitText("Tools and prompts")
	tab.until(`() => ["files_echo", "mail_echo", "Editor", "Terminal"].every((w) => document.body.innerText.includes(w))`, nil)
	m.Call("files_echo", `{"text":"again"}`)
	tab.until(`() => [...document.querySelectorAll("tr")].some((r) => /^files_echo/.test(r.innerText) && r.cells[2].innerText === "2")`, nil)
	tab.accessible()
	tab.clickRole("button", "Terminal")
	tab.awaitText("Unknown tool: files_secret")
	tab.until(`() => document.querySelectorAll("main li").length === 1`, nil)
	tab.size(320, 800)
	tab.clean()
}

// The same by the keyboard alone.
func TestStory_TheActivityIsSeenByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	m := d.Session(d.NewClient("Editor"))
	m.Call("files_echo", `{"text":"first"}`)
	tab := d.logInBrowser(b.profile("person"))
	tab.press("g", "a")
	tab.awaitRole("heading", "Activity")
	tab.awaitText("files_echo")
	tab.press("/")
	tab.typeText("ECHO")
	tab.until(`() => document.querySelectorAll("main li").length === 1`, nil)
	tab.focus("combobox", "Outcome")
	tab.press("d") // a list goes to what begins so
	tab.awaitText("Nothing in the record is like that")
	tab.hit("button", "Show everything")
	tab.awaitText("files_echo")
	tab.hit("button", "files_echo")
	tab.awaitRole("dialog", "files_echo")
	tab.hit("button", "Only this client")
	tab.goneRole("dialog", "files_echo")
	tab.until(`() => document.querySelectorAll("main li").length === 1`, nil)

	tab.hit("button", "Pause")
	tab.awaitText("Paused")
	m.Call("files_echo", `{"text":"second"}`)
	tab.awaitText("1 new")
	tab.until(`() => document.querySelectorAll("main li").length === 1`, nil)
	tab.hit("button", "1 new")
	tab.awaitText("Shown live")
	tab.until(`() => document.querySelectorAll("main li").length === 2`, nil)

	tab.hit("button", "Export")
	file := filepath.Join(t.TempDir(), "lines")
	tab.focusItem("As JSON lines")
	tab.downloadBy("Enter", file)
	if got := jsonLines(t, file); len(got) != 2 || got[0].Client != "Editor" {
		t.Errorf("the file has %+v", got)
	}
	tab.tab("Calls", "Counts")
	tab.awaitText("Tools and prompts")
	tab.clean()
}

// Whoever was refused, and why, is in the record: for an unknown tool, one that was not granted, too many requests, a
// credential that is no good, and a client that is denied. A flood of what is alike is two rows.
func TestActivity_WhatWasRefusedIsThereWithItsReason(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	d.CLI("featureset", "create", "Nothing")
	key := d.NewClient("Editor", "--grant", "Nothing")
	m := d.Session(key)
	m.Call("files_echo", `{}`) // not granted
	m.Call("no_such", `{}`)
	d.CLI("settings", "set", "client.rate_limit", "1")
	flood := func() {
		for range 20 {
			m.Post(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"no_such","arguments":{}}}`)
		}
	}
	flood()
	d.CLI("settings", "set", "client.rate_limit", "0")
	d.CLI("client", "deny", "Editor")
	m.Post(`{"jsonrpc":"2.0","id":8,"method":"ping"}`)
	type row struct{ Method, Name, Client, Space, Outcome, Decision, Detail string }
	rows := func(args ...string) (rows []row) {
		d.JSON(&rows, append([]string{"audit", "--outcome", "denied"}, args...)...)
		return rows
	}
	d.Await("the last refusal", func() bool { return len(rows("--security")) == 1 })
	limited := "a client may make 1 requests in a minute (setting client.rate_limit); try again later"
	want := map[row]int{
		{"tools/call", "files_echo", "Editor", "My Space", "denied", "denied", "Unknown tool: files_echo"}: 1,
		{"tools/call", "no_such", "Editor", "My Space", "denied", "denied", "Unknown tool: no_such"}:       2, // the second within the rate
		{"tools/call", "no_such", "Editor", "My Space", "denied", "denied", limited}:                       1, // the others come as a count
	}
	got := map[row]int{}
	for _, r := range rows("--requests") {
		got[r]++
	}
	if !maps.Equal(got, want) {
		t.Errorf("requests:\n%+v\nwant\n%+v", got, want)
	}
	if got := rows("--security"); got[0].Method != "auth/refused" || got[0].Client != "Editor" {
		t.Errorf("decisions: %+v", got)
	}
}

// downloadItem chooses from a menu and keeps the file that comes.
func (t *browserTab) downloadItem(item, path string) (name string) {
	t.b.t.Helper()
	t.b.must(&name, "download", map[string]any{"page": t.name, "role": "menuitem", "button": item, "path": path})
	return name
}

// downloadBy presses a key and keeps the file that comes.
func (t *browserTab) downloadBy(key, path string) {
	t.b.t.Helper()
	t.b.must(nil, "download", map[string]any{"page": t.name, "key": key, "path": path})
}

// focusItem gets to an item of the open menu by the keyboard.
func (t *browserTab) focusItem(name string) {
	t.b.t.Helper()
	t.b.must(nil, "focused", map[string]any{"page": t.name, "role": "menuitem", "name": name, "key": "ArrowDown"})
}

func jsonLines(t *testing.T, path string) (rows []activityRow) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var row activityRow
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		rows = append(rows, row)
	}
	return rows
}

func csvRows(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// longRecord makes a data folder with a record of n calls of twenty servers, by the store itself: as many calls through
// the gateway would take minutes, and the record would be the same.
func longRecord(t *testing.T, n int) (dir string) {
	t.Helper()
	dir = filepath.Join(shortTempDir(t), "data")
	st, err := store.Open(t.Context(), filepath.Join(dir, "mcpmux.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	state, err := st.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(-24 * time.Hour)
	list := make([]mcpmux.Activity, n)
	for i := range list {
		server := fmt.Sprint("server", i%20)
		list[i] = mcpmux.Activity{
			At: begin.Add(24 * time.Hour * time.Duration(i) / time.Duration(n)), Client: "019abcde-0000-7000-8000-000000000001", Space: state.Spaces[0].ID,
			Server: server, Method: "tools/call", Name: fmt.Sprint(server, "_tool", i%1000), Outcome: "ok", Duration: mcpmux.Duration(i%1000) * mcpmux.Duration(time.Millisecond),
		}
	}
	list[n/2].Name = "server0_needle"
	if err := st.AppendActivity(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A hundred thousand records: the page holds as much of them as is seen, and the last ones come as fast as the first.
func TestActivity_AHundredThousandRecordsStaySmooth(t *testing.T) {
	const records = 100_000
	d := Start(t, Options{Dir: longRecord(t, records)})
	tab := d.logInBrowser(startBrowser(t).profile("person"))
	tab.shown(d, page{path: "/activity?what=requests", shows: "server19_tool999"})
	var got struct {
		Nodes, Rows, Pages, Longest int
		First, Last                 float64 // how long a page takes, in milliseconds: the median of the first and the last twenty
	}
	tab.run(&got, `
		const list = document.querySelector("section[aria-label='The record of requests']");
		const rows = () => Number(list.querySelector("li").ariaSetSize);
		const median = (v) => v.toSorted((a, b) => a - b)[Math.floor(v.length / 2)];
		let longest = 0, nodes = 0;
		const watch = new PerformanceObserver((l) => { for (const e of l.getEntries()) longest = Math.max(longest, e.duration) });
		watch.observe({ type: "longtask" });
		const took = [];
		while (rows() < arg) {
			const before = rows(), began = performance.now();
			list.scrollTop = list.scrollHeight;
			while (rows() === before) {
				await new Promise((done) => setTimeout(done));
				if (performance.now() - began > 20_000) throw new Error("no more came after " + before);
			}
			took.push(performance.now() - began);
			nodes = Math.max(nodes, document.querySelectorAll("*").length);
		}
		watch.disconnect();
		return { Nodes: nodes, Rows: rows(), Pages: took.length, Longest: Math.round(longest), First: median(took.slice(0, 20)), Last: median(took.slice(-20)) };`, records)
	t.Logf("%d records in %d pages: at most %d elements, longest task %d ms; a page took %.0f ms at first and %.0f ms at the end", got.Rows, got.Pages, got.Nodes, got.Longest, got.First, got.Last)
	if got.Rows != records || got.Nodes > 3000 {
		t.Errorf("%d records, %d elements", got.Rows, got.Nodes)
	}
	if got.Last > 5*got.First+50 {
		t.Errorf("the last pages took %.0f ms, the first %.0f ms", got.Last, got.First)
	}

	// What comes waits while one is at the other end, and nothing moves.
	key := d.NewClient("Editor")
	d.AddScripted("files", mcptest.Script{})
	d.Session(key).Call("files_echo", `{}`)
	tab.awaitText("1 new")
	tab.click("1 new")
	tab.awaitText("files_echo")

	// A burst of more than the page holds as new is followed too.
	m := d.Session(key)
	for range 2500 {
		m.Call("files_echo", `{}`)
	}
	m.Call("files_cwd", `{}`)
	tab.awaitText("files_cwd")
	tab.until(`() => document.querySelector("main li button").innerText === "files_cwd" && document.querySelectorAll("*").length < 3000`, nil)

	// One in a hundred thousand is found.
	tab.fill("Search tools, names and details", "NEEDLE")
	tab.until(`() => document.querySelectorAll("main li").length === 1 && document.body.innerText.includes("server0_needle")`, nil)
	tab.clean()

	// All of it is a file, made without holding it: the same by the command line.
	file := filepath.Join(t.TempDir(), "record.csv")
	d.CLI("audit", "--requests", "--export", file, "--format", "csv")
	if rows := csvRows(t, file); len(rows) != 1+records+1+2500+1 {
		t.Errorf("the file has %d rows", len(rows))
	}
}
