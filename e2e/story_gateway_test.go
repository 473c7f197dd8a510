package e2e

import "testing"

// Stop and start: the page stays, clients get no answer, and every page that is open shows it within a second.
func TestStory_TheGatewayIsStoppedAndStarted(t *testing.T) {
	b := startBrowser(t)
	d := Start(t, Options{})
	p := b.profile("person")
	home := d.logInBrowser(p)
	other, _ := p.open("http://" + d.Dashboard + "/servers")
	other.awaitText("Gateway running")
	home.awaitText("Running")
	home.click("Stop the gateway")
	home.awaitText("Stopped")
	other.awaitText("Gateway stopped")
	home.click("Start the gateway")
	home.awaitText("Running")
	other.awaitText("Gateway running")
	home.clean()
}
