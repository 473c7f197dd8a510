package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// maxBody bounds a request's body, in bytes. A Server with long values fits.
const maxBody = 4 << 20

// checkQuery refuses parameters that the route does not have: a misspelt one would otherwise pass for absent.
func (rt *route) checkQuery(r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	for name, values := range r.URL.Query() {
		if !slices.ContainsFunc(rt.query, func(p param) bool { return p.name == name }) {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "%s %s takes no parameter %q%s", rt.method, rt.path, name, rt.parameters())
		}
		if len(values) > 1 {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "the parameter %q is given more than once", name)
		}
	}
	return nil
}

func parseQuery(r *http.Request) (map[string][]string, error) {
	if strings.Contains(r.URL.RawQuery, ";") {
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "parameters are separated by &")
	}
	return r.URL.Query(), nil
}

// parameters lists a route's parameters for an error message.
func (rt *route) parameters() string {
	if len(rt.query) == 0 {
		return ""
	}
	names := make([]string, len(rt.query))
	for i, p := range rt.query {
		names[i] = p.name
	}
	return "; it takes " + strings.Join(names, ", ")
}

// readBody reads the request's body into v strictly: JSON of the media type application/json, one value, and
// no member that v does not have. Where optional, nothing at all is fine too.
func readBody(w http.ResponseWriter, r *http.Request, v any, optional bool) error {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return badForm(http.StatusRequestEntityTooLarge, "the request's body is longer than %d bytes", tooLong.Limit)
	}
	if err != nil {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the request's body ended early")
	}
	if len(bytes.TrimSpace(text)) == 0 {
		if optional {
			return nil
		}
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the request has no body; it takes a JSON object with %s", members(v))
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return badForm(http.StatusUnsupportedMediaType, "send the body as Content-Type: application/json")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return explainJSON(err, v)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "something follows the JSON object of the body (byte %d)", d.InputOffset())
	}
	return nil
}

// explainJSON says what is wrong with a body and where. Values stay out of it: they may be secrets.
func explainJSON(err error, v any) error {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntax):
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the body is not JSON: at byte %d", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the body is not JSON: it ends too early")
	case errors.As(err, &kind):
		where := "the body"
		if kind.Field != "" {
			where = strconv.Quote(kind.Field)
		}
		return mcpmux.Errorf(mcpmux.CodeInvalid, "%s must be %s", where, jsonWord(kind.Type))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the body has a member %s, which is not known here; it may have %s", name, members(v))
	}
	return mcpmux.Errorf(mcpmux.CodeInvalid, "the body is not acceptable; durations are written like \"90s\", \"5m\" or \"720h\"")
}

// jsonWord is a Go type as a writer of JSON knows it.
func jsonWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return jsonWord(t.Elem())
	default: // the API has no other kinds
		return "a text"
	}
}

// members lists the members of a body's type.
func members(v any) string {
	t := reflect.TypeOf(v).Elem()
	if t.Kind() != reflect.Struct || t.NumField() == 0 {
		return "nothing in it"
	}
	var names []string
	for f := range fields(t) {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// number reads a parameter that is a whole number of at least 0; absent, it is def.
func number(r *http.Request, name string, def int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, mcpmux.Errorf(mcpmux.CodeInvalid, "the parameter %s is %q; it is a whole number of at least 0", name, text)
	}
	return n, nil
}

// flag reads a parameter that is 1 or 0 (true or false); absent, it is false.
func flag(r *http.Request, name string) (bool, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, mcpmux.Errorf(mcpmux.CodeInvalid, "the parameter %s is %q; it is 1 or 0", name, text)
	}
	return on, nil
}
