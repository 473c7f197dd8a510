package catalog

import "github.com/mcpmux/mcpmux/internal/mcpmux"

// SpaceOf applies the connection mode: which Space the Client is in, and whether a question is open to its
// user (mode ask, another Space is active, and moving there was not declined). It answers an error where
// the Client's Space is gone; such a Client sees nothing, never another Space.
func SpaceOf(c mcpmux.Client, st *mcpmux.State) (id mcpmux.SpaceID, ask bool, err error) {
	var active mcpmux.SpaceID
	exists := false
	for i := range st.Spaces {
		s := &st.Spaces[i]
		if s.Active {
			active = s.ID
		}
		exists = exists || s.ID == c.Space
	}
	switch c.Mode {
	case mcpmux.ModeFollow:
		if active == "" {
			return "", false, mcpmux.Errorf(mcpmux.CodeUnavailable, "no Space is active")
		}
		return active, false, nil
	case mcpmux.ModeLocked, mcpmux.ModeAsk:
		ask = c.Mode == mcpmux.ModeAsk && active != "" && active != c.Space && active != c.Declined
		if !exists {
			return "", ask, mcpmux.Errorf(mcpmux.CodeNotFound,
				"the Space of client %q was deleted; give it another with: mcpmux client mode %s locked --space NAME", c.Name, c.Name)
		}
		return c.Space, ask, nil
	}
	return "", false, mcpmux.Errorf(mcpmux.CodeInvalid, "client %q has the unknown connection mode %q", c.Name, c.Mode)
}
