package grantor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// An authorization server for programs: one client, which gets access tokens by
// the client credentials grant.
func Example() {
	plain := secret.Format{}.New(secret.ClientSecret)
	clients, err := client.NewStatic(client.Client{
		ID:         "robot",
		GrantTypes: []string{client.ClientCredentials},
		Scopes:     []string{"read"},
		Secrets:    []client.Secret{{Digest: new(secret.Peppers).Digest(plain)}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server, err := grantor.New(grantor.Config{
		Issuer:  "https://as.example",
		Clients: clients,
		Store:   memory.New(),
		Keys:    &token.Ring{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	res := askForToken(server, "robot", plain.Reveal(), "grant_type", "client_credentials", "scope", "read")
	fmt.Println(res.Status, res.Type, res.Scope, res.Seconds)
	// Output: 200 Bearer read 600
}

// New reports everything that is wrong with a Config at once.
func ExampleNew() {
	_, err := grantor.New(grantor.Config{
		Issuer:       "http://as.example/",
		AccessTokens: token.Opaque{},
		Lifetimes:    grantor.Lifetimes{Code: -1},
	})
	fmt.Println(err)
	// Output:
	// grantor: Config.Issuer ends in a slash; remove it, since clients compare it byte by byte
	// grantor: Config.Clients is nil; set a client.Source, such as client.NewStatic returns
	// grantor: Config.Store is nil; set a store.Store, such as memory.New returns
	// grantor: Config.Lifetimes.Code is negative; use a positive duration, or 0 for the default
}

// A server whose issuer has a path answers below it, and at the well-known paths
// that RFC 8414 puts beside it.
func ExampleServer_Routes() {
	server, err := grantor.New(grantor.Config{
		Issuer:       "https://host.example/auth",
		Clients:      new(client.Static),
		Store:        memory.New(),
		AccessTokens: token.Opaque{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	for pattern, handler := range server.Routes() {
		mux.Handle(pattern, handler)
		fmt.Println(pattern)
	}
	// Output:
	// /.well-known/oauth-authorization-server/auth
	// /.well-known/openid-configuration/auth
	// /auth/.well-known/oauth-authorization-server
	// /auth/.well-known/openid-configuration
	// /auth/introspect
	// /auth/revoke
	// /auth/token
}

// Revoke ends everything a user has granted, also where tokens speak for
// themselves: Verify asks the store.
func ExampleServer_Revoke() {
	plain := secret.Format{}.New(secret.ClientSecret)
	clients, err := client.NewStatic(client.Client{
		ID:         "report",
		GrantTypes: []string{BadgeGrant{}.Type()},
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
	res := askForToken(server, "report", plain.Reveal(), "grant_type", badges.Type(), "ticket", "signed by the reader")
	ctx := context.Background()

	claims, err := server.Verify(ctx, res.AccessToken)
	fmt.Println(claims.Subject, err)

	err = server.Revoke(ctx, store.Query{Subject: "alice"})
	fmt.Println(err)

	_, err = server.Verify(ctx, res.AccessToken)
	fmt.Println(err)
	// Output:
	// alice <nil>
	// <nil>
	// invalid_token: the access token is invalid, expired or revoked: grantor: revoked
}

// An API in the same program is protected by package resource, with the server
// itself as the verifier: a revocation bites at once.
func ExampleServer_Verify() {
	server, err := grantor.New(grantor.Config{
		Issuer: "https://as.example", Clients: new(client.Static), Store: memory.New(), Keys: &token.Ring{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	notes := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := resource.Claims(r) // never without claims, behind a Guard
		fmt.Fprintf(w, "the notes of %s", claims.Subject)
	})
	guard := resource.Guard{Verifier: server}
	mux := http.NewServeMux()
	mux.Handle("/", server)
	mux.Handle("GET /notes", guard.Require("read")(notes))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/notes", nil))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="api", scope="read"
}

// tokenAnswer is what the token endpoint said.
type tokenAnswer struct {
	Status      int    `json:"-"`
	AccessToken string `json:"access_token"`
	Type        string `json:"token_type"`
	Scope       string `json:"scope"`
	Seconds     int    `json:"expires_in"`
	Error       string `json:"error"`
}

// askForToken sends a token request with the parameters, names and values in
// turn, as a client would.
func askForToken(server http.Handler, id, secret string, parameters ...string) (a tokenAnswer) {
	f := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		f.Set(parameters[i], parameters[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(f.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	a.Status = w.Code
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		a.Error = err.Error()
	}
	return a
}
