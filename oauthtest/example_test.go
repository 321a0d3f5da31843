package oauthtest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/oauthtest"
	"github.com/grantor-go/grantor/resource"
)

// notes is an API under test.
func notes(v resource.Verifier) http.Handler {
	guard := resource.Guard{Verifier: v, Resource: "https://notes.example"}
	return guard.Require("read")(http.NotFoundHandler())
}

// An API is tested with tokens of every shape, in two lines.
func ExampleServer_Token() {
	var t *testing.T // of the test

	as := oauthtest.New(t)
	good := oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: "https://notes.example"}

	expired, forged, elsewhere, unscoped := good, good, good, good
	expired.Lifetime = -time.Minute
	forged.Forged = true
	elsewhere.Resource = "https://other.example"
	unscoped.Scopes = nil

	api := notes(as)
	for _, shape := range []oauthtest.As{good, expired, forged, elsewhere, unscoped} {
		r := httptest.NewRequest("GET", "https://notes.example/", nil)
		r.Header.Set("Authorization", "Bearer "+as.Token(shape))
		api.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// An API that asks the server about each token does so as a client of its own.
func ExampleNew_introspection() {
	var t *testing.T // of the test

	as := oauthtest.New(t)
	v, err := resource.NewIntrospection(resource.IntrospectionConfig{
		Endpoint: as.Issuer + "/introspect", Issuer: as.Issuer, Client: as.Client(), Now: as.Now,
		ClientID: oauthtest.ResourceServer, ClientSecret: as.Secret,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "https://notes.example/", nil)
	r.Header.Set("Authorization", "Bearer "+as.Token(oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: "https://notes.example"}))
	notes(v).ServeHTTP(httptest.NewRecorder(), r)
}

// In a bubble, time passes when the test says so.
func ExampleNew_synctest() {
	var t *testing.T // of the test

	synctest.Test(t, func(t *testing.T) {
		as := oauthtest.New(t)
		tok := as.Token(oauthtest.As{Subject: "alice"})
		time.Sleep(10 * time.Minute)
		if _, err := as.Verify(context.Background(), tok); err == nil {
			t.Error("the token has not expired")
		}
	})
}

// The host's own configuration is tested by editing that of the server.
func ExampleNew_edit() {
	var t *testing.T // of the test

	as := oauthtest.New(t, func(c *grantor.Config) {
		c.Scopes = []string{"notes:read", "notes:write"}
		c.Resources = []grantor.Resource{{Identifier: "https://notes.example"}}
		c.Lifetimes.AccessToken = time.Minute
	})
	_ = as.SignIn("alice").Tokens(oauthtest.Confidential, "notes:read")
}

// A client library gets the in-memory HTTP client, and a person who opens its
// authorization URL.
func ExampleBrowser_Authorize() {
	var t *testing.T            // of the test
	var authorizationURL string // of the library

	as := oauthtest.New(t)
	answer := as.SignIn("alice").Authorize(authorizationURL)
	if answer.Get("iss") != as.Issuer {
		t.Error("the response is of another server")
	}
	_, _ = as.Client().PostForm(as.Issuer+"/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, // and so on, as the library does
	})
}
