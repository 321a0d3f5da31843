package grant

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/oautherr"
)

// A PasswordVerifier is the host's check of a user's password.
type PasswordVerifier interface {
	// VerifyPassword returns the subject whose username and password these are,
	// or ErrWrongPassword. It should take as long for a user who does not exist.
	// A user who must pass a second factor cannot use this grant: refuse with
	// ErrWrongPassword. Other errors are trouble: 503.
	VerifyPassword(ctx context.Context, username, password string) (subject string, err error)
}

// Password is the resource owner password credentials grant, RFC 6749 §4.3.
// OAuth 2.1 removed it, since it teaches people to type passwords into clients
// and has no room for a second factor (RFC 9700 §2.4). It is for desktop
// applications that cannot be changed, and off unless both the server and the
// client are set up for it.
type Password struct {
	Verifier PasswordVerifier
	Limiter  Limiter // nil: attempts are not limited
}

// Type is "password".
func (Password) Type() string { return client.Password }

// maxPassword bounds username and password, in bytes.
const maxPassword = 1024

// Redeem verifies the user's password and grants what the client asks for.
func (p Password) Redeem(ctx context.Context, r *Request) (*Grant, error) {
	username, password := r.Form.Value("username"), r.Form.Value("password")
	if username == "" || password == "" {
		return nil, oautherr.InvalidRequest.Because(nil, "username and password are required")
	}
	if r.Client.Public() {
		return nil, oautherr.UnauthorizedClient.Because(nil, "a public client may not use the password grant")
	}
	scopes, err := r.Allowed()
	if err != nil {
		return nil, err
	}
	subject, err := p.verify(ctx, r, username, password)
	if err != nil {
		return nil, err
	}
	g := New(r.Ledger.Format, client.Password, r.Now)
	g.ClientID, g.Subject, g.AuthTime = r.Client.ID, subject, r.Now
	g.Scopes, g.Resources, g.Refreshable = slices.Clip(scopes), r.Resources, true
	return g, nil
}

func (p Password) verify(ctx context.Context, r *Request, username, password string) (string, error) {
	attempt := Attempt{Kind: "password", Account: username, Source: r.Remote, Now: r.Now}
	if p.Limiter != nil {
		wait, err := p.Limiter.Allow(ctx, attempt)
		if err != nil {
			return "", err
		}
		if wait > 0 {
			return "", tooMany(wait)
		}
	}
	subject, err := "", ErrWrongPassword
	if len(username) <= maxPassword && len(password) <= maxPassword {
		subject, err = p.Verifier.VerifyPassword(ctx, username, password)
	}
	if err == nil && subject == "" {
		return "", errors.New("grant: the password verifier returned no subject")
	}
	if p.Limiter != nil && (err == nil || errors.Is(err, ErrWrongPassword)) {
		p.Limiter.Record(ctx, attempt, err == nil)
	}
	if errors.Is(err, ErrWrongPassword) {
		return "", oautherr.InvalidGrant.Because(err, "unknown user or wrong password")
	}
	return subject, err
}

// tooMany asks the client to slow down, RFC 6585 §4.
func tooMany(wait time.Duration) error {
	return &oautherr.Error{
		Code: oautherr.TemporarilyUnavailable, Description: "too many attempts, try again later",
		Status: http.StatusTooManyRequests, RetryAfter: wait,
	}
}

// A Limiter slows down guessing. Implementations are safe for concurrent use.
type Limiter interface {
	// Allow returns how long the attempt must wait; zero lets it through.
	Allow(ctx context.Context, a Attempt) (wait time.Duration, err error)
	// Record tells how an attempt that was let through ended.
	Record(ctx context.Context, a Attempt, succeeded bool)
}

// An Attempt is one guess at something secret.
type Attempt struct {
	Kind    string // what is guessed: "password"
	Account string // whose; as presented, so not to be trusted
	Source  string // the peer's IP address; may be empty
	Now     time.Time
}
