package authserver

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	maxRegistration = 16 << 10 // bytes of a registration request
	maxRedirects    = 10
	maxClientID     = 4096 // bytes; it travels in addresses
	maxClientName   = 90   // characters, so that a number has room behind it
	maxClientURI    = 256
)

// unnamed is what an application is called that has no name, or none that can be shown.
const unnamed = "An application without a name"

// clientIDs makes client ids that hold what an application says of itself, under a MAC (RFC 7591 appendix A.5.2,
// "stateless client registration"). So a registration costs us nothing, whoever asks for how many, none is ever
// forgotten while an application remembers it, and two are never taken for one.
type clientIDs struct{ key []byte }

const clientPrefix = "mm_cl_"

// statement is what a client id holds.
type statement struct {
	Name      string   `json:"n,omitempty"`
	URI       string   `json:"u,omitempty"`
	Redirects []string `json:"r"`
	Salt      []byte   `json:"s"`
}

func (c clientIDs) mac(payload string) string {
	h := hmac.New(sha256.New, c.key)
	h.Write([]byte("mcpmux client id\x00" + payload))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

func (c clientIDs) make(r mcpmux.Registration) string {
	salt := make([]byte, 9)
	_, _ = rand.Read(salt)                                                                              // never fails (crypto/rand)
	text, _ := json.Marshal(statement{Name: r.Name, URI: r.URI, Redirects: r.RedirectURIs, Salt: salt}) // texts always marshal
	payload := base64.RawURLEncoding.EncodeToString(text)
	return clientPrefix + payload + "." + c.mac(payload)
}

// read is what a client id of ours says.
func (c clientIDs) read(id string) (r mcpmux.Registration, ok bool) {
	rest, found := strings.CutPrefix(id, clientPrefix)
	payload, mac, dotted := strings.Cut(rest, ".")
	if !found || !dotted || len(id) > maxClientID || !hmac.Equal([]byte(mac), []byte(c.mac(payload))) {
		return r, false
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return r, false
	}
	var s statement
	if err := json.Unmarshal(text, &s); err != nil {
		return r, false
	}
	return mcpmux.Registration{ID: id, Kind: mcpmux.RegistrationDynamic, Name: s.Name, URI: s.URI, RedirectURIs: s.Redirects}, true
}

// errUnknownClient is what an application is told whose client_id nobody knows.
var errUnknownClient = errors.New("this client_id was not given out here; register anew")

// errFetching is what a user is told while too many addresses were named to be looked up.
var errFetching = errors.New("too many applications were looked up in the last minute; try again in a moment")

// registration finds what an application says of itself: in its id, or where that leads.
func (s *Server) registration(r *http.Request, id string) (mcpmux.Registration, error) {
	if reg, ok := s.ids.read(id); ok {
		return reg, nil
	}
	if isDocument(id) && s.cfg.Documents() {
		// By place alone: whoever asks chooses the id, and each makes us call somebody.
		if reg, ok := s.documents.known(id); ok {
			return reg, nil
		}
		if ok, _ := s.fetching.Allow(s.who(r, "")); !ok {
			return mcpmux.Registration{}, errFetching
		}
		return s.documents.get(r.Context(), id)
	}
	return mcpmux.Registration{}, errUnknownClient
}

// clientMetadata is what of RFC 7591 §2 counts here. What else there is, is passed over, as §2 wants it.
type clientMetadata struct {
	RedirectURIs    []string `json:"redirect_uris"`
	Name            string   `json:"client_name"`
	URI             string   `json:"client_uri"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types"`
	ApplicationType string   `json:"application_type"`
	AuthMethod      string   `json:"token_endpoint_auth_method"`
	Scope           string   `json:"scope"`
}

// registered is the answer to a registration (RFC 7591 §3.2.1).
type registered struct {
	ClientID        string   `json:"client_id"`
	IssuedAt        int64    `json:"client_id_issued_at"`
	Name            string   `json:"client_name"`
	URI             string   `json:"client_uri,omitempty"`
	RedirectURIs    []string `json:"redirect_uris"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types"`
	ApplicationType string   `json:"application_type,omitempty"`
	AuthMethod      string   `json:"token_endpoint_auth_method"`
	Scope           string   `json:"scope,omitempty"`
}

// serveRegister is dynamic client registration (RFC 7591). It changes nothing and remembers nothing.
func (s *Server) serveRegister(w http.ResponseWriter, r *http.Request) {
	if ok, after := s.registering.Allow(s.who(r, "")); !ok {
		s.audit("auth/register", "denied", "peer "+guard.Peer(r), "too many registrations", "")
		guard.TooMany(w, after, "too many registrations; try again later")
		return
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "invalid_client_metadata", "a registration is JSON: send Content-Type: application/json")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRegistration))
	if err != nil {
		fail(w, statusOfRead(err), "invalid_client_metadata", fmt.Sprintf("a registration has at most %d bytes", maxRegistration))
		return
	}
	var m clientMetadata
	if err := json.Unmarshal(body, &m); err != nil {
		fail(w, http.StatusBadRequest, "invalid_client_metadata", "the registration is not the JSON object of RFC 7591 §2")
		return
	}
	reg, code, err := m.registration()
	if err != nil {
		s.audit("auth/register", "denied", "peer "+guard.Peer(r), err.Error(), "")
		fail(w, http.StatusBadRequest, code, err.Error())
		return
	}
	id := s.ids.make(reg)
	if len(id) > maxClientID {
		fail(w, http.StatusBadRequest, "invalid_client_metadata", "the name and the redirect URIs are too long together")
		return
	}
	s.audit("auth/register", "ok", "peer "+guard.Peer(r), reg.Name, "")
	writeJSON(w, http.StatusCreated, registered{
		ClientID: id, IssuedAt: s.cfg.Now().Unix(), Name: reg.Name, URI: reg.URI, RedirectURIs: reg.RedirectURIs,
		GrantTypes: []string{grantCode, grantRefresh}, ResponseTypes: []string{"code"}, ApplicationType: m.ApplicationType,
		AuthMethod: "none", Scope: m.Scope,
	})
}

func statusOfRead(err error) int {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// registration checks metadata; code is the error code of RFC 7591 §3.2.2.
func (m clientMetadata) registration() (reg mcpmux.Registration, code string, err error) {
	switch {
	case len(m.RedirectURIs) == 0:
		return reg, "invalid_redirect_uri", errors.New("redirect_uris is missing: there has to be an address to send codes to")
	case len(m.RedirectURIs) > maxRedirects:
		return reg, "invalid_redirect_uri", fmt.Errorf("there are %d redirect URIs; at most %d are accepted", len(m.RedirectURIs), maxRedirects)
	}
	for _, uri := range m.RedirectURIs {
		if err := checkRedirect(uri); err != nil {
			return reg, "invalid_redirect_uri", err
		}
	}
	if len(m.GrantTypes) > 0 && !slices.Contains(m.GrantTypes, grantCode) {
		return reg, "invalid_client_metadata", errors.New("grant_types lacks authorization_code, the only way in")
	}
	if len(m.ResponseTypes) > 0 && !slices.Contains(m.ResponseTypes, "code") {
		return reg, "invalid_client_metadata", errors.New("response_types lacks code, the only one there is")
	}
	return mcpmux.Registration{Kind: mcpmux.RegistrationDynamic, Name: cleanName(m.Name), URI: cleanURI(m.URI), RedirectURIs: m.RedirectURIs}, "", nil
}

// blank is a pattern of Braille without a dot: a symbol that shows nothing.
const blank = '\u2800'

// cleanName is a name as it can be shown: letters that print, single spaces, not too many. What turns the writing
// around or cannot be seen is left out.
func cleanName(name string) string {
	if !utf8.ValidString(name) {
		return unnamed
	}
	name = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case !unicode.IsPrint(c), unicode.In(c, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector), c == blank:
			return -1
		}
		return c
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	if r := []rune(name); len(r) > maxClientName {
		name = strings.TrimSpace(string(r[:maxClientName]))
	}
	if name == "" {
		return unnamed
	}
	return name
}

// cleanURI is the address of an application's home page, where it is one.
func cleanURI(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(text) > maxClientURI {
		return ""
	}
	return u.String()
}
