package api

import (
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Request is an application's wish to be let in, which waits for the user. What it says of itself is not proven.
type Request struct {
	ID string `json:"id"`
	// Code is what the page shows that the application opened; whoever decides elsewhere compares it, or types it.
	// The dashboard in another browser is not told.
	Code       string                  `json:"code,omitempty"`
	ClientName string                  `json:"client_name"`
	Kind       mcpmux.RegistrationKind `json:"kind"`
	// ClientID is the address of the application's document, where it has one.
	ClientID  string `json:"client_id,omitempty"`
	ClientURI string `json:"client_uri,omitempty"`
	// RedirectURI is where the answer goes; RedirectHost what people know that by.
	RedirectURI  string `json:"redirect_uri"`
	RedirectHost string `json:"redirect_host"`
	// Loopback says that it goes to a program on this machine, and Listener which one waits there, if that is known.
	Loopback bool   `json:"loopback"`
	Listener string `json:"listener,omitempty"`
	// CustomScheme says that it goes to whatever program opens addresses of that scheme.
	CustomScheme bool     `json:"custom_scheme"`
	Resource     string   `json:"resource"`
	Alias        string   `json:"alias,omitempty"`
	Scopes       []string `json:"scopes"`
	// KnownClient is the Client that the application is already.
	KnownClient string          `json:"known_client,omitempty"`
	Client      mcpmux.ClientID `json:"-"`
	// Agreed says that the user agreed to just this before, AgreedUntil until when, where that ends; Wider that they
	// agreed to something else.
	Agreed      bool       `json:"agreed"`
	AgreedUntil *time.Time `json:"agreed_until,omitempty"`
	Wider       bool       `json:"wider"`
	State       string     `json:"state"` // waiting, approved, denied
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   time.Time  `json:"expires_at"`
}

// Decision is how a Request is approved. Left out, Name is what the application calls itself, Mode is follow, Space the
// active one, Grants All of it, and there is no end; a Client that is known keeps what it has. An empty array of
// Grants grants nothing.
type Decision struct {
	// Code is the code of the page; it is needed where another browser than the one with the page decides.
	Code      string           `json:"code,omitempty"`
	Name      string           `json:"name,omitempty"`
	Mode      mcpmux.Mode      `json:"mode,omitempty"`
	Space     string           `json:"space,omitempty"`
	Grants    []string         `json:"grants,omitempty"`
	ExpiresIn *mcpmux.Duration `json:"expires_in,omitempty"`
}

// Decided is a Request that was approved or denied. Redirect is where its browser goes now; only that browser is told.
type Decided struct {
	Request
	Redirect string `json:"redirect_to,omitempty"`
}
