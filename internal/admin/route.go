package admin

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// prefix is where the API begins.
const prefix = "/api/v1"

// route is one row of the table: everything that is to be known of a route, for the mux and for the document.
type route struct {
	method string
	// path is without prefix; {name} stands for one segment.
	path  string
	doc   string
	query []param
	// body and answer are the types of both; nil means none. A body of an optional route may be left out.
	body, answer reflect.Type
	optional     bool
	// stream says in words what the events are where the route can answer with a stream of them.
	stream string
	// file says in words what the media types are where the route answers with a file.
	file  string
	serve func(a *Admin, w http.ResponseWriter, r *http.Request) error
}

// param is one parameter of the query.
type param struct{ name, kind, doc string }

// get makes a row that reads.
func get[T any](path, doc string, do func(*Admin, *http.Request) (T, error), query ...param) route {
	return row(http.MethodGet, path, doc, do, query...)
}

// post makes a row that does something without a body.
func post[T any](path, doc string, do func(*Admin, *http.Request) (T, error), query ...param) route {
	return row(http.MethodPost, path, doc, do, query...)
}

// row makes a row without a body.
func row[T any](method, path, doc string, do func(*Admin, *http.Request) (T, error), query ...param) route {
	return route{
		method: method, path: path, doc: doc, query: query, answer: reflect.TypeFor[T](),
		serve: func(a *Admin, w http.ResponseWriter, r *http.Request) error {
			if err := readBody(w, r, new(struct{}), true); err != nil {
				return err
			}
			v, err := do(a, r)
			return answer(w, v, err)
		},
	}
}

// send makes a row with a body.
func send[B, T any](method, path, doc string, do func(*Admin, *http.Request, B) (T, error), query ...param) route {
	rt := route{method: method, path: path, doc: doc, query: query, body: reflect.TypeFor[B](), answer: reflect.TypeFor[T]()}
	rt.serve = func(a *Admin, w http.ResponseWriter, r *http.Request) error { return serveBody(a, w, r, do, false) }
	return rt
}

// offer is send with a body that may be left out.
func offer[B, T any](method, path, doc string, do func(*Admin, *http.Request, B) (T, error), query ...param) route {
	rt := send(method, path, doc, do, query...)
	rt.optional = true
	rt.serve = func(a *Admin, w http.ResponseWriter, r *http.Request) error { return serveBody(a, w, r, do, true) }
	return rt
}

func serveBody[B, T any](a *Admin, w http.ResponseWriter, r *http.Request, do func(*Admin, *http.Request, B) (T, error), optional bool) error {
	var body B
	if err := readBody(w, r, &body, optional); err != nil {
		return err
	}
	v, err := do(a, r, body)
	return answer(w, v, err)
}

// answer writes v. JSON that is JSON already goes out byte for byte.
func answer(w http.ResponseWriter, v any, err error) error {
	if err != nil {
		return err
	}
	body, ok := v.(json.RawMessage)
	if !ok {
		if body, err = json.Marshal(v); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusOK, body)
	return nil
}

// serveMux makes the mux of the table: one pattern for each path, and under it the methods that it has.
func (a *Admin) serveMux() *http.ServeMux {
	mux := http.NewServeMux()
	byPath := map[string]map[string]*route{}
	for i := range a.routes {
		rt := &a.routes[i]
		if byPath[rt.path] == nil {
			byPath[rt.path] = map[string]*route{}
		}
		byPath[rt.path][rt.method] = rt
	}
	for path, methods := range byPath {
		mux.Handle(prefix+path, a.dispatch(methods))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no %.200q here; %s/openapi.json lists what there is", r.URL.Path, prefix))
	})
	return mux
}

// dispatch serves one path.
func (a *Admin) dispatch(methods map[string]*route) http.Handler {
	var names []string
	for m := range methods {
		names = append(names, m)
	}
	slices.Sort(names)
	allow := strings.Join(names, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rt := methods[r.Method]
		if rt == nil {
			w.Header().Set("Allow", allow)
			a.fail(w, r, badForm(http.StatusMethodNotAllowed, "%.20q is not a method of %.200q; it has %s", r.Method, r.URL.Path, allow))
			return
		}
		err := rt.checkQuery(r)
		if err == nil {
			err = rt.serve(a, w, r)
		}
		a.changed(r, err)
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

// maxRecorded is how much of the path of a request the record has, in bytes.
const maxRecorded = 256

// changed keeps the record of a request that changes something, or was to: who asked for what, and how it went. What was
// in it, and what an error says of that, is not recorded: it may be a secret.
func (a *Admin) changed(r *http.Request, err error) {
	if r.Method == http.MethodGet || a.cfg.Audit == nil {
		return
	}
	name := strings.TrimPrefix(r.URL.Path, prefix)
	if r.URL.RawQuery != "" {
		name += "?" + r.URL.RawQuery
	}
	name = name[:min(len(name), maxRecorded)]
	act := mcpmux.Activity{At: a.cfg.Now(), Method: "admin/" + strings.ToLower(r.Method), Name: strings.ToValidUTF8(name, ""), Outcome: "ok", Actor: actor(r)}
	if err != nil {
		act.Outcome, act.Detail = "error", string(mcpmux.CodeOf(err))
		if mcpmux.CodeOf(err) == mcpmux.CodeDenied {
			act.Outcome = "denied"
		}
	}
	a.cfg.Audit(act)
}
