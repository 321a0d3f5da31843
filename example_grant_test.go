package grantor_test

import (
	"context"
	"fmt"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// BadgeGrant gives a terminal an access token for the person whose badge its
// reader has seen. Holder verifies the ticket that the reader signed.
type BadgeGrant struct {
	Holder func(ticket string) (user string, ok bool)
}

func (b BadgeGrant) Extend(to *grantor.Builder) error { return to.Grant(b, "ticket") }

func (BadgeGrant) Type() string { return "https://host.example/grants/badge" }

func (b BadgeGrant) Redeem(_ context.Context, r *grant.Request) (*grant.Grant, error) {
	scopes, err := r.Allowed()
	if err != nil {
		return nil, err
	}
	user, ok := b.Holder(r.Form.Value("ticket"))
	if !ok {
		return nil, oautherr.InvalidGrant.Because(nil, "the ticket is not valid")
	}
	g := grant.New(r.Ledger.Format, b.Type(), r.Now)
	g.ClientID, g.Subject, g.AuthTime = r.Client.ID, user, r.Now
	g.Scopes, g.Resources = scopes, r.Resources
	return g, nil
}

// A grant type of the host's own is a grant.Handler and the Extension that
// registers it.
func ExampleExtension() {
	plain := secret.Format{}.New(secret.ClientSecret)
	clients, err := client.NewStatic(client.Client{
		ID:         "terminal",
		GrantTypes: []string{BadgeGrant{}.Type()},
		Scopes:     []string{"stock"},
		Secrets:    []client.Secret{{Digest: new(secret.Peppers).Digest(plain)}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	badges := BadgeGrant{Holder: func(ticket string) (string, bool) { return "alice", ticket == "signed by the reader" }}
	server, err := grantor.New(grantor.Config{
		Issuer: "https://as.example", Clients: clients, Store: memory.New(), Keys: &token.Ring{},
		Extensions: []grantor.Extension{badges},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	res := askForToken(server, "terminal", plain.Reveal(), "grant_type", badges.Type(), "scope", "stock", "ticket", "signed by the reader")
	fmt.Println(res.Status, res.Scope)

	res = askForToken(server, "terminal", plain.Reveal(), "grant_type", badges.Type(), "scope", "stock", "ticket", "forged")
	fmt.Println(res.Status, res.Error)
	// Output:
	// 200 stock
	// 400 invalid_grant
}
