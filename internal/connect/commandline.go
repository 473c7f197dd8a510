package connect

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// parseLines reads addresses and commands, one in each line.
func parseLines(text string) (Found, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\\\n", " ")
	var all Found
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		for _, prompt := range []string{"$ ", "> ", "% "} {
			line = strings.TrimSpace(strings.TrimPrefix(line, prompt))
		}
		if line == "" || line[0] == '#' {
			continue
		}
		found, err := parseLine(line)
		if err != nil {
			all.Problems = append(all.Problems, Problem{Text: err.Error()})
			continue
		}
		all.Proposals = append(all.Proposals, found.Proposals...)
		all.Problems = append(all.Problems, found.Problems...)
		if len(all.Proposals)+len(all.Problems) > maxServers {
			return Found{}, errNothing
		}
	}
	switch {
	case len(all.Proposals) == 0 && len(all.Problems) == 1 && all.Problems[0].Name == "":
		return Found{}, &lineError{all.Problems[0].Text}
	case len(all.Proposals) == 0:
		return Found{}, errNothing
	}
	return all, nil
}

// lineError says what is wrong with the only line.
type lineError struct{ text string }

func (e *lineError) Error() string { return e.text }

// programForm is what the name of a program looks like.
var programForm = regexp.MustCompile(`^[A-Za-z0-9_.@~$/\\:{}-]+$`)

func parseLine(line string) (Found, error) {
	if isAddress(line) {
		return fromTree(map[string]any{"url": line})
	}
	if at, err := url.Parse(line); err == nil && !strings.Contains(line, " ") && slices.Contains([]string{"cursor", "vscode", "vscode-insiders", "lmstudio"}, at.Scheme) {
		return fromLink(at)
	}
	words, err := splitWords(line)
	if err != nil {
		return Found{}, err
	}
	env := map[string]any{}
	for len(words) > 0 {
		name, value, ok := strings.Cut(words[0], "=")
		if !ok || !envName.MatchString(name) {
			break
		}
		env[name] = value
		words = words[1:]
	}
	if len(words) == 0 || !programForm.MatchString(words[0]) {
		return Found{}, errNothing
	}
	switch program(words[0]) {
	case "claude", "codex", "gemini", "copilot", "devin", "amp":
		if len(words) > 3 && words[1] == "mcp" && (words[2] == "add" || words[2] == "add-json") {
			return fromAdd(words[2], words[3:])
		}
	case "code", "code-insiders", "cursor":
		if len(words) == 3 && words[1] == "--add-mcp" {
			return parseAs(JSON, words[2])
		}
	}
	if len(words) == 1 && !strings.ContainsAny(words[0], `/\`) && len(env) == 0 && !strings.Contains(words[0], "mcp") && !slices.Contains(shells, words[0]) {
		return Found{}, errNothing // a word is not yet a command
	}
	return fromTree(map[string]any{"command": words[0], "args": anys(words[1:]), "env": env})
}

func anys(words []string) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = w
	}
	return out
}

// fromLink reads a link by which an application takes a server up.
func fromLink(at *url.URL) (Found, error) {
	text := at.Query().Get("config")
	if plain, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, " ", "+")); err == nil && text != "" {
		tree, err := decode(JSON, string(plain))
		if entry, ok := tree.(map[string]any); err == nil && ok && isEntry(entry) {
			return fromTree(map[string]any{"mcpServers": map[string]any{at.Query().Get("name"): entry}})
		}
		return Found{}, errNothing
	}
	if plain, err := url.PathUnescape(at.RawQuery); err == nil {
		return parseAs(JSON, plain)
	}
	return Found{}, errNothing
}

// flagged are the flags of `… mcp add` with a value; the others have none.
var flagged = []string{"-t", "--transport", "-s", "--scope", "-e", "--env", "-H", "--header", "--url", "--bearer-token-env-var", "--timeout", "--description", "--include-tools", "--exclude-tools", "--callback-port", "--client-id"}

// added is what `… mcp add` says.
type added struct {
	name, transport, url, tokenEnv string
	env, headers                   map[string]any
	target                         []string
}

// fromAdd reads the arguments of `claude mcp add` and of its likes.
func fromAdd(verb string, words []string) (Found, error) {
	if verb == "add-json" {
		return fromAddJSON(words)
	}
	a := added{env: map[string]any{}, headers: map[string]any{}}
	for i := 0; i < len(words); i++ {
		word := words[i]
		flag, value, assigned := strings.Cut(word, "=")
		switch {
		case word == "--":
			a.target = append(a.target, words[i+1:]...)
			i = len(words)
		case len(a.target) > 0 && !isAddress(a.target[0]):
			a.target = append(a.target, word) // the command's own
		case strings.HasPrefix(word, "-") && slices.Contains(flagged, flag):
			if !assigned && i+1 < len(words) {
				i++
				value = words[i]
			}
			a.flag(flag, value)
			for (flag == "-e" || flag == "--env") && i+1 < len(words) && isAssignment(words[i+1]) { // several after one flag
				i++
				a.flag(flag, words[i])
			}
		case strings.HasPrefix(word, "-"):
		case a.name == "":
			a.name = word
		default:
			a.target = append(a.target, word)
		}
	}
	return a.found()
}

func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && envName.MatchString(name)
}

func (a *added) flag(flag, value string) {
	switch flag {
	case "-t", "--transport":
		a.transport = value
	case "--url":
		a.url = value
	case "--bearer-token-env-var":
		a.tokenEnv = value
	case "-e", "--env":
		if name, text, ok := strings.Cut(value, "="); ok {
			a.env[name] = text
		}
	case "-H", "--header":
		if name, text, ok := strings.Cut(value, ":"); ok {
			a.headers[strings.TrimSpace(name)] = strings.TrimSpace(text)
		}
	}
}

func (a *added) found() (Found, error) {
	entry := map[string]any{}
	if a.url == "" && len(a.target) == 1 && (isAddress(a.target[0]) || a.transport == "http" || a.transport == "sse") {
		a.url = a.target[0]
	}
	switch {
	case a.url != "":
		entry["url"], entry["type"], entry["headers"] = a.url, a.transport, a.headers
		if a.tokenEnv != "" {
			entry["bearer_token_env_var"] = a.tokenEnv
		}
	case len(a.target) > 0:
		entry["command"], entry["args"], entry["env"] = a.target[0], anys(a.target[1:]), a.env
	default:
		return Found{}, errNothing
	}
	return fromTree(map[string]any{"mcpServers": map[string]any{a.name: entry}})
}

func fromAddJSON(words []string) (Found, error) {
	for i, word := range words {
		var entry map[string]any
		if strings.HasPrefix(word, "{") && i > 0 && json.Unmarshal([]byte(word), &entry) == nil && isEntry(entry) {
			return fromTree(map[string]any{"mcpServers": map[string]any{words[i-1]: entry}})
		}
	}
	return Found{}, errNothing
}

// nameOf proposes what to call a server that its source has no name for.
func nameOf(def mcpmux.Definition) string {
	if def.URL != "" {
		u, err := url.Parse(def.URL)
		if err != nil {
			return ""
		}
		parts := strings.Split(u.Hostname(), ".")
		for _, part := range parts {
			if !slices.Contains([]string{"www", "api", "mcp", "app", "server", "remote"}, part) {
				return part
			}
		}
		return parts[0]
	}
	name := program(def.Command)
	if runners[name] || isContainer(def.Command) {
		if pack := packageOf(name, def.Args); pack != "" {
			return short(pack)
		}
	}
	return short(name)
}

// runners are programs that run others by a name.
var runners = map[string]bool{"npx": true, "bunx": true, "pnpx": true, "pnpm": true, "yarn": true, "npm": true, "uvx": true, "uv": true, "pipx": true, "node": true, "python": true, "python3": true, "deno": true, "bun": true, "env": true, "go": true, "dotnet": true, "java": true}

var verbs = []string{"run", "exec", "dlx", "x", "tool", "create", "start"}

// valued are flags of runners with a value that is no name of a package.
var valued = []string{"-e", "--env", "-v", "--volume", "--name", "--network", "-p", "--publish", "--mount", "--directory", "--python", "--with", "--from", "-w", "--workdir", "--env-file", "--index-url", "--entrypoint", "--platform", "--pull", "-u", "--user"}

// packageOf is what a runner runs.
func packageOf(runner string, args []string) string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "-m" && strings.HasPrefix(runner, "python") && i+1 < len(args):
			return args[i+1]
		case slices.Contains(valued, arg):
			i++
		case strings.HasPrefix(arg, "-"), slices.Contains(verbs, arg), isAssignment(arg):
		default:
			return arg
		}
	}
	return ""
}

var noise = regexp.MustCompile(`^(mcp-server-|server-|mcp-)|(-mcp-server|-mcp|-server)$`)

// short is the telling part of the name of a package: filesystem of @modelcontextprotocol/server-filesystem@1.2.
func short(pack string) string {
	pack = strings.TrimRight(strings.ReplaceAll(pack, `\`, "/"), "/")
	scope, rest, scoped := strings.Cut(strings.TrimPrefix(pack, "@"), "/")
	if !scoped || !strings.HasPrefix(pack, "@") {
		rest = pack[strings.LastIndexByte(pack, '/')+1:]
	} else {
		rest = rest[strings.LastIndexByte(rest, '/')+1:]
	}
	if i := strings.IndexAny(rest, "@=:[<>~"); i > 0 {
		rest = rest[:i]
	}
	for _, end := range []string{".js", ".mjs", ".cjs", ".ts", ".py", ".jar", ".exe", ".git"} {
		rest = strings.TrimSuffix(rest, end)
	}
	plain := noise.ReplaceAllString(rest, "")
	plain = noise.ReplaceAllString(plain, "")
	if slices.Contains([]string{"mcp", "server", "index", "main", "mcp-server", "cli", ""}, plain) {
		if strings.HasPrefix(pack, "@") && scoped {
			return scope
		}
		return rest
	}
	return plain
}
