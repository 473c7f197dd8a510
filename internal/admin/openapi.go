package admin

import (
	"encoding/json"
	"iter"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// object is a JSON object of the document (OpenAPI 3.1.0).
type object = map[string]any

// words are the values of the types that have few.
var words = map[reflect.Type][]string{
	reflect.TypeFor[mcpmux.Mode]():          {"follow", "locked", "ask"},
	reflect.TypeFor[mcpmux.Transport]():     {"stdio", "http", "sse"},
	reflect.TypeFor[mcpmux.ValueKind]():     {"env", "header", "input", "login"},
	reflect.TypeFor[mcpmux.LoginGrant]():    {"authorization_code", "device_code", "client_credentials"},
	reflect.TypeFor[mcpmux.AuthMethod]():    {"none", "client_secret_basic", "client_secret_post", "private_key_jwt"},
	reflect.TypeFor[mcpmux.FeatureKind]():   {"tool", "prompt", "resource", "template"},
	reflect.TypeFor[mcpmux.SetKind]():       {"all", "default", "server_all", "custom"},
	reflect.TypeFor[mcpmux.ServerState]():   {"disabled", "connecting", "connected", "idle", "login_required", "error", "stopped"},
	reflect.TypeFor[mcpmux.Isolation]():     {"auto", "shared", "session", "none"},
	reflect.TypeFor[mcpmux.Era]():           {"auto", "legacy", "modern"},
	reflect.TypeFor[api.ElicitAction]():     {"accept", "decline", "cancel"},
	reflect.TypeFor[api.ApplicationState](): {"absent", "installed", "configured", "unreadable"},
	reflect.TypeFor[api.Verdict]():          {"allowed", "denied"},
	reflect.TypeFor[mcpmux.Code]():          {"not_found", "conflict", "invalid", "denied", "login_required", "unavailable", "internal"},
}

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

// document describes the routes.
func document(routes []route, version string) object {
	schemas := object{}
	problem := schema(schemas, reflect.TypeFor[api.ErrorBody]())
	paths := object{}
	for i := range routes {
		rt := &routes[i]
		item, ok := paths[prefix+rt.path].(object)
		if !ok {
			item = object{}
			paths[prefix+rt.path] = item
		}
		item[strings.ToLower(rt.method)] = operation(rt, schemas, problem)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "McpMux admin API", "version": version,
			"description": "On the control socket no credential is needed; on the dashboard's address a login (see `mcpmux dashboard`).",
		},
		"paths": paths,
		"components": object{
			"schemas": schemas,
			"securitySchemes": object{
				"session": object{"type": "apiKey", "in": "header", "name": sessionHeader, "description": "The secret of a login, together with its cookie."},
			},
		},
		"security": []object{{"session": []string{}}, {}},
	}
}

func operation(rt *route, schemas, problem object) object {
	good := object{}
	if rt.answer != nil {
		good["application/json"] = object{"schema": schema(schemas, rt.answer)}
	}
	if rt.stream != "" {
		good["text/event-stream"] = object{"schema": object{"type": "string", "description": "Events: " + rt.stream + "."}}
	}
	if rt.file != "" {
		good["*/*"] = object{"schema": object{"type": "string", "description": "A file: " + rt.file + "."}}
	}
	op := object{
		"summary": rt.doc, "operationId": operationID(rt),
		"responses": object{
			"200":     object{"description": "Done.", "content": good},
			"default": object{"description": "Refused.", "content": object{"application/json": object{"schema": problem}}},
		},
	}
	params := []object{}
	for _, m := range pathParam.FindAllStringSubmatch(rt.path, -1) {
		params = append(params, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, p := range rt.query {
		params = append(params, object{"name": p.name, "in": "query", "description": p.doc, "schema": object{"type": p.kind}})
	}
	if len(params) > 0 {
		op["parameters"] = params
	}
	if rt.body != nil {
		op["requestBody"] = object{"required": !rt.optional, "content": object{"application/json": object{"schema": schema(schemas, rt.body)}}}
	}
	return op
}

// operationID is method and path as one word, like get_servers_alias.
func operationID(rt *route) string {
	return strings.ToLower(rt.method) + strings.NewReplacer("/", "_", "{", "", "}", "", ".", "_").Replace(rt.path)
}

// schema describes a type; that of a struct is put among schemas and referred to.
func schema(schemas object, t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[mcpmux.Duration]():
		return object{"type": "string", "description": "A duration as Go writes it, like 5m0s.", "examples": []string{"5m0s"}}
	case reflect.TypeFor[json.RawMessage]():
		return object{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schema(schemas, t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": schema(schemas, t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Struct:
		name := t.Name()
		if schemas[name] == nil {
			schemas[name] = object{} // holds the place while its members are described
			schemas[name] = describeStruct(schemas, t)
		}
		return object{"$ref": "#/components/schemas/" + name}
	default: // texts; the API has no other kinds
		s := object{"type": "string"}
		if w := words[t]; w != nil {
			s["enum"] = w
		}
		return s
	}
}

func describeStruct(schemas object, t reflect.Type) object {
	properties, required := object{}, []string{}
	for f := range fields(t) {
		properties[f.name] = schema(schemas, f.kind)
		if !f.optional {
			required = append(required, f.name)
		}
	}
	s := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// field is one member of a struct as JSON.
type field struct {
	name     string
	kind     reflect.Type
	optional bool
}

// fields are the members of a struct as JSON, those of embedded structs among them.
func fields(t reflect.Type) iter.Seq[field] {
	return func(yield func(field) bool) {
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" && f.Anonymous {
				for inner := range fields(f.Type) {
					if !yield(inner) {
						return
					}
				}
				continue
			}
			if name != "-" && name != "" && !yield(field{name, f.Type, options == "omitempty"}) {
				return
			}
		}
	}
}
