package oauthtest

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
)

// answer takes the answer that the Script has for a request, if there is one.
func (s *Server) answer(endpoint, grant string) (found Answer, ok bool) {
	s.note(func() {
		answers := s.script.Answers[endpoint]
		i := slices.IndexFunc(answers, func(a Answer) bool { return a.Grant == "" || a.Grant == grant })
		if i < 0 {
			return
		}
		found, ok = answers[i], true
		if found.Times == 0 {
			return
		}
		s.script = s.script.clone() // Others may be reading this one.
		answers = s.script.Answers[endpoint]
		answers[i].Times--
		if answers[i].Times == 0 {
			s.script.Answers[endpoint] = slices.Delete(answers, i, i+1)
		}
	})
	return found, ok
}

// give sends an answer of the Script.
func (s *Server) give(w http.ResponseWriter, r *http.Request, endpoint string, a Answer, handle http.HandlerFunc) {
	own := httptest.NewRecorder()
	if a.After {
		handle(own, r)
	}
	if a.Hold {
		s.hold(r.Context(), endpoint)
	}
	if a.Drop {
		panic(http.ErrAbortHandler) // net/http's way to close a connection
	}
	maps.Copy(w.Header(), own.Header())
	for name, value := range a.Header {
		w.Header().Set(name, s.expand(value))
	}
	w.WriteHeader(cmp.Or(a.Status, own.Code))
	// The client may have gone.
	_, _ = w.Write([]byte(strings.Repeat(" ", a.Size)))
	_, _ = w.Write([]byte(cmp.Or(s.expand(a.Body), own.Body.String())))
}

// expand replaces the placeholders in a text.
func (s *Server) expand(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	return strings.NewReplacer("{issuer}", s.Issuer(), "{as}", s.URL(), "{origin}", s.origin, "{mcp}", s.MCP(),
		"{prm}", s.prmURL(s.paths[0])).Replace(text)
}

// apply changes an object as members say.
func (s *Server) apply(object map[string]any, members Members) map[string]any {
	for name, value := range members {
		switch v := value.(type) {
		case nil:
			delete(object, name)
		case string:
			object[name] = s.expand(v)
		case []string:
			all := make([]string, len(v))
			for i := range v {
				all[i] = s.expand(v[i])
			}
			object[name] = all
		default:
			object[name] = value
		}
	}
	return object
}

func writeJSON(w http.ResponseWriter, status int, object any) {
	body, err := json.Marshal(object)
	if err != nil {
		body = []byte(err.Error()) // A Script with a value that is no JSON: its author sees why.
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // The client has gone.
}
