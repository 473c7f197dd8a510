package admin

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// call makes one tools/call and answers its result as the Server sent it, byte for byte.
func (a *Admin) call(r *http.Request, body api.Call) (json.RawMessage, error) {
	if body.Name == "" {
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "\"name\" is missing: the name of a tool as `mcpmux tools` lists it")
	}
	args := bytes.TrimSpace(body.Arguments)
	switch {
	case len(args) == 0 || bytes.Equal(args, []byte("null")):
		args = []byte("{}")
	case args[0] != '{':
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "\"arguments\" must be an object")
	}
	var client mcpmux.ClientID
	if body.Client != "" {
		st, err := a.cfg.Store.Load(r.Context())
		if err != nil {
			return nil, err
		}
		c, err := findClient(st, body.Client)
		if err != nil {
			return nil, err
		}
		client = c.ID
	}
	name, err := json.Marshal(body.Name)
	if err != nil {
		return nil, err
	}
	// The arguments go on as they came: numbers that no float64 holds stay what they are.
	params := append(append([]byte(`{"name":`), name...), `,"arguments":`...)
	params = append(append(params, args...), '}')
	text, err := a.cfg.Gateway.Call(r.Context(), client, "tools/call", params)
	if err != nil {
		return nil, err
	}
	return result(text)
}

// result is the result in a JSON-RPC response, or its error.
func result(text []byte) (json.RawMessage, error) {
	var reply struct {
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(text, &reply); err != nil || reply.Error == nil && reply.Result == nil {
		return nil, mcpmux.Errorf(mcpmux.CodeUnavailable, "the server's answer is not one of JSON-RPC")
	}
	if reply.Error == nil {
		return reply.Result, nil
	}
	code := mcpmux.CodeUnavailable
	switch reply.Error.Code {
	case -32602: // JSON-RPC 2.0 §5.1: invalid params; a tool that is not there (MCP server/tools §Error Handling)
		code = mcpmux.CodeInvalid
	case -32601:
		code = mcpmux.CodeNotFound
	}
	return nil, mcpmux.Errorf(code, "%s (JSON-RPC error %d)", reply.Error.Message, reply.Error.Code)
}

// listTools is what the Client sees that the parameter client names; without it, all of the active Space.
func (a *Admin) listTools(r *http.Request) ([]api.Tool, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return nil, err
	}
	if name := r.URL.Query().Get("client"); name != "" {
		c, err := findClient(st, name)
		if err != nil {
			return nil, err
		}
		return tools(st, c)
	}
	return tools(catalog.WithLocal(st), catalog.Local())
}

func (a *Admin) clientTools(r *http.Request) ([]api.Tool, error) {
	st, c, err := a.client(r)
	if err != nil {
		return nil, err
	}
	return tools(st, c)
}

func tools(st *mcpmux.State, c mcpmux.Client) ([]api.Tool, error) {
	view := catalog.Build(c, st, nil)
	if view.Refusal != "" {
		return nil, mcpmux.Errorf(mcpmux.CodeDenied, "%s", view.Refusal)
	}
	out := []api.Tool{}
	for _, route := range view.List(mcpmux.KindTool) {
		about := describe(route.Raw)
		out = append(out, api.Tool{
			Name: route.Qualified, Title: about.Title, Description: about.Description, Server: route.Server.Alias, InputSchema: about.InputSchema,
		})
	}
	return out, nil
}
