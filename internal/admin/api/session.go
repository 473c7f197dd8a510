package api

import "time"

// NewSession is what the dashboard's page sends to log in: a ticket, or the secret of a pairing.
type NewSession struct {
	Ticket string `json:"ticket,omitempty"`
	Pair   string `json:"pair,omitempty"`
}

// Session is a dashboard login: Secret goes into the header X-Mcpmux-Session of every request. It ends at
// ExpiresAt at the latest, and before where it is not used.
type Session struct {
	Secret    string    `json:"secret"`
	ExpiresAt time.Time `json:"expires_at"`
}

// DashboardSession is a browser that is logged in to the dashboard.
type DashboardSession struct {
	// ID names it in the API; it opens nothing.
	ID string `json:"id"`
	// Browser is what UserAgent says in words.
	Browser   string    `json:"browser"`
	UserAgent string    `json:"user_agent"`
	Peer      string    `json:"peer"` // the address of its machine
	CreatedAt time.Time `json:"created_at"`
	UsedAt    time.Time `json:"used_at"`
	// ExpiresAt is when it ends if it is not used any more.
	ExpiresAt time.Time `json:"expires_at"`
	// Current is the session that asks.
	Current bool `json:"current"`
}

// Pairing is a page that waits to be logged in: its user types Code into a terminal, and the page asks with Poll.
type Pairing struct {
	Code      string    `json:"code"`
	Poll      string    `json:"poll"`
	ExpiresAt time.Time `json:"expires_at"`
}

// PairingCode is the code that a page shows.
type PairingCode struct {
	Code string `json:"code"`
	// Remote says that the page may be on another machine.
	Remote bool `json:"remote,omitempty"`
}

// Paired is the browser that was logged in by a code.
type Paired struct {
	Browser   string `json:"browser"`
	UserAgent string `json:"user_agent"`
	Peer      string `json:"peer"` // the address of its machine
}
