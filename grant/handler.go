package grant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/oautherr"
)

// A Handler answers one grant_type at the token endpoint.
type Handler interface {
	// Type is the grant_type it answers.
	Type() string

	// Redeem decides about the request. It returns what is granted, changed in
	// memory only: the server writes it with one compare-and-swap, and if
	// somebody else was faster, calls Redeem again on what is there now.
	//
	// Refusals are oautherr errors. A *ReuseError also revokes the whole grant.
	// Any other error is trouble: 503, and nothing is spent.
	Redeem(ctx context.Context, r *Request) (*Grant, error)
}

// A Request is a token request after the client was authenticated and found to
// be registered for the grant type.
type Request struct {
	Client *client.Client
	Form   form.Values
	// Scopes and Resources are what the request asks for, well formed and
	// without duplicates; nil if it names none.
	Scopes    []string
	Resources []string
	Remote    string // the peer's IP address, for limiting; may be empty
	Now       time.Time
	Ledger    *Ledger
}

// Allowed returns the scopes the request may have by the client's registration:
// the ones it asks for, or the client's defaults if it names none. It is
// invalid_scope to ask for more, RFC 6749 §3.3.
func (r *Request) Allowed() ([]string, error) {
	if r.Scopes == nil {
		return r.Client.DefaultScopes, nil
	}
	for _, s := range r.Scopes {
		if !r.Client.MayAsk(s) {
			return nil, oautherr.InvalidScope.Because(fmt.Errorf("grant: scope %q is not registered", s), "the client may not ask for this scope")
		}
	}
	return r.Scopes, nil
}

// A ReuseError says that something was presented a second time that works only
// once: proof that it is in two hands. The server revokes the grant, RFC 6749
// §4.1.2 and RFC 9700 §4.14.2.
type ReuseError struct {
	Grant *Grant
	Code  bool // an authorization code; otherwise a refresh token
}

// Error describes the event for the log.
func (e *ReuseError) Error() string {
	if e.Code {
		return "grant: authorization code presented again after redemption"
	}
	return "grant: rotated refresh token presented again"
}

// Is makes a ReuseError an oautherr.InvalidGrant.
func (e *ReuseError) Is(target error) bool { return target == oautherr.InvalidGrant }

// ErrWrongPassword is what a PasswordVerifier returns for a user it does not
// know and for a password that is not the user's, without distinction.
var ErrWrongPassword = errors.New("grant: unknown user or wrong password")

// subset reports whether each element of a is in b.
func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}
