package mcpmux

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"time"
)

// Names of the settings.
const (
	SettingGatewayAutostart  = "gateway.autostart"
	SettingGatewayAddr       = "gateway.addr"
	SettingGatewayPageSize   = "gateway.page_size"
	SettingClientDocuments   = "client.documents"
	SettingDashboardElicit   = "gateway.dashboard_elicitation"
	SettingDashboardAddr     = "dashboard.addr"
	SettingPoolIdleTimeout   = "pool.idle_timeout"
	SettingPoolCallTimeout   = "pool.call_timeout"
	SettingLogsRetention     = "logs.retention"
	SettingActivityRetention = "activity.retention"
	SettingLogLevel          = "log.level"
	SettingClientRateLimit   = "client.rate_limit"
)

// Setting is one thing that the user may set: its name, what it is when nobody set it, what it means, and
// which values it takes.
type Setting struct {
	Name    string `json:"key"`
	Default string `json:"default"`
	Doc     string `json:"description"`
	// Kind says what its values are, and so how a form asks for one; Choices are all there are, for a KindChoice.
	Kind    SettingKind `json:"kind"`
	Choices []string    `json:"choices,omitempty"`
	// Restart says that a change counts from the next start of the daemon on.
	Restart bool `json:"restart"`
	// Check says in words what is wrong with a value; nil means nothing is.
	Check func(value string) error `json:"-"`
}

// SettingKind says what the values of a setting are.
type SettingKind string

// The kinds: true or false; a duration as Go writes it, 0 being a meaning of its own; a whole number; one of a few texts;
// host:port on loopback.
const (
	KindBool     SettingKind = "bool"
	KindDuration SettingKind = "duration"
	KindNumber   SettingKind = "number"
	KindChoice   SettingKind = "choice"
	KindAddress  SettingKind = "address"
)

// Settings lists every setting, by name.
func Settings() []Setting {
	return []Setting{
		{Name: SettingActivityRetention, Default: "720h", Doc: "How long the record of requests is kept; 0 keeps it for ever.", Kind: KindDuration, Check: checkDuration},
		{Name: SettingClientDocuments, Default: "true", Doc: "Whether applications may say who they are by a document on the Internet; those that do register where it is false.", Kind: KindBool, Check: checkBool},
		{Name: SettingClientRateLimit, Default: "0", Doc: "How many requests each client may make in a minute; 0 sets no limit.", Kind: KindNumber, Check: checkRateLimit},
		{Name: SettingDashboardAddr, Default: "localhost:45819", Doc: "Where the dashboard and the admin API listen.", Kind: KindAddress, Restart: true, Check: checkLoopback},
		{Name: SettingGatewayAddr, Default: "localhost:45818", Doc: "Where the gateway listens for AI applications.", Kind: KindAddress, Check: checkLoopback},
		{Name: SettingGatewayAutostart, Default: "true", Doc: "Whether the gateway starts together with the daemon.", Kind: KindBool, Check: checkBool},
		{Name: SettingDashboardElicit, Default: "false", Doc: "Whether a server's question to a client that cannot be asked is put to who has the dashboard open.", Kind: KindBool, Check: checkBool},
		{Name: SettingGatewayPageSize, Default: "0", Doc: "How many entries a page of a list has; 0 sends everything in one page.", Kind: KindNumber, Check: checkPageSize},
		{Name: SettingLogLevel, Default: "info", Doc: "What the daemon logs: debug, info, warn or error.", Kind: KindChoice, Choices: levels(), Check: checkLevel},
		{Name: SettingLogsRetention, Default: "720h", Doc: "How long the logs of servers are kept; 0 keeps them for ever.", Kind: KindDuration, Check: checkDuration},
		{Name: SettingPoolCallTimeout, Default: "5m", Doc: "How long a request to a server may take without a sign of progress; 0 sets no limit.", Kind: KindDuration, Check: checkDuration},
		{Name: SettingPoolIdleTimeout, Default: "5m", Doc: "How long an unused connection stays open; 0 never closes it.", Kind: KindDuration, Check: checkDuration},
	}
}

// FindSetting finds a setting by its name.
func FindSetting(name string) (Setting, bool) {
	for _, s := range Settings() {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

// Setting is the value that the setting has in st: what the user set, or its default.
func (st *State) Setting(name string) string {
	if st != nil {
		if v, ok := st.Settings[name]; ok {
			return v
		}
	}
	s, _ := FindSetting(name)
	return s.Default
}

// The typed readings of a setting. A value in a State was checked when it was written; one that is no
// longer acceptable (the rule became stricter) counts as its default.

// SettingBool reads a setting that is true or false.
func (st *State) SettingBool(name string) bool {
	return typed(st, name, strconv.ParseBool)
}

// SettingInt reads a setting that is a number.
func (st *State) SettingInt(name string) int {
	return typed(st, name, strconv.Atoi)
}

// SettingDuration reads a setting that is a duration.
func (st *State) SettingDuration(name string) time.Duration {
	return typed(st, name, time.ParseDuration)
}

func typed[T any](st *State, name string, parse func(string) (T, error)) T {
	v, err := parse(st.Setting(name))
	if err != nil {
		s, _ := FindSetting(name)
		v, _ = parse(s.Default) // TestSettings_DefaultsPassTheirOwnCheck keeps the defaults readable.
	}
	return v
}

func checkBool(v string) error {
	if v != "true" && v != "false" {
		return errors.New("it is true or false")
	}
	return nil
}

func checkDuration(v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return errors.New("it is a duration such as 90s, 5m or 720h, or 0")
	}
	return nil
}

// maxPageSize bounds a page of a list; no client is known to ask for one this long.
const maxPageSize = 10_000

func checkPageSize(v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > maxPageSize {
		return fmt.Errorf("it is a number from 0 to %d", maxPageSize)
	}
	return nil
}

// maxRateLimit bounds a rate: one that is higher limits nothing.
const maxRateLimit = 1_000_000

func checkRateLimit(v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > maxRateLimit {
		return fmt.Errorf("it is a number from 0 to %d", maxRateLimit)
	}
	return nil
}

func levels() []string { return []string{"debug", "info", "warn", "error"} }

func checkLevel(v string) error {
	if !slices.Contains(levels(), v) {
		return errors.New("it is debug, info, warn or error")
	}
	return nil
}

// SettingLevel reads a setting that is a log level.
func (st *State) SettingLevel(name string) slog.Level {
	return typed(st, name, func(v string) (l slog.Level, err error) {
		err = l.UnmarshalText([]byte(v))
		return l, err
	})
}

// checkLoopback accepts host:port where nobody but this machine can connect.
func checkLoopback(v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return errors.New("it is host:port, for example localhost:45818")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return errors.New("its port is a number from 0 to 65535; 0 picks a free one")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("its host is localhost, 127.0.0.1 or [::1]: a setting opens nothing to other machines; serve --allow-remote does")
	}
	return nil
}
