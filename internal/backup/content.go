package backup

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

// content is what a file holds.
type content struct {
	Spaces      []mcpmux.Space      `json:"spaces"`
	Servers     []server            `json:"servers"`
	FeatureSets []mcpmux.FeatureSet `json:"featuresets"`
	Clients     []mcpmux.Client     `json:"clients"`
	Grants      []mcpmux.Grant      `json:"grants"`
	Keys        []key               `json:"keys"`
	Settings    map[string]string   `json:"settings"`
	Lacks       []string            `json:"lacks,omitempty"`
}

// server is a Server with its values in place of their names.
type server struct {
	mcpmux.Server
	First  mcpmux.ServerID `json:"first,omitempty"`
	Values []value         `json:"values"`
	Logins []login         `json:"logins,omitempty"`
}

// value is a value of a Server; with a Text of null it has to be given again.
type value struct {
	mcpmux.ValueName
	Text []byte `json:"text"`
}

type login struct {
	Kind store.CredentialKind `json:"kind"`
	mcpmux.LoggedIn
	Body []byte `json:"body"`
}

type key struct {
	mcpmux.AccessKey
	Hash []byte `json:"hash"`
}

// Options say what a file is to be.
type Options struct {
	Keys
	MadeAt  time.Time
	Version string
	// What is left out although it could be in it.
	NoSecrets, NoLogins, NoKeys bool
}

// Write makes a file of a Copy. It is sealed with a passphrase, or else with a key of this machine; with neither, no
// secret is in it.
func Write(c *store.Copy, o Options) ([]byte, error) {
	h := Header{MadeAt: o.MadeAt.UTC().Truncate(time.Second), Version: o.Version}
	switch {
	case o.Passphrase.Reveal() != "":
		if err := secret.CheckPassphrase(o.Passphrase); err != nil {
			return nil, invalid("%v", err)
		}
		h.Key, h.Lock = KeyPassphrase, new(secret.NewLock())
	case len(o.Machine) > 0:
		h.Key = KeyMachine
	default:
		o.NoSecrets = true
	}
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	text, err := pack(contentOf(c, o))
	if err != nil {
		return nil, err
	}
	box, err := h.box(o.Keys)
	if err != nil {
		return nil, err
	}
	if box != nil {
		if text, err = box.Seal(place(string(line)), text); err != nil {
			return nil, fmt.Errorf("seal the backup: %w", err)
		}
	}
	rest := slices.Concat(line, []byte("\n"), text)
	sum := sha256.Sum256(rest)
	file := append(fmt.Appendf(nil, "%s%d %s\n", magic, format, hex.EncodeToString(sum[:])), rest...)
	if len(file) > MaxFile {
		return nil, mcpmux.Errorf(mcpmux.CodeUnavailable, "the backup would have %d bytes, and at most %d can be restored", len(file), MaxFile)
	}
	return file, nil
}

func contentOf(c *store.Copy, o Options) *content {
	out := &content{
		Spaces: c.Spaces, FeatureSets: c.Sets, Clients: c.Clients, Grants: c.Grants, Settings: c.Settings, Lacks: c.Lacks,
		Servers: make([]server, len(c.Servers)), Keys: []key{},
	}
	for i := range c.Servers {
		s := &c.Servers[i]
		out.Servers[i] = server{Server: s.Server, First: s.First, Values: make([]value, len(s.Values))}
		for n, v := range s.Values {
			out.Servers[i].Values[n].ValueName = v.ValueName
			// Environments and headers often hold a secret that nobody said is one.
			if plain := v.Kind == mcpmux.ValueInput && !v.Secret; plain || !o.NoSecrets {
				out.Servers[i].Values[n].Text = []byte(v.Reveal())
			}
		}
		if o.NoSecrets || o.NoLogins {
			continue
		}
		for _, l := range s.Logins {
			out.Servers[i].Logins = append(out.Servers[i].Logins, login{l.Kind, l.LoggedIn, []byte(l.Body.Reveal())})
		}
	}
	if !o.NoKeys {
		for i := range c.Keys {
			out.Keys = append(out.Keys, key{c.Keys[i], c.Keys[i].Hash[:]})
		}
	}
	return out
}

func pack(c *content) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if err := json.NewEncoder(z).Encode(c); err != nil {
		return nil, err
	}
	err := z.Close()
	return out.Bytes(), err
}

// Read opens the content. Values that are not in the file are told of in Missing.
func (f *File) Read(k Keys) (*Content, error) {
	text := f.content
	box, err := f.box(k)
	if err != nil {
		return nil, err
	}
	if box != nil {
		if text, err = box.Open(place(f.line), text); err != nil {
			return nil, f.refused()
		}
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, newer(err)
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxContent+1))
	if err != nil {
		return nil, newer(err)
	}
	if len(plain) > maxContent {
		return nil, invalid("the backup holds more than %d bytes; no McpMux wrote it", maxContent)
	}
	var c content
	if err := strict(plain, &c); err != nil {
		return nil, newer(err)
	}
	return c.read()
}

// Content is what a file holds, as a store takes it.
type Content struct {
	store.Copy
	// Missing are the values that the file does not have and that have to be given again.
	Missing []Missing
}

// Missing is a value that is not in a file.
type Missing struct {
	Space  mcpmux.SpaceID
	Server string
	mcpmux.ValueName
}

func (c *content) read() (*Content, error) {
	out := &Content{Copy: store.Copy{Spaces: c.Spaces, Sets: c.FeatureSets, Clients: c.Clients, Grants: c.Grants, Settings: map[string]string{}, Lacks: c.Lacks}}
	for name, value := range c.Settings {
		if _, known := mcpmux.FindSetting(name); !known {
			out.Lacks = append(out.Lacks, fmt.Sprintf("the setting %.100s, which this McpMux does not have", name))
			continue
		}
		out.Settings[name] = value
	}
	slices.Sort(out.Lacks)
	for i := range c.Servers {
		out.Servers = append(out.Servers, c.Servers[i].read(out))
	}
	for i := range c.Keys {
		k := c.Keys[i].AccessKey
		if len(c.Keys[i].Hash) != len(k.Hash) {
			return nil, invalid("what is in the backup does not go together: the hash of an access key")
		}
		copy(k.Hash[:], c.Keys[i].Hash)
		out.Keys = append(out.Keys, k)
	}
	if err := out.Check(); err != nil {
		return nil, err
	}
	return out, nil
}

func (s *server) read(into *Content) store.CopiedServer {
	out := store.CopiedServer{Server: s.Server, First: s.First}
	out.About, out.LoggedIn = nil, nil
	var missing []mcpmux.ValueName
	for _, v := range s.Values {
		if v.Text != nil {
			out.Values = append(out.Values, store.Value{ValueName: v.ValueName, Value: secret.NewValue(string(v.Text))})
			continue
		}
		missing = append(missing, v.ValueName)
		into.Missing = append(into.Missing, Missing{s.Space, s.Alias, v.ValueName})
	}
	for _, l := range s.Logins {
		out.Logins = append(out.Logins, store.Credential{Kind: l.Kind, LoggedIn: l.LoggedIn, Body: secret.NewValue(string(l.Body))})
	}
	ask(&out, missing)
	return out
}
