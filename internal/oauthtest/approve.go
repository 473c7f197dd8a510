package oauthtest

import (
	"net/http"
	"testing"
)

// Approve plays the person: it opens an authorization address like a browser, but follows no redirect, and returns
// where it would have been redirected to. nil is http.DefaultClient.
func Approve(tb testing.TB, c *http.Client, authorizationURL string) (location string) {
	tb.Helper()
	var once http.Client
	if c != nil {
		once = *c
	}
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, authorizationURL, nil)
	if err != nil {
		tb.Fatal(err)
	}
	answer, err := once.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusFound {
		tb.Fatalf("the authorization endpoint answers %s instead of a redirect", answer.Status)
	}
	return answer.Header.Get("Location")
}
