package autostart

import (
	"bytes"
	"encoding/xml"
	"path/filepath"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// file is the entry as this system wants it.
func (s System) file(e Entry) (file, error) {
	for _, text := range append(append([]string{e.Program}, e.Args...), e.Env...) {
		if strings.ContainsAny(text, "\n\r\x00") {
			return file{}, mcpmux.Errorf(mcpmux.CodeInvalid, "the command %q has a line break in it, which no system takes", text)
		}
	}
	switch s.OS {
	case "linux":
		if s.Booted {
			dir := filepath.Join(s.Config, "systemd", "user")
			return file{
				kind: KindSystemd, path: filepath.Join(dir, "mcpmux.service"), text: unit(e),
				// What `systemctl --user enable` does; it works while no manager of the user's can be reached, too.
				link: filepath.Join(dir, "default.target.wants", "mcpmux.service"), target: filepath.Join("..", "mcpmux.service"),
			}, nil
		}
		return file{kind: KindXDG, path: filepath.Join(s.Config, "autostart", "mcpmux.desktop"), text: desktop(e)}, nil
	case "darwin":
		return file{kind: KindLaunchd, path: filepath.Join(s.Home, "Library", "LaunchAgents", label+".plist"), text: agent(e)}, nil
	case "windows":
		return file{kind: KindStartup, path: filepath.Join(s.AppData, "Microsoft", "Windows", "Start Menu", "Programs", "Startup", "mcpmux.vbs"), text: script(e)}, nil
	}
	return file{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "McpMux does not know how %s starts programs at login; have it start `mcpmux serve`", s.OS)
}

// unit is a service of the user's systemd. It comes again when it ends badly; a second one on the same folder (exit
// status 1) is not tried for ever.
func unit(e Entry) string {
	words := make([]string, 0, 1+len(e.Args))
	for _, w := range append([]string{e.Program}, e.Args...) {
		words = append(words, strings.ReplaceAll(systemdQuote(w), "$", "$$"))
	}
	var b strings.Builder
	b.WriteString("[Unit]\nDescription=McpMux, a local gateway for MCP\nStartLimitIntervalSec=60\nStartLimitBurst=5\n\n[Service]\n")
	for _, v := range e.Env {
		b.WriteString("Environment=" + systemdQuote(v) + "\n")
	}
	b.WriteString("ExecStart=" + strings.Join(words, " ") + "\nRestart=on-failure\nRestartSec=2\n\n[Install]\nWantedBy=default.target\n")
	return b.String()
}

// systemdQuote is a word (systemd.syntax(7) §Quoting, systemd.unit(5) §Specifiers). A command line has $ twice, too.
func systemdQuote(w string) string {
	w = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "\t", `\t`).Replace(w)
	return `"` + w + `"`
}

// desktop is an autostart entry (Desktop Entry Specification §The Exec key).
func desktop(e Entry) string {
	var words []string
	if len(e.Env) > 0 {
		words = append([]string{"env"}, quoteAll(e.Env, execQuote)...)
	}
	words = append(words, quoteAll(append([]string{e.Program}, e.Args...), execQuote)...)
	// In the file, a backslash of a value is written twice.
	command := strings.ReplaceAll(strings.Join(words, " "), `\`, `\\`)
	return "[Desktop Entry]\nType=Application\nName=McpMux\nComment=A local gateway for MCP\nExec=" + command + "\nTerminal=false\nNoDisplay=true\n"
}

func quoteAll(words []string, quote func(string) string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return out
}

func execQuote(w string) string {
	w = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`, "%", "%%").Replace(w)
	return `"` + w + `"`
}

const label = "io.mcpmux.daemon"

// agent is a LaunchAgent.
func agent(e Entry) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + label + `</string>
	<key>ProgramArguments</key>
	<array>
`)
	for _, w := range append([]string{e.Program}, e.Args...) {
		b.WriteString("\t\t<string>" + xmlText(w) + "</string>\n")
	}
	b.WriteString("\t</array>\n")
	if len(e.Env) > 0 {
		b.WriteString("\t<key>EnvironmentVariables</key>\n\t<dict>\n")
		for _, v := range e.Env {
			name, value, _ := strings.Cut(v, "=")
			b.WriteString("\t\t<key>" + xmlText(name) + "</key>\n\t\t<string>" + xmlText(value) + "</string>\n")
		}
		b.WriteString("\t</dict>\n")
	}
	b.WriteString("\t<key>RunAtLoad</key>\n\t<true/>\n\t<key>KeepAlive</key>\n\t<dict>\n\t\t<key>SuccessfulExit</key>\n\t\t<false/>\n\t</dict>\n</dict>\n</plist>\n")
	return b.String()
}

func xmlText(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a Buffer takes everything
	return b.String()
}

// script starts the program without a window of a console. The environment is the user's.
func script(e Entry) string {
	words := quoteAll(append([]string{e.Program}, e.Args...), windowsQuote)
	return "' McpMux at login\r\nCreateObject(\"WScript.Shell\").Run \"" + strings.ReplaceAll(strings.Join(words, " "), `"`, `""`) + "\", 0, False\r\n"
}

// windowsQuote is a word of a command line as programs on Windows take one apart (CommandLineToArgvW).
func windowsQuote(w string) string {
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for _, c := range w {
		if c == '"' {
			b.WriteString(strings.Repeat(`\`, slashes+1))
		}
		if c == '\\' {
			slashes++
		} else {
			slashes = 0
		}
		b.WriteRune(c)
	}
	b.WriteString(strings.Repeat(`\`, slashes) + `"`)
	return b.String()
}
