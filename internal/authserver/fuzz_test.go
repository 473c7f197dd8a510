package authserver

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// What is taken for a registered address leads to its host and path, by its scheme; only the port of this machine is
// the application's own.
func FuzzMatchRedirect_LeadsNowhereElse(f *testing.F) {
	for _, asked := range []string{
		"http://localhost:51234/callback", "http://localhost:1@evil.example/callback", "http://localhost:1\\@evil.example/callback", "http://LOCALHOST:1/callback",
		"http://localhost.:1/callback", "http://[::1]:5/callback", "http://127.1:1/callback", "http://localhost:1/callback?x=1#y", "http://localhost:1/./callback",
		"https://example.com/cb", "https://example.com.evil.example/cb", "//localhost/callback", "http://localhost:00080/callback", "cursor://x/cb",
	} {
		f.Add(asked)
	}
	registered := []string{"http://localhost/callback", "http://127.0.0.1:7/callback", "http://[::1]/callback", "https://example.com/cb", "cursor://x/cb"}
	f.Fuzz(func(t *testing.T, asked string) {
		for _, known := range registered {
			if !matchRedirect(known, asked) {
				continue
			}
			a, errA := url.Parse(known)
			b, errB := url.Parse(asked)
			if errA != nil || errB != nil {
				t.Fatalf("%q: %v", asked, errB)
			}
			if a.Scheme != b.Scheme || a.Hostname() != b.Hostname() || a.EscapedPath() != b.EscapedPath() || b.User != nil || b.RawQuery != "" || b.Fragment != "" {
				t.Errorf("%q was taken for %q", asked, known)
			}
			if known != asked && !isLoopback(b) {
				t.Errorf("%q differs from %q and is not on this machine", asked, known)
			}
		}
	})
}

// What may be registered is an address that no browser runs, and that reads the same whoever reads it.
func FuzzCheckRedirect_LetsNothingRun(f *testing.F) {
	for _, s := range []string{"javascript:alert(1)", "JavaScript:x", "java\tscript:x", " data:x", "http://localhost/", "https://x/", "com.example.app:/cb", "intent://x#Intent;end", "https://%D1%80aypal.com/cb", "http:localhost", "https:/x", "blob:https://x/y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if checkRedirect(text) != nil {
			return
		}
		scheme, _, _ := strings.Cut(strings.ToLower(text), ":")
		for _, bad := range badSchemes {
			if scheme == bad {
				t.Errorf("%q is let through", text)
			}
		}
		u, err := url.Parse(text)
		if err != nil || u.User != nil || strings.ContainsAny(text, " \t\r\n#\\<>\"") || u.Scheme == "http" && !isLoopback(u) || u.Scheme == "https" && u.Hostname() == "" {
			t.Errorf("%q is let through", text)
		}
		if host := redirectHost(text); strings.ContainsFunc(host, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '%' }) {
			t.Errorf("%q is shown as going to %q", text, host)
		}
	})
}

// No client id is read that was not made here, and what is read is what was put in.
func FuzzClientID_OnlyOursAreRead(f *testing.F) {
	ours, others := clientIDs{key: []byte("ours")}, clientIDs{key: []byte("others")}
	reg := mcpmux.Registration{Name: "Cursor", RedirectURIs: []string{"http://localhost/callback"}}
	good := ours.make(reg)
	for _, id := range []string{good, others.make(reg), good + "A", good[:len(good)-1], strings.Replace(good, ".", "..", 1), clientPrefix + ".", "https://example.com/client.json", ""} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		got, ok := ours.read(id)
		if !ok && id == good {
			t.Fatal("our own is not read")
		}
		// Other ids that are read were made here too, of the same words with other salt.
		if ok && (got.ID != id || got.Name != reg.Name || len(got.RedirectURIs) != 1 || got.RedirectURIs[0] != reg.RedirectURIs[0]) {
			t.Errorf("read %+v", got)
		}
	})
}

// A document speaks of its own address alone, and gives nothing that a registration could not.
func FuzzDocument_GivesNoMoreThanARegistration(f *testing.F) {
	const id = "https://app.example/client.json"
	for _, s := range []string{
		`{"client_id":"https://app.example/client.json","client_name":"App","redirect_uris":["http://localhost/cb"]}`,
		`{"client_id":"https://other.example/client.json","redirect_uris":["http://localhost/cb"]}`,
		`{"client_id":"https://app.example/client.json","redirect_uris":["javascript:x"]}`, `{"CLIENT_ID":"https://app.example/client.json","redirect_uris":[null]}`, `[]`, `{`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		reg, err := readDocument(id, body)
		if err != nil {
			return
		}
		if reg.ID != id || reg.Kind != mcpmux.RegistrationDocument || len(reg.RedirectURIs) == 0 || len(reg.RedirectURIs) > maxRedirects || reg.Name != cleanName(reg.Name) {
			t.Errorf("read %+v", reg)
		}
		for _, uri := range reg.RedirectURIs {
			if checkRedirect(uri) != nil {
				t.Errorf("%q is let through", uri)
			}
		}
	})
}

// Whatever is asked, the browser is sent to the consent page, to the registered address, or nowhere; and never with a code.
func FuzzAuthorize_SendsNobodyElsewhere(f *testing.F) {
	s := offline(true)
	s.cfg.ConsentURL = func(hostname, request string) string { return "http://" + hostname + ":45819/consent/" + request }
	reg := mcpmux.Registration{Kind: mcpmux.RegistrationDynamic, Name: "Cursor", RedirectURIs: []string{"http://localhost/callback"}}
	id := s.ids.make(reg)
	f.Add(wish(id, map[string]string{"response_type": "token"}).Encode())
	f.Add(wish(id, map[string]string{"redirect_uri": "https://evil.example/"}).Encode())
	f.Add("client_id=" + id + "&redirect_uri=http://localhost:1@evil.example/callback")
	f.Add("client_id=" + id + "&state=%0d%0aLocation:%20x")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, origin+authorizePath, nil)
		r.URL.RawQuery = query
		if q, problem := readQuery(query); problem == "" && q["response_type"] == "code" {
			return // a wish that is good is looked up in the database, which is not here
		}
		w := httptest.NewRecorder()
		s.serveAuthorize(w, r)
		to := w.Header().Get("Location")
		if to == "" {
			if w.Code < 400 || len(w.Result().Cookies()) != 0 {
				t.Errorf("%d %v", w.Code, w.Header())
			}
			return
		}
		u, err := url.Parse(to)
		if err != nil || !matchRedirect(reg.RedirectURIs[0], (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, User: u.User}).String()) || u.Query().Has("code") || u.Query().Get("iss") == "" {
			t.Errorf("%q leads to %q", query, to)
		}
	})
}
