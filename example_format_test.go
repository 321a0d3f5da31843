package grantor_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// Prefixed writes tokens of another format behind a prefix that secret scanners
// look for.
type Prefixed struct {
	token.Format
	Prefix string
}

func (p Prefixed) Mint(ctx context.Context, c token.Claims) (string, error) {
	t, err := p.Format.Mint(ctx, c)
	if err != nil {
		return "", err
	}
	return p.Prefix + t, nil
}

func (p Prefixed) Parse(ctx context.Context, accessToken string) (token.Claims, error) {
	t, ok := strings.CutPrefix(accessToken, p.Prefix)
	if !ok {
		return token.Claims{}, oautherr.InvalidToken.Because(nil, "the access token is malformed")
	}
	return p.Format.Parse(ctx, t)
}

// A token format of the host's own is a token.Format. It carries the claims'
// GrantID in some way, or its tokens cannot be revoked with their grant; here
// the JWT does.
func ExampleConfig_accessTokens() {
	plain := secret.Format{}.New(secret.ClientSecret)
	clients, err := client.NewStatic(client.Client{
		ID:         "robot",
		GrantTypes: []string{client.ClientCredentials},
		Secrets:    []client.Secret{{Digest: new(secret.Peppers).Digest(plain)}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	keys := &token.Ring{}
	server, err := grantor.New(grantor.Config{
		Issuer: "https://as.example", Clients: clients, Store: memory.New(), Keys: keys,
		AccessTokens: Prefixed{&token.JWT{Issuer: "https://as.example", Keys: keys}, "acme_at_"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	res := askForToken(server, "robot", plain.Reveal(), "grant_type", "client_credentials")
	claims, err := server.Verify(context.Background(), res.AccessToken)
	fmt.Println(strings.HasPrefix(res.AccessToken, "acme_at_eyJ"), claims.ClientID, err)
	// Output: true robot <nil>
}
