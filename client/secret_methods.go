package client

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
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
	// cannot fail the authentication.
	Upgrade func(ctx context.Context, c *Client, secretID string, d secret.Digest)
}

// Methods returns client_secret_basic and client_secret_post.
func (s *Secrets) Methods() []Method { return []Method{basic{s}, post{s}} }

var (
	errWrongSecret = errors.New("client: no live secret matches")
	errMalformed   = errors.New("client: malformed credential")
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
	case match < 0:
		return refused(errWrongSecret)
	case stale && s.Upgrade != nil:
		s.upgrade(ctx, c, stored[match].ID, presented)
	}
	return nil
}

func (s *Secrets) upgrade(ctx context.Context, c *Client, secretID, presented string) {
	d, err := s.Checker.Digest(ctx, presented)
	if err == nil {
		s.Upgrade(ctx, c, secretID, d)
	}
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
	raw, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return "", "", errMalformed
	}
	id, presented, ok := strings.Cut(string(raw), ":")
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
	if strings.ContainsAny(s, "%+") {
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

func (post) Presented(_ *http.Request, f form.Values) (Credential, bool) {
	c := Credential{ClientID: f.Value("client_id"), Value: f.Value("client_secret")}
	return c, c.Value != ""
}

func (p post) Check(ctx context.Context, c *Client, presented Credential) error {
	return p.s.check(ctx, c, presented.Value)
}
