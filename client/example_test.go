package client_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
)

// Every problem of a client is found at once, each with its field and what to
// do about it.
func ExampleClient_Validate() {
	c := client.Client{
		ID:           "shop",
		GrantTypes:   []string{client.AuthorizationCode, client.ClientCredentials},
		RedirectURIs: []string{"http://shop.example/callback"},
	}
	fmt.Println(c.Validate())
	// Output:
	// Secrets is empty; a client that authenticates by secret needs one, and a public client says AuthMethods: {"none"}
	// RedirectURIs has "http://shop.example/callback", which is plain http on a host other than loopback; use https
}

// A generated secret is shown to the client's owner once; only its digest is
// kept.
func ExampleNewStatic() {
	var checker secret.Checker
	handle, digest := checker.New()

	clients, err := client.NewStatic(client.Client{
		ID:         "backend",
		Secrets:    []client.Secret{{ID: "2025-11", Digest: digest}},
		GrantTypes: []string{client.ClientCredentials},
		Scopes:     []string{"invoices.read"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := clients.Client(context.Background(), "backend")
	fmt.Println(c.ID, c.Public(), err)
	fmt.Println("hand out:", handle) // handle.Reveal() is the secret
	// Output:
	// backend false <nil>
	// hand out: REDACTED
}

// A native app registers its loopback redirect without a port and uses the one
// it was given by the operating system.
func ExampleClient_MatchRedirectURI() {
	c := client.Client{ApplicationType: client.Native, RedirectURIs: []string{"http://127.0.0.1/callback"}}
	fmt.Println(c.MatchRedirectURI("http://127.0.0.1:49152/callback"))
	fmt.Println(c.MatchRedirectURI("http://127.0.0.1:49152/other"))
	fmt.Println(c.MatchRedirectURI("http://localhost:49152/callback"))
	// Output:
	// true
	// false
	// false
}

// table is a host's own table of clients.
type table struct{ db *sql.DB }

// Client makes the table a client.Source.
func (t table) Client(ctx context.Context, id string) (*client.Client, error) {
	c := &client.Client{ID: id, GrantTypes: []string{client.ClientCredentials}, Scopes: []string{"read"}}
	var digest secret.Digest
	row := t.db.QueryRowContext(ctx, "SELECT name, secret FROM apps WHERE id = $1", id)
	if err := row.Scan(&c.Name, &digest); errors.Is(err, sql.ErrNoRows) {
		return nil, client.ErrNotFound
	} else if err != nil {
		return nil, err
	}
	c.Secrets = []client.Secret{{Digest: digest}}
	return c, nil
}

// A host keeps its clients where it likes: a Source is one method.
func ExampleSource() {
	var clients client.Source = table{db: nil} // sql.Open in a real host
	fmt.Printf("%T\n", clients)
	// Output: client_test.table
}
