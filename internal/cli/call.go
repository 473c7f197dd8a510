package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// maxArguments bounds the arguments of a call that are read from standard input, in bytes; the gateway takes
// no longer message.
const maxArguments = 16 << 20

// callCommand is `mcpmux call`: one tool call as a client would make it.
func (a *app) callCommand() *cobra.Command {
	var call api.Call
	cmd := a.ask("call NAME [JSON|-] [--client NAME] [--space S] [--server ALIAS]", "call a tool by its qualified name, as a client; the exit code is 1 when the tool reports an error", atMost(2, "NAME"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			arguments, err := a.callArguments(cmd, args[1:])
			if err != nil {
				return err
			}
			call.Name, call.Arguments = args[0], arguments
			result, err := c.Call(cmd.Context(), call)
			if err != nil {
				return err
			}
			return a.showResult(result)
		})
	f := cmd.Flags()
	f.StringVar(&call.Client, "client", "", "call as this client (default: with everything of the Space)")
	f.StringVar(&call.Space, "space", "", "call in this Space (default: the active one, or the client's)")
	f.StringVar(&call.Server, "server", "", "call a tool of this server, by its own name")
	f.StringVar((*string)(&call.Kind), "kind", "", "tool, or prompt or resource to use one of those by NAME (default tool)")
	return cmd
}

// callArguments is the JSON object of a call: the argument, or standard input for "-"; none is {}.
func (a *app) callArguments(cmd *cobra.Command, args []string) (json.RawMessage, error) {
	if len(args) == 0 {
		return json.RawMessage("{}"), nil
	}
	text := []byte(args[0])
	if args[0] == "-" {
		var err error
		if text, err = a.in.all(maxArguments); err != nil {
			return nil, fmt.Errorf("read the arguments from standard input: %w", err)
		}
	}
	text = bytes.TrimSpace(text)
	if !json.Valid(text) || text[0] != '{' {
		return nil, misused(cmd, `the arguments must be one JSON object, like '{"path":"/tmp"}'`)
	}
	return text, nil
}

// callResult is what of a tool's result people are shown (MCP 2025-11-25 server/tools §Tool Result).
type callResult struct {
	Content []struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		Data     string `json:"data"`
		MIMEType string `json:"mimeType"`
		URI      string `json:"uri"`
		Resource struct {
			URI      string `json:"uri"`
			Text     string `json:"text"`
			Blob     string `json:"blob"`
			MIMEType string `json:"mimeType"`
		} `json:"resource"`
	} `json:"content"`
	Structured json.RawMessage `json:"structuredContent"`
	IsError    bool            `json:"isError"`
}

// showResult prints a tool's result: untouched with --json, else its text.
func (a *app) showResult(raw json.RawMessage) error {
	var result callResult
	if err := json.Unmarshal(raw, &result); err != nil {
		return fmt.Errorf("the tool's result is not of the form that MCP wants: %w", err)
	}
	if a.json {
		if _, err := fmt.Fprintf(a.Out, "%s\n", raw); err != nil {
			return err
		}
	} else {
		result.write(a.Out)
	}
	if result.IsError {
		if !a.json {
			fmt.Fprintln(a.Err, "mcpmux: the tool reports an error")
		}
		return errQuiet
	}
	return nil
}

// write prints what people can read of a result, and names the rest.
func (r *callResult) write(w io.Writer) {
	for _, c := range r.Content {
		switch {
		case c.Type == "text":
			fmt.Fprintln(w, printable(c.Text))
		case c.Type == "resource" && c.Resource.Blob == "":
			fmt.Fprintln(w, printable(c.Resource.Text))
		case c.Type == "resource":
			fmt.Fprintf(w, "[%s, %s, %d bytes of base64]\n", oneLine(c.Resource.URI), oneLine(c.Resource.MIMEType), len(c.Resource.Blob))
		case c.Type == "resource_link":
			fmt.Fprintln(w, oneLine(c.URI))
		default:
			fmt.Fprintf(w, "[%s, %s, %d bytes of base64]\n", oneLine(c.Type), oneLine(c.MIMEType), len(c.Data))
		}
	}
	if len(r.Content) == 0 && len(r.Structured) > 0 {
		fmt.Fprintln(w, printable(string(r.Structured)))
	}
}

// toolsCommand is `mcpmux tools`: what a client sees.
func (a *app) toolsCommand() *cobra.Command {
	var client string
	cmd := a.ask("tools [--client NAME]", "list the tools that a client sees", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
		tools, err := c.Tools(cmd.Context(), client)
		return a.reply(tools, err, func(w io.Writer) { writeTools(w, tools) })
	})
	cmd.Flags().StringVar(&client, "client", "", "what this client sees (default: everything of the active Space)")
	return cmd
}

// atMost requires the named arguments and allows others up to n in all.
func atMost(n int, names ...string) cobra.PositionalArgs {
	required := takes(names...)
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return misused(cmd, "%q is one argument too many", args[n])
		}
		return required(cmd, args[:min(len(args), len(names))])
	}
}

// writeTools lists what a client sees.
func writeTools(w io.Writer, tools []api.Tool) {
	var rows [][]string
	for _, t := range tools {
		rows = append(rows, []string{t.Name, short(t.Description, 90)})
	}
	table(w, "no tools", "NAME DESCRIPTION", rows)
}
