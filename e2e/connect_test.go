package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The commands that are offered are run by the applications as they are published: each then has McpMux in its settings,
// and McpMux sees that.
func TestConnect_TheCommandsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	home := shortTempDir(t)
	d := Start(t, Options{Env: []string{"HOME=" + home, "USERPROFILE=" + home}})
	p := d.Person()
	type told struct{ State, Command, File string }
	for id, program := range map[string][]string{
		"claude-code": {claude(t)},
		"codex":       codex(t),
		"gemini-cli":  {node(t), fixture(t, "@google/gemini-cli/bundle/gemini.js")},
	} {
		a := &application{t: t, p: p, env: append(p.env(t), "HOME="+home, "USERPROFILE="+home)}
		var before, after told
		d.JSON(&before, "connect", id)
		if before.State == "configured" {
			t.Fatalf("%s: %+v", id, before)
		}
		a.ok(append(program, strings.Fields(before.Command)[1:]...)...)
		d.JSON(&after, "connect", id)
		if after.State != "configured" || !strings.HasPrefix(after.File, home) {
			t.Errorf("after %s it is %+v", before.Command, after)
		}
	}
}

// What the dashboard does, the command line does too: an application's servers, a file, a pipe.
func TestConnect_TheCommandLineImports(t *testing.T) {
	t.Parallel()
	d, pasted := newcomer(t)
	if out := d.CLI("connect"); !strings.Contains(out, "cursor") || !strings.Contains(out, "1 server to import") || !strings.Contains(out, "unreadable") {
		t.Error(out)
	}
	if out := d.CLI("import", "cursor", "--dry-run"); !strings.Contains(out, "NOTES_TOKEN is a secret") || strings.Contains(out, "hush") {
		t.Error(out)
	}
	d.CLI("import", "cursor", "--yes")
	d.AwaitServer("memory", "connected")
	file := filepath.Join(t.TempDir(), "mine.json")
	if err := os.WriteFile(file, []byte(pasted), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := d.CLI("import", file, "--yes"); !strings.Contains(out, "added files\n") || !strings.Contains(out, "added shell, switched off") {
		t.Error(out)
	}
	d.AwaitServer("files", "connected")
	d.AwaitServer("shell", "disabled")
	if out, _, code := d.RunCLI(pasted, "import", "-", "--yes"); code != 0 || !strings.Contains(out, "nothing to add") {
		t.Errorf("again: %d %s", code, out)
	}
	if _, errText, code := d.RunCLI(pasted, "import", "gemini-cli", "--yes"); code != 1 || !strings.Contains(errText, "not JSON") {
		t.Errorf("what does not parse: %d %s", code, errText)
	}
}
