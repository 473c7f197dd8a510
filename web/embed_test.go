package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, path, etag string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
	r.URL.Path = path // as a client may send it, not cleaned
	r.Header.Set("If-None-Match", etag)
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestHandler_ServesThePageForItsOwnPaths(t *testing.T) {
	for _, path := range []string{"/", "/index.html", "/consent/abc", "/servers/deep/link"} {
		if w := get(t, path, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `<div id="root">`) {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestHandler_SaysWhichFilesDoNotExist(t *testing.T) {
	for _, path := range []string{"/assets/other.js", "/assets/", "/assets/x", "/favicon.ico", "/embed.go", "/dist/index.html", "/..%2fembed.go", "/../../etc/passwd", "/consent/../../etc/passwd", "/package.json"} {
		if w := get(t, path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestHandler_LetsBrowsersKeepWhatDidNotChange(t *testing.T) {
	w := get(t, "/assets/app.js", "")
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") || w.Header().Get("ETag") == "" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	if again := get(t, "/assets/app.js", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("asked again: %d", again.Code)
	}
}

// The page's policy refuses what is in the page itself.
func TestPage_HasNoScriptOrStyleOfItsOwn(t *testing.T) {
	page := get(t, "/", "").Body.String()
	if strings.Contains(page, "<style") || strings.Contains(page, "style=") || !allElsewhere(page) {
		t.Error(page)
	}
	for _, name := range []string{"http://", "https://"} {
		if strings.Contains(page, name) {
			t.Errorf("the page loads something from elsewhere: %s", page)
		}
	}
}

// allElsewhere says whether every script of a page is in a file of its own.
func allElsewhere(page string) bool {
	scripts := regexp.MustCompile(`<script([^>]*)>([^<]*)</script>`).FindAllStringSubmatch(page, -1)
	for _, s := range scripts {
		if !strings.Contains(s[1], ` src="/`) || s[2] != "" {
			return false
		}
	}
	return len(scripts) == strings.Count(page, "<script")
}
