package client

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/secret"
)

// The token_endpoint_auth_methods that present a client secret.
const (
	MethodSecretBasic = "client_secret_basic"
	MethodSecretPost  = "client_secret_post"
)

// maxCredential bounds an Authorization header's credentials, in bytes.
const maxCredential = 8 << 10

// Secrets checks client secrets, for both methods that present them.
type Secrets struct {
	Checker *secret.Checker
	Now     func() time.Time // nil: time.Now

	// Upgrade, if set, is told when a secret proved right whose digest is no
	// longer made the way new ones are: under an old pepper, by an older or
	// imported scheme. It should store the new digest in place of the old one. It
	// cannot fail the authentication. While the old digest is still found, it is
	// called again, once a minute at most.
	Upgrade func(ctx context.Context, c *Client, secretID string, d secret.Digest)

	mu     sync.Mutex
	recent map[secret.Digest]time.Time // when each stale digest was last upgraded
}

// Methods returns client_secret_basic and client_secret_post.
func (s *Secrets) Methods() []Method { return []Method{basic{s}, post{s}} }

var (
	errWrongSecret = errors.New("client: no live secret matches")
	errMalformed   = errors.New("client: malformed credential")
	errNoPepper    = errors.New("client: a secret is stored under a pepper that is not configured")
)

func (s *Secrets) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// check compares the presented secret with the live ones of c. How much work it
// does depends on the presented string alone, never on c.
func (s *Secrets) check(ctx context.Context, c *Client, presented string) error {
	var buf [8]secret.Stored
	stored := buf[:0]
	for _, sec := range c.Secrets {
		if sec.eternal() || sec.Live(s.now()) {
			stored = append(stored, secret.Stored{ID: sec.ID, Digest: sec.Digest})
		}
	}
	match, stale, err := s.Checker.Check(ctx, c.ID, presented, stored)
	switch {
	case err != nil:
		return err
	case match < 0 && slices.ContainsFunc(stored, func(have secret.Stored) bool { return s.Checker.Peppers.Lacks(have.Digest) }):
		return refused(errNoPepper)
	case match < 0:
		return refused(errWrongSecret)
	case stale && s.Upgrade != nil && s.due(stored[match].Digest):
		if d, err := s.Checker.Digest(ctx, presented); err == nil {
			s.Upgrade(ctx, c, stored[match].ID, d)
		}
	}
	return nil
}

// Upgrades cost as much as an authentication, so each is tried only so often.
const (
	upgradeEvery = time.Minute
	maxRecent    = 1 << 10
)

// due reports whether to upgrade the stale digest now, and if so remembers it:
// of many requests with the same secret one does the work.
func (s *Secrets) due(stale secret.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if last, ok := s.recent[stale]; ok && now.Sub(last) < upgradeEvery {
		return false
	}
	if s.recent == nil || len(s.recent) >= maxRecent {
		s.recent = map[secret.Digest]time.Time{}
	}
	s.recent[stale] = now
	return true
}

// basic is client_secret_basic: RFC 6749 §2.3.1 puts the id and the secret,
// each form-encoded, into HTTP Basic.
type basic struct{ s *Secrets }

func (basic) Name() string { return MethodSecretBasic }

func (basic) Presented(r *http.Request, _ form.Values) (Credential, bool) {
	credentials, ok := basicHeader(r)
	if !ok {
		return Credential{}, false
	}
	id, presented, err := decodeBasic(credentials)
	if err != nil {
		return Credential{}, true
	}
	return Credential{ClientID: id, Value: presented}, true
}

func (b basic) Check(ctx context.Context, c *Client, presented Credential) error {
	return b.s.check(ctx, c, presented.Value)
}

func basicHeader(r *http.Request) (string, bool) {
	h := r.Header["Authorization"]
	if len(h) != 1 {
		return "", false
	}
	if strings.EqualFold(h[0], "Basic") {
		return "", true
	}
	return cutScheme(h[0], "Basic")
}

// decodeBasic reads the user-id and password of a Basic header.
func decodeBasic(credentials string) (id, presented string, err error) {
	if len(credentials) > maxCredential {
		return "", "", errMalformed
	}
	var buf [256]byte // for all but the longest
	raw := buf[:]
	if n := base64.StdEncoding.DecodedLen(len(credentials)); n > len(raw) {
		raw = make([]byte, n)
	}
	n, err := base64.StdEncoding.Decode(raw, []byte(credentials))
	if err != nil {
		return "", "", errMalformed
	}
	id, presented, ok := strings.Cut(string(raw[:n]), ":")
	if !ok || id == "" || presented == "" {
		return "", "", errMalformed
	}
	if id, err = formDecode(id); err != nil {
		return "", "", err
	}
	presented, err = formDecode(presented)
	return id, presented, err
}

func formDecode(s string) (string, error) {
	if strings.IndexByte(s, '%') >= 0 || strings.IndexByte(s, '+') >= 0 {
		decoded, err := url.QueryUnescape(s)
		if err != nil {
			return "", errMalformed
		}
		s = decoded
	}
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return "", errMalformed
	}
	return s, nil
}

// post is client_secret_post: the id and the secret as form parameters.
type post struct{ s *Secrets }

func (post) Name() string { return MethodSecretPost }

// Presented makes nothing of a secret beside an Authorization header that no
// method knows: such a request has two opinions about who it is.
func (post) Presented(r *http.Request, f form.Values) (Credential, bool) {
	c := Credential{ClientID: f.Value("client_id"), Value: f.Value("client_secret")}
	ok := c.Value != ""
	if r.Header["Authorization"] != nil {
		c.Value = ""
	}
	return c, ok
}

func (p post) Check(ctx context.Context, c *Client, presented Credential) error {
	return p.s.check(ctx, c, presented.Value)
}
