package authclient

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// oddSecret has what Basic has to encode (RFC 6749 §2.3.1), and what a form has to.
const oddSecret = "s:e%c+r e&t=é/?"

// robot is a Server with a client of the user's, in a world that knows it.
func robot(t *testing.T, script oauthtest.Script, known oauthtest.Client, login mcpmux.LoginConfig, key string) (*world, mcpmux.ServerID) {
	t.Helper()
	known.ID, login.ClientID = "robot:1", "robot:1"
	script.Clients = []oauthtest.Client{known}
	w := newWorld(t, script)
	id := w.server("gh", login)
	w.target(id, Target{Alias: "gh", URL: w.at.MCP(), Login: login, Secret: secret.NewValue(known.Secret), Key: secret.NewValue(key)})
	return w, id
}

// A client that the user registered proves itself in one way, with or without a person, and in no other.
func TestClient_ProvesItselfAsItIsSet(t *testing.T) {
	t.Parallel()
	es, esPublic := oauthtest.NewKey(t, "ES256")
	rs, rsPublic := oauthtest.NewKey(t, "RS256")
	for name, c := range map[string]struct {
		known   oauthtest.Client
		set     mcpmux.AuthMethod
		key     string
		offered []string
		want    string
	}{
		"nothing":           {oauthtest.Client{}, "", "", nil, oauthtest.AuthNone},
		"basic, as usual":   {oauthtest.Client{Secret: oddSecret}, "", "", nil, oauthtest.AuthBasic},
		"post, as offered":  {oauthtest.Client{Secret: oddSecret}, "", "", []string{oauthtest.AuthPost}, oauthtest.AuthPost},
		"post, as set":      {oauthtest.Client{Secret: oddSecret, AuthMethod: oauthtest.AuthPost}, mcpmux.AuthPost, "", nil, oauthtest.AuthPost},
		"a key of P-256":    {oauthtest.Client{PublicKey: esPublic}, "", es, nil, oauthtest.AuthJWT},
		"a key of RSA":      {oauthtest.Client{PublicKey: rsPublic}, mcpmux.AuthJWT, rs, nil, oauthtest.AuthJWT},
		"none, as set":      {oauthtest.Client{}, mcpmux.AuthNone, "", []string{oauthtest.AuthNone, oauthtest.AuthBasic}, oauthtest.AuthNone},
		"basic, as set":     {oauthtest.Client{Secret: oddSecret, AuthMethod: oauthtest.AuthBasic}, mcpmux.AuthBasic, "", []string{oauthtest.AuthBasic, oauthtest.AuthPost}, oauthtest.AuthBasic},
		"basic, not listed": {oauthtest.Client{Secret: oddSecret}, "", "", []string{oauthtest.AuthJWT, oauthtest.AuthBasic}, oauthtest.AuthBasic},
	} {
		for _, grant := range []mcpmux.LoginGrant{mcpmux.GrantCode, mcpmux.GrantClient} {
			if grant == mcpmux.GrantClient && c.want == oauthtest.AuthNone {
				continue // it would prove nothing
			}
			t.Run(name+" "+string(grant), func(t *testing.T) {
				t.Parallel()
				w, id := robot(t, oauthtest.Script{AuthMethods: c.offered}, c.known, mcpmux.LoginConfig{Grant: grant, AuthMethod: c.set}, c.key)
				want := 2
				if grant == mcpmux.GrantCode {
					if status := w.login(id); status != http.StatusOK {
						t.Fatalf("login: %d", status)
					}
					w.at.ExpireAll()
				} else {
					want = 1
				}
				if err := w.renew(id); err != nil {
					t.Fatal(err)
				}
				w.mustUse(id)
				asked := w.at.Requests(oauthtest.Token)
				if len(asked) != want || w.at.Count(oauthtest.Register) != 0 {
					t.Errorf("%d requests for tokens, %d registrations", len(asked), w.at.Count(oauthtest.Register))
				}
				for _, q := range asked {
					if q.Status != http.StatusOK || proofIn(q) != c.want || !slices.Equal(q.Form["resource"], []string{w.at.MCP()}) {
						t.Errorf("%d by %s, want %s", q.Status, proofIn(q), c.want)
					}
				}
			})
		}
	}
}

// RFC 7523 §3 and draft-ietf-oauth-rfc7523bis §4: for the issuer alone, of the client about itself, short, and once.
func TestClient_AssertionsAreForOneIssuerAndOneUse(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"ES256", "RS256"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			private, public := oauthtest.NewKey(t, alg)
			w, id := robot(t, oauthtest.Script{IssuerPath: "/tenant", Life: 60}, oauthtest.Client{PublicKey: public, AuthMethod: oauthtest.AuthJWT},
				mcpmux.LoginConfig{Grant: mcpmux.GrantClient}, private)
			if err := w.renew(id); err != nil {
				t.Fatal(err)
			}
			w.at.ExpireAll()
			if err := w.renew(id); err != nil {
				t.Fatal(err)
			}
			seen := make(map[string]bool)
			for _, q := range w.at.Requests(oauthtest.Token) {
				parts := strings.Split(q.Form.Get("client_assertion"), ".")
				var head struct{ Alg string }
				var c struct {
					Iss, Sub, Aud, Jti string
					Iat, Exp           int64
				}
				for i, into := range []any{&head, &c} {
					raw, err := base64.RawURLEncoding.DecodeString(parts[i])
					if err != nil {
						t.Fatal(err)
					}
					if err := json.Unmarshal(raw, into); err != nil {
						t.Fatal(err)
					}
				}
				if head.Alg != alg || c.Iss != "robot:1" || c.Sub != c.Iss || c.Aud != w.at.Issuer() || len(c.Jti) < 16 || seen[c.Jti] {
					t.Errorf("%+v %+v", head, c)
				}
				if life := time.Duration(c.Exp-c.Iat) * time.Second; life <= 0 || life > 5*time.Minute {
					t.Errorf("good for %v", life)
				}
				seen[c.Jti] = true
			}
			if len(seen) != 2 {
				t.Errorf("%d assertions", len(seen))
			}
		})
	}
}

func TestReadPrivateKey_TakesWhatToolsWriteAndQuotesNothing(t *testing.T) {
	t.Parallel()
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	large := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	rs := must(rsa.GenerateKey(rand.Reader, 2048))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for name, c := range map[string]struct{ text, alg string }{
		"EC in PKCS #8":       {block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ec))), "ES256"},
		"EC in SEC 1":         {block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ec))), "ES256"},
		"RSA in PKCS #8":      {block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rs))), "RS256"},
		"RSA in PKCS #1":      {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs)), "RS256"},
		"with text before it": {"Bag Attributes: none\n" + block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ec))), "ES256"},
		"another curve":       {block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(large))), ""},
		"another algorithm":   {block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ed))), ""},
		"a public key":        {block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(ec.Public()))), ""},
		"another kind's name": {block("RSA PRIVATE KEY", must(x509.MarshalECPrivateKey(ec))), ""},
		"not PEM":             {"secret-text-7", ""},
		"nothing":             {"", ""},
		"not a key":           {block("PRIVATE KEY", []byte("secret-text-7")), ""},
	} {
		key, alg, err := readPrivateKey(c.text)
		if alg != c.alg || (err == nil) != (c.alg != "") || (key == nil) != (c.alg == "") {
			t.Errorf("%s: %q %v", name, alg, err)
		}
		if err != nil && !errors.Is(err, errPrivateKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestClientCredentials_KeyThatIsNoneIsSaid(t *testing.T) {
	t.Parallel()
	w, id := robot(t, oauthtest.Script{}, oauthtest.Client{}, mcpmux.LoginConfig{Grant: mcpmux.GrantClient}, "this-is-no-key-at-all")
	if _, err := w.Begin(t.Context(), id, "", false); err == nil || !strings.Contains(err.Error(), "private key") {
		t.Errorf("%v", err)
	}
	if n := w.at.Count(oauthtest.Token); n != 0 {
		t.Errorf("%d requests for tokens", n)
	}
}

// Credentials that are refused are not sent again with each call, but as soon as there are others, or a person asks.
func TestClientCredentials_RefusedOnesAreNotSentWithEachCall(t *testing.T) {
	t.Parallel()
	w, id := robot(t, oauthtest.Script{}, oauthtest.Client{Secret: "the-right-secret"}, mcpmux.LoginConfig{Grant: mcpmux.GrantClient}, "")
	right := w.targets[id]
	wrong := right
	wrong.Secret = secret.NewValue("the-wrong-secret")
	w.target(id, wrong)
	for range 10 {
		needs(t, w.renew(id), "invalid_client")
	}
	if n := w.at.Count(oauthtest.Token); n != 1 {
		t.Errorf("%d requests for tokens", n)
	}
	if _, err := w.Begin(t.Context(), id, "", false); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable || w.at.Count(oauthtest.Token) != 2 {
		t.Errorf("a person asks: %v, %d requests", err, w.at.Count(oauthtest.Token))
	}
	w.pass(lastPause)
	needs(t, w.renew(id), "invalid_client")
	if n := w.at.Count(oauthtest.Token); n != 3 {
		t.Errorf("later: %d requests for tokens", n)
	}
	w.target(id, right)
	if err := w.renew(id); err != nil {
		t.Errorf("with the right ones: %v", err)
	}
	w.mustUse(id)
}

// More rights are asked for with those that there were (MCP 2026-07-28), and once: what was given in vain is not asked
// for again and again.
func TestClientCredentials_StepUpOnce(t *testing.T) {
	t.Parallel()
	w, id := robot(t, oauthtest.Script{ChallengeScope: "basic", Needs: map[string]string{"": "admin"}}, oauthtest.Client{Secret: oddSecret},
		mcpmux.LoginConfig{Grant: mcpmux.GrantClient, Scopes: []string{"mine"}}, "")
	if err := w.renew(id); err != nil {
		t.Fatal(err)
	}
	if err := w.renew(id); err != nil { // refused with 403
		t.Fatal(err)
	}
	w.mustUse(id)
	w.at.Update(func(s *oauthtest.Script) { s.Forbid = true })
	for range 5 {
		needs(t, w.renew(id), "although")
	}
	var scopes []string
	for _, q := range w.at.Requests(oauthtest.Token) {
		scopes = append(scopes, q.Form.Get("scope"))
	}
	if !slices.Equal(scopes, []string{"basic mine", "admin basic mine"}) {
		t.Errorf("asked for %q", scopes)
	}
}

// Credentials are of one authorization server. Where the Server moves they do not go along.
func TestClientCredentials_GoToNoOtherAuthorizationServer(t *testing.T) {
	t.Parallel()
	for name, bind := range map[string]bool{"as first used": false, "as set": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, id := robot(t, oauthtest.Script{}, oauthtest.Client{Secret: oddSecret}, mcpmux.LoginConfig{Grant: mcpmux.GrantClient}, "")
			if bind {
				target := w.targets[id]
				target.Login.Issuer = w.at.Issuer()
				w.target(id, target)
			}
			if err := w.renew(id); err != nil {
				t.Fatal(err)
			}
			w.at.Migrate()
			r := w.refusal(id)
			asked := w.at.Count(oauthtest.Token)
			need, ok := errors.AsType[*NeedsLogin](w.Renew(t.Context(), id, r))
			if !ok || !strings.Contains(need.Reason, "authorization server") {
				t.Errorf("%v", need)
			}
			if _, err := w.Begin(t.Context(), id, "", false); err == nil {
				t.Error("begun")
			}
			if n := w.at.Count(oauthtest.Token) - asked; n != 0 {
				t.Errorf("they were sent %d times", n)
			}
		})
	}
}

func TestClientCredentials_TroubleIsWaitedOut(t *testing.T) {
	t.Parallel()
	w, id := robot(t, oauthtest.Script{Answers: map[string][]oauthtest.Answer{oauthtest.Token: {oauthtest.Busy(http.StatusTooManyRequests, "60")}}},
		oauthtest.Client{Secret: oddSecret}, mcpmux.LoginConfig{Grant: mcpmux.GrantClient}, "")
	for range 5 {
		if _, ok := errors.AsType[*TemporaryError](w.renew(id)); !ok {
			t.Error("trouble is not the end")
		}
	}
	if n := w.at.Count(oauthtest.Token); n != 1 {
		t.Errorf("%d requests for tokens", n)
	}
	w.at.Update(func(s *oauthtest.Script) { s.Answers = nil })
	w.pass(time.Minute)
	if err := w.renew(id); err != nil {
		t.Error(err)
	}
	w.mustUse(id)
}
