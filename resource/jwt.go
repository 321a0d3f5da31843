package resource

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/token"
)

// JWTConfig is what a JWT verifier needs to know. Issuer, Audience and either
// Keys or KeysURL are required.
type JWTConfig struct {
	// Issuer is the iss of every token, compared byte by byte.
	Issuer string
	// Audience must be in the aud of every token: the resource identifier of the
	// API, or whatever the authorization server names it (RFC 9068 §4).
	Audience string

	// Keys are the authorization server's keys, where they are at hand.
	Keys token.KeySource
	// KeysURL is the authorization server's jwks_uri, an https URL. Keys are
	// fetched when first needed, again when the answer has aged (as Cache-Control
	// says, within a minute to an hour) or a token names a key that is not there,
	// and never twice within 10 seconds. When no fetch succeeds, the last keys are
	// good for a day.
	KeysURL string
	// Client fetches the keys. Nil: one like http.DefaultClient. Redirects are not
	// followed, and a fetch is given up after 5 seconds.
	Client *http.Client

	// Leeway is how long after exp a token is still good, for clocks that differ.
	// At most 60 seconds; zero is none.
	Leeway time.Duration
	// CacheSize is how many verified tokens are remembered, so that their
	// signatures are verified once. Zero: 4096; negative: none.
	CacheSize int

	// InsecureAllowHTTP allows a KeysURL that is http on a host other than
	// loopback. Whoever is on the way can then make tokens.
	InsecureAllowHTTP bool

	// Logger is told at level Warn when keys cannot be fetched and the last ones
	// are used. Nil: nothing is logged.
	Logger *slog.Logger
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

func (c *JWTConfig) validate() error {
	var problems []error
	say := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("resource: JWTConfig."+format, args...))
	}
	if c.Issuer == "" {
		say("Issuer is empty; set the issuer identifier of the authorization server")
	}
	if c.Audience == "" {
		say("Audience is empty; set the identifier of this API, or every token of the issuer would do")
	}
	if (c.Keys == nil) == (c.KeysURL == "") {
		say("Keys and KeysURL: set exactly one of them")
	}
	if c.KeysURL != "" {
		if problem := urlProblem(c.KeysURL, c.InsecureAllowHTTP); problem != "" {
			say("KeysURL %s", problem)
		}
	}
	const most = 60 * time.Second // as in package token
	if c.Leeway < 0 || c.Leeway > most {
		say("Leeway is %v; use a duration between 0 and %v", c.Leeway, most)
	}
	return errors.Join(problems...)
}

// A JWT verifies access tokens after RFC 9068 by their signature, with nothing
// but the authorization server's public keys. It cannot know of a revocation:
// tokens live until they expire. Make one with [NewJWT]; it starts no goroutine
// and needs no closing.
type JWT struct {
	format *token.JWT
	remote *remoteKeys // nil: the keys are at hand
}

// NewJWT returns a verifier, or every problem of the configuration, joined. It
// fetches nothing yet.
func NewJWT(c JWTConfig) (*JWT, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	j := &JWT{format: &token.JWT{
		Issuer: c.Issuer, Audience: c.Audience, Keys: c.Keys,
		Leeway: c.Leeway, CacheSize: c.CacheSize, Now: c.Now,
	}}
	if c.KeysURL != "" {
		j.remote = newRemoteKeys(&c)
		j.format.Keys = j.remote
	}
	return j, nil
}

// Verify checks signature, type, issuer, audience and times of the token. What
// is wrong with it is oautherr.InvalidToken; missing keys are any other error.
func (j *JWT) Verify(ctx context.Context, accessToken string) (token.Claims, error) {
	if j.remote == nil {
		return j.format.Parse(ctx, accessToken)
	}
	before := j.remote.current.Load()
	c, err := j.format.Parse(ctx, accessToken)
	if !errors.Is(err, oautherr.InvalidToken) || !j.remote.gained(ctx, keyID(accessToken), before) {
		return c, err
	}
	return j.format.Parse(ctx, accessToken)
}

// keyID is the kid a token claims to be signed with, or "". Nothing is believed
// of it: it only tells a token whose key we have from one whose key may be new.
func keyID(accessToken string) string {
	if len(accessToken) > maxToken {
		return ""
	}
	segment, _, _ := strings.Cut(accessToken, ".")
	raw, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return ""
	}
	var header struct {
		ID string `json:"kid"`
	}
	if json.Unmarshal(raw, &header) != nil {
		return ""
	}
	return header.ID
}
