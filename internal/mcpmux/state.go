package mcpmux

import (
	"encoding/json"
	"strings"
	"time"
)

// Duration is a time.Duration that reads and writes itself as Go writes durations ("5m0s").
type Duration time.Duration

// MarshalJSON writes d as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads text in the syntax of time.ParseDuration.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	*d = Duration(v)
	return err
}

// Change is a committed fact and its place in the one total order of facts. It says that something
// changed, never what it now is.
type Change struct {
	Revision int64     `json:"revision"`
	At       time.Time `json:"at"`
	// Kind is noun.verb, for example "server.created".
	Kind    string  `json:"kind"`
	Space   SpaceID `json:"space_id,omitempty"`
	Subject string  `json:"subject,omitempty"`
}

// State is the desired state as one transaction read it: everything that the running parts follow. It is
// immutable and holds no secret.
type State struct {
	Revision    int64
	Spaces      []Space
	Servers     []Server  // in order of creation
	Features    []Feature // by Server, then in the Server's own order
	FeatureSets []FeatureSet
	Clients     []Client
	Grants      []Grant
	Keys        []AccessKey
	// Authorizations are those that have not ended, Tokens their access tokens.
	Authorizations []Authorization
	Tokens         []AccessToken
	Settings       map[string]string // only what differs from the default
}

// Activity is the record of one request that a Client made, or was refused, or of a decision about who may do what
// (Method auth/…). It holds no secret.
type Activity struct {
	At       time.Time `json:"at"`
	Client   ClientID  `json:"client_id"`
	Space    SpaceID   `json:"space_id"`
	Server   string    `json:"server,omitempty"` // alias
	Method   string    `json:"method"`
	Name     string    `json:"name,omitempty"`
	Outcome  string    `json:"outcome"` // ok, tool_error, error, denied, cancelled
	Code     int       `json:"code,omitempty"`
	Duration Duration  `json:"duration"`
	// Actor is who decided or was refused where that is no Client: "user (command line)", "peer 127.0.0.1".
	Actor string `json:"actor,omitempty"`
	// Detail says what of, in words.
	Detail string `json:"detail,omitempty"`
}

// Call says that a record is of a request for something that a Server does: a tool, a prompt or a resource. Whatever else
// goes to a Server (completions, tasks that are asked after) belongs to such a request, or only lists.
func (a *Activity) Call() bool {
	return a.Method == "tools/call" || a.Method == "prompts/get" || a.Method == "resources/read"
}

// Decision says that a record is of a decision about who may do what, rather than of a request to a Server: its Method
// begins with auth/ (who comes in), guard/ (who is refused for where they come from) or admin/ (what was changed).
func (a *Activity) Decision() bool {
	kind, _, ok := strings.Cut(a.Method, "/")
	return ok && (kind == "auth" || kind == "guard" || kind == "admin")
}

// NextEnd is when the next access key or Authorization ends after now; zero where none does.
func (st *State) NextEnd(now time.Time) (next time.Time) {
	sooner := func(at time.Time) {
		if at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for i := range st.Keys {
		if at := st.Keys[i].ExpiresAt; at != nil {
			sooner(*at)
		}
	}
	for i := range st.Authorizations {
		sooner(st.Authorizations[i].ExpiresAt)
	}
	return next
}
