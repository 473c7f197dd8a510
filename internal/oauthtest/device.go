package oauthtest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"time"
)

// device is one that waits for a person.
type device struct {
	grant
	userCode string
	expires  time.Time
	polls    int
	approved bool
	used     bool
}

// deviceLife is how long a device code is valid.
const deviceLife = 10 * time.Minute

// deviceAuthorization is where a device asks for a code (RFC 8628 §3.1).
func (s *Server) deviceAuthorization(w http.ResponseWriter, r *http.Request, as int) {
	script := s.says()
	c, no := s.caller(r, as, &script)
	q := values(r)
	if no == nil && !c.may(grantDevice) {
		no = refuse("unauthorized_client", "not registered for "+grantDevice)
	}
	if no == nil {
		no = s.badResource(q, &script)
	}
	if no == nil {
		no = badScope(q.Get("scope"), &script)
	}
	if no != nil {
		no.write(w)
		return
	}
	g := grant{client: c.ID, as: as, account: script.account(), scopes: granted(q.Get("scope"), &script), resource: q.Get("resource")}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, s.apply(s.keepDevice(g, &script), script.DeviceAnswer))
}

// keepDevice makes a device code, and the answer with it (RFC 8628 §3.2).
func (s *Server) keepDevice(g grant, script *Script) map[string]any {
	d := &device{grant: g, userCode: userCode(), expires: time.Now().Add(deviceLife)}
	var value string
	s.note(func() {
		s.serial++
		d.family = s.serial
		value = s.secret("dc")
		s.devices[value] = d
	})
	page := s.issuerOf(g.as) + "/device"
	answer := map[string]any{
		"device_code": value, "user_code": d.userCode, "verification_uri": page, "expires_in": int(deviceLife.Seconds()),
		"verification_uri_complete": page + "?user_code=" + url.QueryEscape(d.userCode),
	}
	if script.Interval >= 0 {
		answer["interval"] = max(script.Interval, 1)
	}
	return answer
}

// userCode is one that a person can type.
func userCode() string {
	text := rand.Text()
	return text[:4] + "-" + text[4:8]
}

// verify is the page at which the person enters the code: opening it with the code is enough.
func (s *Server) verify(w http.ResponseWriter, r *http.Request, as int) {
	found := false
	s.note(func() {
		for _, d := range s.devices {
			if d.as == as && d.userCode == values(r).Get("user_code") {
				d.approved, found = true, true
			}
		}
	})
	if !found {
		page(w, http.StatusBadRequest, "The code is not known.")
		return
	}
	page(w, http.StatusOK, "The device is connected.")
}

// redeemDevice gives a device its token, or says what it has to wait for (RFC 8628 §3.5). s.mu is held.
func (s *Server) redeemDevice(q url.Values, c *Client, script *Script) (*grant, *refusal) {
	d := s.devices[q.Get("device_code")]
	switch {
	case d == nil || d.client != c.ID || d.as != c.as || d.used:
		return nil, refuse("invalid_grant", "the device code is not known")
	case another(q, d.resource, script):
		return nil, refuse("invalid_target", "resource is another than before")
	case time.Now().After(d.expires):
		return nil, refuse("expired_token", "the device code is too old")
	}
	if d.polls < len(script.Polls) {
		no := refuse(script.Polls[d.polls], "the script says so")
		d.polls++
		d.used = no.Code == "access_denied" || no.Code == "expired_token"
		return nil, no
	}
	if script.DeviceWaits && !d.approved {
		return nil, refuse("authorization_pending", "nobody entered the code")
	}
	d.used = true
	return &d.grant, nil
}
