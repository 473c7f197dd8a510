package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// wanting adds a server whose definition asks for a secret, a choice and a number.
func (d *Daemon) wanting(alias string) {
	d.t.Helper()
	args := process(d.t, mcptest.Script{})
	program := args[len(args)-1]
	file := filepath.Join(d.t.TempDir(), "definition.json")
	definition := `{"title":"Weather","transport":"stdio","command":` + mustJSON(d.t, program) + `,"inputs":[
		{"id":"TOKEN","label":"API key","type":"password","required":true,"description":"The key of your account.","obtain":{"url":"https://weather.example/keys"}},
		{"id":"REGION","label":"Region","type":"select","options":[{"value":"eu","label":"Europe"},{"value":"us","label":"America"}],"default":"eu"},
		{"id":"DAYS","label":"Days","type":"number"}]}`
	if err := os.WriteFile(file, []byte(definition), 0o600); err != nil {
		d.t.Fatal(err)
	}
	env := append([]string{"--env", "REGION=${input:REGION}", "--env", "DAYS=${input:DAYS}"}, args[:len(args)-2]...)
	d.CLI(append([]string{"server", "add", alias, "--definition", file}, env...)...)
	d.awaitState("error", alias)
}

// The server says what it lacks; the form of its inputs is filled in; the secret arrives, and is never shown again.
func TestStory_ASecretIsConfigured(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.wanting("weather")
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/servers", shows: "API key (TOKEN) has no value"})
	tab.clickRole("link", "Configure weather")
	tab.awaitText("Where to get it")
	tab.fill("Days (optional)", "many")
	tab.click("Save")
	tab.awaitText("This is needed.")
	tab.accessible()
	tab.fill("API key", "hush-hush-5")
	tab.click("Save")
	tab.awaitText("takes a number")
	tab.fill("Days (optional)", "3")
	tab.choose("Region (optional)", "America")
	tab.click("Save")
	tab.awaitText("weather is configured")
	d.AwaitServer("weather", "connected")
	for name, want := range map[string]string{"TOKEN": "hush-hush-5", "REGION": "us", "DAYS": "3"} {
		if out := d.CLI("call", "weather_env", `{"name":"`+name+`"}`); !strings.Contains(out, want) {
			t.Errorf("%s reaches the server as %s", name, out)
		}
	}

	// Shown again, the form has what is no secret, and says that the secret is there; nothing is sent back with it.
	tab.visit("http://" + d.Dashboard + "/servers/weather?tab=configure")
	tab.until(`() => [...document.querySelectorAll("input")].some((i) => i.placeholder.startsWith("stored"))`, nil)
	var fields string
	tab.run(&fields, `return JSON.stringify([...document.querySelectorAll("input, select, textarea")].map((e) => e.value)) + document.documentElement.outerHTML`, nil)
	if strings.Contains(fields, "hush") || !strings.Contains(fields, `"us"`) || !strings.Contains(fields, `"3"`) {
		t.Errorf("the form has %.300s", fields)
	}
	_, answer := d.Admin("GET", "/servers/weather/values", "")
	if told := answer + d.CLI("audit", "--json") + d.CLI("server", "show", "weather", "--json") + d.Log(); strings.Contains(told, "hush") {
		t.Error("the secret is told")
	}
	// What is changed beside it leaves the secret as it is.
	tab.choose("Region (optional)", "Europe")
	tab.click("Save")
	tab.awaitText("weather is configured")
	d.Await("the other region", func() bool {
		return strings.Contains(d.CLI("call", "weather_env", `{"name":"REGION"}`), "eu") && strings.Contains(d.CLI("call", "weather_env", `{"name":"TOKEN"}`), "hush-hush-5")
	})
	tab.clean("400")
}

// By the keyboard alone.
func TestStory_ASecretIsConfiguredByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.wanting("weather")
	tab := d.logInBrowser(b.profile("person"))
	tab.awaitText("Needs attention")
	tab.hit("link", "Look: weather")
	tab.awaitRole("heading", "weather")
	tab.hit("link", "Configure weather")
	tab.enter("textbox", "API key", "hush-hush-6")
	tab.focus("combobox", "Region")
	tab.press("ArrowDown", "ArrowDown")
	tab.press("Enter")
	tab.hit("button", "Save")
	tab.awaitText("weather is configured")
	d.AwaitServer("weather", "connected")
	if out := d.CLI("call", "weather_env", `{"name":"TOKEN"}`); !strings.Contains(out, "hush-hush-6") {
		t.Errorf("the server has %s", out)
	}
	tab.clean()
}
