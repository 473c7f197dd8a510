package e2e

import (
	"net/http"
	"strings"
	"testing"
)

func TestLimits_ARateIsSetAndTakenBackWhileClientsAreThere(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	m, other := d.MCP(d.NewClient("hasty")), d.MCP(d.NewClient("other"))
	list := func(m *MCP) *Reply { return m.Modern("tools/list", "{}", "", "{}") }
	for range 10 {
		list(m).Result(t)
	}
	d.CLI("settings", "set", "client.rate_limit", "3")
	for range 3 {
		list(m).Result(t)
	}
	r := list(m)
	if r.Status != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" || r.Last(t).Error == nil {
		t.Errorf("the fourth in a minute: %d %v %s", r.Status, r.Header, r.Body)
	}
	list(other).Result(t)
	d.CLI("settings", "set", "client.rate_limit", "0")
	list(m).Result(t)
	if _, errText, code := d.TryCLI("settings", "set", "client.rate_limit", "many"); code == 0 || !strings.Contains(errText, "0 to") {
		t.Errorf("a rate that is none: %d %s", code, errText)
	}
}
