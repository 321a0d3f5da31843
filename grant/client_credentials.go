package grant

import (
	"context"
	"slices"

	"github.com/grantor-go/grantor/client"
)

// ClientCredentials is the client credentials grant, RFC 6749 §4.4. The token's
// subject is the client's service principal if it is bound to one, and the
// client itself otherwise. There is never a refresh token (§4.4.3).
type ClientCredentials struct{}

// Type is "client_credentials".
func (ClientCredentials) Type() string { return client.ClientCredentials }

// Redeem grants the client what it asks for within its registration.
func (ClientCredentials) Redeem(_ context.Context, r *Request) (*Grant, error) {
	scopes, err := r.Allowed()
	if err != nil {
		return nil, err
	}
	g := New(r.Ledger.Format, client.ClientCredentials, r.Now)
	g.ClientID, g.Subject = r.Client.ID, r.Client.ID
	if r.Client.Principal != "" {
		g.Subject = r.Client.Principal
	}
	g.Scopes, g.Resources = slices.Clip(scopes), r.Resources
	return g, nil
}
