package connect

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// Format is the language of a configuration. JSON may have comments and trailing commas in it.
type Format string

// The formats.
const (
	JSON Format = "json"
	TOML Format = "toml"
	YAML Format = "yaml"
)

// Application is an AI application: a row of the table. In its texts {url} stands for the gateway's address.
type Application struct {
	ID, Name string

	// files are where its servers are kept, folders what is there once it was installed; none means those of files.
	files, folders places
	format         Format

	// config is what to add to its settings. keyed is the same with an access key, which it refers to or has a
	// placeholder for: the key itself is in no text of McpMux.
	config, keyed string

	// command does the same in a terminal, link by a click; "" and nil where it has no such thing.
	command string
	link    func(address string) string

	// next is what is left to do then, note what is to be known before; unsure says that nobody has tried it.
	next, note string
	unsure     bool

	// checked is the day on which the row was last compared with the application's own documentation.
	checked string
}

// Advice is what an application has to be told to use the gateway at an address. It holds no secret.
type Advice struct {
	Format                       Format
	Config, Keyed, Command, Link string
	Next, Note, Checked          string
	Unsure                       bool
}

// Applications are those that are known, the common ones first.
func Applications() []Application { return slices.Clone(table) }

// Find is the application with an id.
func Find(id string) (Application, bool) {
	i := slices.IndexFunc(table, func(a Application) bool { return a.ID == id })
	if i < 0 {
		return Application{}, false
	}
	return table[i], true
}

// Advise says what to do for the gateway at an address.
func (a *Application) Advise(address string) Advice {
	at := func(text string) string { return strings.ReplaceAll(text, "{url}", address) }
	out := Advice{
		Format: a.format, Config: at(a.config), Keyed: at(a.keyed), Command: at(a.command),
		Next: a.next, Note: a.note, Checked: a.checked, Unsure: a.unsure,
	}
	if a.link != nil {
		out.Link = a.link(address)
	}
	return out
}

// Importable says whether its servers can be read from a file.
func (a *Application) Importable() bool { return len(a.files.linux) > 0 }

// members writes members of an entry as JSON text.
func members(pairs ...string) string {
	var b strings.Builder
	for pair := range slices.Chunk(pairs, 2) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(pair[0]) + ":" + pair[1])
	}
	return "{" + b.String() + "}"
}

// under puts an entry called mcpmux where an application looks for servers.
func under(key, entry string) string { return indented(members(key, members("mcpmux", entry))) }

func quote(s string) string {
	text, _ := json.Marshal(s) // texts always marshal
	return string(text)
}

// indented writes JSON on lines of their own.
func indented(text string) string {
	var b strings.Builder
	depth, inText := 0, false
	line := func() { b.WriteString("\n" + strings.Repeat("  ", depth)) }
	for i := range len(text) {
		c := text[i]
		switch {
		case c == '"' && (i == 0 || text[i-1] != '\\'):
			inText = !inText
			b.WriteByte(c)
		case inText:
			b.WriteByte(c)
		case (c == '{' || c == '[') && i+1 < len(text) && (text[i+1] == '}' || text[i+1] == ']'):
			b.WriteByte(c)
		case c == '{' || c == '[':
			b.WriteByte(c)
			depth++
			line()
		case (c == '}' || c == ']') && (text[i-1] == '{' || text[i-1] == '['):
			b.WriteByte(c)
		case c == '}' || c == ']':
			depth--
			line()
			b.WriteByte(c)
		case c == ',':
			b.WriteByte(c)
			line()
		case c == ':':
			b.WriteString(": ")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// The links by which applications take a server up. Each shows what it would add, and asks.

func cursorLink(address string) string {
	entry := base64.StdEncoding.EncodeToString([]byte(members("url", quote(address))))
	return "cursor://anysphere.cursor-deeplink/mcp/install?name=mcpmux&config=" + url.QueryEscape(entry)
}

func vscodeLink(address string) string {
	return "vscode:mcp/install?" + url.PathEscape(members("name", quote("mcpmux"), "type", quote("http"), "url", quote(address)))
}

func lmstudioLink(address string) string {
	entry := base64.StdEncoding.EncodeToString([]byte(members("url", quote(address))))
	return "lmstudio://add_mcp?name=mcpmux&config=" + url.QueryEscape(entry)
}

func gooseLink(address string) string {
	return "goose://extension?" + strings.ReplaceAll(url.Values{
		"url": {address}, "type": {"streamable_http"}, "id": {"mcpmux"}, "name": {"McpMux"}, "description": {"All MCP servers of this machine"},
	}.Encode(), "+", "%20")
}
