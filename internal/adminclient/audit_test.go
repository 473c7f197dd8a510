package adminclient

import (
	"bytes"
	"net/http"
	"testing"
)

func TestAudit_AsksForWhatIsWanted(t *testing.T) {
	var asked string
	c := daemon(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		_, _ = w.Write([]byte("[]"))
	})
	q := AuditQuery{Client: "a&b", Outcome: "ok", Requests: true, Before: 7, Limit: 3}
	if _, err := c.Audit(t.Context(), q); err != nil || asked != "/api/v1/audit?before=7&client=a%26b&limit=3&outcome=ok&requests=1" {
		t.Errorf("%s %v", asked, err)
	}
	if err := c.ExportAudit(t.Context(), q, "csv", new(bytes.Buffer)); err != nil || asked != "/api/v1/audit/export?client=a%26b&format=csv&outcome=ok&requests=1" {
		t.Errorf("%s %v", asked, err)
	}
}

// Half a file is no file: the daemon breaks the connection off where it cannot go on.
func TestExportAudit_SaysWhenItIsCutOff(t *testing.T) {
	c := daemon(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("{}\n"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	var got bytes.Buffer
	if err := c.ExportAudit(t.Context(), AuditQuery{}, "", &got); err == nil {
		t.Errorf("no error after %q", &got)
	}
}
