package api

import "encoding/json"

// Call calls a tool: POST call. The answer is the tool's result as the Server sent it.
type Call struct {
	// Client is the name of the Client to call as; "" sees everything in the active Space.
	Client string `json:"client,omitempty"`
	// Name is the qualified name.
	Name string `json:"name"`
	// Arguments is an object; {} if it is left out.
	Arguments json.RawMessage `json:"arguments,omitempty"`
}

// Tool is a tool as a Client sees it: GET tools, clients/{name}/tools. As JSON it is the tool that the client
// is told of, with all its members.
type Tool struct {
	Name        string
	Description string
	// Raw is the tool's JSON; without it only name and description are written.
	Raw json.RawMessage
}

// toolHead is what of a tool is read.
type toolHead struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// UnmarshalJSON reads a tool and keeps its JSON.
func (t *Tool) UnmarshalJSON(b []byte) error {
	var head toolHead
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	*t = Tool{Name: head.Name, Description: head.Description, Raw: append(json.RawMessage(nil), b...)}
	return nil
}

// MarshalJSON writes the tool's own JSON.
func (t Tool) MarshalJSON() ([]byte, error) {
	if len(t.Raw) > 0 {
		return t.Raw, nil
	}
	return json.Marshal(toolHead{t.Name, t.Description})
}
