package grant

import (
	"context"
	"crypto/subtle"
	"errors"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
)

// AuthorizationCode is the authorization code grant with PKCE, RFC 6749 §4.1.3
// and RFC 7636 §4.5.
type AuthorizationCode struct{}

// Type is "authorization_code".
func (AuthorizationCode) Type() string { return client.AuthorizationCode }

// Redeem spends the code. The client, the redirect URI and the verifier are
// checked before anything is decided about the code, so that whoever merely saw
// a code can neither use nor burn it.
func (AuthorizationCode) Redeem(ctx context.Context, r *Request) (*Grant, error) {
	h, err := credential(r, "code", secret.Code)
	if err != nil {
		return nil, err
	}
	g, err := r.Ledger.of(ctx, h)
	if err != nil {
		return nil, err
	}
	c := g.code
	if c == nil {
		return nil, invalidGrant(errNoCode)
	}
	if ok, _ := r.Ledger.Peppers.Matches(c.digest, h); !ok || !r.Now.Before(c.expires) || g.past(r.Now) || g.ClientID != r.Client.ID {
		return nil, invalidGrant(errNotYours)
	}
	if subtle.ConstantTimeCompare([]byte(r.Form.Value("redirect_uri")), []byte(c.redirectURI)) != 1 {
		return nil, oautherr.InvalidGrant.Because(nil, "redirect_uri is not the one of the authorization request")
	}
	if c.challenge != "" && r.Form.Value("code_verifier") == "" {
		return nil, oautherr.InvalidGrant.Because(nil, "code_verifier is missing")
	}
	if !c.verifies(r.Form.Value("code_verifier")) {
		return nil, oautherr.InvalidGrant.Because(nil, "code_verifier does not match")
	}
	if c.spent {
		return nil, &ReuseError{Grant: g, Code: true}
	}
	// The URI may have left the registration since; a code on its way there must
	// not outlive it.
	if !r.Client.MatchRedirectURI(c.redirectURI) {
		return nil, oautherr.InvalidGrant.Because(nil, "redirect_uri is no longer registered")
	}
	if err := g.register(r.Client, g.Scopes); err != nil {
		return nil, err
	}
	if err := g.narrow(r); err != nil {
		return nil, err
	}
	c.spent, g.changed = true, true
	return g, nil
}

var (
	errNoCode   = errors.New("grant: has no authorization code")
	errNotYours = errors.New("grant: wrong, expired, or another client's")
	errUnknown  = errors.New("grant: unknown, expired or revoked")
	errAbsent   = errors.New("grant: the parameter is missing")
)

// invalidGrant is the one answer to a code or refresh token that is unknown,
// expired, altered, or somebody else's: the client learns nothing about which.
func invalidGrant(cause error) error {
	return oautherr.InvalidGrant.Because(cause, "the grant is invalid, expired or revoked")
}

// credential reads a credential string of the kind from the parameter.
func credential(r *Request, parameter string, kind secret.Kind) (secret.Handle, error) {
	v := r.Form.Value(parameter)
	if v == "" {
		return secret.Handle{}, &oautherr.Error{
			Code: oautherr.InvalidRequest, Description: "the grant's parameter is missing", Cause: errAbsent,
		}
	}
	h, err := r.Ledger.Format.Parse(v)
	if err != nil || h.Kind() != kind {
		return secret.Handle{}, invalidGrant(err)
	}
	return h, nil
}

// of finds the grant that a credential belongs to.
func (l *Ledger) of(ctx context.Context, h secret.Handle) (*Grant, error) {
	g, err := l.Load(ctx, h.Locator())
	if errors.Is(err, store.ErrNotFound) {
		return nil, invalidGrant(errUnknown)
	}
	return g, err
}

// narrow applies a token request's resource parameters to the access token of
// this response. The grant itself keeps what it has, RFC 8707 §2.2.
func (g *Grant) narrow(r *Request) error {
	if r.Resources != nil {
		if !subset(r.Resources, g.Resources) {
			return oautherr.InvalidTarget.Because(nil, "the resource was not part of the authorization request")
		}
		g.Access.Resources = r.Resources
	}
	return nil
}
