package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// backedUp is a daemon with a server that has a secret, and a client.
func backedUp(t *testing.T) (d *Daemon, key string) {
	t.Helper()
	d = Start(t, Options{})
	d.AddServer("files", process(t, mcptest.Script{}, "--secret", "TOKEN=not-for-everybody")...)
	d.AwaitServer("files", "connected")
	return d, d.NewClient("Cursor")
}

// A backup is made in the browser; a fresh McpMux, whose secrets are sealed with another key, has everything by it.
func TestStory_ABackupIsMadeAndRestored(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d, key := backedUp(t)
	tab := d.logInBrowser(b.profile("person"))
	tab.clickRole("link", "Settings")
	tab.clickRole("tab", "Backup")
	tab.fill("Passphrase of the backup", backupWords)
	tab.fill("The same again", "something else")
	tab.awaitText("These are not the same.")
	tab.accessible()
	tab.fill("The same again", backupWords)
	file := filepath.Join(t.TempDir(), "mine.mcpmux")
	if name := tab.download("Make a backup", file); !strings.HasPrefix(name, "mcpmux-") || !strings.HasSuffix(name, ".mcpmux") {
		t.Error(name)
	}
	tab.awaitText("Saved as")
	if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte("not-for-everybody")) || bytes.Contains(text, []byte("Cursor")) {
		t.Errorf("everybody can read it: %v", err)
	}
	tab.clean()

	other := Start(t, Options{})
	other.NewClient("before")
	revision := other.revision()
	tab = other.logInBrowser(b.profile("another machine"))
	tab.shown(other, page{path: "/settings?tab=backup", shows: "Restore a backup"})
	hello := filepath.Join(t.TempDir(), "hello.txt")
	if err := os.WriteFile(hello, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	tab.upload("Backup file", hello)
	tab.awaitText("the file is no backup of McpMux")
	tab.accessible()
	tab.upload("Backup file", file)
	tab.awaitText("sealed with a passphrase")
	tab.fill("Its passphrase", backupWords+"!")
	tab.click("Open the backup")
	tab.awaitText("the passphrase is not the one")
	tab.fill("Its passphrase", backupWords)
	tab.click("Open the backup")
	tab.awaitText("1 client: Cursor")
	tab.awaitText("My Space: files")
	if other.revision() != revision {
		t.Error("something changed before anybody said so")
	}
	tab.accessible()
	tab.click("Restore this backup")
	tab.awaitText("It replaces all Spaces")
	tab.fill("Type “restore” to go on", "restore")
	tab.accessible()
	tab.click("Replace everything")
	tab.awaitText("The backup is restored.")
	tab.awaitText("before-restore-")
	other.AwaitServer("files", "connected")
	other.Session(key).Call("files_echo", `{"text":"x"}`).Result(t)
	tab.clickRole("link", "Clients")
	tab.awaitText("Cursor")
	tab.gone("before")
	tab.clean("400")
}

// By the keyboard alone, without secrets: the server asks for what is not in the file.
func TestStory_ABackupIsMadeAndRestoredByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d, _ := backedUp(t)
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/settings?tab=backup", shows: "Make a backup"})
	tab.focus("checkbox", "Secrets, sealed with a passphrase")
	tab.press("Space")
	tab.awaitText("The file has no secrets")
	tab.focus("button", "Make a backup")
	file := filepath.Join(t.TempDir(), "plain.mcpmux")
	tab.b.must(nil, "download", map[string]any{"page": tab.name, "key": "Enter", "path": file})
	tab.awaitText("Saved as")
	d.CLI("server", "remove", "files")

	tab.focus("button", "Backup file")
	tab.upload("Backup file", file) // the chooser is the system's
	tab.awaitText("files: TOKEN")
	tab.hit("button", "Restore this backup")
	tab.awaitRole("alertdialog", "Restore this backup?")
	tab.press("Escape")
	tab.goneRole("alertdialog", "Restore this backup?")
	tab.hit("button", "Restore this backup")
	tab.enter("textbox", "Type “restore” to go on", "restore")
	tab.press("Enter")
	tab.awaitText("The backup is restored.")
	tab.awaitText("files: TOKEN")
	if reason := d.awaitState("error", "files"); !strings.Contains(reason, "has no value") {
		t.Error(reason)
	}
	tab.clean()
}
