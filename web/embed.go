// Package web holds the dashboard: its source, and what `make web` builds of it, which is committed so that Go alone
// builds the program. Nothing in it is trusted with a decision; it asks the admin API like the command line does.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

// file is one of the page's.
type file struct {
	body []byte
	etag string
}

// Handler serves the dashboard. A path that names no file is one of the page's own, and gets the page; of a file that
// does not exist, such as one under /assets/, it says so.
func Handler() http.Handler {
	files := make(map[string]file)
	_ = fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := dist.ReadFile(name)
		sum := sha256.Sum256(body)
		files[strings.TrimPrefix(name, "dist")] = file{body, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
		return err
	}) // what is embedded can be read
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path
		f, ok := files[name]
		if !ok && path.Ext(name) == "" && !strings.Contains(name, "..") && !strings.HasPrefix(name, "/assets/") {
			name = "/index.html"
			f, ok = files[name]
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", f.etag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.body))
	})
}
