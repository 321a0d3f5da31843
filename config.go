package grantor

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/token"
)

// Config is everything a Server needs to know. Issuer, Clients and Store are
// required; Keys too unless all access tokens are opaque; Session and Interact
// for the authorization code grant. The zero value of everything else is the
// safe default.
//
// [New] checks a Config as a whole and reports every problem it finds.
type Config struct {
	// Issuer is the issuer identifier (RFC 8414 §2): an https URL without query
	// or fragment and without a trailing slash. It may have a path. Every
	// endpoint lies under it.
	Issuer string

	// Clients finds the registered clients, for example a *client.Static.
	Clients client.Source

	// Store keeps grants. Package memory has one to start with.
	Store store.Store

	// Keys are what JWT access tokens are signed with, for example a
	// *token.StaticKeys or a *token.Ring. All of them are published. Not needed
	// if no format in AccessTokens and Resources is the server's own JWT.
	Keys token.KeySource

	// Session says who is at this browser: nil for nobody. It reads the host's
	// own session cookie, and must not believe anything else in the request. An
	// error means trouble: the client is told temporarily_unavailable. If nil,
	// there is no authorization endpoint.
	Session func(*http.Request) (*Session, error)

	// Interact answers a browser whose person must do something before the
	// authorization request can go on: sign in, or consent. See [Interaction]
	// and [Pages].
	Interact func(http.ResponseWriter, *http.Request, *Interaction)

	// ErrorPage, if set, shows a person why an authorization request cannot be
	// answered to its client. Security headers are set already; it writes the
	// status, which err.HTTPStatus() gives, and the page. Nil: a plain page.
	ErrorPage func(w http.ResponseWriter, r *http.Request, err *oautherr.Error)

	// Subjects, if set, is asked about a user or service principal whenever
	// tokens are issued to or used for them.
	Subjects Subjects

	// Scopes are the scope values the server knows, advertised as
	// scopes_supported. Empty: whatever clients are registered for, and none are
	// advertised.
	Scopes []string

	// Resources are the resource servers that requests may name by the resource
	// parameter (RFC 8707). One that is not listed is invalid_target.
	Resources []Resource

	// Audience is the aud of access tokens for requests that name no resource.
	// Empty: Issuer. If it is one of Resources, such requests are treated as
	// naming that one.
	Audience string

	// AccessTokens is the format of access tokens. Nil, or an empty &token.JWT{}:
	// JWTs after RFC 9068, signed with Keys. token.Opaque{}, or a pointer to one:
	// reference tokens, with the brand of Secrets.
	AccessTokens token.Format

	// Lifetimes of everything that expires; each has a default.
	Lifetimes Lifetimes

	// Password turns on the password grant (RFC 6749 §4.3), which OAuth 2.1
	// removed, for those clients that are registered for it. Nil: off.
	Password grant.PasswordVerifier
	// Limiter slows down guesses at passwords. Nil: a limiter of this process,
	// see grant.Throttle.
	Limiter grant.Limiter

	// Claims, if set, returns further claims for an access token. It cannot
	// overwrite those the protocol sets; trying to is an error.
	Claims func(context.Context, Issuance) (map[string]any, error)
	// Response, if set, returns further members for a token response (RFC 6749
	// §5.1). It cannot overwrite the standard ones; trying to is an error.
	Response func(context.Context, Issuance) (map[string]any, error)

	// Extensions add grants, authentication methods, endpoints and metadata.
	Extensions []Extension

	// Secrets says how credential strings are made and digested.
	Secrets Secrets

	// Logger gets refusals at level Info and trouble at level Error, with causes
	// that are never sent, and no credential. Nil: nothing is logged.
	Logger *slog.Logger
	// Observe, if set, is called with every event, on the goroutine of the
	// request, after it happened. It should return quickly. If it panics, that is
	// logged and does not change the answer.
	Observe func(context.Context, Event)

	// InsecureAllowHTTP allows an Issuer that is http on a host other than
	// loopback. Tokens and codes can then be read by the network.
	InsecureAllowHTTP bool

	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Lifetimes says how long things live. A zero field means its default. Some have
// a maximum, which [New] enforces.
type Lifetimes struct {
	Code        time.Duration // authorization codes: 60 s; at most 10 min
	AccessToken time.Duration // access tokens: 10 min; at most 24 h
	RefreshIdle time.Duration // a refresh token that is not used: 14 days; not longer than Refresh
	Refresh     time.Duration // a grant, however often it is refreshed: 90 days
	// RefreshRetry is how long a rotated refresh token may be presented again
	// for the same successor: 30 s; at most 10 min. Negative: never, rotation is
	// strict.
	RefreshRetry time.Duration
	Interaction  time.Duration // an authorization request that waits for a person: 10 min; at most 24 h
	Consent      time.Duration // remembered consent: 180 days
}

func (l Lifetimes) withDefaults() Lifetimes {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.Code, 60 * time.Second},
		{&l.AccessToken, 10 * time.Minute},
		{&l.RefreshIdle, 14 * day},
		{&l.Refresh, 90 * day},
		{&l.RefreshRetry, 30 * time.Second},
		{&l.Interaction, 10 * time.Minute},
		{&l.Consent, 180 * day},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	l.RefreshRetry = max(l.RefreshRetry, 0)
	return l
}

const day = 24 * time.Hour

// A Resource is a resource server that access tokens can be issued for, RFC
// 8707.
type Resource struct {
	// Identifier is the resource indicator: an absolute URI without fragment.
	// Requests must spell it the same way.
	Identifier string
	// Scopes are those that mean something there; a token for the resource
	// carries no others. Empty: all.
	Scopes []string
	// AccessTokens is the format of tokens for the resource. Nil: as Config.
	AccessTokens token.Format
	// Lifetime of access tokens for the resource. Zero: as Config.
	Lifetime time.Duration
}

// Secrets says how the server makes and checks credential strings. The zero
// value is safe.
type Secrets struct {
	// Brand is the prefix of every credential string, by which secret scanners
	// know them: a letter followed by 1 to 15 lower-case letters and digits.
	// Empty: secret.DefaultBrand.
	Brand string
	// Peppers key the digests at rest, so that a copy of the store alone proves
	// nothing. The first is used, all verify. Nil: plain SHA-256, which is as
	// good for strings of 256 random bits.
	Peppers *secret.Peppers
	// Hasher checks client secrets that a person chose or another system made.
	// Nil: a *secret.Slow with its defaults.
	Hasher secret.Hasher
	// Decoys are a digest of each slow scheme in use among the clients, so that
	// a client that does not exist costs what one that does exist costs. Empty:
	// one of the Hasher's own.
	Decoys []secret.Digest
	// Upgrade is told of a client secret that should be stored under a new
	// digest. See client.Secrets.
	Upgrade func(ctx context.Context, c *client.Client, secretID string, d secret.Digest)
}

// Subjects is the host's directory of users and service principals.
type Subjects interface {
	// Subject returns what the host says of the subject. One that it does not
	// know is the zero Subject. An error means trouble: 503.
	Subject(ctx context.Context, id string) (Subject, error)
}

// A Subject is a user or a service principal. The zero value may do nothing.
type Subject struct {
	// Active subjects may be issued tokens, and theirs work.
	Active bool
	// Service principals act through clients only: they never sign in, and the
	// password grant refuses them.
	Service bool
}

// An Issuance is one access token about to be issued.
type Issuance struct {
	Client *client.Client
	Grant  *grant.Grant // read-only
	Claims token.Claims // read-only; without what hooks add
}
