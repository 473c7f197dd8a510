package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// docsHead is what docs/cli.md begins with.
const docsHead = `# The command line

Every command takes ` + "`--json`" + ` and then prints exactly the resource of the admin API: one object, or an array for a
list. Exit codes: 0 done, 1 failed, 2 wrong usage (nothing was asked), 3 the daemon is not running. ` + "`--data-dir`" + ` or
` + "`MCPMUX_DATA_DIR`" + ` chooses the data folder; colours stay out where the output is not a terminal or ` + "`NO_COLOR`" + ` is set.
` + "`mcpmux COMMAND --help`" + ` lists a command's flags.

A secret in an argument is visible to other users of the machine while the command runs. ` + "`--secret K`" + ` and
` + "`--header K`" + ` read the value from standard input (without echo on a terminal), ` + "`--secret K=@FILE`" + ` and
` + "`--header 'K: @FILE'`" + ` from a file; a value that begins with @ is written @@.

` + "`server add --every-space`" + ` adds a server to every other Space too, and to each Space made later: under the same alias, as
a server of that Space with its own copy of the secrets and its own connections. A Space that has the alias already is
left alone. Switching it off or removing it in one Space touches no other, and changing its secrets through the admin
API makes it that Space's own; the server that was added is what new Spaces get a copy of, so change it there. Once no
Space has it, no new one gets it. ` + "`--call-timeout`" + ` and ` + "`--idle-timeout`" + ` override the settings ` + "`pool.call_timeout`" + `
and ` + "`pool.idle_timeout`" + ` for one server.

` + "`--isolation`" + ` says who shares a connection to a server: with ` + "`auto`" + ` everybody does, until the server asks a client for
something (sampling, elicitation, roots); from then on a client that can be asked holds a connection alone for the time
of a call, and ` + "`--max-processes`" + ` bounds those. ` + "`shared`" + ` keeps one for everybody, ` + "`session`" + ` gives each session its own,
` + "`none`" + ` each call. ` + "`--era`" + ` skips the question which revisions the server speaks, and ` + "`--root`" + ` names the folders that it
hears when it asks for roots and no client can be asked. ` + "`server set`" + ` changes all of these later; its ` + "`--default FLAG`" + ` puts
a default back.

A server that asks for OAuth is in state ` + "`login_required`" + ` until ` + "`server login`" + `. The browser is opened at an address of McpMux's own, which
sends it on; the command waits for the end. With ` + "`--no-browser`" + ` (or ` + "`MCPMUX_NO_BROWSER=1`" + `) the address is printed for a browser on any
machine, and the command asks for the address at which that browser ends, which it cannot open: paste it. ` + "`--device`" + ` prints a code to type
in, where the server's login offers that. Where McpMux cannot register itself, ` + "`--client-id`" + `, and where needed ` + "`--client-secret`" + ` or
` + "`--private-key`" + `, tell what the login's owner gave you; register the redirect address ` + "`http://127.0.0.1:45819/oauth/callback`" + ` there
(` + "`--redirect-host localhost`" + ` for logins that take no address in numbers). ` + "`--login-grant client_credentials`" + ` needs nobody.
` + "`server logout`" + ` revokes what the login gave, and forgets it.

A ` + "`--secret`" + ` may name one that is kept elsewhere: ` + "`env:NAME`" + ` (of the daemon's environment), ` + "`file:/path`" + `, ` + "`keychain:SERVICE/ACCOUNT`" + `, or
` + "`op://vault/item/field`" + ` with the command ` + "`op`" + ` of 1Password. It is looked up each time that the server is connected. ` + "`literal:`" + ` stands before a
secret that only looks like one.

` + "`secrets rekey`" + ` replaces the master key: ` + "`--to passphrase`" + ` asks for a passphrase of at least 8 characters, which every start of the daemon
then needs (` + "`secrets unlock`" + `, or ` + "`MCPMUX_PASSPHRASE_FILE`" + `); ` + "`keychain`" + `, ` + "`keyfile`" + ` and ` + "`file:PATH`" + ` keep it there. What is sealed stays where it
is. ` + "`secrets lock`" + ` makes the daemon forget the key: servers that need a stored value are closed, all others run on.

` + "`dashboard`" + ` opens a browser by an address that logs it in once and for a minute. A browser that no terminal opens (another one, another
machine's, with ` + "`--remote`" + `) shows a code: ` + "`login CODE`" + ` logs that page in; after five wrong codes, or five minutes, it shows another one. A browser stays
logged in for 12 hours without use and 7 days at most, and until the daemon ends; ` + "`dashboard --sessions`" + ` lists them, ` + "`dashboard --logout`" + `
ends all of them at once.

` + "`client explain`" + ` says of everything in a Space why a client sees it or does not: the way from a FeatureSet that it was granted to the member that
names the thing, or to the one that excludes it. ` + "`featureset set --dry-run`" + ` says what a set would come to with other members, and what each client
would gain and lose; nothing is written. ` + "`space delete`" + ` asks on a terminal only: a script that says it means it, and ` + "`--dry-run`" + ` shows what would go.

` + "`audit --security`" + ` shows decisions alone: ` + "`auth/…`" + ` who was let in or refused (register, authorize, consent, token, refresh, reuse, revoke, login,
logout, pair; ` + "`auth/refused`" + ` is a credential that is no good, or one of a client that is not approved), ` + "`guard/refused`" + ` who came from where
nobody may, and ` + "`admin/…`" + ` each request of the dashboard or the command line that changed something or was to. Refusals that are alike within
10 seconds are one entry and a count. ` + "`client key rotate --grace 24h`" + ` lets the old key work on for a day; without it the old one ends at
once. A key that ended is listed for 30 days. What a key opened (sessions, streams, calls) ends with that key and no other of its client.

` + "`audit`" + ` has every request of a client for something of a server, with what McpMux decided (` + "`decision`" + `) and how it ended: ` + "`ok`" + `,
` + "`tool_error`" + ` (the tool says that it failed), ` + "`error`" + `, ` + "`denied`" + ` (it never got to a server) or ` + "`cancelled`" + `. ` + "`--client`" + `, ` + "`--server`" + `, ` + "`--space`" + `,
` + "`--outcome`" + `, ` + "`--search`" + `, ` + "`--since`" + ` and ` + "`--until`" + ` narrow it, ` + "`--before`" + ` with the id of the oldest entry shown gives the page before.
` + "`--export FILE`" + ` writes all of it, as JSON lines or with ` + "`--format csv`" + ` as a table; ` + "`--summary`" + ` counts the calls of tools, prompts and resources of
the last hour, day or week (` + "`--window`" + `).

A server's question to a client that cannot be asked is refused, unless the setting ` + "`gateway.dashboard_elicitation`" + ` is
true and somebody has the dashboard open: then it waits for ` + "`elicitation answer`" + `, or for an answer at the dashboard.

| command | what it does |
|---|---|
`

func TestDocs_ListEveryCommand(t *testing.T) {
	a := &app{IO: IO{Getenv: env(nil)}, in: newLines(nil)}
	var b strings.Builder
	b.WriteString(docsHead)
	writeDocs(&b, newRoot(a))
	golden(t, "../../docs/cli.md", b.String())
}

// writeDocs writes one line for each command that can be run.
func writeDocs(b *strings.Builder, cmd *cobra.Command) {
	if cmd.Hidden {
		return
	}
	if !cmd.HasSubCommands() || !cmd.HasParent() {
		line := strings.TrimSuffix(cmd.UseLine(), " [flags]")
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(line, "|", `\|`), strings.ReplaceAll(cmd.Short, "|", `\|`))
	}
	for _, child := range cmd.Commands() {
		if child.Name() != "help" && child.Name() != "completion" {
			writeDocs(b, child)
		}
	}
}
