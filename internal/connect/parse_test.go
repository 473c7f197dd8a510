package connect

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// told is what a Proposal comes to, in few words.
func told(p *Proposal) string {
	var b strings.Builder
	d := p.Definition
	fmt.Fprintf(&b, "%s: %s %s%s %q", p.Name, d.Transport, d.Command, d.URL, d.Args)
	for _, v := range p.Values {
		var flags strings.Builder
		for _, f := range []struct {
			on   bool
			name string
		}{{v.Secret, "secret"}, {v.Hidden, "hidden"}, {v.Missing, "missing"}} {
			if f.on {
				flags.WriteString(" " + f.name)
			}
		}
		fmt.Fprintf(&b, "\n  %s %s=%s%s", v.Kind, v.Name, v.Text, flags.String())
	}
	if p.Stopped() {
		b.WriteString("\n  off")
	}
	return b.String()
}

func tell(t *testing.T, text string) string {
	t.Helper()
	found, err := Parse(text)
	if err != nil {
		return "error: " + err.Error()
	}
	var out []string
	for i := range found.Proposals {
		out = append(out, told(&found.Proposals[i]))
	}
	for _, p := range found.Problems {
		out = append(out, "problem "+p.Name+": "+p.Text)
	}
	return strings.Join(out, "\n")
}

func TestParse_EachFormIsUnderstood(t *testing.T) {
	for text, want := range map[string]string{
		`{"mcpServers":{"files":{"command":"npx","args":["-y","@modelcontextprotocol/server-filesystem","/tmp"]}}}`:                                                                                 `files: stdio npx ["-y" "@modelcontextprotocol/server-filesystem" "/tmp"]`,
		"\ufeff// mine\n{\"servers\": {\"a\": {\"type\": \"http\", \"url\": \"https://a.example/mcp\", /* x */},},}\n":                                                                              `a: http https://a.example/mcp []`,
		"```json\n\"github\": {\"command\": \"docker\", \"args\": [\"run\"]}\n```":                                                                                                                  `github: stdio docker ["run"]`,
		`{"context_servers":{"z":{"source":"custom","command":{"path":"z","args":["1"],"env":{"A":"b"}}}}}`:                                                                                         "z: stdio z [\"1\"]\n  env A=b",
		`{"mcp":{"o":{"type":"local","command":["bun","x"],"environment":{"A":"b"},"enabled":false}}}`:                                                                                              "o: stdio bun [\"x\"]\n  env A=b\n  off",
		`{"mcp":{"servers":{"v2":{"type":"remote","url":"https://v2.example"}}}}`:                                                                                                                   `v2: http https://v2.example []`,
		`{"url":"https://x.example/sse","type":"sse"}`:                                                                                                                                              `: sse https://x.example/sse []`,
		`[{"name":"one","command":"one"},{"name":"two","serverUrl":"https://two.example"}]`:                                                                                                         "one: stdio one []\ntwo: http https://two.example []",
		"[mcp_servers.docs]\ncommand = \"npx\"\nargs = [\"-y\", \"docs\"]\n[mcp_servers.docs.env]\nA = \"b\"\n":                                                                                     "docs: stdio npx [\"-y\" \"docs\"]\n  env A=b",
		"[mcp_servers.r]\nurl = \"https://r.example\"\nbearer_token_env_var = \"R_TOKEN\"\nhttp_headers = { X-A = \"b\" }":                                                                          "r: http https://r.example []\n  input R_TOKEN=env:R_TOKEN secret\n  header Authorization=Bearer ${input:R_TOKEN}\n  header X-A=b",
		"extensions:\n  g:\n    type: stdio\n    cmd: x\n    command: uvx\n    args: [mcp-server-git]\n    envs: {A: b}\n    env_keys: [G_TOKEN]\n  dev:\n    type: builtin\n    name: developer\n": "g: stdio uvx [\"mcp-server-git\"]\n  env A=b\n  env G_TOKEN= secret missing\nproblem dev: it is part of the application (builtin), so no other can use it",
		"mcpServers:\n  - name: c\n    type: streamable-http\n    url: https://c.example\n":                                                                                                         `c: http https://c.example []`,
		"https://mcp.example.com/mcp":                                                                       `: http https://mcp.example.com/mcp []`,
		"$ npx -y @scope/thing \"two words\" it\\'s":                                                        `: stdio npx ["-y" "@scope/thing" "two words" "it's"]`,
		"API_TOKEN='a b' LEVEL=1 uvx thing \\\n  --flag":                                                    "" + ": stdio uvx [\"thing\" \"--flag\"]\n  env API_TOKEN=a b secret hidden\n  env LEVEL=1",
		"claude mcp add --transport http --scope user linear https://mcp.linear.app/mcp":                    `linear: http https://mcp.linear.app/mcp []`,
		`claude mcp add --transport http x https://x.example --header "Authorization: Bearer abc"`:          "x: http https://x.example []\n  header Authorization=Bearer abc secret hidden",
		"claude mcp add db -e DB_URL=1 -e B=2 -- npx -y db --verbose":                                       "db: stdio npx [\"-y\" \"db\" \"--verbose\"]\n  env B=2\n  env DB_URL=1",
		`claude mcp add-json w '{"command":"w","args":["-a"]}'`:                                             `w: stdio w ["-a"]`,
		"codex mcp add docs --env A=b -- npx docs":                                                          "docs: stdio npx [\"docs\"]\n  env A=b",
		"codex mcp add docs --url https://docs.example":                                                     `docs: http https://docs.example []`,
		"cursor://anysphere.cursor-deeplink/mcp/install?name=q&config=eyJ1cmwiOiJodHRwczovL3EuZXhhbXBsZSJ9": `q: http https://q.example []`,
		"vscode:mcp/install?%7B%22name%22%3A%22v%22%2C%22url%22%3A%22https%3A%2F%2Fv.example%22%7D":         `v: http https://v.example []`,
		`{"mcpServers":{"a":{"command":1},"b":{"command":"b","args":"x"},"c":{}}}`:                          "problem a: it has neither a command nor an address\nproblem b: its arguments are not a list of texts\nproblem c: it has neither a command nor an address",
		"":                   "error: " + errNothing.Error(),
		"hello":              "error: " + errNothing.Error(),
		"npx x | sh":         "error: " + errOperator.Error(),
		"npx 'x":             "error: " + errQuote.Error(),
		"{\n\"a\": \n hush}": "error: the text is not JSON: look at line 3",
		"{}":                 "error: " + errNothing.Error(),
	} {
		if got := tell(t, text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestParse_SecretsAndWhatStandsForThem(t *testing.T) {
	for text, want := range map[string]string{
		// Whatever a pasted text looks like, it names no file and no keychain of this machine.
		`{"mcpServers":{"a":{"command":"a","env":{"A_TOKEN":"file:/etc/shadow","B_KEY":"op://x/y/z","PLAIN":"file:/etc/hosts"}}}}`:                                                               "a: stdio a []\n  env A_TOKEN=literal:file:/etc/shadow secret hidden\n  env B_KEY=literal:op://x/y/z secret hidden\n  env PLAIN=file:/etc/hosts",
		`{"mcpServers":{"a":{"command":"a","env":{"X":"ghp_abcdefghijklmnop","T":"${env:HOME_T}","U":"$U_T","P_KEY":"<your key>","EMPTY":""}}}}`:                                                 "a: stdio a []\n  env EMPTY=\n  env P_KEY= secret missing\n  env T=env:HOME_T secret\n  env U=env:U_T secret\n  env X=ghp_abcdefghijklmnop secret hidden",
		`{"inputs":[{"type":"promptString","id":"tok","description":"A token","password":true}],"servers":{"v":{"command":"v","args":["--level","${input:lvl}"],"env":{"TOK":"${input:tok}"}}}}`: "v: stdio v [\"--level\" \"${input:lvl}\"]\n  input lvl= missing\n  input tok= secret missing\n  env TOK=${input:tok}",
		`{"url":"https://k.example/mcp?api_key=abc123&x=1"}`:                                                        ": http https://k.example/mcp?api_key=${input:API_KEY}&x=1 []\n  input API_KEY=abc123 secret hidden",
		"https://me:hush@k.example/mcp":                                                                             ": http https://me:${input:PASSWORD}@k.example/mcp []\n  input PASSWORD=hush secret hidden",
		"npx thing --api-key abc123 --token=def --port 80":                                                          ": stdio npx [\"thing\" \"--api-key\" \"${input:API_KEY}\" \"--token=${input:TOKEN}\" \"--port\" \"80\"]\n  input API_KEY=abc123 secret hidden\n  input TOKEN=def secret hidden\n  off",
		"docker run -i --rm -e GITHUB_TOKEN=ghp_abcdefghijklmnop ghcr.io/x/y":                                       ": stdio docker [\"run\" \"-i\" \"--rm\" \"-e\" \"GITHUB_TOKEN\" \"ghcr.io/x/y\"]\n  env GITHUB_TOKEN=ghp_abcdefghijklmnop secret hidden",
		"npx pg postgresql://me:pass@db/x":                                                                          ": stdio npx [\"pg\" \"${input:ARGUMENT}\"]\n  input ARGUMENT=postgresql://me:pass@db/x secret hidden\n  off",
		`{"servers":{"a":{"type":"http","url":"https://a.example","headers":{"Authorization":"Bearer ${A_KEY}"}}}}`: "a: http https://a.example []\n  input A_KEY=env:A_KEY secret\n  header Authorization=Bearer ${input:A_KEY}",
		`{"mcpServers":{"w":{"command":"w","args":["${workspaceFolder}"]}}}`:                                        "w: stdio w [\"${workspaceFolder}\"]\n  off",
	} {
		if got := tell(t, text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// What can make a command do something else than it seems to is told, and stops it.
func TestParse_WhatIsDangerousIsStopped(t *testing.T) {
	for text, want := range map[string]string{
		"NODE_OPTIONS=--require=/tmp/x npx y":   "NODE_OPTIONS",
		"LD_PRELOAD=/tmp/x.so npx y":            "LD_PRELOAD",
		"DYLD_INSERT_LIBRARIES=/tmp/x npx y":    "DYLD_INSERT_LIBRARIES",
		"PYTHONPATH=/tmp python -m y":           "PYTHONPATH",
		"BASH_ENV=/tmp/x npx y":                 "BASH_ENV",
		"GIT_SSH_COMMAND=x npx y":               "GIT_SSH_COMMAND",
		"PATH=/tmp npx y":                       "PATH",
		"node_options=x npx y":                  "node_options",
		`sh -c 'curl x'`:                        "sh is a shell",
		`/bin/bash -c 'curl x'`:                 "bash is a shell",
		`C:\\Windows\\System32\\cmd.exe /c npx`: "cmd is a shell",
		"powershell -Command x":                 "powershell is a shell",
		"sudo npx y":                            "sudo starts another program",
		"env NODE_OPTIONS=x npx y":              "env starts another program",
		"node -e 'x'":                           "node -e runs code",
		"node --require=/tmp/x y.js":            "node --require runs code",
		"python3.12 -c x":                       "python3.12 -c runs code",
		"npx -c 'x y'":                          "npx -c runs code",
		"docker run --privileged x":             "--privileged",
		"docker run -v /:/host x":               "the whole disk",
		"docker run -v /var/run/docker.sock:/x": "docker.sock",
		"./run.sh":                              "the whole path",
		`{"url":"file:///etc/passwd"}`:          "not an http or https URL",
	} {
		found, err := Parse(text)
		if err != nil || len(found.Proposals) != 1 {
			t.Errorf("%s: %v %v", text, err, found)
			continue
		}
		p := found.Proposals[0]
		if !p.Stopped() || !slices.ContainsFunc(p.Warnings, func(w Warning) bool { return w.Stops && strings.Contains(w.Text, want) }) {
			t.Errorf("%s: warned of %v", text, p.Warnings)
		}
	}
	for _, text := range []string{"npx -y x", "uvx x --port 1", "PYTHONUNBUFFERED=1 python -m x", "docker run -i --rm -v /home/me/x:/x mcp/y", "https://x.example", "http://localhost:3000/mcp"} {
		if found, err := Parse(text); err != nil || found.Proposals[0].Stopped() || len(found.Proposals[0].Warnings) > 0 {
			t.Errorf("%s: %v %v", text, err, found.Proposals)
		}
	}
}

// Inputs of VS Code stay what they are, with their prompts and their choices.
func TestParse_InputsAreDeclared(t *testing.T) {
	found, err := Parse(`{"inputs":[{"type":"promptString","id":"tok","description":"A token","password":true},{"type":"pickString","id":"lvl","description":"Level","options":["low","high"],"default":"low"}],
		"servers":{"v":{"command":"v","args":["${input:lvl}"],"env":{"TOK":"${input:tok}"}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []mcpmux.Input{
		{ID: "lvl", Description: "Level", Type: mcpmux.InputSelect, Required: true, Options: []mcpmux.InputOption{{Value: "low"}, {Value: "high"}}},
		{ID: "tok", Description: "A token", Type: mcpmux.InputPassword, Required: true, Secret: true},
	}
	if d := cmp.Diff(want, found.Proposals[0].Definition.Inputs); d != "" {
		t.Error(d)
	}
}

func TestPlan_AliasesAreFreeAndWhatIsThereIsSeen(t *testing.T) {
	found, err := Parse(`{"mcpServers":{"GitHub (work)":{"command":"npx","args":["gh"]},"files":{"command":"other"},"Files":{"command":"third"},
		"mux":{"url":"http://127.0.0.1:45818/mcp/s/x"},"bridge":{"command":"npx","args":["mcp-remote","http://localhost:45818/mcp"]},"same":{"url":"https://x.example/mcp/"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	there := []mcpmux.Server{
		{Alias: "files", Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "npx", Args: []string{"gh"}}},
		{Alias: "x", Definition: mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: "https://x.example/mcp"}},
	}
	got := map[string]string{}
	for _, p := range Plan(found, there, "http://localhost:45818/mcp").Proposals {
		got[p.Name] = fmt.Sprint(p.Alias, " ", p.DuplicateOf, " ", p.Own)
	}
	want := map[string]string{
		"Files": "files-2  false", "GitHub (work)": "github-work files false", "bridge": "bridge  true", "files": "files-3  false", "mux": "mux  true", "same": "same x false",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for text, want := range map[string]string{
		"npx -y @modelcontextprotocol/server-filesystem@1.0 /tmp": "filesystem", "uvx mcp-server-git": "git", "docker run -i --rm -e A mcp/time": "time",
		"https://mcp.linear.app/mcp": "linear", "https://api.githubcopilot.com/mcp": "githubcopilot", "npx @playwright/mcp@latest": "playwright",
		"python -m my_thing": "my_thing", "/usr/bin/node /opt/app/dist/index.js": "index", "uvx --from git+https://x.example/thing.git thing-mcp": "thing",
	} {
		found, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Plan(found, nil, "").Proposals[0].Alias; got != want {
			t.Errorf("%s is called %s, want %s", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"mcpServers":{"a":{"command":"npx","args":["-y","x"],"env":{"A_TOKEN":"${env:X} ${input:y} ${Z:-1}"}}}}`, "[mcp_servers.a]\nurl = \"https://a\"", "extensions:\n  a: {uri: x}",
		"A=b docker run -e X=y \"z\" <n>", "claude mcp add a -e B=c -- d", "https://x/?token=1&token=2", "// c\n{,}", "${input:", "cursor://x?config=e30=", `{"url":"https://a?key=${input:b}"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := Parse(text)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, p := range Plan(found, nil, "http://localhost:45818/mcp").Proposals {
			if !aliasForm(p.Alias) || seen[p.Alias] {
				t.Errorf("the alias %q", p.Alias)
			}
			seen[p.Alias] = true
			d := p.Definition
			if (d.Command == "") == (d.URL == "") {
				t.Errorf("the definition %+v", d)
			}
			if err := d.CheckInputs(); err != nil {
				t.Error(err)
			}
			for _, v := range p.Values {
				for _, prefix := range []string{"file:", "keychain:", "op://"} {
					if v.Secret && strings.HasPrefix(v.Text, prefix) {
						t.Errorf("%s refers to %s", v.Name, v.Text)
					}
				}
			}
		}
	})
}

func aliasForm(alias string) bool {
	return alias != "" && len(alias) <= maxAlias && !aliasBad.MatchString(alias) && alias[0] != '-' && alias[0] != '_'
}

// Whatever is wrong with a text, what is said of it holds nothing of it.
func TestParse_ErrorsDoNotQuote(t *testing.T) {
	for _, text := range []string{"{\"mcpServers\": {\"a\": hush}}", "[mcp_servers.a]\nurl = hush", "mcpServers:\n  - hush: [", "hush", "hush-1 | x"} {
		if _, err := Parse(text); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", text, err)
		}
	}
	v := Value{ValueName: mcpmux.ValueName{Name: "A"}, Text: "hush"}
	if s := fmt.Sprintf("%v %+v %#v", v, v, v); strings.Contains(s, "hush") {
		t.Error(s)
	}
}

// hostOf is a machine with these files below its home.
func hostOf(t *testing.T, files map[string]string) Host {
	t.Helper()
	home := t.TempDir()
	for name, text := range files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Host{OS: "linux", Home: home, Getenv: func(string) string { return "" }}
}
