package connect

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

const gateway = "http://localhost:45818/mcp"

// What each application is told is kept as a file. What is to be pasted parses in its own format, and has the gateway
// in it; nothing holds a key.
func TestApplications_SnippetsParseAndReachTheGateway(t *testing.T) {
	ids := map[string]bool{}
	for _, app := range Applications() {
		t.Run(app.ID, func(t *testing.T) {
			if ids[app.ID] || app.Name == "" || app.checked == "" {
				t.Error("its row is not complete, or there twice")
			}
			ids[app.ID] = true
			say := app.Advise(gateway)
			golden(t, app.ID, fmt.Sprintf("%s (%s)\n\n%s\n\nwith a key:\n%s\n\n$ %s\n%s\n\n%s\n%s\n", app.Name, say.Format, say.Config, say.Keyed, say.Command, say.Link, say.Next, say.Note))
			if say.Config == "" {
				if say.Note == "" {
					t.Error("it is not said why there is nothing to paste")
				}
				return
			}
			for _, text := range []string{say.Config, say.Keyed} {
				if text == "" {
					continue
				}
				found, err := parseAs(say.Format, text)
				if err != nil || len(found.Proposals) != 1 || !Reaches(found.Proposals[0].Definition, gateway) {
					t.Errorf("it parses as %+v, %v:\n%s", found, err, text)
				}
				if strings.Contains(text, "mm_key_") || strings.Contains(text, "{url}") {
					t.Error(text)
				}
			}
			if say.Command != "" {
				found, err := Parse(say.Command)
				if err != nil || len(found.Proposals) != 1 || !Reaches(found.Proposals[0].Definition, gateway) {
					t.Errorf("the command is read as %+v, %v", found, err)
				}
			}
		})
	}
}

func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != text {
		t.Errorf("%v; -update writes it anew:\n%s", err, text)
	}
}

func TestSee_TellsWhatIsThere(t *testing.T) {
	h := hostOf(t, map[string]string{
		".cursor/mcp.json":                            `{"mcpServers":{"mcpmux":{"url":"http://127.0.0.1:45818/mcp"},"a":{"command":"a"}}}`,
		".config/Code/User/settings.json":             `{}`,
		".claude.json":                                `{"numStartups":3,"mcpServers":{},"projects":{"/work":{"mcpServers":{"p":{"command":"p"}}}}}`,
		".codex/config.toml":                          "model = \"x\"\n[mcp_servers.a]\ncommand = \"a\"\n",
		".gemini/settings.json":                       `{"mcpServers": oops`,
		".config/goose/config.yaml":                   "extensions:\n  mcpmux:\n    type: streamable_http\n    uri: http://localhost:45818/mcp\n",
		".codeium/windsurf/x":                         "",
		".config/opencode/opencode.json":              "",
		".config/zed/settings.json":                   "// theme\n{\"theme\": \"x\",}",
		".lmstudio/mcp.json":                          "\ufeff{\"mcpServers\":{\"x\":{\"command\":\"npx\",\"args\":[\"mcp-remote\",\"http://localhost:45818/mcp\"]}}}\r\n",
		".config/Claude/claude_desktop_config.json/x": "",
	})
	for id, want := range map[string]string{
		"cursor": "configured 1", "vscode": "installed 0", "claude-code": "installed 1", "codex": "installed 1", "gemini-cli": "unreadable 0", "goose": "configured 0",
		"windsurf": "installed 0", "opencode": "installed 0", "zed": "installed 0", "lm-studio": "configured 0", "claude-desktop": "unreadable 0", "kiro": "absent 0", "chatgpt": "absent 0",
	} {
		app, _ := Find(id)
		if seen := h.See(&app, gateway); fmt.Sprint(seen.State, " ", seen.Servers) != want || seen.State == Unreadable != (seen.Why != "") {
			t.Errorf("%s: %+v, want %s", id, seen, want)
		}
	}
	app, _ := Find("kiro")
	if _, _, err := h.Read(&app); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A variable that says where an application keeps its settings is heeded, and then no other place.
func TestSee_HeedsTheApplicationsVariable(t *testing.T) {
	h := hostOf(t, map[string]string{".codex/config.toml": "[mcp_servers.a]\ncommand = \"a\"\n"})
	app, _ := Find("codex")
	elsewhere := t.TempDir()
	h.Getenv = func(name string) string { return map[string]string{"CODEX_HOME": elsewhere}[name] }
	if seen := h.See(&app, gateway); seen.Servers != 0 || seen.File != filepath.Join(elsewhere, "config.toml") {
		t.Errorf("%+v", seen)
	}
}

func TestPlaces_OfOtherSystems(t *testing.T) {
	app, _ := Find("vscode")
	mac := Host{OS: "darwin", Home: "/Users/me", Getenv: func(string) string { return "" }}
	if got := mac.of(app.files); len(got) != 1 || got[0] != "/Users/me/Library/Application Support/Code/User/mcp.json" {
		t.Error(got)
	}
	windows := Host{OS: "windows", Home: "/me", Getenv: func(string) string { return "/me/AppData/Roaming" }}
	if got := windows.of(app.files); len(got) != 1 || got[0] != "/me/AppData/Roaming/Code/User/mcp.json" {
		t.Error(got)
	}
}
