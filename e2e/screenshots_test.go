package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// `make screenshots` keeps pictures of every page, light and dark, in the folder that MCPMUX_SCREENSHOTS names.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("MCPMUX_SCREENSHOTS")
	if folder == "" {
		t.Skip("`make screenshots` makes them")
	}
	d := furnished(t)
	p := startBrowser(t).profile("person")
	login, _ := p.open("http://" + d.Dashboard)
	login.awaitText("You are not logged in")
	v := d.newVisitor(p, "Editor")
	keep := func(tab *browserTab, name string) {
		t.Helper()
		for _, dark := range []bool{false, true} {
			theme := "light"
			if dark {
				theme = "dark"
			}
			tab.dark(dark)
			tab.shot(filepath.Join(folder, name+"-"+theme+".png"))
		}
	}
	keep(login, "login")
	begun := Start(t, Options{}).logInBrowser(p.b.profile("beginner"))
	begun.clickRole("link", "Begin")
	begun.awaitText("Choose yours")
	keep(begun, "first-run")
	tab := d.logInBrowser(p)
	v.page.awaitText("It calls itself")
	keep(v.page, "consent")
	v.page.click("Deny")
	for _, page := range pages() {
		tab.shown(d, page)
		keep(tab, page.name)
	}
	tab.shown(d, page{path: "/"})
	tab.press("Control+k")
	tab.awaitText("Go to")
	keep(tab, "palette")
	tab.press("Escape")
	tab.size(390, 844)
	keep(tab, "home-narrow")
}
