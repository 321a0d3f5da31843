package grant

import (
	"encoding/json"
	"time"

	"github.com/grantor-go/grantor/internal/jsonw"
	"github.com/grantor-go/grantor/secret"
)

// ErrVersion is what decoding a record of another version wraps.
var ErrVersion = errVersion

// MaxBuckets bounds a Throttle.
const MaxBuckets = maxBuckets

// Len is how many buckets the throttle keeps.
func (t *Throttle) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.buckets)
}

// A State is all of a Grant that its record's data holds.
type State struct {
	Type                              string
	Scopes, Resources                 []string
	Created, Expires, AuthTime, Until time.Time
	Code                              *CodeState
	Refresh                           *RefreshState
	Issued                            []Issued
	Extra                             map[string]json.RawMessage
}

// CodeState is the authorization code of a State.
type CodeState struct {
	Digest, RedirectURI, Challenge string
	Expires                        time.Time
	Spent                          bool
}

// RefreshState is the refresh token of a State.
type RefreshState struct {
	Family                    [32]byte
	Current, Previous, Sealed string
	Rotated, Expires          time.Time
}

// Issued is an access token of a State.
type Issued struct {
	Digest, Revoked   string
	Created, Expires  time.Time
	Scopes, Resources []string
	Claims            json.RawMessage
}

// Encode returns the data of a record of the state.
func (s State) Encode() ([]byte, error) {
	g := &Grant{
		Type: s.Type, Scopes: s.Scopes, Resources: s.Resources,
		Created: s.Created, Expires: s.Expires, AuthTime: s.AuthTime, until: s.Until, Extra: s.Extra,
	}
	if c := s.Code; c != nil {
		g.code = &codeState{digest: secret.Digest(c.Digest), redirectURI: c.RedirectURI, challenge: c.Challenge, expires: c.Expires, spent: c.Spent}
	}
	if r := s.Refresh; r != nil {
		g.refresh = &refreshState{
			family: r.Family, current: secret.Digest(r.Current), previous: secret.Digest(r.Previous),
			sealed: r.Sealed, rotated: r.Rotated, expires: r.Expires,
		}
	}
	for _, i := range s.Issued {
		g.issued = append(g.issued, issued{
			digest: secret.Digest(i.Digest), revoked: i.Revoked, created: i.Created, expires: i.Expires,
			scopes: i.Scopes, resources: i.Resources, claims: i.Claims,
		})
	}
	w := new(jsonw.Writer)
	err := g.encode(w)
	return w.B, err
}

// Decode reads the data of a record.
func Decode(data []byte) (State, error) {
	g := new(Grant)
	if err := g.decode(data); err != nil {
		return State{}, err
	}
	s := State{
		Type: g.Type, Scopes: g.Scopes, Resources: g.Resources,
		Created: g.Created, Expires: g.Expires, AuthTime: g.AuthTime, Until: g.until, Extra: g.Extra,
	}
	if c := g.code; c != nil {
		s.Code = &CodeState{Digest: string(c.digest), RedirectURI: c.redirectURI, Challenge: c.challenge, Expires: c.expires, Spent: c.spent}
	}
	if r := g.refresh; r != nil {
		s.Refresh = &RefreshState{
			Family: r.family, Current: string(r.current), Previous: string(r.previous),
			Sealed: r.sealed, Rotated: r.rotated, Expires: r.expires,
		}
	}
	for _, i := range g.issued {
		s.Issued = append(s.Issued, Issued{
			Digest: string(i.digest), Revoked: i.revoked, Created: i.created, Expires: i.expires,
			Scopes: i.scopes, Resources: i.resources, Claims: i.claims,
		})
	}
	return s, nil
}
