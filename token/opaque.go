package token

import (
	"context"
	"errors"

	"github.com/grantor-go/grantor/secret"
)

// Opaque makes reference tokens. Such a token means nothing by itself: what it
// stands for is in the record of its grant, which the locator finds. The zero
// Opaque is ready for use.
type Opaque struct {
	Format secret.Format
}

// Mint makes a fresh token under the locator c.GrantID, or c.ID if there is no
// grant; it must be one of package secret. Nothing else of c is in the token: the
// caller stores the claims and the digest of the token.
func (o Opaque) Mint(_ context.Context, c Claims) (string, error) {
	locator := c.GrantID
	if locator == "" {
		locator = c.ID
	}
	h := o.Format.Issue(secret.AccessToken, locator)
	if h.IsZero() {
		return "", errors.New("token: an opaque token needs a valid secret.Format and a GrantID or ID that is a locator")
	}
	return h.Reveal(), nil
}

// Parse checks the form of a token and returns the GrantID and nothing else. It
// does not say that the token was ever issued: the caller compares digests.
func (o Opaque) Parse(_ context.Context, token string) (Claims, error) {
	h, err := o.Format.Parse(token)
	if err != nil || h.Kind() != secret.AccessToken {
		return Claims{}, invalid(err, "the access token is malformed")
	}
	return Claims{GrantID: h.Locator()}, nil
}
