// Package page is the plain page that a browser shows where a flow through it ends or cannot go on: a title and a
// sentence. It loads nothing and runs nothing, so that it can be shown at any address.
package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
)

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { display: grid; place-items: center; min-height: 100vh; margin: 0 }
main { max-width: 30rem; padding: 2rem; text-align: center; overflow-wrap: anywhere }
h1 { font-size: 1.4rem; margin: 0 0 .5rem }
p { margin: 0; opacity: .8 }
`

//nolint:gochecknoglobals // constant
var text = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}} · McpMux</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>` + style + `</style></head>
<body><main><h1>{{.Title}}</h1><p>{{.Text}}</p></main></body></html>
`))

// policy lets a browser use that one style and nothing else (CSP3 §6.7.3.3, sources by hash).
//
//nolint:gochecknoglobals // constant
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}()

// Headers keep a page, and an address in which there are codes, to themselves. They are for redirects too.
func Headers(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// Write answers a person. Title and sentence are text, whoever they come from.
func Write(w http.ResponseWriter, status int, title, sentence string) {
	var body bytes.Buffer
	if err := text.Execute(&body, struct{ Title, Text string }{title, sentence}); err != nil {
		panic(err) // Two texts always fit, and a buffer takes everything.
	}
	Headers(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // whoever went away reads nothing
}
