package connect

// day is when the rows were last compared with ecosystem.md §9 and the applications' documentation.
const day = "2026-11-23"

// What several rows have.
const (
	bearerEnv   = `"Bearer ${env:MCPMUX_KEY}"` //nolint:gosec // G101: the name of a variable
	bearerPlain = `"Bearer YOUR_ACCESS_KEY"`   //nolint:gosec // G101: stands where people write their own
	address     = `"{url}"`
	httpType    = `"http"`
	approve     = "At first use it opens McpMux's page in your browser: approve it there."
)

// remote is the entry for an application that only starts commands: npm's mcp-remote speaks HTTP for it. It waits five
// minutes for the approval instead of half a one.
const remote = `{"command":"npx","args":["-y","mcp-remote","{url}","--auth-timeout","300"]}`

// authorization is the headers of an entry with an access key.
func authorization(value string) string { return members("Authorization", value) }

// table is the applications that are known.
var table = []Application{
	{
		ID: "cursor", Name: "Cursor", checked: day, format: JSON, files: same("~/.cursor/mcp.json"),
		config: under("mcpServers", members("url", address)),
		keyed:  under("mcpServers", members("url", address, "headers", authorization(bearerEnv))),
		link:   cursorLink, next: "Switch mcpmux on in Settings → MCP. " + approve,
	},
	{
		ID: "vscode", Name: "Visual Studio Code", checked: day, format: JSON, files: appData("Code/User/mcp.json"), folders: appData("Code"),
		config: under("servers", members("type", httpType, "url", address)),
		keyed: indented(members(
			"inputs", `[{"type":"promptString","id":"mcpmux-key","description":"Access key of McpMux","password":true}]`,
			"servers", members("mcpmux", members("type", httpType, "url", address, "headers", authorization(`"Bearer ${input:mcpmux-key}"`))))),
		command: `code --add-mcp '{"name":"mcpmux","type":"http","url":"{url}"}'`,
		link:    vscodeLink, next: "It starts by itself. " + approve,
	},
	{
		ID: "claude-code", Name: "Claude Code", checked: day, format: JSON,
		files: same("$CLAUDE_CONFIG_DIR/.claude.json", "~/.claude.json"), folders: same("$CLAUDE_CONFIG_DIR", "~/.claude", "~/.claude.json"),
		config:  under("mcpServers", members("type", httpType, "url", address)),
		keyed:   under("mcpServers", members("type", httpType, "url", address, "headers", authorization(`"Bearer ${MCPMUX_KEY}"`))),
		command: "claude mcp add --transport http --scope user mcpmux {url}",
		next:    "Then `claude mcp login mcpmux` in a terminal, or /mcp in a new session. " + approve,
		note:    "Use the command: Claude Code rewrites its file while it runs.",
	},
	{
		ID: "claude-desktop", Name: "Claude Desktop", checked: day, format: JSON,
		files:  places{linux: []string{"~/.config/Claude/claude_desktop_config.json", "~/.config/claude/claude_desktop_config.json"}, mac: appData("Claude/claude_desktop_config.json").mac, windows: appData("Claude/claude_desktop_config.json").windows},
		config: under("mcpServers", remote),
		next:   "Quit it fully and start it again. " + approve,
		note:   "It only starts commands, so the npm package mcp-remote carries the messages; that needs Node.js.",
	},
	{
		ID: "codex", Name: "Codex", checked: day, format: TOML, files: same("$CODEX_HOME/config.toml", "~/.codex/config.toml"),
		config:  "[mcp_servers.mcpmux]\nurl = \"{url}\"\n",
		keyed:   "[mcp_servers.mcpmux]\nurl = \"{url}\"\nbearer_token_env_var = \"MCPMUX_KEY\"\n",
		command: "codex mcp add mcpmux --url {url}", next: "Restart it. Later `codex mcp login mcpmux` logs in again. " + approve,
	},
	{
		ID: "gemini-cli", Name: "Gemini CLI", checked: day, format: JSON, files: same("~/.gemini/settings.json"),
		config:  under("mcpServers", members("httpUrl", address)),
		keyed:   under("mcpServers", members("httpUrl", address, "headers", authorization(`"Bearer $MCPMUX_KEY"`))),
		command: "gemini mcp add --transport http --scope user mcpmux {url}", next: "Start it anew, and type /mcp auth mcpmux. " + approve,
	},
	{
		ID: "windsurf", Name: "Windsurf (Devin)", checked: day, format: JSON, files: same("~/.codeium/windsurf/mcp_config.json"),
		config: under("mcpServers", members("serverUrl", address)),
		keyed:  under("mcpServers", members("serverUrl", address, "headers", authorization(bearerEnv))),
		next:   "Press Refresh in its list of MCP servers. " + approve, note: "Where the file is not there yet, make it: Windsurf does not.",
	},
	{
		ID: "zed", Name: "Zed", checked: day, format: JSON,
		files:  places{linux: []string{"~/.config/zed/settings.json"}, mac: []string{"~/.config/zed/settings.json"}, windows: []string{"$APPDATA/Zed/settings.json"}},
		config: under("context_servers", members("url", address)),
		keyed:  under("context_servers", members("url", address, "headers", authorization(bearerPlain))),
		next:   "It reads the settings when you save them. " + approve,
	},
	{
		ID: "jetbrains", Name: "JetBrains AI Assistant", checked: day, format: JSON, unsure: true,
		folders: places{linux: []string{"~/.config/JetBrains"}, mac: []string{"~/Library/Application Support/JetBrains"}, windows: []string{"$APPDATA/JetBrains"}},
		config:  under("mcpServers", members("url", address)),
		keyed:   under("mcpServers", members("url", address, "headers", authorization(bearerPlain))),
		next:    "Paste it in Settings → Tools → AI Assistant → Model Context Protocol, and restart the IDE.",
		note:    "It keeps its servers in its own settings, so McpMux cannot read them.",
	},
	{
		ID: "junie", Name: "Junie", checked: day, format: JSON, unsure: true, files: same("~/.junie/mcp/mcp.json"), folders: same("~/.junie"),
		config: under("mcpServers", remote), next: "Restart the IDE. " + approve,
		note: "It only starts commands, so the npm package mcp-remote carries the messages; that needs Node.js.",
	},
	{
		ID: "cline", Name: "Cline", checked: day, format: JSON,
		files: joined(appData(
			"Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
			"Cursor/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
		), same("~/.cline/data/settings/cline_mcp_settings.json")),
		config: under("mcpServers", members("type", `"streamableHttp"`, "url", address, "disabled", "false", "autoApprove", "[]")),
		keyed:  under("mcpServers", members("type", `"streamableHttp"`, "url", address, "headers", authorization(bearerPlain), "disabled", "false", "autoApprove", "[]")),
		next:   "It reads the file when you save it. " + approve,
	},
	{
		ID: "continue", Name: "Continue", checked: day, format: YAML, unsure: true, files: same("~/.continue/config.yaml"),
		config: "mcpServers:\n  - name: mcpmux\n    type: streamable-http\n    url: {url}\n",
		keyed:  "mcpServers:\n  - name: mcpmux\n    type: streamable-http\n    url: {url}\n    requestOptions:\n      headers:\n        Authorization: Bearer YOUR_ACCESS_KEY\n",
		next:   "Reload the window.", note: "Some of its versions do not send headers.",
	},
	{
		ID: "opencode", Name: "OpenCode", checked: day, format: JSON,
		files: places{
			linux:   []string{"~/.config/opencode/opencode.jsonc", "~/.config/opencode/opencode.json"},
			mac:     []string{"~/.config/opencode/opencode.jsonc", "~/.config/opencode/opencode.json"},
			windows: []string{"~/.config/opencode/opencode.jsonc", "~/.config/opencode/opencode.json", "$LOCALAPPDATA/opencode/opencode.json"},
		},
		config: under("mcp", members("type", `"remote"`, "url", address, "enabled", "true")),
		keyed:  under("mcp", members("type", `"remote"`, "url", address, "headers", authorization(bearerPlain), "enabled", "true")),
		next:   "Restart it. " + approve, note: "OpenCode 2 has the entry below mcp.servers, and no enabled in it.",
	},
	{
		ID: "goose", Name: "Goose", checked: day, format: YAML,
		files:  places{linux: []string{"~/.config/goose/config.yaml"}, mac: []string{"~/.config/goose/config.yaml"}, windows: []string{"$APPDATA/Block/goose/config/config.yaml"}},
		config: "extensions:\n  mcpmux:\n    type: streamable_http\n    name: mcpmux\n    uri: {url}\n    enabled: true\n    timeout: 300\n    description: All MCP servers of this machine\n    envs: {}\n    env_keys: []\n",
		keyed:  "extensions:\n  mcpmux:\n    type: streamable_http\n    name: mcpmux\n    uri: {url}\n    enabled: true\n    timeout: 300\n    description: All MCP servers of this machine\n    headers:\n      Authorization: Bearer YOUR_ACCESS_KEY\n    envs: {}\n    env_keys: []\n",
		link:   gooseLink, next: "Begin a new session. " + approve,
	},
	{
		ID: "kiro", Name: "Kiro", checked: day, format: JSON, files: same("~/.kiro/settings/mcp.json"), folders: same("~/.kiro"),
		config: under("mcpServers", members("url", address, "disabled", "false", "autoApprove", "[]")),
		keyed:  under("mcpServers", members("url", address, "headers", authorization(bearerPlain), "disabled", "false", "autoApprove", "[]")),
		next:   "It reads the file when you save it. " + approve,
	},
	{
		ID: "amazon-q", Name: "Amazon Q CLI", checked: day, format: JSON, files: same("~/.aws/amazonq/mcp.json"),
		config: under("mcpServers", members("type", httpType, "url", address)),
		next:   "It reads the file when you save it. " + approve, note: "Kiro takes its place.",
	},
	{
		ID: "lm-studio", Name: "LM Studio", checked: day, format: JSON, files: same("~/.lmstudio/mcp.json", "~/.cache/lm-studio/mcp.json"),
		config: under("mcpServers", members("url", address)),
		keyed:  under("mcpServers", members("url", address, "headers", authorization(bearerPlain))),
		link:   lmstudioLink, next: "It reads the file when you save it. Where it does not log in by itself, use an access key.",
	},
	{
		ID: "copilot-cli", Name: "GitHub Copilot CLI", checked: day, format: JSON, files: same("~/.copilot/mcp-config.json"),
		config: under("mcpServers", members("type", httpType, "url", address, "tools", `["*"]`)),
		keyed:  under("mcpServers", members("type", httpType, "url", address, "headers", authorization(`"Bearer ${MCPMUX_KEY}"`), "tools", `["*"]`)),
		next:   "Begin a new session. " + approve,
	},
	{
		ID: "antigravity", Name: "Antigravity", checked: day, format: JSON, unsure: true, files: same("~/.gemini/antigravity/mcp_config.json"),
		config: under("mcpServers", members("serverUrl", address)), next: "Reload it.",
	},
	{
		ID: "amp", Name: "Amp", checked: day, format: JSON, unsure: true,
		files:  places{linux: []string{"~/.config/amp/settings.json"}, mac: []string{"~/.config/amp/settings.json"}, windows: []string{"$APPDATA/amp/settings.json"}},
		config: under("amp.mcpServers", members("type", httpType, "url", address)), next: "Restart it.",
	},
	{
		ID: "crush", Name: "Crush", checked: day, format: JSON, unsure: true,
		files:  places{linux: []string{"~/.config/crush/crush.json"}, mac: []string{"~/.config/crush/crush.json"}, windows: []string{"$LOCALAPPDATA/crush/crush.json"}},
		config: under("mcp", members("type", httpType, "url", address)), next: "Restart it.",
	},
	{
		ID: "chatgpt", Name: "ChatGPT", checked: day,
		note: "Its connectors call from OpenAI's own machines, which do not reach this one. Use Codex, or let other machines reach McpMux (`--allow-remote`).",
	},
}

// joined are the places of both.
func joined(a, b places) places {
	return places{append(a.linux, b.linux...), append(a.mac, b.mac...), append(a.windows, b.windows...)}
}
