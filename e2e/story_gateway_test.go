package e2e

import (
	"net"
	"testing"
)

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
	if c, err := net.Dial("tcp", d.Gateway); err == nil {
		_ = c.Close()
		t.Error("somebody listens at the gateway's address")
	}
	home.click("Start the gateway")
	home.awaitText("Running")
	other.awaitText("Gateway running")

	// By the keyboard alone: with the button, and by a few letters of what is to be done.
	home.hit("button", "Stop the gateway")
	other.awaitText("Gateway stopped")
	home.press("Control+k")
	home.awaitRole("dialog", "Find or do")
	home.typeText("start the gate")
	home.press("Enter")
	other.awaitText("Gateway running")
	home.awaitText("The gateway runs.")
	home.clean()
}
