package resource_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/token"
)

// An API in another process has the issuer's public keys, and says what each
// endpoint needs.
func Example() {
	keys := &token.Ring{} // in real life: KeysURL, see NewJWT
	verifier, err := resource.NewJWT(resource.JWTConfig{
		Issuer: "https://as.example", Audience: "https://notes.example", Keys: keys,
	})
	if err != nil {
		log.Fatal(err)
	}
	guard := resource.Guard{Verifier: verifier, Resource: "https://notes.example"}

	mux := http.NewServeMux()
	mux.Handle("GET /notes", guard.Require("notes:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := resource.Claims(r)
		fmt.Fprintf(w, "the notes of %s", c.Subject)
	})))

	call := func(accessToken string) {
		r := httptest.NewRequest("GET", "https://notes.example/notes", nil)
		if accessToken != "" {
			r.Header.Set("Authorization", "Bearer "+accessToken)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body, w.Header().Get("WWW-Authenticate"))
	}
	call("")
	call(issue(keys, "profile"))
	call(issue(keys, "notes:read"))
	// Output:
	// 401  Bearer realm="https://notes.example", scope="notes:read"
	// 403 {"error":"insufficient_scope","error_description":"the access token lacks a scope that is needed here"} Bearer realm="https://notes.example", scope="notes:read", error="insufficient_scope", error_description="the access token lacks a scope that is needed here"
	// 200 the notes of alice
}

// issue makes a token as the authorization server would.
func issue(keys token.KeySource, scope string) string {
	format := &token.JWT{Issuer: "https://as.example", Keys: keys}
	now := time.Now()
	minted, err := format.Mint(context.Background(), token.Claims{
		Subject: "alice", ClientID: "web", Audience: []string{"https://notes.example"}, Scopes: []string{scope},
		ID: "1", IssuedAt: now, Expires: now.Add(10 * time.Minute),
	})
	if err != nil {
		log.Fatal(err)
	}
	return minted
}

// A program that embeds the authorization server asks it directly: what is
// revoked is dead at once, and opaque tokens work as well as JWTs.
func ExampleGuard() {
	var server *grantor.Server // of grantor.New

	guard := resource.Guard{Verifier: server}
	mux := http.NewServeMux()
	mux.Handle("/", server)
	mux.Handle("GET /me", guard.Require()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := resource.Claims(r)
		_, _ = io.WriteString(w, c.Subject)
	})))
}

// Clients that are turned away find out where to get a token.
func ExampleGuard_Metadata() {
	guard := resource.Guard{
		Verifier:             &resource.JWT{}, // of NewJWT
		Resource:             "https://api.example/notes",
		AuthorizationServers: []string{"https://as.example"},
		Scopes:               []string{"notes:read"},
	}
	mux := http.NewServeMux()
	mux.Handle(guard.Metadata())
	mux.Handle("/notes", guard.Require("notes:read")(http.NotFoundHandler()))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "https://api.example/notes", nil))
	fmt.Println(w.Header().Get("WWW-Authenticate"))

	w = httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "https://api.example/.well-known/oauth-protected-resource/notes", nil))
	fmt.Println(w.Body)
	// Output:
	// Bearer realm="https://api.example/notes", scope="notes:read", resource_metadata="https://api.example/.well-known/oauth-protected-resource/notes"
	// {"resource":"https://api.example/notes","authorization_servers":["https://as.example"],"scopes_supported":["notes:read"],"bearer_methods_supported":["header"]}
}

// The keys come from the jwks_uri of the authorization server's metadata.
func ExampleNewJWT() {
	verifier, err := resource.NewJWT(resource.JWTConfig{
		Issuer:   "https://as.example",
		Audience: "https://notes.example",
		KeysURL:  "https://as.example/jwks",
		Leeway:   10 * time.Second,
	})
	fmt.Println(verifier != nil, err)

	_, err = resource.NewJWT(resource.JWTConfig{Issuer: "https://as.example", KeysURL: "http://as.example/jwks"})
	fmt.Println(err)
	// Output:
	// true <nil>
	// resource: JWTConfig.Audience is empty; set the identifier of this API, or every token of the issuer would do
	// resource: JWTConfig.KeysURL is plain http on a host other than loopback; use https, or set InsecureAllowHTTP and accept that others may answer
}

// An API that must learn of revocations, or takes opaque tokens, asks for each
// token, or for each token once in a short while.
func ExampleNewIntrospection() {
	verifier, err := resource.NewIntrospection(resource.IntrospectionConfig{
		Endpoint:     "https://as.example/introspect",
		Issuer:       "https://as.example",
		ClientID:     "notes-api",
		ClientSecret: "taken from the environment",
		CacheTTL:     5 * time.Second,
	})
	fmt.Println(verifier != nil, err)
	// Output: true <nil>
}
