package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestScrubber_FindsASecretInEveryForm(t *testing.T) {
	const canary = "p4ss \"word\"<>&/+'!\\\tcanary"
	s := NewScrubber([]string{canary, "short", ""})
	quoted, err := json.Marshal(canary)
	if err != nil {
		t.Fatal(err)
	}
	var plain strings.Builder
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if err := e.Encode(canary); err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string]string{
		"raw": canary, "JSON": string(quoted), "JSON of others": strings.TrimSpace(plain.String()), "Go": strconv.Quote(canary),
		"JavaScript": "p4ss%20%22word%22%3C%3E%26%2F%2B'!%5C%09canary", "lower": "p4ss%20%22word%22%3c%3e%26%2f%2b'!%5c%09canary", "query": url.QueryEscape(canary), "path": url.PathEscape(canary),
		"hex": hex.EncodeToString([]byte(canary)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(canary))),
	} {
		if got := s.Text("before " + text + " after"); !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") || !strings.Contains(got, redacted) || strings.Contains(got, text) {
			t.Errorf("%s: %s", form, got)
		}
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		for before := range 4 {
			for after := range 4 {
				text := enc.EncodeToString([]byte(strings.Repeat("b", before) + canary + strings.Repeat("a", after)))
				got := s.Text(text)
				if !strings.Contains(got, redacted) {
					t.Errorf("base64 with %d before and %d after: %s", before, after, got)
				}
			}
		}
	}
	if got := s.Text("a short word"); got != "a short word" {
		t.Errorf("a word was taken out: %s", got)
	}
	if got := (Scrubber{}).Text("x"); got != "x" {
		t.Error(got)
	}
}

func TestKnown_HasTheSecretsInUse(t *testing.T) {
	var k Known
	if got := k.Text("first-secret"); got != "first-secret" {
		t.Error(got)
	}
	k.Set("a", []string{"first-secret"})
	k.Set("b", []string{"second-secret", "first-secret"})
	k.Set("b", nil) // what could not be opened for a while
	k.Set("b", []string{"third-secret"})
	k.Set("b", []string{"third-secret"})
	if got := k.Text("first-secret second-secret third-secret"); got != redacted+" "+redacted+" "+redacted {
		t.Errorf("those before are forgotten too early: %s", got)
	}
	k.Retain(func(string) bool { return false })
	if got := k.Text("first-secret"); got != "first-secret" {
		t.Errorf("a forgotten secret: %s", got)
	}
}

func BenchmarkKnown_TextWithoutASecret(b *testing.B) {
	var k Known
	var secrets []string
	for i := range 200 {
		secrets = append(secrets, strings.Repeat(string(rune('a'+i%26)), 8)+hex.EncodeToString([]byte{byte(i), byte(i >> 1), 77, 78, 79, 80, 81}))
	}
	k.Set("x", secrets)
	line := `time=2026-05-04T12:00:00Z level=INFO msg="server connected" server=github space=0190c1f2-7d3a-7cc1-9d8e-2f6f7a1b2c3d`
	for b.Loop() {
		_ = k.Text(line)
	}
}
