package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// goldens is where package protocol keeps what its converters produce, a folder for each revision.
const goldens = "../internal/protocol/testdata/golden"

// TestGoldens_AreValidInTheirRevision holds what the converters produce against the official schemas.
func TestGoldens_AreValidInTheirRevision(t *testing.T) {
	out, ok := validate(t, goldens)
	if !ok {
		t.Fatalf("not valid:\n%s", out)
	}
	var held map[string]int
	if err := json.Unmarshal(out, &held); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
		files, err := filepath.Glob(filepath.Join(goldens, revision, "*.json"))
		if err != nil || len(files) == 0 || held[revision] != len(files) {
			t.Errorf("%s: %d of %d golden files were held against the schema (%v)", revision, held[revision], len(files), err)
		}
		delete(held, revision)
	}
	if len(held) > 0 {
		t.Errorf("golden files of revisions that there are not: %v", held)
	}
}

// TestSchemas_RefuseWhatTheirRevisionLacks guards against schemas that let everything pass.
func TestSchemas_RefuseWhatTheirRevisionLacks(t *testing.T) {
	dir := t.TempDir()
	broken := map[string]string{
		"2024-11-05/CallToolResult-audio.json":      `{"content":[{"type":"audio","data":"AAAA","mimeType":"audio/wav"}]}`,
		"2024-11-05/GetPromptResult-link.json":      `{"messages":[{"role":"user","content":{"type":"resource_link","name":"n","uri":"a:b"}}]}`,
		"2025-03-26/CallToolResult-link.json":       `{"content":[{"type":"resource_link","name":"n","uri":"a:b"}]}`,
		"2025-03-26/ElicitRequest-any.json":         `{"method":"elicitation/create","params":{"message":"m","requestedSchema":{"type":"object","properties":{}}}}`,
		"2025-06-18/ElicitRequest-many.json":        `{"method":"elicitation/create","params":{"message":"m","requestedSchema":{"type":"object","properties":{"c":{"type":"array","items":{"type":"string","enum":["a"]}}}}}}`,
		"2025-06-18/CreateMessageRequest-list.json": `{"method":"sampling/createMessage","params":{"maxTokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}}`,
		"2025-11-25/CallToolResult-array.json":      `{"content":[],"structuredContent":[1]}`,
		"2025-11-25/ElicitRequest-no-id.json":       `{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://example.com"}}`,
		"2026-07-28/CallToolResult-legacy.json":     `{"content":[]}`,
		"2026-07-28/InputRequiredResult-odd.json":   `{"resultType":"input_required","inputRequests":{"k":{"method":"ping"}}}`,
		"2027-01-01/CallToolResult-any.json":        `{"content":[]}`,
	}
	for name, text := range broken {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, ok := validate(t, dir)
	if ok {
		t.Fatalf("all of it passed: %s", out)
	}
	for name := range broken {
		if !strings.Contains(string(out), name+": ") {
			t.Errorf("%s passed", name)
		}
	}
}

// validate runs fixtures/validate.mjs on a folder; what it prints, and whether it found no fault.
func validate(t *testing.T, dir string) ([]byte, bool) {
	t.Helper()
	fixture(t, "@modelcontextprotocol/conformance/dist/index.js") // The script reads the schemas from it.
	cmd := exec.CommandContext(t.Context(), node(t), filepath.Join("fixtures", "validate.mjs"), dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if _, faults := errors.AsType[*exec.ExitError](err); err != nil && (!faults || stderr.Len() > 0) {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return out, err == nil
}
