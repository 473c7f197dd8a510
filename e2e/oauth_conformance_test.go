package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// registerAt registers an application (RFC 7591) and answers its client_id.
func registerAt(t *testing.T, d *Daemon, metadata string) string {
	t.Helper()
	resp, err := http.Post("http://"+d.Gateway+"/oauth/register", "application/json", strings.NewReader(metadata))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		ClientID string `json:"client_id"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || resp.StatusCode != http.StatusCreated || answer.ClientID == "" {
		t.Fatalf("registration: %d %s (%v)", resp.StatusCode, body, err)
	}
	return answer.ClientID
}

// TestConformanceAuthorizationServer runs the suite's scenarios for authorization servers, with a person who opens the
// address that the suite prints.
func TestConformanceAuthorizationServer(t *testing.T) {
	d := Start(t, Options{})
	for _, version := range []string{"2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			p := d.Person()
			port := freePort(t)
			id := registerAt(t, d, `{"client_name":"suite `+version+`","redirect_uris":["http://127.0.0.1:`+port+`/callback"],"token_endpoint_auth_method":"none"}`)
			out := authorizationSuite(t, p, "--url", "http://"+d.Gateway, "--client-id", id, "--resource", "http://"+d.Gateway+"/mcp", "--port", port, "--spec-version", version)
			all := readSummary(out)
			for _, s := range all {
				t.Log(s)
				if !s.ok || s.failed > 0 || s.passed == 0 {
					t.Errorf("scenario %s failed:\n%s", s.name, out)
				}
			}
			if len(all) != 2 || len(p.visits()) != 1 {
				t.Errorf("%d scenarios were run and %d addresses opened, want 2 and 1", len(all), len(p.visits()))
			}
		})
	}
}

var printedAddress = regexp.MustCompile(`^https?://\S+/oauth/authorize\?\S+$`)

// authorizationSuite runs it and opens what it prints.
func authorizationSuite(t *testing.T, p *person, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), node(t), append([]string{fixture(t, "@modelcontextprotocol/conformance/dist/index.js"), "authorization"}, args...)...)
	var all bytes.Buffer
	cmd.Stderr = &all
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if line := strings.TrimSpace(lines.Text()); printedAddress.MatchString(line) {
			p.open(line)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the suite: %v\n%s", err, &all)
	}
	return text.String()
}
