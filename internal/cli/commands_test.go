package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

var (
	noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

	work = api.Space{Space: mcpmux.Space{ID: "s1", Name: "Work", Icon: "🦊", Active: true, Default: true, CreatedAt: noon}, Counts: api.SpaceCounts{Servers: 2, Clients: 1}}

	deletion = api.SpaceDeletion{
		Space: "Work", Servers: []api.DeletedServer{{Alias: "github", Values: 2, Secrets: 1, LoggedIn: true}}, Secrets: 1, Logins: 1,
		FeatureSets: []string{"reading"}, Grants: 2, NextActive: "My Space",
		Clients: []api.DeletionEffect{
			{Client: "cursor", Mode: mcpmux.ModeLocked, Effect: api.DeletionStrands, Grants: 1},
			{Client: "claude", Mode: mcpmux.ModeFollow, Effect: api.DeletionMoves},
			{Client: "codex", Mode: mcpmux.ModeLocked, Effect: api.DeletionTakesGrants, Grants: 1},
		},
	}

	named = func(name string) api.FeatureName {
		return api.FeatureName{Server: "github", Kind: "tool", Name: name, Qualified: "github_" + name, Member: "tool:github/" + name}
	}

	preview = api.SetPreview{
		In: 2, Gained: 1, Lost: 1, Idle: []string{"server:gone"},
		Features: []api.SelectedFeature{{FeatureName: named("get"), In: true, Was: true}, {FeatureName: named("list"), In: true}, {FeatureName: named("delete"), Was: true}},
		Clients:  []api.ClientEffect{{Client: "cursor", Now: true, Gains: []string{"github_list"}, Loses: []string{"github_delete"}}, {Client: "claude", Loses: []string{"github_delete"}}},
	}

	explained = api.ClientFeatures{
		Client: "cursor", Space: "Work", Here: true, Visible: 1,
		Features: []api.ExplainedFeature{
			{FeatureName: named("get"), Visible: true, Reason: "granted", Included: []api.Step{{Set: "reading", Member: "set:base"}, {Set: "base", Member: "tool:github/get*"}}},
			{FeatureName: named("delete"), Reason: "excluded", Included: []api.Step{{Set: "All"}}, Excluded: []api.Step{{Set: "reading", Member: "tool:github/delete*", Exclude: true}}},
			{FeatureName: named("list"), Reason: "not_granted"},
		},
	}

	kept = api.Restore{
		MadeAt: noon, Version: "1.2", Opened: true, Spaces: []api.RestoreSpace{{Name: "Work", Servers: []string{"github", "files"}}, {Name: "Home"}},
		Clients: []string{"cursor"}, Keys: 1, Values: 3, Missing: []api.MissingValue{{Space: "Work", Server: "github", Kind: mcpmux.ValueEnv, Name: "TOKEN"}},
		Lacks: []string{"the login to the server x, which cannot be opened"}, Restored: true, Undo: "/data/backups/before.mcpmux",
	}

	github = api.Server{
		Server: mcpmux.Server{
			ID: "i1", Space: "s1", Alias: "github", Enabled: true, CreatedAt: noon,
			Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "npx", Args: []string{"-y", "server-github"}},
			Values:     []mcpmux.ValueName{{Kind: mcpmux.ValueInput, Name: "TOKEN", Secret: true}},
			About:      &mcpmux.About{ProtocolVersion: "2025-11-25"},
		},
		SpaceName: "Work",
		Status:    mcpmux.ServerStatus{State: mcpmux.StateConnected, Since: noon, Connections: 1},
		Features:  api.FeatureCounts{Tools: 2, Prompts: 1},
	}

	noLimit = mcpmux.Duration(0)

	alone = api.Server{
		Server: mcpmux.Server{
			ID: "i3", Space: "s1", Alias: "alone", Enabled: true, CreatedAt: noon,
			Isolation: mcpmux.IsolationSession, Era: mcpmux.EraLegacy, MaxProcesses: 2, Roots: []string{"file:///work/a", "file:///work/b"},
			Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "alone"},
		},
		SpaceName: "Work",
		Status:    mcpmux.ServerStatus{State: mcpmux.StateIdle, Since: noon},
	}

	question = api.Elicitation{
		Elicitation: mcpmux.Elicitation{ID: "e1", Server: "github", Message: "Which\nname?", Schema: json.RawMessage(`{}`), AskedAt: noon},
		ClientName:  "cursor", SpaceName: "Work",
	}

	everywhere = api.Server{
		Server: mcpmux.Server{
			ID: "i2", Space: "s1", Alias: "everywhere", Enabled: true, EverySpace: true, CallTimeout: &noLimit, CreatedAt: noon,
			Definition: mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: "https://mcp.example/mcp"},
		},
		SpaceName: "Work",
		Status:    mcpmux.ServerStatus{State: mcpmux.StateIdle, Since: noon},
	}

	called = api.Activity{
		ID: 2, ClientName: "cursor", SpaceName: "Work", Verdict: api.VerdictAllowed,
		Activity: mcpmux.Activity{At: noon, Client: "c1", Space: "s1", Server: "github", Method: "tools/call", Name: "github_get", Outcome: "ok", Duration: mcpmux.Duration(12345 * time.Microsecond)},
	}

	refused = api.Activity{
		ID: 1, ClientName: "cursor", SpaceName: "Work", Verdict: api.VerdictDenied,
		Activity: mcpmux.Activity{At: noon, Client: "c1", Space: "s1", Method: "tools/call", Name: "x\x1b[2J", Outcome: "denied", Code: -32602, Detail: "Unknown tool: x"},
	}

	counted = api.ActivitySummary{
		Window: "24h", Total: api.ActivityCount{Calls: 3, Errors: 1, Denied: 1, Median: mcpmux.Duration(1234 * time.Microsecond), P95: mcpmux.Duration(61 * time.Second), Last: &noon},
		Servers: []api.ActivityOf{{Name: "github", ActivityCount: api.ActivityCount{Calls: 2, Last: &noon}}},
		Tools:   []api.ActivityOf{{Name: "github_get", ActivityCount: api.ActivityCount{Calls: 2, Last: &noon}}},
		Clients: []api.ActivityOf{{ActivityCount: api.ActivityCount{Calls: 3}}},
	}

	codexApp = api.Application{
		ID: "codex", Name: "Codex", State: api.ApplicationInstalled, File: "/home/me/.codex/config.toml", Servers: 2, Format: "toml", Checked: "2026-11-23",
		Config: "[mcp_servers.mcpmux]\nurl = \"http://localhost:45818/mcp\"\n", ConfigWithKey: "[mcp_servers.mcpmux]\nbearer_token_env_var = \"MCPMUX_KEY\"\n",
		Command: "codex mcp add mcpmux --url http://localhost:45818/mcp", Next: "Restart it.",
	}

	imports = api.ImportPreview{
		File: "/home/me/.codex/config.toml",
		Servers: []api.ImportServer{
			{
				Digest: "d1", Name: "docs", Alias: "docs", Enabled: true, Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "npx", Args: []string{"-y", "two words\x1b[2J"}},
				Values: []api.ImportValue{{Kind: "env", Name: "LEVEL", Value: "2"}, {Kind: "env", Name: "TOKEN", Secret: true, Hidden: true}, {Kind: "input", Name: "KEY", Secret: true, Missing: true, Prompt: "a key"}, {Kind: "input", Name: "E", Secret: true, From: "env:E"}},
			},
			{Digest: "d2", Alias: "shell", Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "sh"}, Warnings: []api.ImportWarning{{Text: "sh is a shell", Stops: true}}},
			{Digest: "d3", Alias: "web-2", Enabled: true, DuplicateOf: "web", Definition: mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: "https://web.example/mcp"}},
			{Digest: "d4", Alias: "mcpmux", Enabled: true, Own: true, Definition: mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: "http://localhost:45818/mcp"}},
		},
		Problems: []api.ImportProblem{{Name: "dev", Text: "it has neither a command nor an address"}},
	}

	imported = api.Imported{Servers: []api.ImportResult{{Alias: "docs", Added: true, Enabled: true}, {Alias: "shell", Added: true}}}

	key = mcpmux.AccessKey{ID: "k1", Client: "c1", Hint: "mm_key_abc", CreatedAt: noon}

	cursor = api.Client{
		Client:    mcpmux.Client{ID: "c1", Name: "cursor", Mode: mcpmux.ModeFollow, Approved: true, Space: "s1", CreatedAt: noon},
		SpaceName: "Work",
		Grants:    []api.Grant{{Space: "Work", Set: "All"}},
		Keys:      []mcpmux.AccessKey{key},
	}

	browser = api.DashboardSession{ID: "k3x9", Browser: "Firefox on Linux", Peer: "127.0.0.1", CreatedAt: noon, UsedAt: noon, ExpiresAt: noon}

	reading = api.FeatureSet{
		FeatureSet: mcpmux.FeatureSet{
			ID: "f1", Space: "s1", Name: "reading", Kind: mcpmux.SetCustom, CreatedAt: noon,
			Members: []mcpmux.Member{{Kind: "tool", Server: "github", Name: "get_*"}},
		},
	}
)

func TestRun_CommandsBecomeRequests(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	type call struct {
		args    []string
		stdin   string
		answers map[string]any
	}
	exported := filepath.Join(t.TempDir(), "record.jsonl")
	words := strings.Fields
	added := map[string]any{"POST /servers": github}
	client := map[string]any{
		"POST /clients": api.CreatedClient{Client: cursor, AccessKey: "mm_key_abcdef"},
		"GET /status":   api.Status{Gateway: "running", GatewayURL: "http://localhost:45818/mcp"},
	}
	toolResult := func(isError bool, text string) map[string]any {
		return map[string]any{"POST /call": map[string]any{"content": []any{map[string]any{"type": "text", "text": text}}, "isError": isError}}
	}
	for file, calls := range map[string][]call{
		"server": {
			{args: words("server add github --env DEBUG=a=b,c --secret TOKEN=@@at -- npx -y server-github --env X=Y"), answers: added},
			{args: words("server add github --secret A --secret B=@" + secret + " --header"), answers: added}, // --header lacks its argument
			{args: []string{
				"server", "add", "web", "https://mcp.example/mcp?x=1", "--header", "Authorization: Bearer ${input:T}", "--header", "X-Key", "--secret", "T=@" + secret,
				"--space", "Work", "--prefix", "", "--idle-timeout", "0", "--call-timeout", "90s", "--disabled", "--transport", "sse",
			}, stdin: "typed\r\n", answers: map[string]any{"POST /servers": github, "GET /version": api.Version{}}},
			{args: words("server add web https://mcp.example --secret A"), stdin: "", answers: map[string]any{"GET /version": api.Version{}}},
			{args: words("server list"), answers: map[string]any{"GET /servers": []api.Server{github}}},
			{args: words("server list --space Home"), answers: map[string]any{"GET /servers": []api.Server{}}},
			{args: words("server list --json"), answers: map[string]any{"GET /servers": []api.Server{}}},
			{args: words("server show github"), answers: map[string]any{"GET /servers/github": github}},
			{args: words("server add demo --every-space -- demo"), answers: added},
			{args: words("server show everywhere"), answers: map[string]any{"GET /servers/everywhere": everywhere}},
			{
				args:    words("server add alone --isolation session --era legacy --max-processes 2 --root /work/a/../a --root file:///work/b -- alone"),
				answers: map[string]any{"POST /servers": alone},
			},
			{args: words("server show alone"), answers: map[string]any{"GET /servers/alone": alone}},
			{
				args: []string{
					"server", "set", "alone", "--isolation", "none", "--era", "auto", "--max-processes", "0", "--root", "/work/a b",
					"--idle-timeout", "0", "--call-timeout", "90s", "--prefix", "", "--space", "Work",
				},
				answers: map[string]any{"PATCH /servers/alone": alone},
			},
			{args: words("server set alone --default call-timeout --default --root"), answers: map[string]any{"PATCH /servers/alone": alone}},
			{args: words("server set alone --max-processes 65"), answers: map[string]any{"PATCH /servers/alone": mcpmux.Errorf(mcpmux.CodeInvalid, "max_processes is 65; it is a number from 0 to 64")}},
			{args: words("server show github --json"), answers: map[string]any{"GET /servers/github": github}},
			{args: words("server restart github --space Work"), answers: map[string]any{"POST /servers/github/restart": github}},
			{args: words("server logs github --tail 5"), answers: map[string]any{"GET /servers/github/logs": []api.LogLine{{At: noon, Source: "stderr", Text: "ready\x1b[2J"}}}},
			{args: words("server logs github -f"), answers: map[string]any{"GET /servers/github/logs": ": hello\n\nevent: line\ndata: {\"at\":\"2026-05-04T12:00:00Z\",\"source\":\"server\",\"level\":\"info\",\"text\":\"up\"}\n\n"}},
			{args: words("server show gone"), answers: nil},
			{args: words("server show gone --json"), answers: nil},
		},
		"space": {
			{args: words("space list"), answers: map[string]any{"GET /spaces": []api.Space{work}}},
			{args: []string{"space", "create", "A/B c"}, answers: map[string]any{"POST /spaces": work}},
			{args: []string{"space", "rename", "A/B c", "D"}, answers: map[string]any{"PATCH /spaces/A%2FB%20c": work}},
			{args: []string{"space", "create", "Work", "--icon", "🦊", "--json"}, answers: map[string]any{"POST /spaces": work}},
			{args: []string{"space", "icon", "Work", "🦊"}, answers: map[string]any{"PATCH /spaces/Work": work}},
			{args: words("space icon Work"), answers: map[string]any{"PATCH /spaces/Work": api.Space{Space: mcpmux.Space{Name: "Work"}}}},
			{args: words("space delete Work --dry-run"), answers: map[string]any{"GET /spaces/Work/deletion": deletion}},
			{args: words("space delete Work --dry-run"), answers: map[string]any{"GET /spaces/Work/deletion": api.SpaceDeletion{Space: "Work", Refused: "this is the default Space, which cannot be deleted"}}},
			{args: words("space delete Work --yes"), answers: map[string]any{"DELETE /spaces/Work": work}},
			{args: words("space activate Work"), answers: map[string]any{"POST /spaces/Work/activate": work}},
			{args: words("space delete Work"), answers: map[string]any{"DELETE /spaces/Work": mcpmux.Errorf(mcpmux.CodeDenied, "the default Space cannot be deleted")}},
		},
		"featureset": {
			{args: words("featureset show reading"), answers: map[string]any{"GET /featuresets/reading": reading}},
			{args: words("featureset include reading tool:github/get_* server:files --space Work"), answers: map[string]any{"POST /featuresets/reading/members": reading}},
			{args: words("featureset exclude reading set:Other --remove"), answers: map[string]any{"DELETE /featuresets/reading/members": reading}},
		},
		"members": {
			{args: words("featureset list"), answers: map[string]any{"GET /featuresets": []api.FeatureSet{{
				FeatureSet: reading.FeatureSet, Resolves: api.FeatureCounts{Tools: 2, Prompts: 1}, GrantedTo: []string{"cursor"},
			}}}},
			{args: words("featureset rename reading writing --space Work"), answers: map[string]any{"PATCH /featuresets/reading": reading}},
			{args: words("featureset set reading --include tool:github/get_* --include server:files --exclude set:Other"), answers: map[string]any{"PUT /featuresets/reading/members": reading}},
			{args: words("featureset set reading --include server:gone --dry-run"), answers: map[string]any{"POST /featuresets/reading/preview": preview}},
			{args: words("featureset set reading --dry-run --json"), answers: map[string]any{"POST /featuresets/reading/preview": api.SetPreview{}}},
			{args: words("featureset set reading --include nonsense")},
		},
		"explain": {
			{args: words("client explain cursor"), answers: map[string]any{"GET /clients/cursor/features": explained}},
			{args: words("client explain cursor github_delete --space Work"), answers: map[string]any{"GET /clients/cursor/features": explained}},
			{args: words("client explain cursor tool:github/gone"), answers: map[string]any{"GET /clients/cursor/features": explained}},
			{args: words("client rename cursor editor"), answers: map[string]any{"PATCH /clients/cursor": cursor}},
		},
		"client": {
			{args: words("client create cursor"), answers: client},
			{args: words("client create cursor --mode locked --space Work --grant reading --grant Default --expires 30d --json"), answers: client},
			{args: words("client list"), answers: map[string]any{"GET /clients": []api.Client{cursor}}},
			{args: words("client show cursor"), answers: map[string]any{"GET /clients/cursor": cursor}},
			{args: words("client mode cursor locked --space Work"), answers: map[string]any{"PUT /clients/cursor/mode": cursor}},
			{args: words("client grant cursor reading"), answers: map[string]any{"POST /clients/cursor/grants": cursor}},
			{args: words("client ungrant cursor reading --space Work"), answers: map[string]any{"DELETE /clients/cursor/grants": cursor}},
			{args: words("client deny cursor"), answers: map[string]any{"POST /clients/cursor/deny": cursor}},
			{args: words("client switch cursor accept"), answers: map[string]any{"POST /clients/cursor/switch": cursor}},
			{args: words("client key create cursor --expires 1h"), answers: map[string]any{"POST /clients/cursor/keys": api.CreatedKey{AccessKey: key, Secret: "mm_key_abcdef"}}},
			{args: words("client key revoke cursor"), answers: map[string]any{"GET /clients/cursor/keys": []mcpmux.AccessKey{key}, "DELETE /clients/cursor/keys/k1": key}},
			{args: words("client key revoke cursor"), answers: map[string]any{"GET /clients/cursor/keys": []mcpmux.AccessKey{key, key}}},
			{args: words("client key rotate cursor mm_key_abc"), answers: map[string]any{
				"GET /clients/cursor/keys":            []mcpmux.AccessKey{key},
				"POST /clients/cursor/keys/k1/rotate": api.CreatedKey{AccessKey: key, Secret: "mm_key_xyz"},
			}},
		},
		"connect": {
			{args: words("connect"), answers: map[string]any{"GET /applications": []api.Application{codexApp, {ID: "kiro", Name: "Kiro", State: api.ApplicationAbsent}}}},
			{args: words("connect codex"), answers: map[string]any{"GET /applications/codex": codexApp}},
			{args: words("connect codex --key"), answers: map[string]any{"GET /applications/codex": codexApp}},
			{args: words("connect codex --json"), answers: map[string]any{"GET /applications/codex": codexApp}},
			{args: words("connect nonsense"), answers: map[string]any{"GET /applications/nonsense": mcpmux.Errorf(mcpmux.CodeNotFound, "\"nonsense\" is not an application that is known")}},
		},
		"import": {
			{args: words("import codex --dry-run --space Work"), answers: map[string]any{"GET /applications/codex": codexApp, "POST /import/preview": imports}},
			{args: words("import codex --yes"), answers: map[string]any{"GET /applications/codex": codexApp, "POST /import/preview": imports, "POST /import": imported}},
			{args: words("import - --yes --only docs --json"), stdin: "npx -y docs", answers: map[string]any{"POST /import/preview": imports, "POST /import": api.Imported{Servers: imported.Servers[:1]}}},
			{args: words("import - --only nonsense"), stdin: "npx -y docs", answers: map[string]any{"POST /import/preview": imports}},
			{args: words("import -"), stdin: "npx -y docs", answers: map[string]any{"POST /import/preview": imports}},
			{args: words("import " + secret + " --yes"), answers: map[string]any{
				"POST /import/preview": imports, "POST /import": api.Imported{Servers: []api.ImportResult{{Alias: "docs", Error: "there is a Server \"docs\" already"}}},
			}},
			{args: words("import ./gone.json")},
			{args: words("import")},
		},
		"call": {
			{args: []string{"call", "github_get", `{"n": 12345678901234567890}`, "--client", "cursor"}, answers: toolResult(false, "two\nlines")},
			{args: words("call github_get -"), stdin: "{\"a\":1}\n", answers: toolResult(true, "no such thing")},
			{args: words("call github_get --json"), answers: map[string]any{"POST /call": json.RawMessage(`{"content":[],"structuredContent":{"big":12345678901234567890},"x":1}`)}},
			{args: words("tools --client cursor"), answers: map[string]any{"GET /tools": []api.Tool{{Name: "github_get", Description: "Gets\nsomething"}}}},
		},
		"elicitation": {
			{args: words("elicitation list"), answers: map[string]any{"GET /elicitations": []api.Elicitation{question}}},
			{args: words("elicitation list --json"), answers: map[string]any{"GET /elicitations": []api.Elicitation{}}},
			{args: words("elicitation list"), answers: map[string]any{"GET /elicitations": []api.Elicitation{}}},
			{args: []string{"elicitation", "answer", "e1", "accept", `{"name": "x y"}`}, answers: map[string]any{"POST /elicitations/e1": question}},
			{args: words("elicitation answer e1 accept -"), stdin: "{\"n\":1}\n", answers: map[string]any{"POST /elicitations/e1": question}},
			{args: words("elicitation answer e1 decline --json"), answers: map[string]any{"POST /elicitations/e1": question}},
			{args: words("elicitation answer gone cancel"), answers: nil},
		},
		"daemon": {
			{args: words("status"), answers: map[string]any{"GET /status": api.Status{Gateway: "running", GatewayURL: "http://localhost:45818/mcp"}}},
			{args: words("status"), answers: map[string]any{"GET /status": api.Status{
				Gateway: "stopped", GatewayURL: "http://localhost:45818/mcp", DashboardURL: "http://localhost:45819",
				Servers: 2, ConnectedServers: 1, RegisteredClients: 1, ActiveSpace: "Home", Warnings: []string{"the master key is in a file"},
				Questions: []api.Question{{Client: "cursor", From: "Work", To: "Home"}},
			}}},
			{args: words("doctor"), answers: map[string]any{"GET /doctor": api.Doctor{Checks: []api.Check{{Name: "key", OK: true, Message: "in the keychain"}, {Name: "port", Message: "taken"}}}}},
			{args: words("gateway stop"), answers: map[string]any{"POST /gateway/stop": api.Status{Gateway: "stopped"}}},
			{args: words("dashboard"), answers: map[string]any{"POST /dashboard/ticket": api.Ticket{URL: "http://localhost:45819/?ticket=x", ExpiresAt: noon}}},
			{args: words("dashboard --sessions"), answers: map[string]any{"GET /sessions": []api.DashboardSession{browser}}},
			{args: words("dashboard --sessions"), answers: map[string]any{"GET /sessions": []api.DashboardSession{}}},
			{args: words("dashboard --logout"), answers: map[string]any{"DELETE /sessions": []api.DashboardSession{browser}}},
			{args: words("dashboard --logout=k3x9"), answers: map[string]any{"DELETE /sessions/k3x9": browser}},
			{args: words("dashboard --logout --print")},
			{args: words("dashboard --logout=")},
			{args: words("login abcd-efgh"), answers: map[string]any{"POST /dashboard/pair": api.Paired{Browser: "Firefox on Linux", Peer: "127.0.0.1"}}},
			{args: words("login abcd-efgh --remote"), answers: map[string]any{"POST /dashboard/pair": api.Paired{Browser: "Firefox on Linux", Peer: "192.0.2.1"}}},
			{args: words("login")},
			{args: words("dashboard --print"), answers: map[string]any{"POST /dashboard/ticket": api.Ticket{URL: "http://localhost:45819/?ticket=x", ExpiresAt: noon}}},
			{args: words("settings get log.level"), answers: map[string]any{"GET /settings/log.level": api.Setting{Setting: mcpmux.Setting{Name: "log.level"}, Value: "info"}}},
			{args: words("settings set log.level debug"), answers: map[string]any{"PUT /settings/log.level": api.Setting{Setting: mcpmux.Setting{Name: "log.level"}, Value: "debug"}}},
		},
		"backup": {
			{args: words("restore " + secret + " --dry-run"), answers: map[string]any{"POST /restore": api.Restore{MadeAt: noon, Version: "1.2", Sealed: true}}, stdin: "correct horse battery\n"},
			{args: words("restore " + secret + " --dry-run --passphrase-file " + secret), answers: map[string]any{"POST /restore": kept}},
			{args: words("restore " + secret), answers: map[string]any{"POST /restore": kept}},
			{args: words("restore " + secret + " --json"), answers: map[string]any{"POST /restore": mcpmux.Errorf(mcpmux.CodeInvalid, "the file is no backup of McpMux")}},
			{args: words("restore ./gone.mcpmux")},
			{args: words("export x --no-secrets --passphrase-file y")},
			{args: words("export x --no-secrets --leave-out spaces")},
			{args: words("export x"), stdin: "\n"},
			{args: words("export")},
		},
		"audit": {
			{args: words("audit"), answers: map[string]any{"GET /audit": []api.Activity{refused, called}}},
			{
				args:    words("audit --requests --client cursor --server github --space Work --outcome ok --search get --since 7d --until 2026-05-05 --limit 2 --before 9 --json"),
				answers: map[string]any{"GET /audit": []api.Activity{called}},
			},
			{args: words("audit --follow --security --limit 0"), answers: map[string]any{"GET /audit": ": hello\n\nevent: activity\ndata: {\"id\":3,\"at\":\"2026-05-04T12:00:00Z\",\"method\":\"auth/consent\",\"outcome\":\"ok\",\"actor\":\"user\",\"duration\":\"0s\"}\n\n"}},
			{args: words("audit --export - --format csv --client cursor"), answers: map[string]any{"GET /audit/export": "id,time\n1,2026-05-04T12:00:00Z\n"}},
			{args: words("audit --export " + exported), answers: map[string]any{"GET /audit/export": "{}\n"}},
			{args: words("audit --summary --window 24h"), answers: map[string]any{"GET /activity/summary": counted}},
			{args: words("audit --summary"), answers: map[string]any{"GET /activity/summary": api.ActivitySummary{}}},
			{args: words("audit --summary --client cursor")},
			{args: words("audit --summary --window 2h")},
			{args: words("audit --window 24h")},
			{args: words("audit --follow --export x")},
			{args: words("audit --export x --limit 3")},
			{args: words("audit --export x --format xlsx")},
			{args: words("audit --format csv")},
			{args: words("audit --before -1")},
		},
	} {
		t.Run(file, func(t *testing.T) {
			var all strings.Builder
			for _, c := range calls {
				d := &fakeDaemon{answers: c.answers}
				r := run(t, d.start(t), c.stdin, c.args...)
				all.WriteString(transcript(c.args, d.asked, r))
			}
			golden(t, "testdata/"+file+".golden", strings.NewReplacer(secret, "FILE", exported, "EXPORTED").Replace(all.String()))
		})
	}
}
