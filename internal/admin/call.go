package admin

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// call uses one Feature and answers the result as the Server sent it, byte for byte.
func (a *Admin) call(r *http.Request, body api.Call) (json.RawMessage, error) {
	method, params, err := use(body)
	if err != nil {
		return nil, err
	}
	client, err := a.caller(r, body)
	if err != nil {
		return nil, err
	}
	text, err := a.cfg.Gateway.Call(r.Context(), client, body.Server, method, params)
	if err != nil {
		return nil, err
	}
	return result(text)
}

// use is the request of MCP that a Call stands for. Its arguments go on as they came: numbers that no float64 holds stay
// what they are.
func use(body api.Call) (method string, params []byte, err error) {
	if body.Name == "" {
		return "", nil, mcpmux.Errorf(mcpmux.CodeInvalid, "\"name\" is missing: the name of a tool as `mcpmux tools` lists it")
	}
	name, err := json.Marshal(body.Name)
	if err != nil {
		return "", nil, err
	}
	args := bytes.TrimSpace(body.Arguments)
	switch {
	case len(args) == 0 || bytes.Equal(args, []byte("null")):
		args = []byte("{}")
	case args[0] != '{':
		return "", nil, mcpmux.Errorf(mcpmux.CodeInvalid, "\"arguments\" must be an object")
	}
	switch body.Kind {
	case mcpmux.KindResource:
		return "resources/read", append(append([]byte(`{"uri":`), name...), '}'), nil
	case mcpmux.KindPrompt:
		method = "prompts/get"
	case mcpmux.KindTool, "":
		method = "tools/call"
	case mcpmux.KindTemplate:
		return "", nil, mcpmux.Errorf(mcpmux.CodeInvalid, "a template is read as a resource: give the URI that it makes as \"name\", and the kind resource")
	default:
		return "", nil, mcpmux.Errorf(mcpmux.CodeInvalid, "\"kind\" is %.50q; it is tool, prompt or resource", body.Kind)
	}
	params = append(append([]byte(`{"name":`), name...), `,"arguments":`...)
	return method, append(append(params, args...), '}'), nil
}

// caller is the Client that a Call is made as.
func (a *Admin) caller(r *http.Request, body api.Call) (mcpmux.ClientID, error) {
	if body.Client == "" && body.Space == "" {
		return catalog.Local().ID, nil
	}
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return "", err
	}
	space, err := findSpace(st, body.Space)
	if err != nil {
		return "", err
	}
	if body.Client == "" {
		return catalog.LocalIn(space.ID).ID, nil
	}
	c, err := findClient(st, body.Client)
	if err != nil {
		return "", err
	}
	if in, _, err := catalog.SpaceOf(c, st); body.Space != "" && err == nil && in != space.ID {
		return "", mcpmux.Errorf(mcpmux.CodeConflict, "the client %s is in the Space %s, not in %s", c.Name, spaceName(st, in), space.Name)
	}
	return c.ID, nil
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
