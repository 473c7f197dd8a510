package mcpmux

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSettings_DefaultsPassTheirOwnCheck(t *testing.T) {
	var names []string
	for _, s := range Settings() {
		if err := s.Check(s.Default); err != nil {
			t.Errorf("%s: default %q: %v", s.Name, s.Default, err)
		}
		if s.Doc == "" {
			t.Errorf("%s has no description", s.Name)
		}
		names = append(names, s.Name)
	}
	if !slices.IsSorted(names) {
		t.Errorf("settings are not sorted by name: %v", names)
	}
}

func TestSettings_AreReadWithTheirDefaults(t *testing.T) {
	st := &State{Settings: map[string]string{SettingPoolIdleTimeout: "90s", SettingLogLevel: "debug", SettingPoolCallTimeout: "soon"}}
	if got := st.SettingDuration(SettingPoolIdleTimeout); got != 90*time.Second {
		t.Errorf("set duration = %v", got)
	}
	if got := st.SettingDuration(SettingPoolCallTimeout); got != 5*time.Minute {
		t.Errorf("unreadable duration = %v, want the default", got)
	}
	if !st.SettingBool(SettingGatewayAutostart) || st.SettingInt(SettingGatewayPageSize) != 0 {
		t.Error("defaults of autostart or page size are wrong")
	}
	if st.SettingLevel(SettingLogLevel) != slog.LevelDebug {
		t.Error("log level is not debug")
	}
	if got := (*State)(nil).Setting(SettingGatewayAddr); got != "localhost:45818" {
		t.Errorf("no state: gateway.addr = %q", got)
	}
}

func TestSettings_BadValuesAreRefused(t *testing.T) {
	for _, c := range []struct{ name, value string }{
		{SettingGatewayAutostart, "yes"},
		{SettingGatewayAddr, "0.0.0.0:1"},
		{SettingGatewayAddr, "example.com:1"},
		{SettingGatewayAddr, "localhost"},
		{SettingGatewayAddr, "localhost:70000"},
		{SettingGatewayAddr, "localhost:http"},
		{SettingGatewayAddr, ":45818"},
		{SettingPoolIdleTimeout, "-5m"},
		{SettingPoolIdleTimeout, "5"},
		{SettingPoolIdleTimeout, ""},
		{SettingGatewayPageSize, "-1"},
		{SettingGatewayPageSize, "many"},
		{SettingLogLevel, "INFO"},
		{SettingLogLevel, "trace"},
	} {
		s, ok := FindSetting(c.name)
		if !ok {
			t.Fatalf("no setting %s", c.name)
		}
		if s.Check(c.value) == nil {
			t.Errorf("%s = %q was accepted", c.name, c.value)
		}
	}
	for _, v := range []string{"localhost:0", "127.0.0.1:8080", "[::1]:45818", "127.8.9.1:1"} {
		if err := checkLoopback(v); err != nil {
			t.Errorf("%q was refused: %v", v, err)
		}
	}
}

func TestFindCycle(t *testing.T) {
	nested := func(ids ...FeatureSetID) (m []Member) {
		for _, id := range ids {
			m = append(m, Member{Kind: MemberSet, Set: id})
		}
		return m
	}
	sets := []FeatureSet{
		{ID: "a", Name: "A"},
		{ID: "b", Name: "B", Members: nested("c")},
		{ID: "c", Name: "C", Members: nested("a")},
		{ID: "d", Name: "D", Members: nested("e", "b")},
		{ID: "e", Name: "E"},
	}
	for _, c := range []struct {
		set  FeatureSetID
		add  []Member
		want string
	}{
		{"a", nested("a"), "A A"},
		{"a", nested("e"), ""},
		{"a", nested("b"), "A B C A"},
		{"a", nested("e", "d"), "A D B C A"},
		{"a", []Member{{Exclude: true, Kind: MemberSet, Set: "c"}}, "A C A"},
		{"e", nested("a", "b", "c"), ""},
		{"e", nested("gone"), ""},
		{"a", []Member{{Kind: MemberServer, Server: "a"}}, ""},
	} {
		if got := strings.Join(FindCycle(sets, c.set, c.add), " "); got != c.want {
			t.Errorf("FindCycle(%s, %v) = %q, want %q", c.set, c.add, got, c.want)
		}
	}
}
